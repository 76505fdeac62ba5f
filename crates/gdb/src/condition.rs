//! What the client has done at a breakpoint where the guest runs: conditions are looked at, so that it hears only of hits that
//! count, and commands are done, after which the guest goes on.

use std::sync::Arc;

use debugger::{Condition, Paused};

use crate::agent::{Expression, Facts};
use crate::int::wide;
use crate::machine::Machine;
use crate::memory;
use crate::output::Output;
use crate::paused::View;
use crate::persona::Persona;
use crate::symbols::Symbols;

/// Expressions of a breakpoint. A condition that has no value holds: the client, which looks at it again, says why.
#[derive(Debug)]
pub(crate) struct AtBreakpoint {
    /// One of them has to be other than 0, if there are any.
    pub(crate) conditions: Vec<Expression>,
    /// What is done then. With any, the guest does not stop.
    pub(crate) commands: Vec<Expression>,
    pub(crate) persona: &'static dyn Persona,
    pub(crate) symbols: Arc<Symbols>,
    pub(crate) output: Arc<Output>,
}

impl Condition for AtBreakpoint {
    fn holds(&self, paused: &mut Paused<'_>) -> bool {
        let output = Some(&*self.output);
        let mut facts = Shown { machine: &View::new(paused, &self.symbols), persona: self.persona, output };
        let mut conditions = self.conditions.iter();
        let holds =
            conditions.len() == 0 || conditions.any(|condition| condition.evaluate(&mut facts) != Ok(0));
        if !holds {
            return false;
        }
        for command in &self.commands {
            if let Err(failure) = command.run(&mut facts) {
                self.output.say(&format!("A command at a breakpoint failed: {}.\n", failure.words()));
            }
        }
        self.commands.is_empty()
    }
}

/// A stopped thread as a persona shows it.
pub(crate) struct Shown<'a> {
    pub(crate) machine: &'a dyn Machine,
    pub(crate) persona: &'static dyn Persona,
    /// Where is printed to.
    pub(crate) output: Option<&'a Output>,
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

    fn print(&mut self, text: &str) {
        if let Some(output) = self.output {
            output.say(text);
        }
    }
}
