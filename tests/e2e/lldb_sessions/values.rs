//! Values of every kind, printed and changed.

use tests::lldb::{Lldb, Way};

use super::run_to;
use crate::O0_BOTH;
use crate::session::{End, Script, Session};

pub(crate) const SESSIONS: &[Session] = &[
    session("values_print", print_values, End::Killed),
    session("values_scalars", print_scalars, End::Killed),
    session("values_expressions", expressions, End::Killed),
    session("values_write", write_values, End::Exit(5, "sum=114 area=200 op=-1 ")),
    session("values_memory", memory, End::Killed),
];

const fn session(name: &'static str, script: fn(&mut Lldb), end: End) -> Session {
    let script = Script::Lldb(&[Way::Plugin], script);
    Session { name, program: "values", args: &["one", "two"], builds: O0_BOTH, native: true, script, end }
}

/// Why function pointers differ: they are indices into a table in Wasm, so what they point to is no code.
const POINTER: &str = "function pointers are indices";

fn print_values(lldb: &mut Lldb) {
    run_to(lldb, "main-values");
    lldb.go("frame variable --no-args arr box").has("[2] = 4").has("fill = GREEN");
    lldb.go("p arr").has("([0] = 3, [1] = 1, [2] = 4, [3] = 1, [4] = 5)");
    lldb.go("p sizeof(arr) / sizeof(arr[0])").has("5");
    lldb.go("p &arr[1]").has("(int *) 0x");
    lldb.go("p box")
        .has("low = (x = 1, y = 2)")
        .has("high = (x = 11, y = 22)")
        .has("fill = GREEN")
        .has("\"box\"");
    lldb.go("p *where").has("low = (x = 1, y = 2)");
    lldb.go("p where->high.y - where->low.y").is("(int) 20");
    lldb.go("p where == &box").has("true");
    lldb.go("p &where->label[1]").has("\"ox\"");
    lldb.go("p *list").has("value = 4").has("next = 0x");
    lldb.go("p *list->next->next").has("value = 3");
    lldb.go("p list->next->value").is("(int) 1");
    lldb.go("p text").is("(char[24]) \"hello, wasm #42\"");
    lldb.go("target variable global_text").has("\"hello, wasm\"");
    lldb.go("target variable origin table big").has("(x = -1, y = 1)").has("[1] = -2").has("-5000000000000");
    lldb.go("p global_int + file_static * 2").is("(int) 55");
    lldb.go("p table.cell[1][2]").is("(double) -3");
    lldb.ours("p op", POINTER).has("(binary) 0x");
    lldb.ours("p commands", POINTER).has("name = 0x").has("\"add\"");
    lldb.go("p &global_int").has("(int *) 0x");
    lldb.go("p argv[1]").has("\"one\"");
    lldb.go("p argv[argc]").is("(char *) 0x00000000");
    lldb.lenient("p no_such_thing", "words about the language")
        .has("use of undeclared identifier 'no_such_thing'");
}

fn print_scalars(lldb: &mut Lldb) {
    run_to(lldb, "scalars-return");
    lldb.go("frame variable")
        .has("(unsigned char) uc = ")
        .has("(short) sh = -1234")
        .has("(float) f = 1.25")
        .has("(bool) yes = true");
    lldb.go("p/d sc").is("(signed char) -3");
    lldb.go("p us").is("(unsigned short) 65535");
    lldb.go("p ll").is("(long long) -5000000000000");
    lldb.go("p d").is("(double) -2.5E+10");
    lldb.go("p/x ull").is("(unsigned long long) 0xfedcba9876543210");
    lldb.go("p c").is("(char) 'Z'");
    lldb.go("p/d c").is("(char) 90");
    lldb.go("p/t uc").has("0b11001000");
    lldb.go("p (int)bytes[1]").is("(int) -2");
    lldb.go("p grid").has("[0] = 4, [1] = 5, [2] = 6");
    lldb.go("p u.f").is("(float) 1.5");
    lldb.go("p bits").has("kind = 5").has("delta = -7").has("id = 78187493530").has("last = true");
    lldb.go("p access").has("READ | EXECUTE");
    lldb.go("p color").is("(color) BLUE");
    lldb.go("p sizeof(long)").has("4");
    lldb.go("p sizeof(void *)").has("4");
}

