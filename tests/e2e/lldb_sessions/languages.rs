//! C++ with its library, Rust and Zig, by lldb's plugin and by a symbol file.

use tests::lldb::{Lldb, Way};
use tests::toolchain;

use super::NO_ABI;
use crate::session::{End, Script, Session};
use crate::{O0, O0_BOTH};

pub(crate) const SESSIONS: &[Session] = &[
    Session { end: End::Exit(0, "legs 42 ages 31"), ..session("cpp_library", "library", O0, library) },
    session("cpp_types", "types", O0_BOTH, types),
    session("rust", "shapes.rs", O0, rust),
    session("zig", "parts.zig", O0, zig),
];

const fn session(
    name: &'static str,
    program: &'static str,
    builds: &'static [tests::fixture::Build],
    script: fn(&mut Lldb),
) -> Session {
    let script = Script::Lldb(&[Way::Plugin, Way::Elf], script);
    Session { name, program, args: &[], builds, native: false, script, end: End::Exit(0, "") }
}

/// lldb's own formatters show containers, strings and pointers that own.
fn library(lldb: &mut Lldb) {
    lldb.connect();
    lldb.go("b zoo::Dog<int>::number").has("zoo::Dog<int>::number() const").names("dog");
    lldb.go("breakpoint set --name number").has("Breakpoint 2: 3 locations.");
    lldb.go("b {loop}").has("where = ").names("loop");
    lldb.go("continue").has("count_legs(animals=size=2)").at("loop");
    lldb.go("frame variable")
        .has("(const std::vector<std::unique_ptr<zoo::Animal> > &) animals = 0x")
        .has("size=2: {\n  [0] = zoo::Animal @ 0x")
        .has("(int) legs = 0");
    lldb.go("breakpoint delete 3");
    lldb.go("continue").has("breakpoint 1.1 2.").has("zoo::Dog<int>::number(this=0x").at("dog");
    lldb.go("p *this").has("zoo::Animal = (name = \"pup\")").has("zoo::Tagged = (tag = 9)").has("weight = 3");
    lldb.go("bt 3").has("non-virtual thunk to zoo::Dog<int>::number() const").has("main at library.cc:");
    let has_abi = lldb.way().has_symbol_file();
    let finished = lldb.go("finish").has("stop reason = step out");
    if has_abi {
        finished.has("Return value: (int) $0 = 18")
    } else {
        finished
    };
    lldb.go("breakpoint delete");
    lldb.go("b {all}").names("all");
    lldb.go("continue").at("all");
    lldb.go("frame variable numbers")
        .has("(std::vector<int>) numbers = size=5 {\n  [0] = 3\n  [1] = 1\n  [2] = 4\n");
    lldb.go("frame variable text longer").has("(std::string) text = \"short\"").has("longer = \"xxxxxxxxxx");
    lldb.go("frame variable ages")
        .has("size=2 {\n  [0] = (first = \"ann\", second = 31)\n  [1] = (first = \"bob\"");
    lldb.go("frame variable maybe").has("Has Value=true").has("Value = 2.5");
    lldb.go("frame variable *shared").has("(zoo::Bird) *shared = {\n  zoo::Animal = (name = \"owl\")");
    lldb.go("frame variable *animals[0]").has("(zoo::");
    lldb.go("frame variable dog").has("zoo::Tagged = (tag = 9)");
    lldb.go("frame variable numbers[2]").is("(int) numbers[2] = 4");
    lldb.go("p text").is("(std::string) \"short\"");
    lldb.go("frame variable animal tagged").has(" animal = 0x").has(" tagged = 0x");
    lldb.go("p dog.tag * 2 + legs").is("(int) 60");
    lldb.lenient("expr numbers.size()", NO_ABI)
        .has("Interpreter doesn't handle one of the expression's opcodes");
    lldb.go("continue").has("exited with status = 0");
}

