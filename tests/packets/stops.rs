//! Stop replies, and how soon the guest stops.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use tests::rsp::framed;

use crate::{greeted, serve};

/// A guest in a loop has stopped this long after `Ctrl-C`.
const INTERRUPT_LIMIT: Duration = Duration::from_millis(50);

#[test]
fn a_loop_without_calls_stops_in_time() -> Result<()> {
    let mut server = serve("spin", &["forever"])?;
    let mut client = greeted(&server)?;
    client.send("vCont;c")?;
    server.stdout.until("spinning\n")?;
    let mut best = Duration::MAX;
    // The best of several: the machine may be busy with something else at any one of them.
    for round in 0..5 {
        if round > 0 {
            client.send("vCont;c")?;
        }
        let asked = Instant::now();
        client.send_raw(&[3])?;
        let stop = client.receive()?;
        best = best.min(asked.elapsed());
        assert!(stop.starts_with("T02"), "{stop}");
    }
    assert!(best < INTERRUPT_LIMIT, "the quickest stop took {best:?}");
    client.send("k")?;
    server.finish()?;
    Ok(())
}

/// A person may press `Ctrl-C` before the guest runs.
#[test]
fn an_interrupt_that_comes_with_the_resume_is_not_lost() -> Result<()> {
    let mut server = serve("spin", &["forever"])?;
    let mut client = greeted(&server)?;
    client.send("vCont;c")?;
    server.stdout.until("spinning\n")?;
    client.send_raw(&[3])?;
    assert!(client.receive()?.starts_with("T02"));
    for round in 0..200 {
        let both = [framed("vCont;c"), vec![3]].concat();
        client.send_raw(&both)?;
        let stop = client.receive().with_context(|| format!("interrupt {round} was lost"))?;
        assert!(stop.starts_with("T02"), "{stop}");
    }
    client.send("k")?;
    server.finish()?;
    Ok(())
}

/// gdb steps off a breakpoint before it continues, and sends `Ctrl-C` when it is pressed: it may arrive between the two.
#[test]
fn an_interrupt_that_comes_while_the_guest_stands_stops_it_when_it_runs() -> Result<()> {
    let mut server = serve("spin", &["forever"])?;
    let mut client = greeted(&server)?;
    client.send("vCont;c")?;
    server.stdout.until("spinning\n")?;
    client.send_raw(&[3])?;
    assert!(client.receive()?.starts_with("T02"));
    client.send_raw(&[3])?;
    // The server has read what came before this.
    assert_eq!(client.ask("vMustReplyEmpty")?, "");
    let stop = client.ask("vCont;c").context("the interrupt was lost")?;
    assert!(stop.starts_with("T02"), "{stop}");
    client.send("k")?;
    server.finish()?;
    Ok(())
}

/// The step may be done before the interrupt is seen, or be ended by it. Either way it is told once.
#[test]
fn an_interrupt_that_comes_during_a_step_is_not_lost() -> Result<()> {
    let mut server = serve("spin", &["forever"])?;
    let mut client = greeted(&server)?;
    client.send("vCont;c")?;
    server.stdout.until("spinning\n")?;
    client.send_raw(&[3])?;
    assert!(client.receive()?.starts_with("T02"));
    for round in 0..200 {
        let both = [framed("vCont;s:p1.1"), vec![3]].concat();
        client.send_raw(&both)?;
        let stepped = client.receive()?;
        if stepped.starts_with("T05") {
            let stop = client.ask("vCont;c").with_context(|| format!("interrupt {round} was lost"))?;
            assert!(stop.starts_with("T02"), "{stop}");
        } else {
            assert!(stepped.starts_with("T02"), "{stepped}");
        }
    }
    client.send("k")?;
    server.finish()?;
    Ok(())
}

#[test]
fn an_exit_status_is_reported_and_returned() -> Result<()> {
    let server = serve("traps", &["exit3"])?;
    let mut client = greeted(&server)?;
    assert_eq!(client.ask("vCont;c")?, "W03");
    drop(client);
    assert_eq!(server.finish()?.status.code(), Some(3));
    Ok(())
}

#[test]
fn a_trap_is_a_signal_and_then_the_end() -> Result<()> {
    for (mode, signal) in [("oob", "0b"), ("div0", "08"), ("unreachable", "04"), ("badcall", "04")] {
        let server = serve("traps", &[mode])?;
        let mut client = greeted(&server)?;
        let stop = client.ask("vCont;c")?;
        assert!(stop.starts_with(&format!("T{signal}")), "{mode}: {stop}");
        assert_eq!(client.ask("vCont;c")?, format!("X{signal}"), "{mode}");
        drop(client);
        assert_eq!(server.finish()?.status.code(), Some(134), "{mode}");
    }
    Ok(())
}

#[test]
fn a_stop_brings_the_thread_and_the_registers_that_gdb_asks_next() -> Result<()> {
    let server = serve("steps", &[])?;
    let mut client = greeted(&server)?;
    let stop = client.ask("vCont;s:p1.1")?;
    for part in ["T05", "thread:", "06:", "07:", "10:"] {
        assert!(stop.contains(part), "no {part} in {stop}");
    }
    client.send("k")?;
    server.finish()?;
    Ok(())
}

/// The value of `rip` in a stop reply, as it is written there.
fn pc(stop: &str) -> Result<String> {
    let found = stop.split(';').find_map(|part| part.strip_prefix("10:"));
    Ok(found.with_context(|| format!("no PC in {stop}"))?.to_owned())
}

/// What a processor does that runs into a breakpoint instruction. lldb counts on it: a breakpoint that it was not told of is one
/// that the thread will hit.
#[test]
fn a_step_reaches_a_breakpoint_and_the_next_resume_hits_it() -> Result<()> {
    let server = serve("steps", &[])?;
    let mut client = greeted(&server)?;
    client.ask("vCont;s:p1.1")?;
    let second = pc(&client.ask("vCont;s:p1.1")?)?;
    client.send("k")?;
    server.finish()?;

    let server = serve("steps", &[])?;
    let mut client = greeted(&server)?;
    client.ask("vCont;s:p1.1")?;
    let address = u64::from_str_radix(&second, 16)?.swap_bytes();
    let address = if second.len() == 8 { address >> 32 } else { address };
    assert_eq!(client.ask(&format!("Z0,{address:x},1"))?, "OK");
    let reached = client.ask("vCont;s:p1.1")?;
    assert_eq!(pc(&reached)?, second);
    assert!(!reached.contains("swbreak"), "{reached}");
    let hit = client.ask("vCont;c")?;
    assert_eq!(pc(&hit)?, second);
    assert!(hit.contains("swbreak"), "{hit}");
    // What was hit is stepped off.
    assert_ne!(pc(&client.ask("vCont;s:p1.1")?)?, second);
    client.send("k")?;
    server.finish()?;
    Ok(())
}

#[test]
fn a_resume_while_running_is_not_a_second_one() -> Result<()> {
    let mut server = serve("spin", &["forever"])?;
    let mut client = greeted(&server)?;
    client.send("vCont;c")?;
    server.stdout.until("spinning\n")?;
    client.send("vCont;c")?;
    client.send("m0,4")?;
    client.send_raw(&[3])?;
    let mut answers = vec![client.receive()?];
    while !answers.last().is_some_and(|last| last.starts_with("T02")) {
        answers.push(client.receive()?);
    }
    assert!(answers.len() <= 3, "{answers:?}");
    client.send("k")?;
    server.finish()?;
    Ok(())
}
