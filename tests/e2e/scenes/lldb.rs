//! lldb comes, interrupts, leaves, and comes again; and gdb in between.

use std::collections::BTreeMap;
use std::process::Command;

use anyhow::{Context as _, Result};
use tests::fixture::{Build, Fixture};
use tests::gdb::Gdb;
use tests::lldb::{Lldb, Way};
use tests::server::Server;
use tests::toolchain;

use super::{Scene, own_folder};

pub(crate) const SCENES: &[Scene] = &[
    Scene { name: "lldb_interrupt", native: false, play: interrupt },
    Scene { name: "lldb_detach_and_attach", native: false, play: detach_and_attach },
    Scene { name: "lldb_no_wait", native: false, play: no_wait },
    Scene { name: "lldb_core_dump", native: false, play: core_dump },
    Scene { name: "lldb_dprintf", native: false, play: dprintf },
    Scene { name: "lldb_killed", native: false, play: killed },
    Scene { name: "lldb_kill", native: false, play: kill },
    Scene { name: "lldb_second_client", native: false, play: second_client },
    Scene { name: "lldb_plain_is_advised", native: false, play: plain },
    Scene { name: "lldb_packets", native: false, play: packets },
    Scene { name: "gdb_lldb_gdb", native: false, play: in_turn },
];

/// How our server says where it listens.
const LISTENS: &str = "Listening on 127.0.0.1:";

fn stage(program: &str, build: Build, options: &[&str], args: &[&str]) -> Result<(Fixture, Server)> {
    let fixture = Fixture::build(program, build)?;
    let server = Server::start(&fixture, build, options, args)?;
    Ok((fixture, server))
}

/// An lldb for a server. `scene` names its folder.
fn lldb(scene: &str, fixture: &Fixture, build: Build, server: &Server) -> Result<Lldb> {
    let folder = own_folder("lldb")?.join(scene);
    Lldb::start(fixture, build, Way::Plugin, Some(server.port), &[], &folder)
}

fn interrupt(build: Build) -> Result<()> {
    let (fixture, server) = stage("spin", build, &["--once"], &["forever"])?;
    let mut lldb = lldb("interrupt", &fixture, build, &server)?;
    lldb.connect();
    lldb.go("tbreak {forever}").names("forever");
    lldb.go("continue").at("forever");
    lldb.go_async();
    for _ in 0..5 {
        lldb.run();
        lldb.interrupt_process();
        lldb.go("bt").has("frame #0: ").has("spin_forever").has("frame #1: ").has("(argc=2, argv=0x");
        lldb.go("p rounds + 1").is("(unsigned int) 1");
    }
    lldb.go("thread step-inst");
    lldb.kill_process();
    lldb.quit();
    server.finish()?;
    Ok(())
}

fn detach_and_attach(build: Build) -> Result<()> {
    let (fixture, server) = stage("spin", build, &[], &[])?;
    let mut first = lldb("detach_1", &fixture, build, &server)?;
    first.connect();
    first.go("tbreak {round}").names("round");
    first.go("continue").at("round");
    first.go_async();
    first.run();
    first.interrupt_process();
    first.go("p rounds = 1000000000").is("(volatile unsigned int) 1000000000");
    first.detach_process();
    first.quit();
    let mut second = lldb("detach_2", &fixture, build, &server)?;
    second.connect();
    second.go("bt").has("spin(from=6)").has("(argc=1, argv=0x");
    // It ran on meanwhile.
    second.go("p rounds > 1000000000").has("true");
    second.go("p stop = 1").is("(volatile int) 1");
    second.go("continue").has("exited with status = 0");
    second.quit();
    assert_eq!(server.finish()?.stdout, "spinning\nstopped 7\n");
    Ok(())
}

/// A program that runs already is stopped by lldb's coming, and let go by its leaving.
fn no_wait(build: Build) -> Result<()> {
    for way in [Way::Plugin, Way::Elf] {
        let fixture = Fixture::build("spin", build)?;
        let options = [&["--no-wait"], way.options()].concat();
        let mut server = Server::start(&fixture, build, &options, &[])?;
        server.stdout.until("spinning\n")?;
        let folder = own_folder("lldb")?.join(format!("no_wait_{}", way.name()));
        let mut first = Lldb::start(&fixture, build, way, Some(server.port), &[], &folder)?;
        first.connect().has("Process 1 stopped");
        first.go("bt").has("spin(from=6)").has("(argc=1, argv=0x");
        first.go("tbreak {round}").names("round");
        first.go("continue").has("stop reason = one-shot breakpoint 1").at("round");
        first.detach_process();
        first.quit();
        let mut second = Lldb::start(&fixture, build, way, Some(server.port), &[], &folder)?;
        second.connect().has("Process 1 stopped");
        second.go("p stop = 1").is("(volatile int) 1");
        second.go("continue").has("exited with status = 0");
        second.quit();
        assert_eq!(server.finish()?.stdout, "stopped 7\n", "{}", way.name());
    }
    Ok(())
}

