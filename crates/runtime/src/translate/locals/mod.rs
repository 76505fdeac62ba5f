//! What a function does with its locals, found out before it is translated: which of them somebody may still ask for
//! at a point, and which of them a loop writes.
//!
//! Somebody is the program itself, which may read a local before it writes it (*live*), or a debugger that was told of
//! the local by the debug info (*observable*). What nobody can ask for need not be kept: in optimized code that is most
//! of what the compiler made up.
//!
//! ```text
//!   body ──> outline (events: reads, writes, branches, points) ──> liveness, backwards ──> a set for each point
//! ```

mod liveness;
mod outline;

use crate::access::Accesses;
use crate::error::Error;
use crate::module::Observable;
use frame_table::{LocalSet, ModulePc};
use outline::Outline;
use wasmparser::FunctionBody;

/// The most words of sets that are kept at once: 64 MiB. With more, nothing is known.
const MOST_WORDS: usize = 1 << 23;

/// What a function's body does with its locals.
pub(super) struct LocalUses {
    /// What each loop may write, by the PC of its operator.
    loops: Vec<(ModulePc, LocalSet)>,
    /// For other PCs.
    no_loop: LocalSet,
    /// None if all locals are wanted everywhere.
    wanted: Option<Wanted>,
    frame_bases: LocalSet,
}

/// Sets for points, each kept once for all its neighbours.
struct Wanted {
    /// By PC: the index of the set.
    points: Vec<(ModulePc, u32)>,
    sets: Vec<LocalSet>,
}

impl LocalUses {
    /// Reads a body that was validated. `locals` counts parameters. Without `observable`, everything is wanted.
    /// Accesses to memory of the kinds in `guarded` are points as well.
    ///
    /// # Errors
    /// When the body cannot be read.
    pub(super) fn analyse(
        body: &FunctionBody<'_>,
        locals: u32,
        observable: Option<&Observable>,
        guarded: Accesses,
    ) -> Result<Self, Error> {
        let outline = Outline::read(body, locals, observable.is_some(), guarded)?;
        let wanted = observable.and_then(|observable| liveness::wanted(&outline, locals, observable));
        let no_loop = match &outline.loops {
            Some(_) => LocalSet::default(),
            None => LocalSet::all(locals),
        };
        let frame_bases = observable.map(|observable| observable.frame_bases().clone()).unwrap_or_default();
        Ok(Self { loops: outline.loops.unwrap_or_default(), no_loop, wanted, frame_bases })
    }

    /// The locals whose values are wanted while the operator at `pc` runs: those that the program may read after it,
    /// and those that the debug info names there or right behind it. None: all of them.
    ///
    /// Known are operators that call, trap (not those that only access memory, unless guarded) or begin a loop, and the first one of
    /// the body, for which it is what is wanted when the function is entered.
    pub(super) fn wanted(&self, pc: ModulePc) -> Option<&LocalSet> {
        let wanted = self.wanted.as_ref()?;
        let point = wanted.points.binary_search_by_key(&pc, |point| point.0).ok()?;
        wanted.sets.get(wanted.points[point].1 as usize)
    }

    /// The locals from which the debug info finds the function's other variables, so that it is worth keeping them always.
    pub(super) fn frame_bases(&self) -> &LocalSet {
        &self.frame_bases
    }

    /// The locals that the loop whose operator is at `pc` may write, in loops inside of it as well.
    pub(super) fn written_in(&self, pc: ModulePc) -> &LocalSet {
        let found = self.loops.binary_search_by_key(&pc, |known| known.0);
        found.map_or(&self.no_loop, |index| &self.loops[index].1)
    }
}

/// How many words a set of that many locals takes.
fn words(locals: u32) -> usize {
    locals as usize / 64 + 1
}

#[cfg(test)]
mod tests;
