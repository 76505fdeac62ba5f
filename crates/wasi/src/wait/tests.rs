//! Deadlines, with calls that began a long time ago.

use super::{Duration, Instant, StillWaiting, clocks_and_scheduler, now};
use crate::context::Context;
use std::io::pipe;
use wasi_common::snapshots::preview_1::types::{
    Clockid, Fd, Subclockflags, Subscription, SubscriptionClock, SubscriptionFdReadwrite, SubscriptionU,
};
use wasi_common::snapshots::preview_1::wasi_snapshot_preview1::{clock_time_get, poll_oneoff};
use wasi_common::{Table, WasiCtx, sync};
use wiggle::{GuestMemory, GuestPtr};

const MINUTE: u64 = 60_000_000_000;

/// A context whose standard input is a pipe that stays empty.
fn context() -> (Context, std::io::PipeWriter) {
    let (clocks, scheduler, began) = clocks_and_scheduler();
    let wasi = WasiCtx::new(sync::random_ctx(), clocks, Box::new(scheduler), Table::new());
    let (stdin, writer) = pipe().expect("a pipe");
    let file = std::fs::File::from(std::os::fd::OwnedFd::from(stdin));
    wasi.set_stdin(Box::new(sync::file::File::from_cap_std(cap_std::fs::File::from_std(file))));
    (Context::new(wasi, began), writer)
}

fn clock(timeout: u64, flags: Subclockflags) -> SubscriptionU {
    SubscriptionU::Clock(SubscriptionClock { id: Clockid::Monotonic, timeout, precision: 0, flags })
}

fn stdin() -> SubscriptionU {
    SubscriptionU::FdRead(SubscriptionFdReadwrite { file_descriptor: Fd::from(0) })
}

/// One attempt at a poll that began then; returns how many events there were, none if it still waits.
fn poll(context: &Context, began: Instant, subscriptions: &[SubscriptionU]) -> Option<u8> {
    let mut memory = [0; 512];
    let count = i32::try_from(subscriptions.len()).expect("few");
    let result = context.attempt(began, GuestMemory::Unshared(&mut memory), async |wasi, memory| {
        for (number, u) in (0..).zip(subscriptions) {
            memory.write(GuestPtr::new(number * 48), Subscription { userdata: 0, u: u.clone() })?;
        }
        poll_oneoff(wasi, memory, 0, 200, count, 400).await
    });
    match result {
        Ok(0) => Some(memory[400]),
        Ok(errno) => panic!("error number {errno}"),
        Err(error) if error.is::<StillWaiting>() => None,
        Err(error) => panic!("{error}"),
    }
}

#[test]
fn a_relative_sleep_counts_from_when_the_call_began() {
    let (context, _writer) = context();
    let hour_ago = now().checked_sub(Duration::from_secs(3600)).expect("the clock goes back that far");
    let relative = clock(MINUTE, Subclockflags::empty());
    for subscriptions in [&[relative.clone()][..], &[relative, stdin()]] {
        assert_eq!(poll(&context, hour_ago, subscriptions), Some(1));
        assert_eq!(poll(&context, now(), subscriptions), None);
    }
}

#[test]
fn an_absolute_sleep_does_not_care_when_the_call_began() {
    let (context, _writer) = context();
    let hour_ago = now().checked_sub(Duration::from_secs(3600)).expect("the clock goes back that far");
    let absolute = |time| clock(time, Subclockflags::SUBSCRIPTION_CLOCK_ABSTIME);
    assert_eq!(poll(&context, hour_ago, &[absolute(MINUTE)]), None);
    assert_eq!(poll(&context, now(), &[absolute(1)]), Some(1));
}

#[test]
fn an_endless_sleep_waits() {
    let (context, _writer) = context();
    assert_eq!(poll(&context, now(), &[clock(u64::MAX, Subclockflags::empty())]), None);
}

#[test]
fn only_what_is_ready_makes_an_event() {
    let (context, writer) = context();
    assert_eq!(poll(&context, now(), &[stdin()]), None);
    drop(writer);
    assert_eq!(poll(&context, now(), &[clock(MINUTE, Subclockflags::empty()), stdin()]), Some(1));
}

#[test]
fn the_clock_runs_between_calls() {
    let (context, _writer) = context();
    let time = |began| {
        let mut memory = [0; 8];
        let get = context.attempt(began, GuestMemory::Unshared(&mut memory), async |wasi, memory| {
            clock_time_get(wasi, memory, 1, 0, 0).await
        });
        assert_eq!(get.expect("no trap"), 0);
        u64::from_le_bytes(memory)
    };
    let first = time(now());
    assert!(time(now()) > first);
}
