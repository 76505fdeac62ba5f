//! Breakpoints, steps, registers and memory of a stopped guest.

use expect_test::expect;
use runtime::Value;

use crate::client::Client;
use crate::guest::{address, guest};

const ADD: u32 = 1;
const SUM: u32 = 2;

#[tokio::test(flavor = "multi_thread")]
async fn a_breakpoint_stops_at_its_address() {
    let mut client = Client::greeted(guest("sum", Vec::new()).await).await;
    let add = address(ADD, 1, 0);
    client.ask("?").await;
    client.ask(&format!("Z0,{add},1")).await;
    client.ask("vCont;c:p1.-1").await;
    client.ask(&format!("z0,{add},1")).await;
    client.ask("vCont;c").await;
    client.check(expect![[r#"
        > ?
        < T05thread:p01.01;06:FP;07:SP;10:8e0000e000000000;
        > Z0,e0000087,1
        < OK
        > vCont;c:p1.-1
        < T05thread:p01.01;swbreak:;06:FP;07:SP;10:870000e000000000;
        > z0,e0000087,1
        < OK
        > vCont;c
        < W00
    "#]]);
}

#[tokio::test(flavor = "multi_thread")]
async fn frames_can_be_walked_as_gdb_walks_them() {
    let mut client = Client::greeted(guest("sum", Vec::new()).await).await;
    let add = address(ADD, 1, 0);
    client.ask(&format!("Z0,{add},1")).await;
    client.ask("vCont;c").await;
    let inner = client.register(6).await;
    let word = async |client: &mut Client, address: u64| {
        let text = client.ask(&format!("m{address:x},8")).await;
        u64::from_str_radix(&text, 16).expect("memory").swap_bytes()
    };
    let outer = word(&mut client, inner).await;
    let back = word(&mut client, inner + 8).await;
    assert_eq!(format!("{back:x}"), address(SUM, 3, 10), "the operator after the call");
    assert!(outer > inner, "{outer:#x} is below {inner:#x}");
    assert_eq!(word(&mut client, outer).await, 0);
    assert_eq!(word(&mut client, outer + 8).await, 0xd800_0008, "<host>");
    assert_eq!(word(&mut client, inner - 16).await, 2, "parameter $a");
    assert_eq!(word(&mut client, inner - 32).await, 3, "parameter $b");
    assert_eq!(word(&mut client, outer - 16).await, 40, "local $x of the caller");
    assert_eq!(client.ask(&format!("M{:x},4:09000000", inner - 16)).await, "OK");
    client.forget();
    for _ in 0..3 {
        client.ask("vCont;s:p1.1;c:p1.-1").await;
    }
    for packet in ["p0", "P0=6300000000000000", "p0", "P0=0000000001000000"] {
        client.ask(packet).await;
    }
    client.check(expect![[r#"
        > vCont;s:p1.1;c:p1.-1
        < T05thread:p01.01;06:FP;07:SP;10:890000e000000000;
        > vCont;s:p1.1;c:p1.-1
        < T05thread:p01.01;06:FP;07:SP;10:8b0000e000000000;
        > vCont;s:p1.1;c:p1.-1
        < T05thread:p01.01;06:FP;07:SP;10:8c0000e000000000;
        > p0
        < 0c00000000000000
        > P0=6300000000000000
        < OK
        > p0
        < 6300000000000000
        > P0=0000000001000000
        < E01
    "#]]);
    client.hang_up().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_range_is_stepped_in_one_packet() {
    let mut client = Client::greeted(guest("sum", Vec::new()).await).await;
    let (start, end) = (address(SUM, 3, 0), address(SUM, 3, 12));
    let into = client.ask(&format!("vCont;r{start},{end}:p1.1")).await;
    assert!(into.contains(&little(&address(ADD, 0, 0))), "the call leaves the range: {into}");
    let out = client.ask(&format!("vCont;r{},{}:p1.1", address(ADD, 0, 0), address(ADD, 1, 6))).await;
    assert!(out.contains(&little(&address(SUM, 3, 10))), "the return leaves the range: {out}");
    client.hang_up().await;
}

/// An address as a register of a stop reply has it.
fn little(address: &str) -> String {
    let number = u64::from_str_radix(address, 16).expect("an address");
    format!("10:{:016x}", number.swap_bytes())
}

#[tokio::test(flavor = "multi_thread")]
async fn registers_are_read_one_by_one_and_all_at_once() {
    let mut client = Client::greeted(guest("sum", Vec::new()).await).await;
    for _ in 0..3 {
        client.ask("vCont;s:p1.1").await;
    }
    client.forget();
    for packet in [
        "p0",
        "p1",
        "p10",
        "p28",
        "p39",
        "p3b",
        "p3c",
        "p3d",
        "p3e",
        "p3f",
        "pffff",
        "P10=0",
        "P10=00",
        "P1=0000000000000000",
    ] {
        client.ask(packet).await;
    }
    client.check(expect![[r#"
        > p0
        < 0200000000000000
        > p1
        < xxxxxxxxxxxxxxxx
        > p10
        < 970000e000000000
        > p28
        < 00000000000000000000000000000000
        > p39
        < 00000000
        > p3b
        < 02000000
        > p3c
        < 97000000
        > p3d
        < 01000000
        > p3e
        < 01000000
        > p3f
        < E01
        > pffff
        < E01
        > P10=0
        < E16
        > P10=00
        < E01
        > P1=0000000000000000
        < OK
    "#]]);
    let all = client.ask("g").await;
    assert_eq!(all.len(), 2 * (276 + 16 * 16 + 4 + 6 * 4));
    assert!(all.starts_with("02000000000000000000000000000000"), "{all}");
    assert!(all.contains("xxxxxxxx"), "{all}");
    assert_eq!(client.ask(&format!("G{}", all.replace("xx", "00"))).await, "OK", "nothing changes");
    assert_eq!(client.ask("g").await, all);
    client.hang_up().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn memory_is_read_written_and_searched() {
    let mut client = Client::greeted(guest("divide", vec![Value::I32(1)]).await).await;
    for packet in [
        "m10,6",
        "x10,6",
        "x0,0",
        "M10,2:4e45",
        "X12,1:E",
        "X0,0:",
        "m10,6",
        "mfffe,8",
        "m10000,4",
        "M10000,1:00",
        "md0000000,4",
        "Md0000000,4:08000000",
        "md0000000,4",
        "md4000000,8",
        "md4000008,8",
        "mc0000000,4",
        "md8000000,4",
        "me0000000,4",
        "qSearch:memory:0;10000;NEE",
        "qSearch:memory:0;10000;nowhere",
        "qSearch:memory:600000000000;10;x",
    ] {
        client.ask(packet).await;
    }
    client.check(expect![[r#"
        > m10,6
        < 6e6565646c65
        > x10,6
        < bneedle
        > x0,0
        < b
        > M10,2:4e45
        < OK
        > X12,1:E
        < OK
        > X0,0:
        < OK
        > m10,6
        < 4e4545646c65
        > mfffe,8
        < 0000
        > m10000,4
        < E01
        > M10000,1:00
        < E0e
        > md0000000,4
        < 07000000
        > Md0000000,4:08000000
        < OK
        > md0000000,4
        < 08000000
        > md4000000,8
        < 0000000000000000
        > md4000008,8
        < 860000e000000000
        > mc0000000,4
        < 0061736d
        > md8000000,4
        < cfcfcfcf
        > me0000000,4
        < E01
        > qSearch:memory:0;10000;NEE
        < 1,10
        > qSearch:memory:0;10000;nowhere
        < 0
        > qSearch:memory:600000000000;10;x
        < E01
    "#]]);
    client.hang_up().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn breakpoints_outside_of_code_are_refused() {
    let mut client = Client::greeted(guest("divide", vec![Value::I32(1)]).await).await;
    for packet in ["Z0,0,1", "Z0,e0000000,1", "Z0,eff00000,1", "Z0,d8ff0010,1", "z0,1234,1"] {
        client.ask(packet).await;
    }
    client.check(expect![[r#"
        > Z0,0,1
        < E0e
        > Z0,e0000000,1
        < E0e
        > Z0,eff00000,1
        < E0e
        > Z0,d8ff0010,1
        < E0e
        > z0,1234,1
        < E0e
    "#]]);
    client.hang_up().await;
}
