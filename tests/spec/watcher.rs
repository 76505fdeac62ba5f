//! The hook that looks at every operator that runs.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, PoisonError};

use runtime::{DebugEvent, DebugHook, Frame, Resumption, Store, Value, ValueType};

/// How many operators of one directive are looked at. After them it runs on without stops: some loop a million times.
const STOPS: u32 = 20_000;

/// Looks at every operator that runs: all of the frame must be readable, and of the types that it states.
#[derive(Default)]
pub(crate) struct Watcher {
    complaint: Mutex<Option<String>>,
    /// Stops of the directive that runs.
    stops: AtomicU32,
}

impl Watcher {
    /// Before a directive.
    pub(crate) fn begin(&self, store: &mut Store) {
        self.stops.store(0, Ordering::Relaxed);
        store.set_stepping(true);
    }

    pub(crate) fn take_complaint(&self) -> Option<String> {
        self.complaint.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn look(store: &Store) -> Result<(), String> {
        let Some(Frame::Wasm(frame)) = store.frames().next() else {
            return Err("the innermost frame of a point is no Wasm frame".to_owned());
        };
        for (index, ty) in (0..).zip(frame.locals()) {
            let value = frame.local(store, index).map_err(|error| format!("local {index}: {error}"))?;
            // A local that can not be null is null until it is first written.
            let unset = matches!(ty, ValueType::Ref(ty) if !ty.nullable && value == Value::null(ty.heap));
            if !unset && !store.fits(value, *ty) {
                return Err(format!("local {index} is {value:?}, its type {ty}"));
            }
        }
        for (height, ty) in (0..).zip(frame.operands()) {
            let value = frame.operand(store, height).map_err(|error| format!("operand {height}: {error}"))?;
            if !store.fits(value, ty) {
                return Err(format!("operand {height} is {value:?}, its type {ty}"));
            }
        }
        Ok(())
    }
}

impl DebugHook for Watcher {
    fn event(&self, store: &mut Store, event: DebugEvent) -> Resumption {
        if matches!(event, DebugEvent::Point { .. }) {
            if self.stops.fetch_add(1, Ordering::Relaxed) > STOPS {
                store.set_stepping(false);
            }
            if let Err(why) = Self::look(store) {
                self.complaint.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(why);
            }
        }
        Resumption::Continue
    }
}
