//! Values of every kind, printed and changed.

use tests::gdb::Gdb;

use crate::O0_BOTH;
use crate::session::{End, Script, Session};

pub(crate) const SESSIONS: &[Session] = &[
    session("values_print", print_values, End::Exit(0, "hello, wasm #42 sum=14 area=200 op=-1 all=")),
    session("values_scalars", print_scalars, End::Killed),
    session("values_write", write_values, End::Exit(5, "sum=114 area=200 op=13 ")),
    session("values_memory", memory, End::Killed),
    session("values_display", display, End::Killed),
    session("values_source", source, End::Killed),
];

const fn session(name: &'static str, script: fn(&mut Gdb), end: End) -> Session {
    Session {
        name,
        program: "values",
        args: &["one", "two"],
        builds: O0_BOTH,
        native: true,
        script: Script::Gdb(script),
        end,
    }
}

/// Why function pointers differ: they are indices into a table in Wasm, so what they point to is no code.
const POINTER: &str = "function pointers are indices";

fn print_values(gdb: &mut Gdb) {
    gdb.connect();
    gdb.go("break {main-values}");
    gdb.go("continue").has("Breakpoint 1, main (argc=3, argv=0x").at("main-values");
    gdb.go("info args").has("argc = 3").has("argv = 0x");
    gdb.go("print arr").is("{3, 1, 4, 1, 5}");
    gdb.go("print arr[2]@2").is("{4, 1}");
    gdb.go("print sizeof(arr) / sizeof(arr[0])").is("5");
    gdb.go("print &arr[1]").has("(int *) 0x");
    gdb.go("print *arr@3").is("{3, 1, 4}");
    gdb.go("print box")
        .has("{low = {x = 1, y = 2}, high = {x = 11, y = 22}, fill = GREEN, label = 0x")
        .has("\"box\"}");
    gdb.go("print *where").has("low = {x = 1, y = 2}");
    gdb.go("print where->high.y - where->low.y").is("20");
    gdb.go("print where == &box").is("1");
    gdb.go("print &where->label[1]").has("\"ox\"");
    gdb.go("print *list").has("{value = 4, next = 0x");
    gdb.go("print *list->next->next").is("{value = 3, next = 0x0}");
    gdb.go("print list->next->value").is("1");
    gdb.go("print text").is("\"hello, wasm #42\\000\\000\\000\\000\\000\\000\\000\\000\"");
    gdb.go("print global_text").has("\"hello, wasm\"");
    gdb.go("print global_int + file_static * 2").is("55");
    gdb.go("print origin").is("{x = -1, y = 1}");
    gdb.go("print table").is("{cell = {{1.5, 2.5, 3.5}, {-1, -2, -3}}}");
    gdb.go("print table.cell[1][2]").is("-3");
    gdb.go("print big").is("-5000000000000");
    gdb.go("print op").has("(binary) 0x").has(" <sub>");
    gdb.ours("print *op", POINTER).has("{int (int, int)} 0x").has(" <sub>");
    gdb.go("print commands").has("{{name = 0x").has("\"add\", run = 0x").has(" <add>}").has(" <sub>}}");
    gdb.go("print add").has("{int (int, int)} 0x").has(" <add>");
    gdb.go("print &global_int").has("(int *) 0x").has("<global_int>");
    gdb.go("print argv[1]").has("\"one\"");
    gdb.go("print argv[argc]").is("0x0");
    gdb.ours("print *argv@argc", "the program's path").has("\"one\"").has("\"two\"}");
    gdb.go("ptype box").has("type = struct box {\n    struct point low;\n    struct point high;\n    enum color fill;\n    const char *label;\n}");
    gdb.go("ptype op").has("type = int (*)(int, int)");
    gdb.go("ptype union word").has("unsigned char bytes[4];");
    gdb.go("ptype enum color").has("type = enum color {RED, GREEN = 5, BLUE = -2}");
    gdb.go("whatis commands[0]").has("type = struct command");
    gdb.go("whatis &table.cell[0]").has("type = double (*)[3]");
    gdb.go("ptype /o struct box").has("/*").has("total size");
    gdb.go("print sizeof(struct box)").is("24");
    // The program's own types have the sizes of its machine; `long` and `void *` typed at the prompt are gdb's.
    gdb.go("print sizeof(where)").is("4");
    gdb.go("print sizeof(op)").is("4");
    gdb.go("print nothing_of_this_name").has("No symbol \"nothing_of_this_name\" in current context.");
    gdb.go("print *(int *)0xfffffff0").has("Cannot access memory at address 0xfffffff0");
    gdb.go("break {static-return}");
    gdb.go("break {shadow}");
    gdb.go("continue").has("area (b=0x").at("shadow");
    gdb.go("info locals").has("width = 1000").has("height = 20").has("width = 10");
    gdb.go("print width").is("1000");
    gdb.go("continue").has("count_calls ()").at("static-return");
    gdb.go("print count").is("101");
    gdb.go("print count_calls::count").is("101");
    gdb.go("print 'values.c'::file_static").is("7");
    gdb.go("print scalars").has("{unsigned int (signed char, unsigned short, long long, double)} 0x");
    gdb.go("continue").has("exited normally]");
}

