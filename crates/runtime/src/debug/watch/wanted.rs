//! Which operators have to be visited for a set of watchpoints. What is watched for writes only costs nothing at reads,
//! and a local costs nothing outside of its function.

use super::operator;
use super::{FunctionId, Place, WatchAccess};
use crate::access::{self, Accesses};
use std::collections::BTreeMap;
use wasmparser::Operator;

/// Kinds of operators.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Wanted {
    memory: Accesses,
    globals: Accesses,
    /// By function and index of its local.
    locals: BTreeMap<(FunctionId, u32), Accesses>,
}

impl Wanted {
    /// What these watchpoints need.
    pub(super) fn by(watchpoints: impl Iterator<Item = (Place, WatchAccess)>) -> Self {
        let mut wanted = Self::default();
        for (place, access) in watchpoints {
            let kind = match place {
                Place::Memory { .. } => &mut wanted.memory,
                Place::Global { .. } => &mut wanted.globals,
                Place::Local { function, index, .. } => wanted.locals.entry((function, index)).or_default(),
            };
            kind.reads |= access != WatchAccess::Write;
            kind.writes |= access != WatchAccess::Read;
        }
        wanted
    }

    /// The accesses to memory that matter.
    pub(super) fn memory(&self) -> Accesses {
        self.memory
    }

    /// Whether operators of a function may matter.
    pub(super) fn matters_to(&self, function: FunctionId) -> bool {
        self.memory.meets(Accesses::BOTH) || self.needs_points_of(function)
    }

    /// Whether operators of a function may matter that no guard looks at: those on globals and locals.
    pub(super) fn needs_points_of(&self, function: FunctionId) -> bool {
        let locals = self.locals.range((function, 0)..=(function, u32::MAX)).next();
        self.globals.meets(Accesses::BOTH) || locals.is_some()
    }

    /// Whether an operator of a function may touch what is watched.
    pub(super) fn matters(&self, operator: &Operator<'_>, function: FunctionId) -> bool {
        let local = || {
            let (index, accesses) = operator::on_local(operator)?;
            Some(self.locals.get(&(function, index))?.meets(accesses))
        };
        access::on_memory(operator).meets(self.memory)
            || operator::on_globals(operator).meets(self.globals)
            || local().unwrap_or(false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::ValueType;

    const ONE: FunctionId = (1, 100);
    const OTHER: FunctionId = (1, 99);

    #[test]
    fn operators_that_cannot_touch_what_is_watched_are_not_visited() {
        let memory = Place::Memory { index: 0, start: 0, length: 4 };
        let local = Place::Local { frame: 1, function: ONE, index: 2, ty: ValueType::I32 };
        let (get, set) = (Operator::GlobalGet { global_index: 0 }, Operator::GlobalSet { global_index: 0 });
        let (read, tee) = (Operator::LocalGet { local_index: 2 }, Operator::LocalTee { local_index: 2 });
        let (fill, copy) = (Operator::MemoryFill { mem: 0 }, Operator::MemoryCopy { dst_mem: 0, src_mem: 0 });
        let writes = Wanted::by([(memory, WatchAccess::Write)].into_iter());
        assert!(writes.matters(&fill, ONE) && writes.matters(&copy, ONE));
        assert!(![&get, &set, &read, &tee].into_iter().any(|operator| writes.matters(operator, ONE)));
        let reads = Wanted::by([(memory, WatchAccess::Read)].into_iter());
        assert!(!reads.matters(&fill, ONE) && reads.matters(&copy, ONE));
        let locals = Wanted::by([(local, WatchAccess::Write)].into_iter());
        assert!(locals.matters(&tee, ONE) && !locals.matters(&read, ONE) && !locals.matters(&tee, OTHER));
        assert!(locals.matters_to(ONE) && !locals.matters_to(OTHER) && !Wanted::default().matters_to(ONE));
    }
}
