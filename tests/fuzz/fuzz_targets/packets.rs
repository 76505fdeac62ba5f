//! Any packets from a client: each is answered, the session ends where the client asked for that, and nothing panics.
//!
//! The first byte says to what they go: a letter of [`KINDS`] to a session that begins as that of gdb or lldb, with a guest that
//! runs, with one that can be started again, or with a core dump; anything else is a stream of bytes without any such
//! beginning. Packets' bodies are between `$`; one that begins with `monitor ` is that command.
//!
//! With `FUZZ_SEEDS=FOLDER`, the first inputs are put there: pieces of recorded sessions, which are quicker to play than whole
//! ones, and packets that no recording has.
#![no_main]

#[path = "../../../crates/gdb/tests/session/peer.rs"]
mod peer;
#[path = "../seeds.rs"]
mod seeds;

use std::sync::LazyLock;
use std::time::Duration;

use bytes::Bytes;
use debugger::{Events, Record, Session};
use gdb::{Debuggee, Launcher, Outcome, PersonaChoice};
use libfuzzer_sys::fuzz_target;
use peer::{GREETING, Peer, RECORDINGS, Recorded, may_end};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

/// A guest that has not answered by then runs, and is interrupted.
const RUNS: Duration = Duration::from_millis(4);

/// How many packets of one input are sent.
const MOST: usize = 100;

/// With what a session begins, and to what it is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Subject {
    Guest,
    Restartable,
    CoreDump,
}

/// Letters, with the number of the recording whose client it is.
const KINDS: [(u8, usize, Subject); 7] = [
    (b'1', 0, Subject::Guest),
    (b'2', 1, Subject::Guest),
    (b'3', 2, Subject::Guest),
    (b'4', 3, Subject::Guest),
    (b'5', 0, Subject::Restartable),
    (b'6', 0, Subject::CoreDump),
    (b'7', 2, Subject::CoreDump),
];

static RECORDED: LazyLock<Recorded> = LazyLock::new(Recorded::new);

/// A core dump of the guest, some calls deep.
static DUMP: LazyLock<Bytes> = LazyLock::new(|| {
    runtime().block_on(async {
        let mut peer = Peer::connect(RECORDED.guest(PersonaChoice::Auto, None).await, Duration::from_secs(20));
        for packet in &RECORDINGS[0].packets()[..GREETING] {
            peer.ask(packet).await.expect("it is answered");
        }
        peer.ask(b"Z0,e0000097,1").await.expect("it is answered");
        let stop = peer.ask(b"vCont;c").await.expect("it stops");
        assert!(stop.starts_with("T05"), "{stop}");
        let (debuggee, _) = peer.hang_up().await;
        let dump = debuggee.session().core_dump().expect("it is stopped");
        debuggee.session().kill();
        Bytes::from(dump)
    })
});

fuzz_target!(init: write_seeds(), |bytes: &[u8]| {
    let Some((&kind, rest)) = bytes.split_first() else { return };
    // Made outside of the runtime below.
    LazyLock::force(&DUMP);
    let known = KINDS.iter().find(|(letter, ..)| *letter == kind);
    runtime().block_on(async {
        match known {
            Some(&(_, recording, subject)) => talk(recording, subject, rest).await,
            None => stream(rest).await,
        }
    });
});

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime")
}

