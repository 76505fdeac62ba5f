//! What compilers of several languages make, and every kind of type.

use tests::fixture::Build;
use tests::gdb::Gdb;
use tests::toolchain;

use crate::session::{End, Script, Session};
use crate::{O0, O0_BOTH};

pub(crate) const SESSIONS: &[Session] = &[
    session("types", "types", O0_BOTH, true, types, End::Exit(0, "total ")),
    session("rust", "shapes.rs", O0, false, rust, End::Exit(0, "")),
    session("rust_current", "shapes.rs.current", O0, false, rust_current, End::Exit(0, "")),
    session("zig", "parts.zig", O0, false, zig, End::Exit(0, "")),
    session("types_extended", "extended", O0_BOTH, false, extended, End::Exit(0, "2\n")),
    session("cpp_library", "library", O0, false, library, End::Exit(0, "legs 42 ages 31")),
];

const fn session(
    name: &'static str,
    program: &'static str,
    builds: &'static [Build],
    native: bool,
    script: fn(&mut Gdb),
    end: End,
) -> Session {
    Session { name, program, args: &[], builds, native, script: Script::Gdb(script), end }
}

fn types(gdb: &mut Gdb) {
    gdb.connect();
    gdb.go("break {area}");
    gdb.go("break {method}");
    gdb.go("break {lambda}");
    gdb.go("break {lengths}");
    gdb.go("break {sum}");
    gdb.go("break {values}");
    gdb.go("continue").has("Counter::add (this=0x").at("method");
    gdb.go("print *this").is("{static made = 3, value = 10}");
    gdb.go("print value + n").is("11");
    gdb.go("continue").has("shapes::Square::area (this=0x").at("area");
    gdb.go("print this->side").is("1.5");
    gdb.go("print this->id").is("7");
    gdb.go("print label").has("\"a square\"");
    gdb.go("up").has("in main ()");
    gdb.go("print shape.id").is("7");
    gdb.go("continue").has("Array<int, 3>::sum (this=0x").at("sum");
    gdb.go("print *this").is("{items = {1, 2, 3}}");
    gdb.go("print total").is("6");
    gdb.go("continue").has("Array<double, 2>::sum (this=0x").at("sum");
    gdb.go("print *this").is("{items = {0.5, 0.25}}");
    gdb.go("print total").is("0.75");
    gdb.go("continue").has("lengths (n=4, text=0x").at("lengths");
    gdb.go("print numbers").is("{0, 1, 4, 9}");
    gdb.go("print letters").is("{\"abcd\", \"dcba\"}");
    gdb.go("print sizeof(numbers)").is("16");
    gdb.go("ptype numbers").has("type = int [4]");
    gdb.go("whatis letters").has("type = char [2][4]");
    gdb.go("continue").has("operator() (this=0x").at("lambda");
    gdb.go("print captured").is("100");
    gdb.go("print counter.value").is("11");
    gdb.go("info locals").has("result = 112");
    gdb.go("continue").at("values");
    several(gdb);
    gdb.go("continue").has("exited normally]");
}

/// The values that `main` has in the end.
fn several(gdb: &mut Gdb) {
    for (expression, value) in [
        ("color", "shapes::Color::Green"),
        ("(int)shapes::Color::Blue", "200"),
        ("bottom.left", "2"),
        ("bottom.right", "3"),
        // In a virtual base.
        ("bottom.base", "1"),
        ("base->base", "1"),
        ("bits", "{a = 5, b = -9, c = 78187493530, d = true, e = shapes::Color::Blue}"),
        ("either", "{number = 1065353216, real = 1, bytes = \"\\000\\000\\200?\"}"),
        ("outer.x + outer.y", "3"),
        ("outer.nested", "{s = {4, 5}}"),
        ("ints", "{items = {1, 2, 3}}"),
        ("doubles.items[1]", "0.25"),
        ("vector", "{1, -2, 3, -4}"),
        ("vector[1]", "-2"),
        ("floats", "{0.5, 1.5, -2.5, 3.5}"),
        ("complex", "1.5 + -2.5i"),
        ("$_cimag(complex)", "-2.5"),
        ("small", "0.5 + 0i"),
        ("member", "&Counter::value"),
        ("counter.*member", "11"),
        ("temporary + 0", "15"),
        ("yes", "true"),
        ("letter", "120 'x'"),
        ("wide", "233 u'\u{e9}'"),
        ("wider", "128512 U'\u{1f600}'"),
        ("widest", "119 L'w'"),
        ("tiny", "-5 '\\373'"),
        ("port", "65535"),
        ("large", "-1234567890123456789"),
        ("larger", "18446744073709551615"),
        ("real", "1.10000002"),
        ("fixed", "42"),
        ("matrix", "{{1, 2, 3}, {4, 5, 6}}"),
        ("matrix[1]", "{4, 5, 6}"),
        ("lambda.captured", "100"),
        ("Counter::made", "3"),
        ("sizeof(Bottom)", "28"),
        ("sizeof(method)", "8"),
    ] {
        gdb.go(&format!("print {expression}")).is(value);
    }
    gdb.go("print reference").has("(int &) @0x").has(": 11");
    gdb.go("print function").has("(int (*)(int)) 0x").has(" <twice(int)>");
    gdb.go("print method").has("<Counter::add(int)>");
    gdb.go("ptype outer").has("int y;").has("} inner;").has("Outer::Nested nested;");
    gdb.go("ptype ints").has("struct Array<int, 3> [with T = int] {").has("T sum(void) const;");
    gdb.go("ptype /o Bits").has(": 3").has(": 5").has("c : 40;").has("total size");
    gdb.go("ptype Bottom").has("struct Bottom : public Left, public Right {");
    gdb.go("ptype lambda").has("int captured;").has("Counter &counter;");
}

