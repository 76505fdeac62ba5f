//! `Z2`/`z2` to `Z4`/`z4`: watchpoints of all threads. Not through gdbstub, which knows one watched address for each stop
//! and no more.

use super::Target;
use crate::interposer::Watch;
use crate::machine::Fault;
use crate::memory;

/// How many watchpoints a client can have. What they cost is borne by every access of the guest.
pub(crate) const MOST: usize = 64;

/// How many bytes one can watch. They are compared whenever a host function returns.
const LONGEST: u64 = 0x1_0000;

impl Target<'_> {
    /// Watches a range of addresses in one thing: a memory, a global, a local of a frame.
    ///
    /// # Errors
    /// When there is nothing, or something that cannot be watched, or too much is watched already.
    pub(crate) fn watch(&mut self, watch: Watch) -> Result<(), Fault> {
        if self.debuggee.watchpoints.contains_key(&watch) {
            return Ok(());
        }
        if self.debuggee.watchpoints.len() >= MOST || watch.length > LONGEST {
            return Err(Fault::Unavailable);
        }
        let space = self.persona.space();
        let added = self.look_at(self.thread_for(watch.address), move |machine| {
            let place = memory::watchable(machine, space, watch.address, watch.length)?;
            machine.watch(place, watch.kind.access())
        })?;
        self.debuggee.watchpoints.insert(watch, added);
        Ok(())
    }

    /// Watches it no longer. One that is not there is none.
    ///
    /// # Errors
    /// When the guest runs.
    pub(crate) fn unwatch(&mut self, watch: Watch) -> Result<(), Fault> {
        let Some(&(id, _)) = self.debuggee.watchpoints.get(&watch) else { return Ok(()) };
        self.inspect_thread(self.debuggee.stopped_thread(), move |paused| paused.remove_watchpoint(id))?;
        self.debuggee.watchpoints.remove(&watch);
        Ok(())
    }
}
