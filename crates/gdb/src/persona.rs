//! The machine that a stock debugger is shown instead of Wasm: an address space, registers, and their description.
//!
//! A persona is data and a mapping. It talks to [`Machine`], never to the debugger, the guest or the protocol; a new
//! one is a file beside `x86_64` and one more arm where the client is recognised.

use crate::address_space::AddressSpace;
use crate::machine::{Fault, Machine};

pub(crate) mod x86_64;

/// The machine to show for a module: gdb gets pointers of the program's size unless the code needs more addresses than
/// those have.
pub(crate) fn for_module(bytes: &[u8]) -> &'static dyn Persona {
    let fits = u64::try_from(bytes.len()).is_ok_and(|bytes| bytes < x86_64::X32.space().code.stride);
    let is_wide = dwarf::Module::parse(bytes).is_ok_and(|module| module.has_wide_pointers());
    if fits && !is_wide { &x86_64::X32 } else { &x86_64::X64 }
}

/// One machine to show.
pub(crate) trait Persona: Send + Sync {
    /// What it is called in messages.
    fn name(&self) -> &'static str;

    /// Where it puts things.
    fn space(&self) -> &'static AddressSpace;

    /// The target description for `qXfer:features:read:target.xml`.
    fn target_xml(&self) -> &'static str;

    /// Size of each register in bytes, in the order of the `g` packet.
    fn register_sizes(&self) -> &'static [u8];

    /// A register's bytes in target order, as many as its size says. None when it has no value at this stop.
    fn register(&self, machine: &dyn Machine, number: usize) -> Option<Vec<u8>>;

    /// Writes a register.
    ///
    /// # Errors
    /// [`Fault::Fixed`] unless the write changes nothing or the register stands for a Wasm value.
    fn set_register(&self, machine: &mut dyn Machine, number: usize, bytes: &[u8]) -> Result<(), Fault>;

    /// The registers that go with every stop reply, so that the debugger need not ask.
    fn expedited(&self) -> &'static [usize];

    /// Where the symbol image of a module has to put things.
    fn symbol_layout(&self, module: u32, instance: u32, imports: &[String]) -> dwarf::Layout;
}
