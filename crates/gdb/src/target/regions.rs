//! The map of the whole address space, with the frames of all threads.

use super::Target;
use crate::machine::Fault;
use crate::regions::{self, Part, Region};

impl Target<'_> {
    /// The region or gap that an address is in.
    ///
    /// # Errors
    /// When the guest cannot be asked.
    pub(crate) fn region_at(&self, address: u64) -> Result<Part, Fault> {
        let space = self.persona.space();
        let mut map =
            self.look_at(self.debuggee.stopped_thread(), |machine| Ok(regions::shared(machine, space)))?;
        for thread in self.living().into_iter().filter(|thread| thread.is_stopped) {
            let number = thread.id.0;
            let stack = self.look_at(thread.id, move |machine| Ok(regions::stack(machine, space, number)))?;
            // More threads than there are places for stacks share some.
            let overlaps =
                |stack: &Region| map.iter().any(|other| stack.start < other.end && other.start < stack.end);
            map.extend(stack.filter(|stack| !overlaps(stack)));
        }
        map.sort_by_key(|region| region.start);
        Ok(regions::find(&map, address))
    }
}
