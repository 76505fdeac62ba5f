//! Watchpoints and the map of the address space, packet by packet.

use debugger::Value;
use expect_test::expect;

use crate::client::Client;
use crate::guest::{guest, guest_of};

/// Writes a local, memory, a global and the local again.
const WRITES: &str = r#"(module (memory (export "memory") 1) (global $global (mut i32) (i32.const 7)) (table 2 funcref)
  (func (export "run") (local $x i32)
    (local.set $x (i32.const 1))
    (i64.store (i32.const 64) (i64.const -1))
    (global.set $global (i32.load (i32.const 64)))
    (local.set $x (i32.const 2))))"#;

/// What a stop reply says before its registers.
fn reason(reply: &str) -> String {
    reply.split_inclusive(';').take_while(|field| !field.starts_with("06:")).collect()
}

/// Continues, and notes the reason of the stop.
async fn go(client: &mut Client, packet: &str) -> String {
    reason(&client.ask(packet).await)
}

#[tokio::test(flavor = "multi_thread")]
async fn each_kind_of_watchpoint_stops_with_the_address_that_was_touched() {
    let mut client = Client::greeted(guest_of(WRITES).await).await;
    for packet in ["Z2,42,4", "Z3,40,1", "Z4,d0000000,4"] {
        assert_eq!(client.ask(packet).await, "OK");
    }
    assert_eq!(go(&mut client, "vCont;c").await, "T05thread:p01.01;watch:42;");
    assert_eq!(go(&mut client, "vCont;c").await, "T05thread:p01.01;rwatch:40;");
    assert_eq!(go(&mut client, "vCont;c").await, "T05thread:p01.01;awatch:d0000000;");
    assert_eq!(go(&mut client, "?").await, "T05thread:p01.01;awatch:d0000000;");
    assert_eq!(client.ask("vCont;c").await, "W00");
    client.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_operator_that_touches_several_is_told_one_by_one() {
    let mut client = Client::greeted(guest_of(WRITES).await).await;
    for packet in ["Z2,40,1", "Z2,44,2", "Z2,47,1", "Z2,48,1"] {
        assert_eq!(client.ask(packet).await, "OK");
    }
    assert_eq!(go(&mut client, "vCont;c").await, "T05thread:p01.01;watch:40;");
    let pc = client.ask("p10").await;
    // gdb removes its watchpoints while the guest stands, and sets them again, maybe not all.
    for packet in ["z2,40,1", "z2,44,2", "z2,47,1", "z2,48,1", "Z2,40,1", "Z2,47,1"] {
        assert_eq!(client.ask(packet).await, "OK");
    }
    assert_eq!(go(&mut client, "vCont;c").await, "T05thread:p01.01;watch:47;");
    assert_eq!(client.ask("p10").await, pc, "nothing has run");
    assert_eq!(client.ask("vCont;c").await, "W00");
    client.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn to_lldb_pieces_next_to_each_other_are_one_watchpoint() {
    let mut client = Client::connect(guest_of(WRITES).await);
    assert_eq!(client.ask("QStartNoAckMode").await, "OK");
    client.ask("qSupported:xmlRegisters=i386;multiprocess+;swbreak+;hwbreak+").await;
    for packet in ["Z2,40,4", "Z2,44,4", "Z4,46,1"] {
        assert_eq!(client.ask(packet).await, "OK");
    }
    let reply = client.ask("c").await;
    // The range's address, its number, the touched address; in decimal, as text.
    assert!(reply.contains("reason:watchpoint;description:36342030203634;"), "{reply}");
    let reply = client.ask("c").await;
    assert!(reply.contains("reason:watchpoint;description:37302032203730;"), "{reply}");
    assert_eq!(client.ask("c").await, "W00");
    client.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guest_that_is_let_go_with_more_to_tell_runs() {
    let mut client = Client::greeted(guest_of(WRITES).await).await;
    assert_eq!(client.ask("Z2,40,1").await, "OK");
    assert_eq!(client.ask("Z2,44,2").await, "OK");
    assert_eq!(go(&mut client, "vCont;c").await, "T05thread:p01.01;watch:40;");
    assert_eq!(client.ask("D").await, "OK");
    let (mut debuggee, _) = client.end().await;
    assert_eq!(debuggee.ended().await, debugger::Exit::Values(Vec::new()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_local_is_watched_in_its_frame_and_what_is_no_variable_is_refused() {
    let mut client = Client::greeted(guest_of(WRITES).await).await;
    let frame = u64::from_str_radix(&swapped(&client.ask("p6").await), 16).expect("a number");
    let local = format!("{:x}", frame - 16);
    assert_eq!(client.ask(&format!("Z2,{local},4")).await, "OK");
    let refused = [
        format!("Z2,{frame:x},4"),
        format!("Z2,{local},11"),
        "Z2,fffe,4".to_owned(),
        "Z2,d0000010,1".to_owned(),
        "Z2,d000000e,4".to_owned(),
        "Z2,d4000000,8".to_owned(),
        "Z2,e0000040,1".to_owned(),
        "Z2,0,10001".to_owned(),
    ];
    for packet in refused {
        assert_eq!(client.ask(&packet).await, "E01", "{packet}");
    }
    assert_eq!(go(&mut client, "vCont;c").await, format!("T05thread:p01.01;watch:{local};"));
    assert_eq!(go(&mut client, "vCont;c").await, format!("T05thread:p01.01;watch:{local};"));
    assert_eq!(client.ask("vCont;c").await, "W00");
    client.end().await;
}

/// A register's bytes as a number.
fn swapped(register: &str) -> String {
    let bytes: Vec<&str> = (0..register.len()).step_by(2).map(|at| &register[at..at + 2]).collect();
    bytes.into_iter().rev().collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_has_so_many_watchpoints_and_no_more() {
    let mut client = Client::greeted(guest_of(WRITES).await).await;
    assert_eq!(client.ask("qWatchpointSupportInfo:").await, "num:64;");
    for at in 0..64 {
        assert_eq!(client.ask(&format!("Z4,{:x},1", 0x100 + at)).await, "OK");
    }
    assert_eq!(client.ask("Z4,140,1").await, "E01");
    assert_eq!(client.ask("Z4,13f,1").await, "OK", "it is there already");
    assert_eq!(client.ask("z4,100,1").await, "OK");
    assert_eq!(client.ask("Z4,140,1").await, "OK");
    assert_eq!(client.ask("vCont;c").await, "W00");
    client.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_map_of_the_address_space_has_an_end() {
    let mut client = Client::greeted(guest("divide", vec![Value::I32(1)]).await).await;
    assert_eq!(client.ask("qMemoryRegionInfo:").await, "OK");
    let mut address = 0_u64;
    let mut mapped = Vec::new();
    while address != u64::MAX {
        let reply = client.ask(&format!("qMemoryRegionInfo:{address:x}")).await;
        let field =
            |name: &str| reply.split(';').find_map(|field| field.strip_prefix(name)).map(str::to_owned);
        let number = |name: &str| u64::from_str_radix(&field(name).expect("a field"), 16).expect("a number");
        assert_eq!(number("start:"), address, "{reply}");
        assert!(number("size:") > 0, "{reply}");
        if let Some(permissions) = field("permissions:") {
            mapped.push(format!("{address:x} {permissions}"));
        }
        address += number("size:");
    }
    let stack = mapped.pop().expect("frames");
    assert!(stack.ends_with(" rw"), "{stack}");
    expect![[r#"
        0 rw
        c0000000 r
        d0000000 rw
        d4000000 r
        d8000000 rx
        d8000010 rx
        e0000084 rx"#]]
    .assert_eq(&mapped.join("\n"));
    client.hang_up().await;
}
