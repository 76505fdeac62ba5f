//! All frames of this thread.

use super::{Frame, WasmFrame};
use crate::instance::Instance;
use crate::module::narrow;
use crate::store::Store;
use crate::unwind::{Position, RawFrame, slot_vmctx, walk};
use std::sync::Arc;

impl Store {
    /// All frames of this thread, innermost first; a [`Frame::Gap`] stands between activations and for those of
    /// other stores.
    #[must_use]
    pub fn frames(&self) -> Vec<Frame> {
        let activations = walk(self, usize::MAX);
        let count = narrow(activations.len());
        let mut frames = Vec::new();
        for (number, activation) in (0..).zip(activations) {
            if number > 0 || !activation.own {
                frames.push(Frame::Gap);
            }
            let host = activation.host.and_then(|host| self.host_function_name(host));
            frames.extend(host.map(|name| Frame::Host(name.to_owned())));
            let found = activation.frames.into_iter().filter_map(|raw| self.frame(raw, count - 1 - number));
            frames.extend(found.map(Frame::Wasm));
        }
        frames
    }

    /// The innermost Wasm frame of this thread. Its `activation` is 0 whatever it is.
    #[must_use]
    pub fn innermost_frame(&self) -> Option<WasmFrame> {
        let raw = walk(self, 1).into_iter().find_map(|activation| activation.frames.into_iter().next())?;
        self.frame(raw, 0)
    }

    fn frame(&self, raw: RawFrame, activation: u32) -> Option<WasmFrame> {
        let code = Arc::clone(&raw.code);
        let table = &code.frame;
        let (pc, call, shape) = match raw.position {
            Position::Point => table.by_site(code.offset(raw.pc)).map(|point| (point.pc, None, point.shape)),
            Position::Trap => table.by_trap(code.offset(raw.pc)).map(|point| (point.pc, None, point.shape)),
            Position::Builtin => {
                table.by_trap(code.offset(raw.pc - 1)).map(|point| (point.pc, None, point.shape))
            }
            Position::Call => {
                table.by_call(code.offset(raw.pc)).map(|call| (call.next_pc, Some(call.pc), call.shape))
            }
        }?;
        let instance = slot_vmctx(&raw).map(|vmctx| {
            // The slot's first word is written before anything can look at the frame.
            Instance::from_index(crate::vm::instance_of_frame(vmctx))
        });
        Some(WasmFrame {
            generation: self.debug.generation,
            module: code.module,
            instance,
            function: code.function,
            pc,
            call,
            operands: table.operands(shape),
            activation,
            raw,
        })
    }
}
