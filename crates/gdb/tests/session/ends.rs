//! How sessions end, and what the guest does then.

use gdb::Outcome;
use runtime::Value;

use crate::client::Client;
use crate::guest::{address, guest, restartable};

const DIVIDE: u32 = 3;

#[tokio::test(flavor = "multi_thread")]
async fn after_a_detach_the_guest_runs_on() {
    let mut client = Client::greeted(guest("divide", vec![Value::I32(5)]).await).await;
    assert_eq!(client.ask(&format!("Z0,{},1", address(DIVIDE, 1, 0))).await, "OK");
    assert_eq!(client.ask("D;1").await, "OK");
    let (mut debuggee, outcome) = client.end().await;
    assert!(matches!(outcome, Outcome::Detached), "{outcome:?}");
    assert_eq!(debuggee.ended().await, debugger::Exit::Values(vec![Value::I32(2)]), "past the breakpoint");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_client_leaves_a_stopped_guest_for_the_next_one() {
    let mut client = Client::greeted(guest("divide", vec![Value::I32(5)]).await).await;
    let stop = client.ask("vCont;s:p1.1").await;
    assert_eq!(client.ask(&format!("Z0,{},1", address(DIVIDE, 1, 4))).await, "OK");
    let (debuggee, outcome) = client.hang_up().await;
    assert!(matches!(outcome, Outcome::Lost(None)), "{outcome:?}");
    let mut client = Client::greeted(debuggee).await;
    assert_eq!(client.ask("?").await, stop);
    assert_eq!(client.ask("qAttached:1").await, "0");
    assert_eq!(client.ask("vCont;c").await, "W00", "the lost client's breakpoint is gone");
    client.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_stops_a_guest_that_it_finds_running() {
    let mut client = Client::greeted(guest("spin", Vec::new()).await).await;
    client.send("vCont;c").await;
    let (debuggee, _) = client.hang_up().await;
    assert!(!debuggee.session().is_stopped(), "it runs on without a client");
    let mut client = Client::greeted(debuggee).await;
    assert!(client.ask("?").await.starts_with("T02"));
    assert_eq!(client.ask("qAttached:1").await, "1", "quitting must not end it");
    client.hang_up().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_never_speaks_does_not_stop_the_guest() {
    let mut client = Client::greeted(guest("spin", Vec::new()).await).await;
    client.send("vCont;c").await;
    let (debuggee, _) = client.hang_up().await;
    let mut scanner = Client::connect(debuggee);
    scanner.send_raw(b"GET / HTTP/1.1\r\n\r\n").await;
    let (debuggee, _) = scanner.hang_up().await;
    assert!(!debuggee.session().is_stopped());
    debuggee.session().kill();
}

#[tokio::test(flavor = "multi_thread")]
async fn kills_end_the_guest_and_the_session() {
    let mut client = Client::greeted(guest("spin", Vec::new()).await).await;
    assert_eq!(client.ask("vKill;1").await, "OK");
    let (debuggee, outcome) = client.end().await;
    assert!(matches!(outcome, Outcome::Killed), "{outcome:?}");
    assert_eq!(debuggee.exit(), Some(&debugger::Exit::Killed));

    let mut client = Client::greeted(guest("spin", Vec::new()).await).await;
    client.send("vCont;c").await;
    client.send("k").await;
    let (_, outcome) = client.end().await;
    assert!(matches!(outcome, Outcome::Killed), "{outcome:?}");

    let mut client = Client::greeted(guest("spin", Vec::new()).await).await;
    assert_eq!(client.monitor("exit").await, "The program is ended.\n");
    let (_, outcome) = client.end().await;
    assert!(matches!(outcome, Outcome::Killed), "{outcome:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_extended_client_starts_the_program_again_and_again() {
    let mut client = Client::greeted(restartable().await).await;
    assert_eq!(client.ask("!").await, "OK");
    assert_eq!(client.ask("vCont;c").await, "W00");
    assert_eq!(client.ask("?").await, "W00");
    assert_eq!(client.ask("qfThreadInfo").await, "l");
    assert_eq!(client.ask("g").await, "E0e");
    let start = client.ask("vRun;;30").await;
    assert!(start.starts_with("T05thread:p01.01;06:"), "{start}");
    assert!(client.ask("vCont;c").await.starts_with("T08"), "a division by 0");
    assert_eq!(client.ask("vKill;1").await, "OK");
    assert_eq!(client.ask("?").await, "X09");
    assert!(client.ask("vRun;;3130").await.starts_with("T05"));
    assert!(client.ask("vRun;;32").await.starts_with("T05"), "while it is stopped");
    assert_eq!(client.ask("vRun;;78").await, "E01", "the launcher wants a number");
    assert!(client.ask("vRun;;32").await.starts_with("T05"));
    client.send("k").await;
    assert_eq!(client.ask("?").await, "X09", "the session goes on");
    client.hang_up().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_launcher_nothing_is_started() {
    let mut client = Client::greeted(guest("divide", vec![Value::I32(5)]).await).await;
    assert_eq!(client.ask("vRun;;30").await, "E16", "not in extended mode");
    assert_eq!(client.ask("!").await, "OK");
    assert_eq!(client.ask("vRun;;30").await, "E01");
    assert!(client.ask("?").await.starts_with("T05"), "the guest is as it was");
    assert_eq!(client.ask("vCont;c").await, "W00");
    let (_, outcome) = client.end().await;
    assert!(matches!(outcome, Outcome::Exited(_)), "{outcome:?}");
}