async fn talk(recording: usize, subject: Subject, rest: &[u8]) {
    let recording = &RECORDINGS[recording];
    let debuggee = match subject {
        Subject::Guest => RECORDED.guest(recording.persona, None).await,
        Subject::Restartable => RECORDED.guest(recording.persona, Some(Box::new(Again))).await,
        Subject::CoreDump => core_dump(recording.persona).await,
    };
    let mut peer = Peer::connect(debuggee, RUNS);
    for packet in recording.packets().iter().take(GREETING) {
        peer.ask(packet).await.expect("it is answered");
    }
    if subject == Subject::Restartable {
        assert_eq!(peer.ask(b"!").await.as_deref(), Some("OK"));
    }
    let bodies = rest.split(|byte| matches!(byte, b'$' | b'#')).take(MOST);
    let mut before = Vec::new();
    for body in bodies {
        let body = match body.strip_prefix(b"monitor ") {
            Some(command) => [&b"qRcmd,"[..], hex(command).as_bytes()].concat(),
            None => body.to_vec(),
        };
        match peer.ask(&body).await {
            Some(reply) if reply.starts_with(['W', 'X']) && subject != Subject::Restartable => break,
            Some(_) => {}
            None => {
                // A packet that ended it may have been answered before.
                let is_due = may_end(&body) || may_end(&before);
                assert!(is_due, "{}: the session has ended{}", recording.client, peer.last_said());
                break;
            }
        }
        before = body;
    }
    let said = peer.last_said();
    let (debuggee, outcome) = peer.hang_up().await;
    assert!(!matches!(outcome, Outcome::Lost(Some(_))), "{outcome:?}{said}");
    debuggee.session().kill();
}

/// Bytes that need not be packets. The server may hang up at any of them.
async fn stream(bytes: &[u8]) {
    let debuggee = RECORDED.guest(PersonaChoice::Auto, None).await;
    let (mut client, server) = tokio::io::duplex(1 << 16);
    let talk = async {
        let _hung_up = client.write_all(bytes).await;
        let _hung_up = client.shutdown().await;
        let mut answers = Vec::new();
        let _hung_up = client.read_to_end(&mut answers).await;
    };
    let (served, ()) = tokio::join!(gdb::serve(move || Ok(server), debuggee), talk);
    let (debuggee, outcome) = served.expect("the conversation's thread runs");
    assert!(!matches!(outcome, Outcome::Lost(Some(gdb::Error::Thread(_)))), "a panic: {outcome:?}");
    debuggee.session().kill();
}

async fn core_dump(persona: PersonaChoice) -> Debuggee {
    let dump = core_dump::read(&DUMP).expect("what we write we read");
    let Recorded { engine, module } = &*RECORDED;
    let record = Record::new(dump, vec![module.clone()], engine).expect("it is of this module");
    let (session, events) = Session::open(record, engine).expect("a thread");
    let mut debuggee = Debuggee::new(session, events, RECORDED.program(), None);
    debuggee.show(persona);
    debuggee.still().await;
    debuggee
}

/// Starts the guest again, whatever its arguments.
struct Again;

