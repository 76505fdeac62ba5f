//! All frames of this thread.

use super::{Frame, WasmFrame};
use crate::instance::Instance;
use crate::module::narrow;
use crate::store::Store;
use crate::unwind::{Position, RawFrame, Walk, Walked, slot_vmctx};

/// A cursor over the frames of this thread, innermost first: an iterator that finds a frame when it is asked for it, so
/// that the innermost frames of a deep stack cost what those of a shallow one do.
///
/// It borrows the store, so the program cannot run meanwhile. In code without instrumentation frames have no instance
/// and their values are unavailable, but function and operator are known.
pub struct Frames<'a> {
    store: &'a Store,
    walk: Walk<'a>,
}

impl Iterator for Frames<'_> {
    type Item = Frame;

    fn next(&mut self) -> Option<Frame> {
        loop {
            return Some(match self.walk.next()? {
                Walked::Frame(raw) => match self.store.frame(raw, narrow(self.walk.activation())) {
                    Some(frame) => Frame::Wasm(frame),
                    None => continue,
                },
                Walked::Host(function) => match self.store.host_function_name(function) {
                    Some(name) => Frame::Host(name.to_owned()),
                    None => continue,
                },
                Walked::Gap => Frame::Gap,
                Walked::Foreign => Frame::Foreign,
            });
        }
    }
}

impl Store {
    /// All frames of this thread, innermost first. A [`Frame::Gap`] stands between activations, and a
    /// [`Frame::Foreign`] for an activation of another store.
    #[must_use]
    pub fn frames(&self) -> Frames<'_> {
        Frames { store: self, walk: Walk::new(self) }
    }

    /// The innermost Wasm frame of this thread.
    #[must_use]
    pub fn innermost_frame(&self) -> Option<WasmFrame> {
        self.frames().find_map(|frame| match frame {
            Frame::Wasm(frame) => Some(frame),
            _ => None,
        })
    }

    /// The innermost frame as it is on the native stack.
    pub(crate) fn innermost_raw_frame(&self) -> Option<RawFrame> {
        Walk::new(self).find_map(|walked| match walked {
            Walked::Frame(raw) => Some(raw),
            _ => None,
        })
    }

    /// The innermost `count` frames as they are on the native stack, of whatever activation.
    pub(crate) fn raw_frames(&self, count: usize) -> Vec<RawFrame> {
        let frames = Walk::new(self).filter_map(|walked| match walked {
            Walked::Frame(raw) => Some(raw),
            _ => None,
        });
        frames.take(count).collect()
    }

    fn frame(&self, raw: RawFrame, activation: u32) -> Option<WasmFrame> {
        let code = &raw.code;
        let table = &code.frame;
        let (pc, call, shape, held) = match raw.position {
            Position::Call => {
                let call = table.by_call(code.offset(raw.pc))?;
                (call.next_pc, Some(call.pc), call.shape, call.held)
            }
            _ => {
                let point = raw.point()?;
                (point.pc, None, point.shape, point.held)
            }
        };
        let instance = slot_vmctx(&raw).map(|vmctx| {
            // The slot's first word is written before anything can look at the frame.
            Instance::from_index(crate::vm::instance_of_frame(vmctx))
        });
        let (stop, module, function) = (self.debug.stop, code.module, code.function);
        let operands = table.operands(shape);
        Some(WasmFrame { stop, module, instance, function, pc, call, operands, held, activation, raw })
    }
}