fn library(gdb: &mut Gdb) {
    gdb.connect();
    gdb.go("set print object on");
    gdb.go("break {dog}").has("(2 locations)");
    gdb.go("break {loop}");
    gdb.go("break {function}");
    gdb.go("break {all}");
    gdb.go("continue").has("count_legs (animals=...)").at("loop");
    gdb.go("print legs").is("0");
    gdb.go("print *animals.__begin_[1].__ptr_.__value_")
        .has("(zoo::Dog<double>) {<zoo::Animal> = {")
        .has("weight = 12.5}");
    gdb.go("delete 2");
    gdb.go("continue").has("zoo::Dog<int>::number (this=0x").at("dog");
    gdb.go("print *this").has("<vtable for zoo::Dog<int>+8>").has("tag = 9").has("weight = 3}");
    gdb.go("finish").has("Value returned is").has(" = 18");
    gdb.go("continue").has("main::$_0::operator() (this=0x").has("n=1)").at("function");
    gdb.go("print offset").has(": 10");
    gdb.go("print numbers.__begin_[2]").is("4");
    gdb.go("bt").has("std::__2::function<int (int)>::operator()(int) const").has("in main () at ");
    gdb.go("continue").at("all");
    gdb.go("print animal").has("(zoo::Dog<int> *) 0x");
    gdb.go("print *tagged").has("(zoo::Dog<int>) {<zoo::Animal> = ");
    gdb.go("print *shared.__ptr_").has("(zoo::Bird) {<zoo::Animal> = ");
    gdb.go("info vtbl tagged")
        .has("vtable for 'zoo::Tagged' @ 0x")
        .has("<non-virtual thunk to zoo::Dog<int>::number() const>");
    gdb.go("print *numbers.__begin_@5").is("{3, 1, 4, 1, 5}");
    gdb.go("print sizeof(numbers)").is("12");
    gdb.go("print text.__r_.__value_.__s.__data_").has("\"short\\000");
    gdb.go("print longer.__r_.__value_.__l.__data_").has("'x' <repeats 40 times>");
    gdb.go("print maybe.__val_").is("2.5");
    gdb.go("print ages.__tree_.__pair3_.__value_").is("2");
    gdb.go("ptype animal").has("/* real type = zoo::Dog<int> * */").has("virtual int legs(void) const;");
    gdb.go("continue").has("exited normally]");
}

/// Programs that were compiled elsewhere name another folder than the sources are in.
fn find_sources(gdb: &mut Gdb) {
    gdb.hidden(&format!("directory {}", toolchain::tests_folder().join("fixtures").display()));
}

fn rust(gdb: &mut Gdb) {
    shapes(gdb, "1");
}

