//! How a function waits: it does not, but gives up with [`StillWaiting`], before it has changed anything.
//!
//! Its caller waits for a slice of time, lets a debugger stop the guest there, and runs the function again with the same
//! arguments, until it has waited long enough. The guest does not notice:
//!
//! ```text
//! began                     interrupt          resumed            deadline
//!   |---- slice ---|---- slice ---|~~~~ stopped ~~~~|--- slice ---|-- rest --|
//! ```
//!
//! Why not an error that the guest sees (`EINTR`)? Programs for WASI do not expect one, and a debugger must not change
//! what a program does. Why not a call of the debugger from in here? Here the guest's memory is borrowed.
//!
//! The deadline of a relative sleep must not move with each attempt. So the monotonic clock says when the *first*
//! attempt began, until the function waits. All deadlines are computed before that, and none after.

use cap_std::ambient_authority;
use cap_std::time::{Duration, Instant};
use rustix::event::{PollFd, PollFlags, Timespec};
use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::sync::{Arc, Mutex, PoisonError};
use thiserror::Error;
use wasi_common::clocks::{WasiClocks, WasiMonotonicClock};
use wasi_common::sched::subscription::{RwEventFlags, Subscription};
use wasi_common::sched::{Poll, WasiSched};
use wasi_common::sync::clocks::{MonotonicClock, SystemClock};
use wasi_common::{Error, ErrorExt};

/// How long a function waits before it gives up. A debugger's interrupt waits as long at worst.
const SLICE: Duration = Duration::from_millis(10);

/// The function needs another attempt. Never reaches the guest.
#[derive(Debug, Error)]
#[error("the function still waits")]
pub(crate) struct StillWaiting {
    /// What it waits for. Duplicates: another thread may close the guest's own meanwhile.
    fds: Vec<(OwnedFd, PollFlags)>,
    deadline: Option<Instant>,
}

impl StillWaiting {
    /// Waits until a descriptor is ready or the deadline is past, for a slice at most.
    pub(crate) fn wait_a_slice(&self) {
        let left =
            self.deadline.map_or(SLICE, |deadline| deadline.saturating_duration_since(now()).min(SLICE));
        let mut fds: Vec<_> = self.fds.iter().map(|(fd, flags)| PollFd::new(fd, *flags)).collect();
        let timeout = Timespec::try_from(left).ok();
        if let Err(error) = rustix::event::poll(&mut fds, timeout.as_ref()) {
            tracing::debug!(%error, "the next attempt will tell");
        }
    }
}

/// When the function that runs now began, if the clock is to say so. The clock and the scheduler share it.
#[derive(Clone, Default)]
pub(crate) struct Began(Arc<Mutex<Option<Instant>>>);

impl Began {
    pub(crate) fn set(&self, when: Option<Instant>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = when;
    }

    fn get(&self) -> Option<Instant> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Now, really.
pub(crate) fn now() -> Instant {
    Instant::from_std(std::time::Instant::now())
}

/// The clocks and the scheduler of one program, and what they share.
pub(crate) fn clocks_and_scheduler() -> (WasiClocks, Scheduler, Began) {
    let began = Began::default();
    let inner = MonotonicClock::new(ambient_authority());
    let clocks = WasiClocks::new()
        .with_system(SystemClock::new(ambient_authority()))
        .with_monotonic(Clock { inner, began: began.clone() });
    (clocks, Scheduler { began: began.clone() }, began)
}

/// The monotonic clock.
struct Clock {
    inner: MonotonicClock,
    began: Began,
}

impl WasiMonotonicClock for Clock {
    fn resolution(&self) -> Duration {
        self.inner.resolution()
    }

    fn now(&self, _precision: Duration) -> Instant {
        self.began.get().unwrap_or_else(now)
    }
}

/// Sleeps and polls, in attempts.
pub(crate) struct Scheduler {
    began: Began,
}

#[async_trait::async_trait]
impl WasiSched for Scheduler {
    async fn poll_oneoff<'a>(&self, poll: &mut Poll<'a>) -> Result<(), Error> {
        self.began.set(None);
        let deadline = poll.earliest_clock_deadline().map(|clock| clock.deadline);
        let fds = poll
            .rw_subscriptions()
            .map(|subscription| wanted(subscription))
            .collect::<Result<Vec<_>, _>>()?;
        let states = wait(&fds, deadline)?;
        for (subscription, state) in poll.rw_subscriptions().zip(states) {
            complete(subscription, state);
        }
        Ok(())
    }

    async fn sched_yield(&self) -> Result<(), Error> {
        std::thread::yield_now();
        Ok(())
    }

    async fn sleep(&self, duration: Duration) -> Result<(), Error> {
        // A deadline beyond the clock's range never comes: the guest sleeps on.
        let deadline = self.began.get().unwrap_or_else(now).checked_add(duration);
        wait(&[], deadline).map(drop)
    }
}

/// What poll(2) says of each descriptor, if one is ready or the deadline is past; if not, what is to be waited for.
fn wait(fds: &[(BorrowedFd<'_>, PollFlags)], deadline: Option<Instant>) -> Result<Vec<PollFlags>, Error> {
    let mut polled: Vec<_> = fds.iter().map(|(fd, flags)| PollFd::from_borrowed_fd(*fd, *flags)).collect();
    let ready = match rustix::event::poll(&mut polled, Some(&Timespec::default())) {
        Ok(ready) => ready,
        Err(rustix::io::Errno::INTR) => 0,
        Err(errno) => return Err(io::Error::from(errno).into()),
    };
    if ready > 0 || deadline.is_some_and(|deadline| deadline <= now()) {
        return Ok(polled.iter().map(PollFd::revents).collect());
    }
    let duplicate = |(fd, flags): &(BorrowedFd<'_>, PollFlags)| Ok((fd.try_clone_to_owned()?, *flags));
    let fds = fds.iter().map(duplicate).collect::<io::Result<Vec<_>>>()?;
    Err(Error::trap(wiggle::error::Error::new(StillWaiting { fds, deadline })))
}

fn wanted<'a>(subscription: &Subscription<'a>) -> Result<(BorrowedFd<'a>, PollFlags), Error> {
    let (file, flags) = match subscription {
        Subscription::Read(read) => (read.file, PollFlags::IN),
        Subscription::Write(write) => (write.file, PollFlags::OUT),
        Subscription::MonotonicClock(_) => return Err(Error::invalid_argument()),
    };
    let fd = file.pollable().ok_or_else(Error::invalid_argument)?;
    Ok((fd, flags))
}

/// Tells a subscription what poll(2) says of its descriptor, if anything.
fn complete(subscription: &mut Subscription<'_>, state: PollFlags) {
    let (bytes, subscription) = match subscription {
        // Not all that can be read can tell how much there is, but 0 would say that there is nothing.
        Subscription::Read(read) if !state.is_empty() => {
            (read.file.num_ready_bytes().unwrap_or_default().max(1), read)
        }
        Subscription::Write(write) if !state.is_empty() => (0, write),
        _ => return,
    };
    if state.contains(PollFlags::NVAL) {
        subscription.error(Error::badf());
    } else if state.contains(PollFlags::ERR) {
        subscription.error(Error::io());
    } else {
        let hangup =
            if state.contains(PollFlags::HUP) { RwEventFlags::HANGUP } else { RwEventFlags::empty() };
        subscription.complete(bytes, hangup);
    }
}

#[cfg(test)]
mod tests;
