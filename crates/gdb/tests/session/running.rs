//! A guest that runs: interrupts, traps, signals, its end.

use expect_test::expect;
use gdb::Outcome;
use runtime::Value;

use crate::client::Client;
use crate::guest::guest;

#[tokio::test(flavor = "multi_thread")]
async fn an_endless_loop_is_interrupted() {
    let mut client = Client::greeted(guest("spin", Vec::new()).await).await;
    client.send("vCont;c").await;
    client.send_raw(b"\x03").await;
    let stop = client.receive().await;
    assert!(stop.starts_with("T02thread:p01.01;06:"), "{stop}");
    assert_eq!(client.ask("?").await, stop);
    // An interrupt of a stopped guest is pending until it runs.
    client.send_raw(b"\x03").await;
    assert_eq!(client.ask("?").await, stop);
    assert!(client.ask("vCont;c").await.starts_with("T02"));
    let (_, outcome) = client.hang_up().await;
    assert!(matches!(outcome, Outcome::Lost(None)), "{outcome:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_running_guest_answers_no_questions() {
    let mut client = Client::greeted(guest("spin", Vec::new()).await).await;
    client.send("vCont;c").await;
    for packet in ["?", "g", "m0,4", "vCont;c", "Z0,0,1", "qRcmd,776879"] {
        assert_eq!(client.ask(packet).await, "E01", "{packet}");
    }
    client.send_raw(b"\x03").await;
    assert!(client.receive().await.starts_with("T02"));
    client.hang_up().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trap_is_a_signal_and_then_the_end() {
    let mut client = Client::greeted(guest("divide", vec![Value::I32(0)]).await).await;
    client.ask("vCont;c").await;
    client.ask("vCont;C08:p1.1;c:p1.-1").await;
    client.check(expect![[r#"
        > vCont;c
        < T08thread:p01.01;06:FP;07:SP;10:a60000e000000000;
        > vCont;C08:p1.1;c:p1.-1
        < X08
    "#]]);
    let (debuggee, outcome) = client.end().await;
    assert!(matches!(outcome, Outcome::Exited(debugger::Exit::Trapped { .. })), "{outcome:?}");
    assert!(debuggee.exit().is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guest_that_returns_has_exited() {
    let mut client = Client::greeted(guest("divide", vec![Value::I32(5)]).await).await;
    assert_eq!(client.ask("vCont;c").await, "W00");
    let (_, outcome) = client.end().await;
    let Outcome::Exited(exit) = outcome else { panic!("{outcome:?}") };
    assert_eq!(exit, debugger::Exit::Values(vec![Value::I32(2)]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signal_from_the_client_ends_the_guest_as_it_would_a_process() {
    let mut client = Client::greeted(guest("spin", Vec::new()).await).await;
    assert_eq!(client.ask("vCont;C0f:p1.1;c").await, "X0f");
    client.end().await;
    // SIGCHLD is ignored by default.
    let mut client = Client::greeted(guest("divide", vec![Value::I32(5)]).await).await;
    assert_eq!(client.ask("vCont;C14:p1.1;c").await, "W00");
    client.end().await;
}
