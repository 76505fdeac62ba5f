//! Two tiers of code, and how functions and frames change from one to the other.
//!
//! ```text
//!                        run tier                              debug tier
//!
//!   new calls     callers ──► first code ──(jmp at its entry, while other code is wanted)──► debug or landing code
//!
//!   frames        waiting in a call:
//!                   return address ──► `returned` ──► frame rebuilt ──► landing code, behind the same call
//!                 at its entry, or at a loop's header, with a stop requested:
//!                   cold path stores the state ──► frame rebuilt ──► landing code, at the same operator
//!                 an exception is caught in it:
//!                   frame rebuilt ──► landing code, at the same handler
//!                                                              at a loop's header:
//!                   code entered in the middle (`Version::Resumed`) ◄── armed point, state copied
//!                                                              landing code, at a loop's header:
//!                                          armed point, state copied ──► debug code entered in the middle
//! ```
//!
//! A function is wanted in the debug tier while it has a breakpoint, is stepped through, or anything is watched. Then new
//! calls run its *debug code*, which can stop at its main points (see [`Version`]), or, if that is not enough (a step,
//! a watchpoint, a breakpoint within an expression), its *landing code*, which can stop at every operator. Frames become
//! frames of landing code: nothing but the state slot outlives an operator there, so a frame can be made from the values
//! of the state alone, wherever it is. So do frames of debug code, as drawn for the run tier, when their function is wanted
//! in landing code, or a debugger has written into them, since they would go on with what is in registers.
//!
//! A frame keeps its frame pointer, its return address and its place among the others; what is below the frame pointer is
//! laid out anew. Frames go back, to the run tier or from landing code to debug code, at the headers of loops, where it pays.
//!
//! What the run tier did not keep (a local that nobody can ask for any more) is *lost* in the new frame: its place has a
//! pattern that is reported to be unavailable until the program writes the local.
//!
//! Some functions always run landing code: see [`pinned`].

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
use crate::translate::{Guard, Version};

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
            || self.debug.watch.wants_points_of((module, loaded.function_of(defined)))
    }

    /// The version of a function that new calls are to run.
    pub(crate) fn wanted_version(&self, module: usize, defined: u32) -> Version {
        if !self.wants_debug(module, defined) {
            Version::Run(self.debug.watch.guard())
        } else if self.wants_every_point(module, defined) {
            Version::Landing
        } else {
            Version::Debug(self.debug.watch.guard())
        }
    }

    /// Of a function that is to run in the debug tier: whether it has to stop where [`Version::Debug`] cannot, or its frames
    /// could not be moved when it has.
    fn wants_every_point(&self, module: usize, defined: u32) -> bool {
        let Some(loaded) = self.modules.get(module) else { return false };
        let versions = loaded.versions(defined);
        versions.is_some_and(Versions::is_pinned)
            || self.debug.watch.wants_points_of((module, loaded.function_of(defined)))
            || self.debug.is_stepped_through(module, defined)
            || self.tier_stress.wants_every_point(module, defined)
            || self.debug.breakpoints_in(module, loaded.body_range(defined)).any(|pc| {
                let debug = versions.and_then(|versions| versions.get(Version::Debug(Guard::NONE)));
                debug.is_none_or(|code| code.site_of(pc).is_none())
            })
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
