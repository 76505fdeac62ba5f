//! What lldb 22 sends, and what it gets with the Wasm persona.

use expect_test::expect;
use gdb::{Outcome, PersonaChoice};
use runtime::Value;

use crate::client::Client;
use crate::guest::guest;

/// What lldb 22 says that it supports.
const FEATURES: &str =
    "qSupported:xmlRegisters=i386,arm,mips,arc;multiprocess+;fork-events+;vfork-events+;swbreak+;hwbreak+";

/// From the first packet to the first question about a frame.
const GREETING: &[&str] = &[
    "QStartNoAckMode",
    FEATURES,
    "QThreadSuffixSupported",
    "QListThreadsInStopReply",
    "qHostInfo",
    "vCont?",
    "qVAttachOrWaitSupported",
    "QEnableErrorStrings",
    "qProcessInfo",
    "?",
    "qXfer:features:read:target.xml:0,1ffff",
    "qStructuredDataPlugins",
    "qXfer:libraries:read::0,1ffff",
    "x0,0",
    "x4000000000000000,8",
    "qSymbol::",
    "jThreadsInfo",
    "qThreadStopInfo0001",
    "qC",
    "qfThreadInfo",
    "qsThreadInfo",
    "qRegisterInfo0",
    "qRegisterInfo1",
    "qOffsets",
    "qWasmCallStack:1",
    "qWasmCallStack:2",
];

/// Connects as lldb 22 does.
async fn greeted(export: &str, arguments: Vec<Value>) -> Client {
    let mut client = Client::connect(guest(export, arguments).await);
    for packet in ["QStartNoAckMode", FEATURES, "QThreadSuffixSupported", "QListThreadsInStopReply"] {
        assert!(!client.ask(packet).await.is_empty());
    }
    client.forget();
    client
}