fn print_scalars(gdb: &mut Gdb) {
    gdb.connect();
    gdb.go("break {scalars-return}");
    gdb.go("continue")
        .has("Breakpoint 1, scalars (sc=-3 '\\375', us=65535, ll=-5000000000000, d=-25000000000)");
    gdb.go("info args")
        .has("sc = -3 '\\375'")
        .has("us = 65535")
        .has("ll = -5000000000000")
        .has("d = -25000000000");
    gdb.go("info locals")
        .has("uc = 200 '\\310'\n")
        .has("sh = -1234\n")
        .has("l = -100000\n")
        .has("ul = 4000000000\n")
        .has("ull = 18364758544493064720\n")
        .has("f = 1.25\n")
        .has("yes = true\n")
        .has("c = 90 'Z'\n")
        .has("grid = {{1, 2, 3}, {4, 5, 6}}\n")
        .has("bits = {kind = 5, delta = -7, id = 78187493530, last = true}\n")
        .has("access = (READ | EXECUTE)\n")
        .has("color = BLUE\n");
    gdb.go("print u").has("{i = 1069547520, f = 1.5, bytes = ");
    gdb.go("print/x u.bytes").is("{0x0, 0x0, 0xc0, 0x3f}");
    gdb.go("print bits.delta").is("-7");
    gdb.go("print/t bits.kind").is("101");
    gdb.go("print/x ull").is("0xfedcba9876543210");
    gdb.go("print/c c").is("90 'Z'");
    gdb.go("print/d c").is("90");
    gdb.go("print (access_t)3").is("(READ | WRITE)");
    gdb.go("print (enum color)5").is("GREEN");
    gdb.go("print d / 2").is("-12500000000");
    gdb.go("print f * 2 + 0.5").is("3");
    gdb.go("print ll * 2").is("-10000000000000");
    gdb.go("print -sc").is("3");
    gdb.go("print yes && c == 'Z'").is("1");
    gdb.go("print grid[1]").is("{4, 5, 6}");
    gdb.go("print/d bytes").is("{1, -2, 3, -4}");
    gdb.go("output/x us");
    gdb.go("printf \"%d %s %g %lld\\n\", sh, global_text, d, ll")
        .has("-1234 hello, wasm -2.5e+10 -5000000000000\n");
}

fn write_values(gdb: &mut Gdb) {
    gdb.connect();
    gdb.go("break {main-values}");
    gdb.go("continue").at("main-values");
    gdb.go("set var x = 5");
    gdb.go("print x").is("5");
    gdb.go("print arr[2] = 104").is("104");
    gdb.go("print arr").is("{3, 1, 104, 1, 5}");
    gdb.go("print op = commands[0].run").has("<add>");
    gdb.go("set var global_int = 1000");
    gdb.go("print box.label = global_text").has("\"hello, wasm\"");
    gdb.go("print/c text[0] = 'J'").is("74 'J'");
    gdb.go("print text").has("\"Jello, wasm #42");
    gdb.go("break {total-loop} if i == 4");
    gdb.go("break {total-return}");
    gdb.go("continue").at("total-loop");
    gdb.go("print sum").is("109");
    gdb.go("continue").has("total (values=0x").at("total-return");
    gdb.go("print sum").is("114");
    gdb.go("break {scalars-return}");
    gdb.go("continue").at("scalars-return");
    gdb.go("print ull = 1ull << 63").is("9223372036854775808");
    gdb.go("print d = 0.1").is("0.10000000000000001");
    gdb.go("print bits.delta = 3").is("3");
    gdb.go("print bits").is("{kind = 5, delta = 3, id = 78187493530, last = true}");
    gdb.go("print grid[1][1] = -1").is("-1");
    gdb.go("print yes = 0").is("false");
    gdb.go("print color = GREEN").is("GREEN");
    gdb.go("info locals").has("ull = 9223372036854775808").has("color = GREEN");
    gdb.go("print d").is("0.10000000000000001");
    gdb.go("tbreak {main-return}");
    gdb.go("continue").at("main-return");
    gdb.go("print global_int").is("1114");
    gdb.go("print text").has("\"Jello, wasm #42");
    gdb.go("continue").has("exited with code 05]");
}

