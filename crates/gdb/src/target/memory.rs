//! Memory by synthetic address, for `m`, `M`, `X`, `x` and `qSearch:memory`.

use super::Target;
use super::pretended::ROOM;
use crate::address_space::Place;
use crate::int::wide;
use crate::machine::Fault;
use crate::memory;

impl Target<'_> {
    /// Reads up to `length` bytes; fewer where something ends.
    pub(crate) fn read_memory(&self, address: u64, length: usize) -> Result<Vec<u8>, Fault> {
        let space = self.persona.space();
        // Code does not change, and so need not be collected.
        let is_code = matches!(
            space.place(address),
            Some(Place::Code { .. } | Place::Host | Place::HostFunction { .. } | Place::Bytecode { .. })
        );
        if let Some(frame) = self.debuggee.tracing.selected().filter(|_| !is_code) {
            return frame.read(address, wide(length)).ok_or(Fault::Unavailable);
        }
        // With the frame pointer of a call that was not made, gdb would take what is there for variables.
        if self.pretended.was_refused
            && !self.pretended.has_written(address, length)
            && self.is_below_stack(address, length)
        {
            return Err(Fault::Unavailable);
        }
        self.look_at(self.thread_for(address), move |machine| {
            let mut bytes = vec![0; length];
            let count = memory::read(machine, space, address, &mut bytes)?;
            bytes.truncate(count);
            Ok(bytes)
        })
        .map(|bytes| self.with_pretended(address, bytes))
    }

    fn with_pretended(&self, address: u64, mut bytes: Vec<u8>) -> Vec<u8> {
        self.pretended.patch(address, &mut bytes);
        bytes
    }

    /// Reads `length` bytes, all or none.
    pub(crate) fn read_whole_memory(&self, address: u64, length: usize) -> Result<Vec<u8>, Fault> {
        let space = self.persona.space();
        let for_plugin = self.persona.has_wasm_frames();
        self.look_at(self.thread_for(address), move |machine| {
            let mut bytes = vec![0; length];
            memory::read_whole(machine, space, for_plugin, address, &mut bytes)?;
            Ok(bytes)
        })
        .map(|bytes| self.with_pretended(address, bytes))
    }

    /// Writes.
    pub(crate) fn write_memory(&mut self, address: u64, bytes: &[u8]) -> Result<(), Fault> {
        let space = self.persona.space();
        // A write of nothing is how gdb asks whether binary writes are known.
        if bytes.is_empty() {
            return Ok(());
        }
        if self.debuggee.tracing.is_selected() {
            return Err(Fault::Fixed);
        }
        if self.is_below_stack(address, bytes.len()) {
            self.pretended.write(address, bytes);
            return Ok(());
        }
        let bytes = bytes.to_vec();
        self.look_at(self.thread_for(address), move |machine| memory::write(machine, space, address, &bytes))
    }

    /// Whether bytes are where a client may put the arguments of a call.
    pub(super) fn is_below_stack(&self, address: u64, length: usize) -> bool {
        let thread = self.thread_for(address);
        let is_stack = matches!(self.persona.space().place(address), Some(Place::Stack { .. }));
        let end = address.saturating_add(wide(length));
        let fits = |sp: u64| (sp.saturating_sub(ROOM)..sp).contains(&address) && end <= sp;
        is_stack && self.real_frame_registers(thread).is_some_and(|registers| fits(registers.sp))
    }

    /// Finds a pattern.
    pub(crate) fn search_memory(
        &self,
        address: u64,
        length: u64,
        pattern: Vec<u8>,
    ) -> Result<Option<u64>, Fault> {
        let space = self.persona.space();
        self.look_at(self.thread_for(address), move |machine| {
            memory::search(machine, space, address, length, &pattern)
        })
    }
}
