//! Returns that a client waits for, as with `finish`: what they return through a pointer is found by that pointer, which is an
//! argument of the call. A caller in the run tier does not keep arguments, and only the function that was called has it.
//!
//! A client that waits for a return sets a breakpoint where the caller goes on. That is when the pointer is noted.

use debugger::{Frame, ModuleId, Paused, ThreadId, Value};
use frame_table::ModulePc;

use crate::frame_image::module_index;
use crate::symbols::Symbols;

/// One frame that waits for the function that it has called, with a breakpoint where it goes on.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Awaited {
    pub(crate) thread: ThreadId,
    /// Where the caller goes on.
    pub(crate) place: (ModuleId, ModulePc),
    /// The depth of the caller.
    pub(crate) depth: u64,
    /// The function of the same module that was called.
    pub(crate) callee: u32,
    /// The first argument of the call, if the function returns something through it and still has it.
    pub(crate) pointer: Option<Value>,
}

impl Awaited {
    /// The innermost frames that go on at a place, in calls.
    pub(crate) fn find(
        paused: &Paused<'_>,
        symbols: &Symbols,
        thread: ThreadId,
        place: (ModuleId, ModulePc),
    ) -> Vec<Self> {
        let frames = paused.near();
        let pairs = frames.iter().zip(frames.iter().skip(1)).enumerate();
        let found = pairs.filter_map(|(number, (inner, outer))| {
            let (Frame::Wasm(inner), Frame::Wasm(outer)) = (inner, outer) else { return None };
            if (outer.module, outer.pc) != place || inner.module != outer.module {
                return None;
            }
            let returns = symbols.function_return(module_index(inner.module), inner.function)?;
            let has_pointer = returns.hidden_pointer && returns.keeps_pointer;
            let pointer = if has_pointer { paused.local(number, 0).ok() } else { None };
            Some(Self { thread, place, depth: outer.depth, callee: inner.function, pointer })
        });
        found.collect()
    }

    /// Whether the call has not returned yet.
    pub(crate) fn is_waiting(&self, paused: &Paused<'_>) -> bool {
        let frames = paused.near();
        frames.iter().zip(frames.iter().skip(1)).any(|(inner, outer)| match (inner, outer) {
            (Frame::Wasm(inner), Frame::Wasm(outer)) => {
                (outer.module, outer.pc) == self.place
                    && outer.depth == self.depth
                    && inner.function == self.callee
            }
            _ => false,
        })
    }
}