impl Launcher for Again {
    fn launch(&mut self, _arguments: Vec<String>) -> Result<(Session, Events), String> {
        Ok(RECORDED.launch())
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What recordings have not, in one piece each.
const MORE: &[&str] = &[
    "QCatchSyscalls:1;40;1$QPassSignals:e;10$QProgramSignals:0;1$QNonStop:1$QNonStop:0$QDisableRandomization:1$QStartupWithShell:1",
    "QEnvironmentHexEncoded:613d62$QEnvironmentReset$QSetWorkingDir:2f$qTMinFTPILen$qTfSTM$qTsSTM$qTSTMat:e0000097$qUninsnedAddr",
    "QTinit$QTDP:1:e0000097:E:0:0-$QTDP:-1:e0000097:R10041$QTDPsrc:1:e0000097:at:0:3:666962$QTEnable:1:e0000097$QTDisable:1:e0000097$QTStart$vCont;c$QTSave:666f6f$qTBuffer:0,100$QTStop$qTStatus",
    "QTinit$QTDP:1:e0000087:E:3:0-$QTDP:-1:e0000087:M6,fffffff0,10$QTDP:-1:e0000087:SM-1,10,8-$QTStart$Z0,e00000db,1$vCont;c$QTStop$QTFrame:0$m10,8$mffedfcc8,8$QTFrame:1$g",
    "QAllow:WriteReg:1;WriteMem:1$QAgent:1$qGDBServerVersion$jGetLoadedDynamicLibrariesInfos:{}$jGetSharedCacheInfo:{}$jLLDBTraceSupported",
    "Z0,e0000097,1$vCont;c$g$G0000000000000000000000000000000000ffedff00000000$P10=8e0000e000000000$P0=0500000000000000$vCont;s:p1.1",
    "Z0,e0000097,1;X1,27;cmds:1,X1,27$Z1,e0000097,1$Z2,10,4$Z3,d0000000,4$Z4,ffedfb70,4$vCont;c$vCont;c$z0,e0000097,1",
    "vRun;666f6f;6261$vCont;c$R00$vRun;$vCont;s$vKill;1$vRun;61",
    "vCont;r e0000080,e00000f4:p1.1$vCont;re000008e,e00000dc:p1.1;c:p1.-1$vCont;t$vCont;s:p1.-1$vCont;C0f:p1.1",
    "qXfer:exec-file:read:1:0,1000$qXfer:libraries:read::0,1000$qXfer:threads:read::0,100$qXfer:traceframe-info:read::0,100$qXfer:auxv:read::0,1000$qXfer:memory-map:read::0,1000$qXfer:siginfo:read::0,10",
    "vFile:open:2f6775657374732f67756573742e7761736d2e656c66,0,0$vFile:pread:3,1000,100$vFile:fstat:3$vFile:close:3$vFile:pread:3,10,0$vFile:unlink:2f61$vFile:readlink:2f61$vFile:stat:2f61$vFile:setfs:1",
    "monitor break add if $a == 3 && $b > 1$monitor break add if a == 3 || *(b + 4) < 'a'$vCont;c$monitor break$monitor delete 1$monitor break 0xe0000097 if 1$monitor break deep if n == 2",
    "monitor help$monitor why$monitor stack 1$monitor locals 2$monitor disassemble 1$monitor modules$monitor globals$monitor table 0$monitor gc global 0$monitor heap$monitor catch throw$monitor debuginfo$monitor coredump a$monitor break sched_yield$vCont;c$monitor delete sched_yield",
    "qMemoryRegionInfo:0$qMemoryRegionInfo:ffffffffffffffff$qWasmCallStack:1$qWasmLocal:0;0$qWasmStackValue:0;0$qWasmGlobal:0;0$qWasmGlobal:1;instance:0;$qWasmLocal:999;999",
    "_M1000,rwx$_m1000$QSaveRegisterState;thread:0001;$QRestoreRegisterState:1;thread:0001;$jThreadsInfo$jThreadExtendedInfo:{\"thread\":1}$qThreadStopInfo1$qRegisterInfo0$qRegisterInfo20$qStructuredDataPlugins",
    "x10,40$M10,4:01020304$X10,2:ab$m0,10000$mffffffff,4$qSearch:memory:0;10000;need$qCRC:0,100$MultiMemRead:ranges:10,4;20,4;",
];

fn write_seeds() {
    let Some(seeds) = seeds::Folder::given() else { return };
    for (letter, recording, subject) in KINDS {
        let name = char::from(letter);
        let packets = RECORDINGS[recording].packets();
        // Some pieces are enough for sessions that others have had before.
        let every = if subject == Subject::Guest { 1 } else { 3 };
        for (number, piece) in packets[GREETING..].chunks(24).enumerate().step_by(every) {
            seeds.write(&format!("{name}-{number:02}"), &[&[letter], piece.join(&b'$').as_slice()].concat());
        }
        for (number, piece) in MORE.iter().enumerate() {
            seeds.write(&format!("{name}-more-{number:02}"), &[&[letter], piece.as_bytes()].concat());
        }
    }
    seeds.write("stream", b"0$?#3f\x03+$qSupported:multiprocess+;swbreak+#c6$g#67-$m0,4#fd");
}
