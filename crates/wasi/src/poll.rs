//! `poll_oneoff`, with what wasi-common's lacks: a limit, and deadlines on the clock of the day.
//!
//! wasi-common waits on the monotonic clock only. A deadline of the other clock is turned into one of that by how far
//! away it is when the program calls: a clock that is set while the program waits does not change when it wakes up.

use crate::context::{Context, memory_of};
use crate::failure::number;
use runtime::{Caller, HostError, Value};
use std::time::{SystemTime, UNIX_EPOCH};
use wasi_common::snapshots::preview_1::types::{
    Clockid, Errno, Event, Subclockflags, Subscription, SubscriptionU,
};
use wasi_common::snapshots::preview_1::wasi_snapshot_preview1 as functions;
use wiggle::{GuestMemory, GuestPtr, GuestType as _};

/// How many subscriptions one call may have. The host refuses more descriptors than a process may have, anyway.
const MOST: u32 = 1 << 14;

const NAME: &str = "poll_oneoff";

impl Context {
    /// `poll_oneoff`.
    pub(crate) fn poll(
        &self,
        caller: &mut Caller<'_>,
        [subscriptions, events, count, result]: [i32; 4],
    ) -> Result<Vec<Value>, HostError> {
        let length = count.cast_unsigned();
        if length > MOST {
            return Ok(vec![Value::I32(number(Errno::Inval))]);
        }
        let list = GuestPtr::new((subscriptions.cast_unsigned(), length));
        let memory = memory_of(caller, NAME)?;
        let Some(mut aside) = converted(&memory, list) else {
            return self.call(caller, NAME, async |wasi, memory| {
                functions::poll_oneoff(wasi, memory, subscriptions, events, count, result).await
            });
        };
        let own_events = Subscription::guest_size() * length;
        let own_result = own_events + Event::guest_size() * length;
        let [from, count_to] = [own_events, own_result].map(u32::cast_signed);
        let errno = self.call_aside(caller, NAME, &mut aside, async |wasi, memory| {
            functions::poll_oneoff(wasi, memory, 0, from, count, count_to).await
        })?;
        if errno != 0 {
            return Ok(vec![Value::I32(errno)]);
        }
        let aside = GuestMemory::Unshared(&mut aside);
        self.call(caller, NAME, async |_, memory| {
            let happened = aside.read(GuestPtr::<u32>::new(own_result))?;
            let own = GuestPtr::<[Event]>::new((own_events, happened));
            let to = GuestPtr::<[Event]>::new((events.cast_unsigned(), happened));
            for (own, to) in own.iter().zip(to.iter()) {
                memory.write(to?, aside.read(own?)?)?;
            }
            memory.write(GuestPtr::new(result.cast_unsigned()), happened)?;
            Ok(0)
        })
    }
}

/// Memory with the subscriptions at its start and room for the events and their count, if there is a deadline to turn
/// into another. If the list cannot be read, the function itself is to complain of it.
fn converted(memory: &GuestMemory<'_>, list: GuestPtr<[Subscription]>) -> Option<Vec<u8>> {
    let mut subscriptions = Vec::new();
    let mut any = false;
    for pointer in list.iter() {
        let mut subscription = memory.read(pointer.ok()?).ok()?;
        if let SubscriptionU::Clock(clock) = &mut subscription.u
            && clock.id == Clockid::Realtime
            && clock.flags.contains(Subclockflags::SUBSCRIPTION_CLOCK_ABSTIME)
        {
            let today = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
            let today = u64::try_from(today.as_nanos()).unwrap_or(u64::MAX);
            clock.id = Clockid::Monotonic;
            clock.flags = Subclockflags::empty();
            clock.timeout = clock.timeout.saturating_sub(today);
            any = true;
        }
        subscriptions.push(subscription);
    }
    let size = (Subscription::guest_size() + Event::guest_size()) * list.len() + u32::guest_size();
    let mut aside = vec![0; size as usize];
    let mut own = GuestMemory::Unshared(&mut aside);
    for (pointer, subscription) in GuestPtr::<[Subscription]>::new((0, list.len())).iter().zip(subscriptions)
    {
        own.write(pointer.ok()?, subscription).ok()?;
    }
    any.then_some(aside)
}