fn expressions(lldb: &mut Lldb) {
    run_to(lldb, "main-values");
    lldb.go("expr arr[0] * 100 + arr[1] * 10 + arr[2]").is("(int) $0 = 314");
    lldb.go("expr $0 + 1").is("(int) $1 = 315");
    lldb.go("expr (char)(arr[0] + 62)").is("(char) $2 = 'A'");
    lldb.go("expr box.high.x > box.low.x && where->fill == 5").has("true");
    lldb.go("expr -- where->high.x << 4 | 1").is("(int) $4 = 177");
    lldb.go("expr int $i = 5").is("");
    lldb.go("expr $i * x").is("(int) $5 = 5");
    lldb.go("expr *(int *)where").is("(int) $6 = 1");
    lldb.go("expr (unsigned char)global_text[1]").has("'e'");
    lldb.go("expr big / 1000000").has("= -5000000");
    lldb.go("expr table.cell[0][1] + 0.25").is("(double) $9 = 2.75");
    lldb.go("expr &box.high").has("(point *) $10 = 0x");
    lldb.go("expr $10->y").is("(int) $11 = 22");
    // Code of lldb's own cannot run in the program.
    if lldb.is_ours() {
        lldb.lenient("expr push(list, 3)", super::NO_ABI).has("error:");
    } else {
        lldb.lenient("expr push(list, 3)", super::NO_ABI).has("(node *)");
    }
    lldb.go("p x").is("(int) 1");
}

fn write_values(lldb: &mut Lldb) {
    run_to(lldb, "total-loop");
    lldb.go("expr sum = 100").is("(int) $0 = 100");
    lldb.go("p i").is("(int) 0");
    lldb.go("tbreak {main-print}");
    lldb.go("continue").at("main-print");
    lldb.go("p sum").is("(int) 114");
    lldb.go("p x = 5").is("(int) 5");
    lldb.go("p global_int = -1").is("(int) -1");
    lldb.go("p box.high.x = 3").is("(int) 3");
    lldb.go("p text[0] = 'H'");
    lldb.go("p text").has("\"Hello, wasm #42\"");
    lldb.go("p table.cell[1][1] = 0.125").is("(double) 0.125");
    lldb.go("p list->value += 10").is("(int) 14");
    lldb.go("p big = -1").is("(long long) -1");
    lldb.go("frame variable x box.high.x list->value").has("(int) x = 5").has("= 3").has("= 14");
    lldb.go("continue").has("exited with status = 5 (0x00000005)");
}

fn memory(lldb: &mut Lldb) {
    run_to(lldb, "main-values");
    lldb.ours("memory read --size 1 --count 16 --format x &buffer", "addresses").has("0x30 0x31 0x32 0x33");
    lldb.ours("memory read --format s global_text", "addresses").has("\"hello, wasm\"");
    lldb.ours("memory read --size 4 --format d --count 5 &arr", "addresses").has(": 3").has(": 4").has(": 5");
    lldb.ours("x/5dw &arr", "addresses").has(": 3");
    lldb.ours("memory read &buffer", "addresses").has("0123456789abcde.");
    lldb.go("memory write &buffer 0x41 0x42 0x43");
    lldb.go("p buffer").is("(char[16]) \"ABC3456789abcde\"");
    lldb.go("memory write --size 4 &arr 7 8");
    lldb.go("p arr").has("([0] = 7, [1] = 8, [2] = 4, [3] = 1, [4] = 5)");
    lldb.ours("memory find --string 789ab -- &buffer &buffer+1", "addresses")
        .has("data found at location: 0x");
    lldb.ours("memory find --expression 0x64636261 -- &buffer &buffer+1", "addresses")
        .has("data found at location: 0x");
    lldb.ours("memory find --string nowhere -- &buffer &buffer+1", "addresses")
        .has("data not found within the range.");
    lldb.lenient("memory read 0xfffff000", "what is mapped").has("error:");
}
