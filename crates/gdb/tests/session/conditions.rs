//! Breakpoints with conditions that the server looks at.

use crate::client::Client;
use crate::guest::{address_in, guest_of};

/// Counts from 0 to 9, and then for ever.
const COUNTS: &str = r#"(module (memory (export "memory") 1)
  (func (export "run") (local $n i32)
    (loop $again
      (local.set $n (i32.add (local.get $n) (i32.const 1)))
      (i32.store8 (i32.const 5) (local.get $n))
      (br_if $again (i32.lt_u (local.get $n) (i32.const 9))))
    (loop $spin (br $spin))))"#;

/// `rbp - 16`, four bytes: the first local of the innermost frame.
const FIRST_LOCAL: &str = "26000622100319";

/// A breakpoint at an operator, so many bytes into the function's operators.
fn at(skip: u32) -> String {
    format!("Z0,{},1", address_in(COUNTS, 0, 3 + skip))
}

/// The store in the first loop.
const STORE: u32 = 2 + 2 + 2 + 1 + 2;

/// The branch in the second loop.
const BRANCH: u32 = STORE + 2 + 2 + 3 + 2 + 2 + 1 + 2 + 1 + 2;

fn condition(code: &str) -> String {
    format!("X{:x},{code}", code.len() / 2)
}

/// Sets the breakpoint at the store with these conditions, and notes `$n` at each stop.
async fn stops(client: &mut Client, conditions: &[String], most: usize) -> Vec<u64> {
    let packet =
        if conditions.is_empty() { at(STORE) } else { format!("{};{}", at(STORE), conditions.concat()) };
    assert_eq!(client.ask(&packet).await, "OK", "{packet}");
    let mut seen = Vec::new();
    for _ in 0..most {
        let stop = client.ask("vCont;c").await;
        assert!(stop.contains("swbreak:;"), "{stop}");
        let frame = client.register(6).await;
        let local = client.ask(&format!("m{:x},4", frame - 16)).await;
        seen.push(u64::from(u32::from_str_radix(&local, 16).unwrap().swap_bytes()));
    }
    seen
}

async fn client() -> Client {
    Client::greeted(guest_of(COUNTS).await).await
}

#[tokio::test(flavor = "multi_thread")]
async fn only_hits_for_which_one_condition_holds_are_told() {
    let mut client = client().await;
    let is = |number: u8| condition(&format!("{FIRST_LOCAL}22{number:02x}1327"));
    assert_eq!(stops(&mut client, &[is(4), is(2)], 2).await, [2, 4]);
    // Another condition takes the place of those, and none of any.
    assert_eq!(stops(&mut client, &[is(6)], 1).await, [6]);
    assert_eq!(stops(&mut client, &[], 3).await, [7, 8, 9]);
    client.hang_up().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn conditions_read_memory() {
    let mut client = client().await;
    // The byte at 5 is what the store before wrote.
    let stored = condition("22051722031327");
    assert_eq!(stops(&mut client, &[stored], 1).await, [4]);
    client.hang_up().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_condition_without_a_value_stops() {
    let mut client = client().await;
    // A trace variable, a load from nowhere, a division by 0, a jump into an operator, an endless loop, an empty stack.
    for (stop, code) in
        ["2c000127", "24700000001927", "220122000527", "21000127", "210000", "27"].iter().enumerate()
    {
        let seen = stops(&mut client, &[condition(code)], 1).await;
        assert_eq!(seen, [stop as u64 + 1], "{code}");
    }
    client.hang_up().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_condition_is_refused() {
    let mut client = client().await;
    for rest in [";X2,27", ";X1,2", ";X,27", ";27", ";X1,27;cmds:2,X1,27", ";X7fffffffffffffff,27", ",X1,27"]
    {
        let packet = format!("{}{rest}", at(STORE));
        assert_eq!(client.ask(&packet).await, "E16", "{packet}");
    }
    assert_eq!(client.ask(&format!("{};X1,27", at(STORE).replacen('Z', "z", 1))).await, "E16");
    client.hang_up().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_loop_with_a_false_condition_is_interrupted() {
    let mut client = client().await;
    assert_eq!(client.ask(&format!("{};{}", at(BRANCH), condition("220027"))).await, "OK");
    client.send("vCont;c").await;
    client.send_raw(b"\x03").await;
    let stop = client.receive().await;
    assert!(stop.starts_with("T02"), "{stop}");
    client.hang_up().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn commands_print_and_the_guest_goes_on() {
    let mut client = client().await;
    // `printf("n %d\n", n)` with the function and its first argument, which are 0.
    let format = "6e2025645c6e00";
    let print = condition(&format!("{FIRST_LOCAL}2200220034010007{format}27"));
    let third = condition(&format!("{FIRST_LOCAL}22031327"));
    assert_eq!(client.ask(&format!("{};{third};cmds:0,{print}", at(STORE))).await, "OK");
    let branch = at(BRANCH);
    assert_eq!(client.ask(&branch).await, "OK");
    client.send("vCont;c").await;
    assert_eq!(client.receive().await, "O6e20330a", "n 3");
    assert!(client.receive().await.contains("swbreak:;"));
    assert_eq!(client.ask(&format!("{};cmds:0,X1,01", at(STORE))).await, "E01", "an unknown operator");
    client.hang_up().await;
}