fn shapes(gdb: &mut Gdb, one: &str) {
    find_sources(gdb);
    gdb.connect();
    for mark in ["apply", "circle", "rectangle", "sum", "pick", "all"] {
        gdb.go(&format!("break {{{mark}}}"));
    }
    gdb.go("continue").has("shapes::apply<shapes::_start::{closure_env#0}> (function=..., times=3)");
    gdb.go("info args").has("_ref__factor: 0x").has("times = 3");
    gdb.go("up").has("shapes::_start () at ");
    gdb.go("info locals")
        .has("factor = 7")
        .has("bytes = [119, 97, 115, 109]")
        .has("big = 170141183460469231731687303715884105727")
        .has("<<shapes::Shape as shapes::Area>::")
        .has("empty = shapes::Pair<&str> {first: \"one\", second: core::option::Option<&str>::None}")
        .has("pair = shapes::Pair<u16> {first: 10, second: core::option::Option<u16>::Some(20)}")
        .has("tuple = (1, 122 'z', true, 2.5)")
        .has("text = \"h\u{e9}\"")
        .has("nothing = shapes::Shape::Nothing")
        .has("rectangle = shapes::Shape::Rectangle{corner: shapes::Point {x: -1, y: 2}, width: 3, height: 4}")
        .has("circle = shapes::Shape::Circle(2)");
    gdb.go("print rectangle.height").is("4");
    gdb.go("print tuple.1").is("122 'z'");
    gdb.go("print *shapes[1]")
        .is("shapes::Shape::Rectangle{corner: shapes::Point {x: -1, y: 2}, width: 3, height: 4}");
    gdb.go("print corner.x + 5").is("4");
    gdb.go("print sizeof(rectangle)").is("24");
    gdb.go("ptype shapes::Shape").has("Rectangle{corner: shapes::Point, width: u32, height: u32},");
    gdb.go("whatis tuple").has("type = (u8, char, bool, f32)");
    gdb.go("continue").has("shapes::{impl#0}::area (self=0x");
    gdb.go("print *self").is("shapes::Shape::Circle(2)");
    gdb.go("delete 2");
    gdb.go("continue").has("shapes::{impl#0}::area (self=0x").at("rectangle");
    gdb.go("print *self")
        .is("shapes::Shape::Rectangle{corner: shapes::Point {x: -1, y: 2}, width: 3, height: 4}");
    gdb.go("continue").has("shapes::total (shapes=..., name=...)").at("sum");
    gdb.go("info args").has("name = \"h\u{e9}\"").has("shapes = &[&shapes::Shape] [0x");
    gdb.go("print sum").is("24");
    gdb.go("print shapes::inner::CALLS.v.value").is(one);
    gdb.go("delete 3");
    gdb.go("continue").has("shapes::Pair<u16>::pick<u16> (self=0x").has("second=true)").at("pick");
    gdb.go("print *self").is("shapes::Pair<u16> {first: 10, second: core::option::Option<u16>::Some(20)}");
    gdb.go("continue").at("all");
    gdb.go("print result").is("286");
    gdb.go("print *reference").is("shapes::Point {x: -1, y: 2}");
    gdb.go("continue").has("exited normally]");
}

/// An atomic number is in one more structure in newer libraries.
fn rust_current(gdb: &mut Gdb) {
    shapes(gdb, "core::sync::atomic::private::Align4<u32> (1)");
}

fn extended(gdb: &mut Gdb) {
    gdb.connect();
    for mark in ["mix", "multiply", "average", "numbers"] {
        gdb.go(&format!("break {{{mark}}}"));
    }
    gdb.go("continue").has("mix (left=..., right=...) at ").at("mix");
    gdb.go("info args").has("left = {1, 2, 3, 4}\n").has("right = {10, 20, 30, 40}\n");
    gdb.go("print sum").is("{11, 22, 33, 44}");
    gdb.go("continue").has("multiply (left=-3, right=1000000000000000000) at ").at("multiply");
    gdb.go("print product").is("-3000000000000000000");
    gdb.go("print sizeof(product)").is("16");
    gdb.go("continue").has("average (values=0x").at("average");
    gdb.go("print sum").is("7.5");
    gdb.go("print *values@3").is("{1, 2, 4.5}");
    gdb.go("print sizeof(sum)").is("16");
    gdb.go("continue").at("numbers");
    gdb.go("print product").is("-3000000000000000000000000000");
    gdb.go("print mean").is("2.5");
    gdb.go("print values").is("{1, 2, 4.5}");
    gdb.go("print numbers.small").is("-3");
    gdb.go("print /x numbers.large").is("0x123456789abcdeffedcba9876543210");
    gdb.go("print numbers.exact").has(" = 0.10000000000000000000000000000000");
    gdb.go("print numbers.lanes").is("{121, 484, 1089, 1936}");
    gdb.go("print numbers.flags").is("5 '\\005'");
    gdb.go("print numbers.rest").is("6 '\\006'");
    gdb.go("print numbers.bits").is("-1234567890123");
    gdb.go("print *numbers.tail@2").is("{7, 8}");
    gdb.go("print numbers.complex").is("1.5 + -2.5i");
    gdb.go("print $_creal(numbers.complex) * 2").is("3");
    gdb.go("ptype struct numbers").has("unsigned char rest : 3;").has("int tail[];");
    gdb.go("continue").has("exited normally]");
}

fn zig(gdb: &mut Gdb) {
    find_sources(gdb);
    gdb.connect();
    for mark in ["loop", "sum", "text", "all"] {
        gdb.go(&format!("break {{{mark}}}"));
    }
    gdb.go("continue").has("parts.sum (list=0x").at("loop");
    gdb.go("print node.value").is("1");
    gdb.go("print *list.next.next").is("{value = 3, next = 0x0}");
    gdb.go("bt").has("in parts._start () at ");
    gdb.go("delete 1");
    gdb.go("continue").at("sum");
    gdb.go("print total").is("6");
    gdb.go("continue").has("parts.length (value=...)").at("text");
    gdb.go("info args").has("\"zig\", len = 3}, none = 0}, tag = text}");
    gdb.go("print text.len").is("3");
    gdb.go("continue").at("all");
    gdb.go("print color").is("green");
    gdb.go("print slice.ptr[0]").is("-2");
    gdb.go("print big").is("340282366920938463463374607431768211455");
    gdb.go("print half").is("0.5");
    gdb.go("print failed").is("{error = error.Empty, payload = 0}");
    gdb.go("print flags.bits").is("218 '\\332'");
    gdb.go("continue").has("exited normally]");
}
