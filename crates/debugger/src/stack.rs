//! The frames of a stopped guest, found when somebody asks for them.

use crate::ModuleId;
use crate::event::Stop;
use crate::frame::{Frame, Gap, HostFrame, WasmFrame};
use runtime::{Callee, Store};

/// Frames, innermost first.
#[derive(Default)]
pub(crate) struct Stack {
    pub(crate) frames: Vec<Frame>,
    /// For each frame, the runtime's; none for a host function.
    pub(crate) raw: Vec<Option<runtime::WasmFrame>>,
    pub(crate) gaps: Vec<Gap>,
}

impl Stack {
    /// The innermost `limit` frames of a store that stopped like this. Depths are counted from `base`.
    pub(crate) fn find(store: &Store, stop: &Stop, base: usize, limit: usize) -> Self {
        let mut stack = Self::default();
        let mut host = None;
        for frame in store.frames() {
            match frame {
                runtime::Frame::Wasm(frame) => {
                    if let Some(name) = host.take() {
                        stack.frames.push(Frame::Host(host_frame(store, name, &frame, base)));
                        stack.raw.push(None);
                    }
                    if let Some(seen) = wasm_frame(&frame, base) {
                        stack.frames.push(Frame::Wasm(seen));
                        stack.raw.push(Some(frame));
                    }
                }
                runtime::Frame::Host(name) => host = Some(name),
                runtime::Frame::Foreign => {
                    stack.gaps.push(Gap { before: stack.frames.len(), of_another_store: true });
                }
                _ => stack.gaps.push(Gap { before: stack.frames.len(), of_another_store: false }),
            }
            if stack.frames.len() >= limit {
                break;
            }
        }
        stack.correct_innermost(store, stop);
        stack
    }

    /// The innermost `limit` frames of a core dump.
    pub(crate) fn recorded(frames: &[Frame], limit: usize) -> Self {
        let frames: Vec<Frame> = frames.iter().take(limit).cloned().collect();
        Self { raw: vec![None; frames.len()], frames, gaps: Vec::new() }
    }

    /// Debug info knows a function by the start of its body, which is before its first operator; a breakpoint may have
    /// slipped. So the innermost frame's PC is where a debugger believes that it stopped.
    fn correct_innermost(&mut self, store: &Store, stop: &Stop) {
        let Some(Frame::Wasm(first)) = self.frames.first_mut() else { return };
        match stop.reason() {
            Stop::Breakpoint { pc, .. } | Stop::Watchpoint { breakpoint: Some(pc), .. } => first.pc = *pc,
            Stop::Trap { .. } | Stop::HostError { .. } | Stop::Exception { .. } => {}
            _ => {
                let module = store.module(first.module.index());
                let entry = module.and_then(|module| module.entry(first.function));
                let entry = entry.filter(|(_, operator)| *operator == first.pc);
                first.pc = entry.map_or(first.pc, |(start, _)| start);
            }
        }
    }
}

fn depth(base: usize, address: usize) -> u64 {
    base.saturating_sub(address) as u64
}

fn wasm_frame(frame: &runtime::WasmFrame, base: usize) -> Option<WasmFrame> {
    Some(WasmFrame {
        module: ModuleId::of(frame.module),
        instance: frame.instance?,
        function: frame.function,
        pc: frame.pc,
        call: frame.call,
        locals: frame.shared_locals(),
        operands: frame.operands().collect(),
        depth: depth(base, frame.address()),
        activation: frame.activation,
    })
}

/// A host function's frame, which has no place on the guest's stack: it is put below what its caller certainly has.
fn host_frame(store: &Store, name: String, caller: &runtime::WasmFrame, base: usize) -> HostFrame {
    let callee = store.module(caller.module).zip(caller.call).and_then(|(module, call)| module.callee(call));
    let function = match callee {
        Some(Callee::Function(function)) => Some(function),
        _ => None,
    };
    let depth = depth(base, caller.address()) + u64::from(caller.extent()).next_multiple_of(16) + 16;
    HostFrame { name, module: ModuleId::of(caller.module), function, depth }
}
