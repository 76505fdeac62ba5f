//! The machine that a stock debugger is shown instead of Wasm: an address space, registers, and their description.
//!
//! A persona is data and a mapping. It talks to [`Machine`], never to the debugger, the guest or the protocol; a new
//! one is a file beside `x86_64` and one more arm where the client is recognised.

use crate::address_space::AddressSpace;
use crate::greeting::Client;
use crate::machine::{Fault, Machine};

pub(crate) mod wasm;
pub(crate) mod x86_64;

/// Which machine clients are shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PersonaChoice {
    /// What suits the client, by its first packets.
    #[default]
    Auto,
    /// The x86-64 machine that stock gdb knows.
    Gdb,
    /// Wasm itself, as lldb's Wasm plugin knows it.
    Wasm,
    /// The machine of the symbol files that are made for lldb.
    Elf,
}

/// The machine to show to a client for a module.
pub(crate) fn choose(choice: PersonaChoice, client: Client, module: &[u8]) -> &'static dyn Persona {
    match (choice, client) {
        (PersonaChoice::Wasm, _) | (PersonaChoice::Auto, Client::Lldb { knows_wasm: true }) => &wasm::Wasm,
        (PersonaChoice::Elf, _) | (PersonaChoice::Auto, Client::Lldb { knows_wasm: false }) => for_lldb(),
        (PersonaChoice::Gdb, _) | (PersonaChoice::Auto, Client::Gdb) => for_module(module),
    }
}

/// The machine for an lldb that has no Wasm plugin.
fn for_lldb() -> &'static dyn Persona {
    &x86_64::X64
}

/// The machine to show for a module: gdb gets pointers of the program's size unless the code needs more addresses than
/// those have.
pub(crate) fn for_module(bytes: &[u8]) -> &'static x86_64::X86_64 {
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

    /// Where the symbol image of a module has to put things. None if clients read the module itself.
    fn symbol_layout(&self, module: u32, instance: u32, imports: &[String]) -> Option<dwarf::Layout>;

    /// The number of the register that is the program counter.
    fn pc(&self) -> usize;

    /// The machine's name in LLVM's terms, for `qHostInfo`.
    fn triple(&self) -> &'static str;

    /// Bytes of a pointer, for `qHostInfo`.
    fn pointer_size(&self) -> u8;

    /// The answer to `qRegisterInfo`, for clients that do not read the target description.
    fn register_info(&self, _number: u64) -> Option<&'static str> {
        None
    }

    /// Whether debug info has this address for code that the linker dropped. A breakpoint there is set and never hit.
    fn is_dropped_code(&self, _address: u64) -> bool {
        false
    }

    /// Whether frames, locals and globals can be asked for by index (`qWasmCallStack` and its like).
    fn has_wasm_frames(&self) -> bool {
        false
    }
}
