//! Conditions of breakpoints that are looked at where the guest runs, so that the client hears only of hits that count.

use std::sync::Arc;

use debugger::{Condition, Paused};

use crate::agent::{Expression, Facts};
use crate::int::wide;
use crate::machine::Machine;
use crate::memory;
use crate::paused::View;
use crate::persona::Persona;
use crate::symbols::Symbols;

/// Expressions of which one has to be other than 0 for the guest to stop. At one that has no value it stops as well, and
/// the client, which looks at its condition again, says why.
#[derive(Debug)]
pub(crate) struct AnyOf {
    pub(crate) expressions: Vec<Expression>,
    pub(crate) persona: &'static dyn Persona,
    pub(crate) symbols: Arc<Symbols>,
}

impl Condition for AnyOf {
    fn holds(&self, paused: &mut Paused<'_>) -> bool {
        let facts = Shown { machine: &View::new(paused, &self.symbols), persona: self.persona };
        self.expressions.iter().any(|expression| expression.evaluate(&facts) != Ok(0))
    }
}

/// A stopped thread as a persona shows it.
struct Shown<'a> {
    machine: &'a dyn Machine,
    persona: &'static dyn Persona,
}

impl Facts for Shown<'_> {
    fn register(&self, number: u16) -> Option<u64> {
        let bytes = self.persona.register(self.machine, usize::from(number))?;
        Some(bytes.iter().take(8).rev().fold(0, |sum, byte| (sum << 8) | u64::from(*byte)))
    }

    fn memory(&self, address: u64, into: &mut [u8]) -> bool {
        let wanted = into.len();
        let mut done = 0;
        while done < wanted {
            let at = address.saturating_add(wide(done));
            let rest = into.get_mut(done..).unwrap_or_default();
            match memory::read(self.machine, self.persona.space(), at, rest) {
                Ok(count) if count > 0 => done += count,
                _ => return false,
            }
        }
        true
    }
}
