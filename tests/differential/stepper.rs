//! A debugger that touches everything and changes nothing: at each stop it reads all values of the innermost frame, and
//! of a caller now and then, and writes them back.

use runtime::{DebugEvent, DebugHook, Frame, FrameError, Resumption, Store, WasmFrame};
use std::sync::{Mutex, PoisonError};

/// How many stops a case may have; after that the guest runs on by itself.
const MOST_STOPS: u64 = 20_000;

/// Every how many stops the callers are looked at as well.
const CALLERS_EVERY: u64 = 16;

/// What a stepper saw.
#[derive(Clone, Debug, Default)]
pub(crate) struct Seen {
    pub(crate) steps: u64,
    pub(crate) values: u64,
    /// What should have been there and was not.
    pub(crate) complaint: Option<String>,
}

/// The debugger.
#[derive(Default)]
pub(crate) struct Stepper(Mutex<Seen>);

impl Stepper {
    pub(crate) fn seen(&self) -> Seen {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl DebugHook for Stepper {
    fn event(&self, store: &mut Store, event: DebugEvent) -> Resumption {
        let DebugEvent::Point { .. } = event else { return Resumption::Continue };
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        seen.steps += 1;
        if seen.steps > MOST_STOPS {
            store.set_stepping(false);
            return Resumption::Continue;
        }
        let touched = match store.innermost_frame() {
            Some(frame) => touch(store, &frame),
            None => Err("stopped without a frame".to_owned()),
        };
        let callers = if seen.steps.is_multiple_of(CALLERS_EVERY) {
            store.frames().collect::<Vec<_>>()
        } else {
            Vec::new()
        };
        let touched = callers.iter().skip(1).fold(touched, |sum, frame| match frame {
            Frame::Wasm(frame) => Ok(sum? + touch(store, frame)?),
            _ => sum,
        });
        match touched {
            Ok(values) => seen.values += values,
            Err(why) => seen.complaint = Some(why),
        }
        Resumption::Continue
    }
}

/// Reads and writes back all values of a frame. Returns how many.
fn touch(store: &mut Store, frame: &WasmFrame) -> Result<u64, String> {
    let place = |what: &str, index: u32, why: FrameError| {
        format!("{what} {index} of function {} at {:?}: {why}", frame.function, frame.pc)
    };
    let mut values = 0;
    let locals = u32::try_from(frame.locals().len()).unwrap_or(u32::MAX);
    for index in 0..locals {
        let value = frame.local(store, index).map_err(|why| place("local", index, why))?;
        frame.set_local(store, index, value).map_err(|why| place("writing local", index, why))?;
        values += 1;
    }
    let operands = u32::try_from(frame.operands().len()).unwrap_or(u32::MAX);
    for index in 0..operands {
        let value = frame.operand(store, index).map_err(|why| place("operand", index, why))?;
        match frame.set_operand(store, index, value) {
            Ok(()) | Err(FrameError::NotWritable) => values += 1,
            Err(why) => return Err(place("writing operand", index, why)),
        }
    }
    Ok(values)
}