#[tokio::test(flavor = "multi_thread")]
async fn lldb_is_told_at_once_that_the_program_has_ended() {
    let mut client = greeted("sum", Vec::new()).await;
    assert_eq!(client.ask("vCont;c").await, "W00");
    let (debuggee, outcome) = client.end().await;
    assert!(matches!(outcome, Outcome::Exited(_)), "{outcome:?}");
    let mut next = Client::connect(debuggee);
    for packet in ["QStartNoAckMode", FEATURES, "QEnableErrorStrings"] {
        next.ask(packet).await;
    }
    assert!(next.ask("?").await.starts_with("E01;"), "it waits for ever behind a `W`");
    next.hang_up().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn lldb_connects() {
    let mut client = Client::connect(guest("sum", Vec::new()).await);
    for packet in GREETING {
        client.ask(packet).await;
    }
    client.check(expect![[r#"
        > QStartNoAckMode
        < OK
        > qSupported:xmlRegisters=i386,arm,mips,arc;multiprocess+;fork-events+;vfork-events+;swbreak+;hwbreak+
        < PacketSize=20000;vContSupported+;QStartNoAckMode+;swbreak+;hwbreak+;qXfer:features:read+;QThreadSuffixSupported+;QListThreadsInStopReply+;qXfer:libraries:read+;qWasmInstance+
        > QThreadSuffixSupported
        < OK
        > QListThreadsInStopReply
        < OK
        > qHostInfo
        < triple:7761736d33322d756e6b6e6f776e2d756e6b6e6f776e2d7761736d;endian:little;ptrsize:4;
        > vCont?
        < vCont;c;C;s;S;r
        > qVAttachOrWaitSupported
        < OK
        > QEnableErrorStrings
        < OK
        > qProcessInfo
        < pid:1;triple:7761736d33322d756e6b6e6f776e2d756e6b6e6f776e2d7761736d;endian:little;ptrsize:4;
        > ?
        < T05thread:1;threads:1;thread-pcs:4000000000000091;reason:signal;00:9100000000000040;
        > qXfer:features:read:target.xml:0,1ffff
        < l<?xml version=\"1.0\"?>\n<!DOCTYPE target SYSTEM \"gdb-target.dtd\">\n<target version=\"1.0\">\n  <feature name=\"org.wasm.wasm32\">\n    <reg name=\"pc\" bitsize=\"64\" regnum=\"0\" generic=\"pc\" type=\"code_ptr\" encoding=\"uint\" format=\"hex\" group=\"general\"/>\n  </feature>\n</target>\n
        > qStructuredDataPlugins
        < 
        > qXfer:libraries:read::0,1ffff
        < l<library-list>\n<library name=\"/guests/program.wasm\"><section address=\"0x4000000000000000\"/></library>\n</library-list>\n
        > x0,0
        < OK
        > x4000000000000000,8
        < \x00asm\x01\x00\x00\x00
        > qSymbol::
        < 
        > jThreadsInfo
        < [{\"tid\":1,\"reason\":\"signal\",\"signal\":5,\"registers\":{\"0\":\"9100000000000040\"}]}]]
        > qThreadStopInfo0001
        < T05thread:1;threads:1;thread-pcs:4000000000000091;reason:signal;00:9100000000000040;
        > qC
        < QC01
        > qfThreadInfo
        < m01
        > qsThreadInfo
        < l
        > qRegisterInfo0
        < name:pc;alt-name:pc;bitsize:64;offset:0;encoding:uint;format:hex;set:General Purpose Registers;gcc:0;dwarf:0;generic:pc;
        > qRegisterInfo1
        < E45
        > qOffsets
        < 
        > qWasmCallStack:1
        < 9100000000000040
        > qWasmCallStack:2
        < E01;7468657265206973206e6f7468696e67
    "#]]);
    client.hang_up().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn frames_and_variables_go_by_index() {
    let mut client = greeted("sum", Vec::new()).await;
    for packet in [
        "Z0,4000000000000086,1",
        "vCont;c",
        "qWasmCallStack:1",
        "qWasmLocal:0;0",
        "qWasmLocal:0;1",
        "qWasmLocal:0;2",
        "qWasmStackValue:0;0",
        "qWasmLocal:1;0",
        "qWasmLocal:2;0",
        "qWasmGlobal:0;0",
        "qWasmGlobal:0;instance:0;",
        "qWasmGlobal:0;instance:1;",
        "vCont;s:1",
        "qWasmStackValue:0;0",
        "p0;thread:0001;",
        "p0;thread:0002;",
        "g;thread:1;",
        "P0=0000000000000000;thread:1;",
        "z0,4000000000000086,1",
        "c",
    ] {
        client.ask(packet).await;
    }
    client.check(expect![[r#"
        > Z0,4000000000000086,1
        < OK
        > vCont;c
        < T05thread:1;threads:1;thread-pcs:4000000000000086;reason:breakpoint;00:8600000000000040;
        > qWasmCallStack:1
        < 86000000000000409b00000000000040
        > qWasmLocal:0;0
        < 02000000
        > qWasmLocal:0;1
        < 03000000
        > qWasmLocal:0;2
        < E01
        > qWasmStackValue:0;0
        < E01
        > qWasmLocal:1;0
        < 2800000000000000
        > qWasmLocal:2;0
        < E01
        > qWasmGlobal:0;0
        < 07000000
        > qWasmGlobal:0;instance:0;
        < 07000000
        > qWasmGlobal:0;instance:1;
        < E01
        > vCont;s:1
        < T05thread:1;threads:1;thread-pcs:4000000000000089;reason:trace;00:8900000000000040;
        > qWasmStackValue:0;0
        < 02000000
        > p0;thread:0001;
        < 8900000000000040
        > p0;thread:0002;
        < E01
        > g;thread:1;
        < 8900000000000040
        > P0=0000000000000000;thread:1;
        < E01
        > z0,4000000000000086,1
        < OK
        > c
        < W00
    "#]]);
    let (_, outcome) = client.end().await;
    assert!(matches!(outcome, Outcome::Exited(_)), "{outcome:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trap_is_told_in_words() {
    let mut client = greeted("divide", vec![Value::I32(0)]).await;
    for packet in ["vCont;c", "jThreadsInfo", "vCont;c"] {
        client.ask(packet).await;
    }
    client.check(expect![[r#"
        > vCont;c
        < T08thread:1;threads:1;thread-pcs:40000000000000a6;reason:exception;description:7761736d20747261703a20696e746567657220646976696465206279207a65726f;00:a600000000000040;
        > jThreadsInfo
        < [{\"tid\":1,\"reason\":\"exception\",\"signal\":8,\"description\":\"wasm trap: integer divide by zero\",\"registers\":{\"0\":\"a600000000000040\"}]}]]
        > vCont;c
        < X08;description:7761736d20747261703a20696e746567657220646976696465206279207a65726f;
    "#]]);
    client.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn memory_comes_whole_or_not_at_all() {
    let mut client = greeted("sum", Vec::new()).await;
    client.ask("QEnableErrorStrings").await;
    for packet in [
        "m10,6",
        "x10,6",
        "mfffc,4",
        "mfffc,5",
        "xfffc,5",
        "m10000,1",
        "M10,2:4142",
        "m10,6",
        "m100000000,1",
        "m4000000100000000,1",
        "M4000000000000000,1:00",
        "Z0,4000000000000000,1",
        "Z0,ffffffff,1",
        "z0,ffffffff,1",
    ] {
        client.ask(packet).await;
    }
    client.check(expect![[r#"
        > QEnableErrorStrings
        < OK
        > m10,6
        < 6e6565646c65
        > x10,6
        < needle
        > mfffc,4
        < 00000000
        > mfffc,5
        < E01;7468657265206973206e6f7468696e67
        > xfffc,5
        < E01;7468657265206973206e6f7468696e67
        > m10000,1
        < E01;7468657265206973206e6f7468696e67
        > M10,2:4142
        < OK
        > m10,6
        < 414265646c65
        > m100000000,1
        < E01;7468657265206973206e6f7468696e67
        > m4000000100000000,1
        < E01;7468657265206973206e6f7468696e67
        > M4000000000000000,1:00
        < E01;69742063616e6e6f74206265207772697474656e
        > Z0,4000000000000000,1
        < E0e;7468657265206973206e6f20636f646520617420746869732061646472657373
        > Z0,ffffffff,1
        < OK
        > z0,ffffffff,1
        < OK
    "#]]);
    // Behind the end of the module's file there are zeros, to the end of a page.
    assert!(client.ask("x4000000000000ff8,8").await.replace("\\x00", "").is_empty());
    client.hang_up().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_leaves_may_leave_the_guest_stopped() {
    let mut client = greeted("sum", Vec::new()).await;
    assert_eq!(client.ask("qSupportsDetachAndStayStopped:").await, "OK");
    assert_eq!(client.ask("D1").await, "OK");
    let (debuggee, outcome) = client.end().await;
    assert!(matches!(outcome, Outcome::Lost(None)), "{outcome:?}");
    assert!(debuggee.stop().is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_of_all_kinds_may_follow_each_other() {
    let mut debuggee = guest("sum", Vec::new()).await;
    for features in [FEATURES, "qSupported:xmlRegisters=i386,arm,mips,arc;multiprocess+", FEATURES] {
        let mut gdb = Client::greeted(debuggee).await;
        assert!(gdb.ask("?").await.contains("10:"), "an x86-64 machine");
        debuggee = gdb.hang_up().await.0;
        let mut lldb = Client::connect(debuggee);
        lldb.ask("QStartNoAckMode").await;
        lldb.ask(features).await;
        let is_wasm = lldb.ask("?").await.contains(";00:");
        assert_eq!(is_wasm, features == FEATURES);
        debuggee = lldb.hang_up().await.0;
    }
    debuggee.show(PersonaChoice::Gdb);
    let mut lldb = Client::connect(debuggee);
    lldb.ask("QStartNoAckMode").await;
    lldb.ask(FEATURES).await;
    assert!(lldb.ask("?").await.contains("10:"), "the server's user has chosen");
    lldb.hang_up().await;
}
