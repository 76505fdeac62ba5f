//! Two tiers of code, and how functions and frames change from one to the other.
//!
//! ```text
//!                        run tier                              debug tier
//!
//!   new calls     callers ──► first code ──(jmp at its entry, while the other tier is wanted)──► code
//!
//!   frames        waiting in a call:
//!                   return address ──► `returned` ──► frame rebuilt ──► behind the same call
//!                 at its entry, or at a loop's header, with a stop requested:
//!                   cold path stores the state ──► frame rebuilt ──► at the same operator
//!                 an exception is caught in it:
//!                   frame rebuilt ──► at the same landing
//!                                                              at a loop's header:
//!                   code entered in the middle (`Version::Resumed`) ◄── armed point, state copied
//! ```
//!
//! A function is wanted in the debug tier while it has a breakpoint, is stepped through, or anything is watched. Then new
//! calls run its debug code, and its frames become frames of that code: nothing but the state slot outlives an operator
//! there, so a frame can be made from the values of the state alone, wherever it is. A frame keeps its frame pointer, its
//! return address and its place among the others; what is below the frame pointer is laid out anew. Frames go back to
//! the run tier at the headers of loops, where it pays.
//!
//! What the run tier did not keep (a local that nobody can ask for any more) is *lost* in the new frame: its place has a
//! pattern that is reported to be unavailable until the program writes the local.
//!
//! Some functions stay in the debug tier: see [`pinned`].

mod pinned;
mod stress;
mod switch;
mod versions;

pub(crate) use pinned::is_pinned;
pub use stress::TierChanges;
pub(crate) use stress::TierStress;
pub(crate) use switch::Entrance;
pub(crate) use versions::Versions;

use crate::engine::Tiers;
use crate::store::Store;
use crate::translate::Version;

impl Store {
    /// Whether a function is to run in the debug tier.
    pub(crate) fn wants_debug(&self, module: usize, defined: u32) -> bool {
        match self.engine().config().tiers {
            Tiers::Debug => return true,
            Tiers::Run => return false,
            Tiers::Automatic => {}
        }
        let Some(loaded) = self.modules.get(module) else { return false };
        loaded.versions(defined).is_some_and(Versions::is_pinned)
            || self.tier_stress.wants(module, defined)
            || self.debug.wants_everything()
            || self.debug.is_stepped_through(module, defined)
            || self.debug.has_breakpoints(module, loaded.body_range(defined))
    }

    /// The version of a function that new calls are to run.
    pub(crate) fn wanted_version(&self, module: usize, defined: u32) -> Version {
        if self.wants_debug(module, defined) { Version::Debug } else { Version::Run }
    }

    /// Makes new calls of a function run what is wanted now. It is compiled if need be. A function that was
    /// never called is left alone: its stub will see.
    pub(crate) fn settle_function(&mut self, module: usize, defined: u32) {
        let version = self.wanted_version(module, defined);
        let versions = self.modules.get(module).and_then(|loaded| loaded.versions(defined));
        let Some((current, known)) =
            versions.and_then(|versions| versions.current().zip(versions.known().cloned()))
        else {
            return;
        };
        if current == version {
            return;
        }
        match self.version_of(module, defined, version) {
            Ok(code) => {
                self.code_mut().redirect(&known, &code);
                if let Some(versions) = self.modules[module].versions_mut(defined) {
                    versions.set_current(version);
                }
            }
            Err(error) => tracing::error!(%error, "compilation failed"),
        }
    }

    /// The same for all functions that were compiled.
    pub(crate) fn settle_all_functions(&mut self) {
        for module in 0..self.modules.len() {
            for defined in 0..self.modules[module].defined() {
                self.settle_function(module, defined);
            }
        }
    }
}