/// A core dump that is written from lldb's prompt opens in lldb again, by its plugin and with a symbol file: all frames with
/// their variables, also of a recursion.
fn core_dump(build: Build) -> Result<()> {
    let fixture = Fixture::build("steps", build)?;
    for way in [Way::Plugin, Way::Elf] {
        let folder = own_folder("lldb")?.join(format!("core_dump_{}", way.name()));
        std::fs::create_dir_all(&folder)?;
        let core = folder.join("steps.core");
        if core.exists() {
            std::fs::remove_file(&core)?;
        }
        let mut command = Command::new(toolchain::server_binary()?);
        command.current_dir(&folder).args(way.options()).args(["--once", ":0"]);
        let server = Server::launch(command.arg(&fixture.program).arg("4"), LISTENS)?;
        let mut lldb = Lldb::start(&fixture, build, way, Some(server.port), &[], &folder)?;
        lldb.connect();
        lldb.go("b {fib-base}").names("fib-base");
        lldb.go("continue").at("fib-base");
        let stack = lldb.go("bt").has("(argc=2").text().to_owned();
        lldb.go("process plugin packet monitor coredump steps.core").has("Wrote ").has("steps.core, ");
        lldb.kill_process();
        lldb.quit();
        server.finish()?;

        let mut command = Command::new(toolchain::server_binary()?);
        command.args(["core", "--once"]).args(way.options()).arg(&core).arg(":0");
        let server = Server::launch(&mut command, LISTENS)?;
        let mut lldb = Lldb::start(&fixture, build, way, Some(server.port), &[], &folder)?;
        lldb.connect().has("stop reason = core dump: ").at("fib-base");
        let frames = |text: &str| -> Vec<String> {
            let frames =
                text.lines().filter_map(|line| line.split_once("frame #").map(|(_, frame)| frame.to_owned()));
            frames.collect()
        };
        assert_eq!(frames(lldb.go("bt").text()), frames(&stack), "the stack of the program that stopped");
        lldb.go("frame variable n").is("(int) n = 1");
        lldb.go("frame select 1").has("fib(n=");
        if way == Way::Elf {
            lldb.go("frame variable n").is("(int) n = 2");
            lldb.go("frame select 2");
            lldb.go("frame variable n").is("(int) n = 3");
        }
        lldb.go("target variable calls").is("(int) calls = 4");
        lldb.go("frame select 4").has("(argc=2");
        lldb.go("p argv[1]").has("\"4\"");
        lldb.kill_process();
        lldb.quit();
        server.finish()?;
    }
    Ok(())
}

