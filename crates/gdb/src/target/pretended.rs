//! What the client believes of a stopped thread and the guest does not: registers that it wrote, and bytes below the stack.
//!
//! gdb calls a function by writing arguments into registers and onto the stack, and the function's address into the program
//! counter, and takes frames away by writing the registers of an outer one. Until the client has said all of it, what it
//! wrote is kept here, and it reads it back. When the thread goes on, it is forgotten.

use std::collections::BTreeMap;

use debugger::ThreadId;

use crate::calling::Prepared;

/// Bytes below the stack pointer that the client may write to.
pub(super) const ROOM: u64 = 0x1000;

/// The registers that say which frame is the innermost one, and where it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FrameRegisters {
    pub(crate) pc: u64,
    pub(crate) fp: u64,
    pub(crate) sp: u64,
}

/// A call that the client has made and that has not returned.
#[derive(Clone, Debug)]
pub(super) struct Call {
    pub(super) thread: ThreadId,
    /// Where the thread stood.
    pub(super) before: FrameRegisters,
    /// The depth of its innermost frame there.
    pub(super) depth: u64,
    /// The frame that the client has made up as the caller, after the return.
    pub(super) caller: FrameRegisters,
    pub(super) called: Called,
}

/// What is to be done when the function returns.
#[derive(Clone, Debug)]
pub(super) struct Called {
    pub(super) prepared: Prepared,
    /// The guest's stack pointer, to be put back: instance, global and value.
    pub(super) stack_pointer: Option<(debugger::InstanceId, u32, debugger::Value)>,
    pub(super) returns: Option<dwarf::FunctionReturn>,
    /// Where the client wants a structure that is too long for registers.
    pub(super) wanted_at: u64,
}

/// See the head of the file.
#[derive(Debug, Default)]
pub(crate) struct Pretended {
    registers: BTreeMap<(ThreadId, usize), Vec<u8>>,
    /// By address.
    bytes: BTreeMap<u64, u8>,
    /// Innermost last.
    pub(super) calls: Vec<Call>,
    /// The thread stands at the end of a call, which the client has not been told of or not taken in yet.
    pub(crate) is_at_end_of_call: bool,
    /// The client has taken frames away at this stop.
    pub(super) took_frames: bool,
    /// It was refused what it wrote registers for. gdb may go on to believe in some of them.
    pub(super) was_refused: bool,
}

impl Pretended {
    pub(super) fn register(&self, thread: ThreadId, number: usize) -> Option<&[u8]> {
        self.registers.get(&(thread, number)).map(Vec::as_slice)
    }

    pub(super) fn set_register(&mut self, thread: ThreadId, number: usize, value: Vec<u8>) {
        self.registers.insert((thread, number), value);
    }

    pub(super) fn forget_register(&mut self, thread: ThreadId, number: usize) {
        self.registers.remove(&(thread, number));
    }

    /// The registers of a thread, which are forgotten.
    pub(super) fn take_registers(&mut self, thread: ThreadId) -> Vec<(usize, Vec<u8>)> {
        let taken: Vec<_> =
            self.registers_of(thread).map(|(number, value)| (number, value.to_vec())).collect();
        self.registers.retain(|(of, _), _| *of != thread);
        taken
    }

    /// The registers of a thread by number.
    pub(super) fn registers_of(&self, thread: ThreadId) -> impl Iterator<Item = (usize, &[u8])> {
        let own = self.registers.range((thread, 0)..=(thread, usize::MAX));
        own.map(|((_, number), value)| (*number, value.as_slice()))
    }

    /// Whether a call of the client's returns to an address, as it believes.
    pub(super) fn returns_to(&self, address: u64) -> bool {
        self.calls.iter().any(|call| call.caller.pc == address)
    }

    /// The threads with registers that the guest does not have.
    pub(super) fn threads(&self) -> Vec<ThreadId> {
        let mut threads: Vec<ThreadId> = self.registers.keys().map(|(thread, _)| *thread).collect();
        threads.dedup();
        threads
    }

    pub(super) fn write(&mut self, address: u64, bytes: &[u8]) {
        self.bytes.extend((address..).zip(bytes.iter().copied()));
    }

    /// Whether the client has written all of so many bytes.
    pub(super) fn has_written(&self, address: u64, length: usize) -> bool {
        (address..).zip(0..length).all(|(at, _)| self.bytes.contains_key(&at))
    }

    /// Whether the client has written below the stack.
    pub(super) fn has_bytes(&self) -> bool {
        !self.bytes.is_empty()
    }

    /// Puts what was written over what was read from an address.
    pub(super) fn patch(&self, address: u64, bytes: &mut [u8]) {
        if self.bytes.is_empty() {
            return;
        }
        for (at, byte) in (address..).zip(bytes) {
            if let Some(written) = self.bytes.get(&at) {
                *byte = *written;
            }
        }
    }

    /// Forgets what was written from `start` up to `end`.
    pub(super) fn forget_bytes(&mut self, start: u64, end: u64) {
        self.bytes.retain(|at, _| !(start..end).contains(at));
    }

    /// The guest goes on.
    pub(super) fn forget(&mut self) {
        self.registers.clear();
        self.is_at_end_of_call = false;
        self.was_refused = false;
        if self.calls.is_empty() {
            self.took_frames = false;
            self.bytes.clear();
        }
    }
}
