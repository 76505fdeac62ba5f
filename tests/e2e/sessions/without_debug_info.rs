//! Modules without debug info: their functions, values, and lines of the module's own text or of what a source map says.

use tests::fixture::Build;
use tests::gdb::Gdb;

use crate::O0;
use crate::session::{End, Script, Session};

const O2: &[Build] = &[Build::wasm(2, 4)];

pub(crate) const SESSIONS: &[Session] = &[
    session("unknown", "unknown", O2, 0, unknown),
    session("named", "named", O2, 0, named),
    session("text", "fac", O0, 3, text),
    session("source_map", "primes", O0, 0, source_map),
];

const fn session(
    name: &'static str,
    program: &'static str,
    builds: &'static [Build],
    status: i32,
    script: fn(&mut Gdb),
) -> Session {
    let (script, end) = (Script::Gdb(script), End::Exit(status, ""));
    Session { name, program, args: &[], builds, native: false, script, end }
}

/// What somebody does who has never seen the program: which functions are there, what does one do, with what values?
fn unknown(gdb: &mut Gdb) {
    gdb.connect();
    gdb.go("info functions func[67]$").has("i32 func6(i32, i32);");
    gdb.go("list func6").has("(func $func6 (;6;)");
    gdb.go("break func6").has("unknown.wat, line ");
    gdb.go("continue").has("Breakpoint 1, func6 (local0=").has("local1=7) at unknown.wat:");
    gdb.go("info args").has("local1 = 7\n");
    gdb.go("info locals").has("local2 = 0");
    gdb.go("x/s local0").has("\"one\"");
    gdb.go("bt").has("#0  func6 (").has("#1  0x").has(" in func").has("_start () at unknown.wat:");
    gdb.go("next").has("(local.set $local0 (i32.add (local.get $local0) (i32.const 1)))");
    gdb.go("info locals").has("local2 = 111");
    gdb.go("next 4").has("\t");
    gdb.go("info line").has("Line ").has("of \"unknown.wat\" starts at");
    gdb.go("stepi").lacks("rror");
    gdb.go("finish").has("Run till exit").has(" in func").has("Value returned is $");
    gdb.go("info locals").has("local1 = ");
    gdb.go("print global0").has(" = ");
    gdb.go("up").has("#1 ");
    gdb.go("monitor debuginfo").has("no DWARF").has("by their index").has("unknown.wat");
    gdb.go("delete");
    gdb.go("continue").has("exited normally]");
}

fn named(gdb: &mut Gdb) {
    gdb.connect();
    gdb.go("break add").has("named.wat, line ");
    gdb.go("continue").has("Breakpoint 1, add (local0=");
    gdb.go("bt").has("#0  add (").has(" in main ()").has("named.wat:");
    gdb.go("print __stack_pointer").has(" = ");
    gdb.go("info symbol checksum").has("checksum in section .text");
    // Over a call, and into one.
    gdb.go("next").has("\t").lacks("checksum (");
    gdb.go("continue").has("Breakpoint 1, add (local0=");
    gdb.go("step").has("checksum (local0=").has("local1=7)");
    gdb.go("next 3").has("\t");
    gdb.go("up").has(" in add (");
    gdb.go("down").has("checksum (");
    gdb.go("finish").has("Value returned is $");
    gdb.go("monitor debuginfo").has("no DWARF").has("named by the name section").has("named.wat");
    gdb.go("delete");
    gdb.go("continue").has("exited normally]");
}

fn text(gdb: &mut Gdb) {
    gdb.connect();
    gdb.go("break fac").has("fac.wat, line 10.");
    gdb.go("continue").has("Breakpoint 1, fac (n=5) at ").has("fac.wat:10");
    gdb.go("info locals").has("smaller = 0");
    gdb.go("print calls").is("0");
    gdb.go("next").has("(if (result i64)");
    gdb.go("print calls").is("1");
    gdb.go("continue").has("Breakpoint 1, fac (n=4)");
    gdb.go("bt").has("#0  fac (n=4)").has("#1  0x").has(" in fac (n=5)").has("#2  0x").has("_start ()");
    gdb.go("set var n = 2").lacks("rror");
    gdb.go("delete");
    gdb.go("finish").has("Run till exit").has("Value returned is $").has(" = 2\n");
    gdb.go("x/s &greeting").has("\"hello\"");
    gdb.go("print global1").is("0.5");
    gdb.go("tbreak fac.wat:25").has("fac.wat, line 25.");
    gdb.go("continue").has("types (local0=1.5, local1=2.25) at ").has("fac.wat:25");
    gdb.go("info locals").has("vector = {i8x16 = {").has("f32x4 = {1.5, 1.5, 1.5, 1.5}").has("count = 3");
    gdb.go("print function").has("(funcref) 0x").has("<fac>");
    gdb.go("print vector.f32x4[2] * 2").is("3");
    gdb.go("ptype types").has("type = f64 (f32, f64)");
    gdb.go("finish").has("Value returned is $").has(" = 3.75\n");
    gdb.go("monitor debuginfo").has("no DWARF").has("fac.wat");
    gdb.go("continue").has("exited with code 03]");
}

fn source_map(gdb: &mut Gdb) {
    // It stands in a function that the compiler made.
    gdb.attach();
    gdb.go("break primes.ts:27").has("primes.ts, line 27.");
    gdb.go("continue").has("primes/count (limit=20) at primes.ts:27");
    gdb.go("info locals").has("candidate = 2\n");
    gdb.go("next").has("28\t      found++;");
    gdb.go("next").has("29\t      sieve.mark(candidate);");
    gdb.go("step").has("primes/Sieve#mark (this=").has("prime=2) at primes.ts:11");
    gdb.go("bt").has("#1  0x").has(" in primes/count (limit=20) at primes.ts:29");
    gdb.go("next").has("12\t      this.composite[multiple] = true;");
    // A function of the library, whose source is not there, is stepped over.
    gdb.go("step").has("11\t    for (let multiple");
    gdb.go("print multiple").is("4");
    gdb.go("finish").has("in primes/count (limit=20) at primes.ts:29");
    gdb.go("print 'primes/found'").is("1");
    gdb.go("tbreak 'primes/Sieve#isPrime'").has("primes.ts, line 17.");
    gdb.go("delete 1");
    gdb.go("continue").has("primes/Sieve#isPrime (this=").has("candidate=3)");
    gdb.go("finish").has("Value returned is $").has(" = 1\n");
    gdb.go("monitor debuginfo").has("no DWARF").has("of the source map");
    gdb.go("delete");
    gdb.go("continue").has("exited normally]");
}