/// `monitor dprintf`: the server prints where the program passes, and lldb shows it, whether or not it has a breakpoint there too.
fn dprintf(build: Build) -> Result<()> {
    let fixture = Fixture::build("watched", build)?;
    let monitor = |command: &str| format!("process plugin packet monitor {command}");
    for way in [Way::Plugin, Way::Elf] {
        let options = [&["--once"], way.options()].concat();
        let server = Server::start(&fixture, build, &options, &[])?;
        let folder = own_folder("lldb")?.join(format!("dprintf_{}", way.name()));
        let mut lldb = Lldb::start(&fixture, build, way, Some(server.port), &[], &folder)?;
        lldb.connect();
        let line = fixture.line("counted");
        lldb.go(&monitor(&format!(
            r#"dprintf watched.c:{line},"place %p to %-3d|%s, \"%.1f\"\n",&counter, to * 2, other, ratio"#
        )))
        .has("Server breakpoint 1: count at watched.c:");
        lldb.go(&monitor(&format!(
            r#"dprintf watched.c:{line},"to %-3d| %.2f \"%s\"\n",to * 2, ratio, other if to % 3 == 1"#
        )))
        .has("Server breakpoint 2: count at watched.c:")
        .has(r#" prints "to %-3d| %.2f \"%s\"\n" if to % 3 == 1."#);
        lldb.go(&monitor(r#"dprintf nested,"nested %d\n",n"#)).has("Server breakpoint 3: nested at ");
        lldb.go(&monitor("break")).has("2: count at ").has("\n3: nested at ");
        for (wrong, words) in [
            ("dprintf nested", "Usage: monitor dprintf PLACE,"),
            (
                r#"dprintf nested,"%d""#,
                r#"Nothing will be printed at nested at watched.c:26: "%d" is no format for 0 values."#,
            ),
            (r#"dprintf nested,"%d",m"#, "there is no variable `m` here."),
            (r#"dprintf nested,"%d",n +"#, "the expression ends too early."),
            (r#"dprintf nothing,"x""#, "The program has no function or line `nothing`"),
        ] {
            lldb.go(&monitor(wrong)).has(words);
        }
        // lldb's own breakpoint at the same place stops, and the text is printed all the same.
        lldb.go("b nested").has("where = ");
        let said = lldb.said_until("continue", &["nested 2\n"]);
        assert!(
            said.contains("to 2  | 1.50 \"xyz\"\nto 8  | 1.50 \"xyz\"\nto 14 | 1.50 \"xyz\"\n"),
            "{said}"
        );
        lldb.go("frame variable n").is("(int) n = 2");
        lldb.go("breakpoint delete 1");
        lldb.go(&monitor("delete 2")).has("Server breakpoint 2 is gone.");
        let said = lldb.said_until("continue", &["nested 0\n"]);
        assert!(said.contains("nested 1\nnested 0\n"), "{said}");
        lldb.quit();
        server.finish()?;
    }
    Ok(())
}

/// A lost connection leaves the program where it stands.
fn killed(build: Build) -> Result<()> {
    let (fixture, server) = stage("steps", build, &[], &["4"])?;
    let mut first = lldb("killed_1", &fixture, build, &server)?;
    first.connect();
    first.go("b {add-first}").names("add-first");
    first.go("continue").at("add-first");
    first.kill();
    let mut second = lldb("killed_2", &fixture, build, &server)?;
    second.connect().at("add-first");
    second.go("bt").has("add(a=3, b=4)");
    second.go("next").has("stop reason = step over");
    second.go("p sum").is("(int) 7");
    second.go("continue").has("exited with status = 0");
    second.quit();
    assert_eq!(server.finish()?.status.code(), Some(0));
    Ok(())
}

fn kill(build: Build) -> Result<()> {
    let (fixture, server) = stage("steps", build, &["--once"], &[])?;
    let mut lldb = lldb("kill", &fixture, build, &server)?;
    lldb.connect();
    lldb.go("b fib");
    lldb.go("continue").has("fib(n=10)");
    lldb.kill_process();
    lldb.quit();
    let ended = server.finish()?;
    assert_eq!(ended.stdout, "");
    assert_eq!(ended.status.code(), Some(137), "{}", ended.stderr);
    Ok(())
}

/// A second client is told so and turned away; the first does not notice.
fn second_client(build: Build) -> Result<()> {
    let (fixture, server) = stage("steps", build, &["--once"], &["4"])?;
    let mut first = lldb("second_1", &fixture, build, &server)?;
    first.connect();
    first.go("b fib");
    let mut second = lldb("second_2", &fixture, build, &server)?;
    let connect = second.connection().expect("the server runs");
    second.lenient(&connect, "it is refused").has("error: Connection shut down by remote side");
    second.quit();
    first.go("continue").has("fib(n=4)");
    first.go("breakpoint delete");
    first.go("continue").has("exited with status = 0");
    first.quit();
    assert_eq!(server.finish()?.status.code(), Some(0));
    Ok(())
}

/// An lldb that has not chosen its plugin is served, and the server's log says what shows more. One that has is told nothing.
fn plain(build: Build) -> Result<()> {
    const ADVICE: &str = "connect with `process connect --plugin wasm connect://HOST:PORT`";
    for (way, is_advised) in [(Way::Plain, true), (Way::Plugin, false)] {
        let (fixture, server) = stage("steps", build, &["--once"], &["4"])?;
        let folder = own_folder("lldb")?.join(format!("advised_{}", way.name()));
        let mut lldb = Lldb::start(&fixture, build, way, Some(server.port), &[], &folder)?;
        lldb.connect();
        lldb.go("b fib");
        // It is told when it goes on a second time without having looked at frames.
        lldb.go("continue").has("`fib");
        lldb.go("continue").has("`fib");
        lldb.kill_process();
        lldb.quit();
        let said = server.finish()?.stderr;
        assert_eq!(said.contains(ADVICE), is_advised, "{}: {said}", way.name());
    }
    Ok(())
}

/// What lldb has to be answered for all that it can do.
const ANSWERED: &[&str] = &[
    "qSupported",
    "QThreadSuffixSupported",
    "QListThreadsInStopReply",
    "QEnableErrorStrings",
    "qHostInfo",
    "qProcessInfo",
    "qVAttachOrWaitSupported",
    "qXfer",
    "qC",
    "qGDBServerVersion",
    "qMemoryRegionInfo",
    "qThreadStopInfo",
    "qWatchpointSupportInfo",
    "qWasmCallStack",
    "qWasmLocal",
    "qWasmGlobal",
    "qSearch",
    "jThreadsInfo",
    "x",
    "m",
    "M",
    "p",
    "P",
    "Z",
    "z",
    "vCont",
    "D",
];

/// What lldb asks without need, and does without: memory for code of its own, what Apple's systems have, symbols that the
/// server would like to know.
const NOT_ANSWERED: &[&str] = &["_M", "jThreadExtendedInfo", "qStructuredDataPlugins", "qSymbol"];

/// By lldb's own log of packets, it gets an answer to everything.
fn packets(build: Build) -> Result<()> {
    let (fixture, server) = stage("threads", build, &["--once"], &[])?;
    let mut lldb = lldb("packets", &fixture, build, &server)?;
    let log = own_folder("lldb")?.join("packets/log");
    lldb.hidden(&format!("log enable -f {} gdb-remote packets", log.display()));
    lldb.connect();
    lldb.go("b work");
    lldb.go("continue").has("* thread #2");
    lldb.hidden("bt all");
    lldb.hidden("thread step-inst");
    lldb.go("p job->number = 6").is("(int) 6");
    lldb.go("watchpoint set variable job->result");
    lldb.go("watchpoint delete 1");
    lldb.go("memory region $pc").has("r-x");
    lldb.lenient("register write pc 0", "the program cannot go on elsewhere").has("error: Failed to write");
    for packet in ["qC", "qGDBServerVersion", "qSearch:memory:0;1000;job", "m400,4", "qWasmGlobal:0;0"] {
        lldb.hidden(&format!("process plugin packet send {packet}"));
    }
    lldb.hidden("detach");
    lldb.quit();
    server.finish()?;
    let answers = answers(&std::fs::read_to_string(&log).context("lldb has a log")?);
    for name in ANSWERED {
        assert_eq!(answers.get(*name), Some(&true), "{name} in {answers:?}");
    }
    let unanswered = answers.iter().filter(|(_, is_answered)| !**is_answered).map(|(name, _)| name.as_str());
    let missing: Vec<&str> = unanswered.filter(|name| !NOT_ANSWERED.contains(name)).collect();
    assert_eq!(missing, [""; 0], "packets without an answer");
    Ok(())
}

/// The names of the packets that a log of lldb's shows, and whether each that was sent got an answer with something in it.
fn answers(log: &str) -> BTreeMap<String, bool> {
    let mut answers = BTreeMap::new();
    let mut sent = None;
    for line in log.lines() {
        if let Some((_, packet)) = line.split_once("send packet: $") {
            let is_of_name = |c: &char| c.is_ascii_alphabetic() || *c == '_';
            // The oldest ones have one letter, and a number right behind it.
            let length = if packet.starts_with(['q', 'Q', 'v', 'j', '_']) { packet.len() } else { 1 };
            let name: String = packet.chars().take(length).take_while(is_of_name).collect();
            sent = Some(name).filter(|name| !name.is_empty());
        } else if let Some((_, reply)) = line.split_once("read packet: $")
            && let Some(name) = sent.take()
        {
            let is_answered = !reply.starts_with('#');
            answers.entry(name).and_modify(|all| *all &= is_answered).or_insert(is_answered);
        }
    }
    answers
}

/// One server and one program, three debuggers in turn.
fn in_turn(build: Build) -> Result<()> {
    let (fixture, server) = stage("steps", build, &[], &["4"])?;
    let mut gdb = Gdb::start(&fixture, build, server.port)?;
    gdb.connect();
    gdb.go("break {fib-base}");
    gdb.go("continue").has("fib (n=1)").at("fib-base");
    gdb.kill();
    let mut lldb = lldb("in_turn", &fixture, build, &server)?;
    lldb.connect().at("fib-base");
    lldb.go("bt").has("fib(n=1)").has("(argc=2, argv=0x");
    lldb.go("tbreak {main-report}").names("main-report");
    lldb.go("continue").at("main-report");
    lldb.go("p f").is("(int) 3");
    lldb.go("p f = 4").is("(int) 4");
    lldb.kill();
    let mut gdb = Gdb::start(&fixture, build, server.port)?;
    gdb.attach();
    gdb.go("bt").has("#0  main (argc=2").lacks("fib (");
    gdb.go("print f").is("4");
    gdb.go("next").at("main-sum");
    gdb.go("continue").has("exited normally]");
    gdb.quit();
    let ended = server.finish()?;
    assert_eq!(ended.stdout, "fib = 4\nsum = 15\nproduct = 105\nwalk = 8\n");
    assert_eq!(ended.status.code(), Some(0));
    Ok(())
}