fn types(lldb: &mut Lldb) {
    lldb.connect();
    lldb.go("b {method}").names("method");
    lldb.go("b {area}").names("area");
    lldb.go("b {lambda}").names("lambda");
    lldb.go("b {values}").names("values");
    lldb.go("continue").has("Counter::add(this=0x").at("method");
    lldb.go("p *this").has("(value = 10)");
    lldb.go("p value + n").is("(int) 11");
    lldb.go("continue").has("shapes::Square::area(this=0x").at("area");
    lldb.go("frame variable this->side").is("(double) this->side = 1.5");
    lldb.go("up").has("main at types.cc:");
    lldb.go("continue").has("operator()(").at("lambda");
    lldb.go("frame variable result").is("(int) result = 112");
    lldb.go("continue").at("values");
    for (name, value) in [
        ("color", "(shapes::Color) color = Green"),
        ("bottom.right", "(int) bottom.right = 3"),
        ("ints", "(Array<int, 3>) ints = {\n  items = ([0] = 1, [1] = 2, [2] = 3)\n}"),
        ("doubles.items[1]", "(double) doubles.items[1] = 0.25"),
        ("matrix[1]", "(int[3]) matrix[1] = ([0] = 4, [1] = 5, [2] = 6)"),
        ("port", "(unsigned short) port = 65535"),
        ("yes", "(bool) yes = true"),
        ("letter", "(char) letter = 'x'"),
        ("outer.nested", "(Outer::Nested) outer.nested = {\n  s = ([0] = 4, [1] = 5)\n}"),
        ("lambda.captured", "(int) lambda.captured = 100"),
    ] {
        lldb.go(&format!("frame variable {name}")).has(value.split(" = ").last().unwrap_or_default());
    }
    lldb.go("frame variable bits").has("a = 5").has("b = -9").has("c = 78187493530").has("d = true");
    lldb.go("frame variable vector").has("= (1, -2, 3, -4)");
    lldb.go("p *base").has("base = 1");
    lldb.go("expr counter.value = 12").has("= 12");
    lldb.go("p counter.value").is("(int) 12");
    lldb.go("continue").has("exited with status = 0");
}

/// A program that was compiled in another folder than its sources are in.
fn rust(lldb: &mut Lldb) {
    let here = toolchain::tests_folder().join("fixtures");
    lldb.go(&format!("settings set target.source-map /fixtures {}", here.display()));
    lldb.connect_until_said("warning: This version of LLDB has no plugin for the language \"rust\".");
    lldb.go("b {rectangle}").has("Breakpoint 1: 2 locations.");
    lldb.go("b {sum}").names("sum");
    lldb.go("b {all}").names("all");
    // The first one is before the values are there.
    lldb.go("breakpoint disable 1.1");
    lldb.go("continue").has("::area::").at("rectangle");
    lldb.go("frame variable").has("(shapes::Shape *) self = 0x").has("(unsigned int *) width = 0x");
    lldb.go("frame variable *width *height").has("*width = 3").has("*height = 4");
    lldb.go("up").has("shapes::total::");
    lldb.go("frame variable sum").is("(double) sum = 12");
    lldb.go("continue").has("shapes::total::").at("sum");
    lldb.go("frame variable name").has("(&str) name = (data_ptr = \"h\u{e9}").has("length = 3)");
    lldb.go("frame variable shapes.length sum").has("shapes.length = 3").has("(double) sum = 24");
    lldb.go("bt").has("shapes::total::").has("_start at shapes.rs:");
    lldb.go("continue").at("rectangle");
    lldb.go("continue").at("all");
    lldb.go("frame variable corner").is("(shapes::Point) corner = (x = -1, y = 2)");
    lldb.go("frame variable pair.first tuple.__0 tuple.__2 factor result")
        .has("pair.first = 10")
        .has("tuple.__0 = '\\x01'")
        .has("tuple.__2 = true")
        .has("factor = 7")
        .has("result = 286");
    lldb.go("frame variable reference").has("(shapes::Point *) reference = 0x");
    lldb.go("frame variable *reference").has("(x = -1, y = 2)");
    lldb.go("expr --language c++ -- corner.x + 5").is("(int) $0 = 4");
    lldb.go("continue").has("exited with status = 0");
}

fn zig(lldb: &mut Lldb) {
    let here = toolchain::tests_folder().join("fixtures");
    lldb.go(&format!("settings set target.source-map /work/wt/watch/tests/fixtures {}", here.display()));
    lldb.connect();
    for mark in ["loop", "sum", "all"] {
        lldb.go(&format!("b {{{mark}}}")).names(mark);
    }
    lldb.go("b {text}").has("Breakpoint 4: 2 locations.");
    lldb.go("continue").has("parts.sum(list=0x").at("loop");
    lldb.go("frame variable *node").has("value = 1").has("next = 0x");
    lldb.go("p list->next->next->value").is("(unsigned int) 3");
    lldb.go("bt").has("parts.sum(").has("parts._start at parts.zig:");
    lldb.go("breakpoint delete 1");
    lldb.go("continue").at("sum");
    lldb.go("frame variable total current").has("total = 6").has("current = NULL");
    lldb.go("p total + 1").is("(unsigned int) 7");
    lldb.go("continue").has("parts.length(value=").at("text");
    lldb.go("frame variable text").has("(ptr = \"zig\", len = 3)");
    lldb.go("frame variable value.tag").has("= text");
    lldb.go("breakpoint delete 4");
    lldb.go("continue").at("all");
    lldb.go("frame variable color slice flags.bits").has("color = green").has("len = 2");
    lldb.go("frame variable bytes").is("(unsigned int) bytes = 11");
    lldb.go("target variable calls").is("(unsigned int) calls = 1");
    lldb.go("continue").has("exited with status = 0");
}
