//! Memory by synthetic address, for `m`, `M`, `X`, `x` and `qSearch:memory`.

use super::Target;
use crate::machine::Fault;
use crate::memory;

impl Target<'_> {
    /// Reads; the count is short where something ends.
    pub(crate) fn read_memory(&self, address: u64, into: &mut [u8]) -> Result<usize, Fault> {
        let space = self.persona.space();
        self.look(|machine| memory::read(machine, space, address, into))
    }

    /// Writes.
    pub(crate) fn write_memory(&self, address: u64, bytes: &[u8]) -> Result<(), Fault> {
        let space = self.persona.space();
        // A write of nothing is how gdb asks whether binary writes are known.
        if bytes.is_empty() {
            return Ok(());
        }
        self.look(|machine| memory::write(machine, space, address, bytes))
    }

    /// Finds a pattern.
    pub(crate) fn search_memory(
        &self,
        address: u64,
        length: u64,
        pattern: &[u8],
    ) -> Result<Option<u64>, Fault> {
        let space = self.persona.space();
        self.look(|machine| memory::search(machine, space, address, length, pattern))
    }
}
