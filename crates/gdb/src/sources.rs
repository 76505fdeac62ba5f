//! What the program's source says of its code, for breakpoints that users make with `monitor break`. Whoever serves a guest
//! knows the source; this crate knows operators.

use std::fmt::Debug;
use std::sync::Arc;

use debugger::{Condition, Paused};
use frame_table::ModulePc;

/// A place in the code, by what the source calls it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourcePlace {
    /// The module's number; the program's own is 0.
    pub module: u32,
    /// The operator.
    pub pc: ModulePc,
    /// Words for it, such as `fib at steps.c:13`.
    pub name: String,
}

/// Looks things up in the source.
pub trait Sources: Debug + Send + Sync {
    /// The operators where to stop for `NAME` of a function or `FILE:LINE`, in all modules. None if there is nothing of it.
    fn places(&self, wanted: &str) -> Vec<SourcePlace>;

    /// A condition over the variables in scope at an operator. What has no value when it is looked at holds.
    ///
    /// # Errors
    /// What is wrong with it, on one line.
    fn condition(&self, module: u32, pc: ModulePc, text: &str) -> Result<Arc<dyn Condition>, String>;

    /// The expressions of a list, with commas between them, over the variables in scope at an operator.
    ///
    /// # Errors
    /// What is wrong with it, on one line.
    fn values(&self, module: u32, pc: ModulePc, text: &str) -> Result<Arc<dyn Values>, String>;
}

/// Expressions that are looked at where the program passes.
pub trait Values: Debug + Send + Sync {
    /// How many there are.
    fn count(&self) -> usize;

    /// Their values in the innermost frame: integers extended to 64 bits by their sign, floats as the bits of an `f64`.
    ///
    /// # Errors
    /// Why one of them has none, on one line.
    fn values(&self, paused: &mut Paused<'_>) -> Result<Vec<u64>, String>;
}
