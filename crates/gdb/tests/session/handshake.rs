//! What gdb 13 sends when it connects, and what it gets.

use expect_test::expect;
use runtime::Value;

use crate::client::Client;
use crate::guest::guest;

#[tokio::test(flavor = "multi_thread")]
async fn gdb_connects() {
    let mut client = Client::connect(guest("sum", Vec::new()).await);
    for packet in [
        "qSupported:multiprocess+;swbreak+;hwbreak+;qRelocInsn+;fork-events+;vfork-events+;exec-events+;\
         vContSupported+;QThreadEvents+;no-resumed+;memory-tagging+;xmlRegisters=i386",
        "vMustReplyEmpty",
        "QStartNoAckMode",
        "Hgp0.0",
        "qTStatus",
        "?",
        "qXfer:threads:read::0,1000",
        "qAttached:1",
        "qXfer:exec-file:read:1:0,1000",
        "qXfer:libraries:read::0,1000",
        "Hc-1",
        "qOffsets",
        "vCont?",
        "qC",
        "Tp1.1",
        "Tp1.2",
        "qfThreadInfo",
        "qsThreadInfo",
        "qThreadExtraInfo,p1.1",
    ] {
        client.ask(packet).await;
    }
    client.check(expect![[r#"
        > qSupported:multiprocess+;swbreak+;hwbreak+;qRelocInsn+;fork-events+;vfork-events+;exec-events+;vContSupported+;QThreadEvents+;no-resumed+;memory-tagging+;xmlRegisters=i386
        < PacketSize=20000;vContSupported+;multiprocess+;QStartNoAckMode+;swbreak+;hwbreak+;qXfer:features:read+;qXfer:exec-file:read+;qXfer:threads:read+;qXfer:libraries:read+;binary-upload+;ConditionalBreakpoints+;BreakpointCommands+;ConditionalTracepoints+;QTBuffer:size+;tracenz+;qXfer:traceframe-info:read+
        > vMustReplyEmpty
        < 
        > QStartNoAckMode
        < OK
        > Hgp0.0
        < OK
        > qTStatus
        < T0;tnotrun:0;tframes:0;tcreated:0;tsize:500000;tfree:500000;circular:0;disconn:0
        > ?
        < T05thread:p01.01;06:FP;07:SP;10:8e0000e000000000;
        > qXfer:threads:read::0,1000
        < l<?xml version=\"1.0\"?>\n<threads>\n<thread id=\"p01.01\" name=\"program\"/>\n</threads>\n
        > qAttached:1
        < 0
        > qXfer:exec-file:read:1:0,1000
        < l/guests/program.wasm.elf
        > qXfer:libraries:read::0,1000
        < l<library-list>\n</library-list>\n
        > Hc-1
        < OK
        > qOffsets
        < Text=00;Data=00;Bss=00
        > vCont?
        < vCont;c;C;s;S;r
        > qC
        < QCp01.01
        > Tp1.1
        < OK
        > Tp1.2
        < E01
        > qfThreadInfo
        < mp01.01
        > qsThreadInfo
        < l
        > qThreadExtraInfo,p1.1
        < 70726f6772616d
    "#]]);
    client.hang_up().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_description_comes_whole_or_in_pieces() {
    let mut client = Client::greeted(guest("sum", Vec::new()).await).await;
    let whole = client.ask("qXfer:features:read:target.xml:0,1fffe").await;
    assert!(whole.starts_with("l<?xml"), "{whole}");
    let mut pieces = String::new();
    loop {
        let piece = client.ask(&format!("qXfer:features:read:target.xml:{:x},100", pieces.len())).await;
        pieces.push_str(&piece[1..].replace("\\n", "\n").replace("\\\"", "\""));
        if piece.starts_with('l') {
            break;
        }
    }
    assert_eq!(pieces, whole[1..].replace("\\n", "\n").replace("\\\"", "\""));
    client.hang_up().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn gdb_reads_the_symbol_image_as_a_file() {
    let mut client = Client::greeted(guest("sum", Vec::new()).await).await;
    let path: String = "/guests/program.wasm.elf".bytes().map(|byte| format!("{byte:02x}")).collect();
    client.ask("vFile:setfs:0").await;
    client.ask("vFile:open:2f6574632f706173737764,0,1c0").await;
    client.ask(&format!("vFile:open:{path},1,1c0")).await;
    client.ask(&format!("vFile:open:{path},0,1c0")).await;
    client.ask("vFile:pread:3,4,0").await;
    client.ask("vFile:pread:3,10,7fffffff").await;
    client.ask("vFile:pread:4,10,0").await;
    client.ask("vFile:close:3").await;
    client.check(expect![[r#"
        > vFile:setfs:0
        < F0
        > vFile:open:2f6574632f706173737764,0,1c0
        < F-1,02
        > vFile:open:2f6775657374732f70726f6772616d2e7761736d2e656c66,1,1c0
        < F-1,1e
        > vFile:open:2f6775657374732f70726f6772616d2e7761736d2e656c66,0,1c0
        < F03
        > vFile:pread:3,4,0
        < F04;\x7fELF
        > vFile:pread:3,10,7fffffff
        < F00;
        > vFile:pread:4,10,0
        < F-1,09
        > vFile:close:3
        < F0
    "#]]);
    assert!(client.ask("vFile:fstat:3").await.starts_with("F40;"));
    client.hang_up().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn acknowledgements_are_given_and_heeded() {
    let mut client = Client::connect(guest("divide", vec![Value::I32(1)]).await);
    client.send_raw(b"$qC#b4").await;
    assert_eq!(client.read_byte().await, b'+');
    let reply = client.receive().await;
    client.send_raw(b"-").await;
    assert_eq!(client.receive().await, reply, "the same again");
    client.send_raw(b"$qC#00").await;
    assert_eq!(client.read_byte().await, b'-');
    client.send_raw(b"+junk$qC#b4").await;
    assert_eq!(client.read_byte().await, b'+');
    assert_eq!(client.receive().await, reply);
    assert_eq!(client.ask("QStartNoAckMode").await, "OK");
    client.send_raw(b"$qC#00").await;
    assert_eq!(client.receive().await, "E16", "nobody would send it again");
    client.hang_up().await;
}