fn memory(gdb: &mut Gdb) {
    gdb.connect();
    gdb.go("break {main-values}");
    gdb.go("continue").at("main-values");
    gdb.go("x/16xb &buffer")
        .has("<buffer>:\t0x30\t0x31\t0x32\t0x33\t0x34\t0x35\t0x36\t0x37")
        .has("<buffer+8>:\t0x38\t0x39\t0x61\t0x62\t0x63\t0x64\t0x65\t0x00");
    gdb.go("x/s buffer").has("<buffer>:\t\"0123456789abcde\"");
    gdb.go("x/5dw arr").has("3\t1\t4\t1");
    gdb.go("x/2dw &origin").has("<origin>:\t-1\t1");
    gdb.go("x/3fg &table").has("<table>:\t1.5\t2.5").has("3.5");
    gdb.ours("x/s argv[0]", "the program's path").has("/values");
    gdb.go("x/s argv[2]").has("\"two\"");
    gdb.go("x/c text").has("104 'h'");
    gdb.go("print/x *(unsigned char *)buffer@4").is("{0x30, 0x31, 0x32, 0x33}");
    // What gdb makes of its own has the program's sizes.
    gdb.go("print sizeof(long)").is("4");
    gdb.go("print sizeof(void *)").is("4");
    gdb.go("print *(unsigned char *)where").is("1 '\\001'");
    gdb.go("print (void *)where == (void *)&box").is("1");
    gdb.go("print *(unsigned short *)(long)&arr").is("3");
    gdb.go("print { int } &global_int").is("41");
    gdb.go("print *(struct point *)&arr").is("{x = 3, y = 1}");
    gdb.go("set { char } (buffer + 1) = 'X'");
    gdb.go("print buffer").is("\"0X23456789abcde\"");
    gdb.go("find buffer, +16, 'a'").has("<buffer+10>").has("1 pattern found.");
    gdb.go("x/xw 0xfffffff0").has("Cannot access memory at address 0xfffffff0");
    gdb.go("info symbol &origin").has("origin in section .data");
    gdb.go("info symbol buffer").has("buffer in section .data");
    gdb.go("info address global_int").has("Symbol \"global_int\" is static storage at address 0x");
    gdb.ours("info scope total", "where a frame keeps its variables")
        .has("Symbol values is")
        .has("Symbol n is")
        .has("Symbol sum is");
}

fn display(gdb: &mut Gdb) {
    gdb.connect();
    gdb.go("break total");
    gdb.go("continue").has("Breakpoint 1, total (values=0x").has("n=5)");
    gdb.go("display n").has("1: n = 5");
    gdb.go("display/x values[1]").has("2: /x values[1] = 0x1");
    gdb.go("next").has("1: n = 5").has("2: /x values[1] = 0x1");
    gdb.go("info display").has("1:   y  n").has("2:   y  /x values[1]");
    gdb.go("display sum").has("3: sum = 0");
    gdb.go("undisplay 1");
    gdb.go("next").lacks("1: n").at("total-loop").has("3: sum = 0");
    gdb.go("next").has("3: sum = 3");
    gdb.go("delete display");
    gdb.go("next").at("total-loop").lacks("sum = 3");
    gdb.go("finish").has("Run till exit from #0  total (").has("Value returned is $1 = 14");
}

fn source(gdb: &mut Gdb) {
    gdb.connect();
    gdb.go("list total").has("static int total(const int *values, int n)");
    gdb.go("list").has("int main(int argc, char **argv)");
    gdb.go("list {shadow}").has("sink = width;").lacks("No such file");
    gdb.go("list area,push").has("return width * height;");
    gdb.go("break total");
    gdb.go("continue");
    gdb.go("info line").has("Line ").has("of \"values.c\" starts at address 0x").has(" <total+");
    gdb.ours("info line {total-loop}", "machine code").has("starts at address 0x").has("and ends at 0x");
    gdb.go("info source")
        .has("Current source file is values.c")
        .has("Located in ")
        .has("tests/fixtures/values.c")
        .has("Source language is c.");
    gdb.go("info symbol total").has("total in section .text");
    gdb.go("info functions ^total$").has("static int total(const int *, int);");
    gdb.go("info types ^box$").has("struct box;");
    gdb.go("info variables ^file_static$").has("static int file_static;");
    gdb.go("list {static-return}");
    gdb.go("search return sum").at("total-return");
}
