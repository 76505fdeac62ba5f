//! The machine that a stock debugger is shown instead of Wasm: an address space, registers, and their description.
//!
//! A persona is data and a mapping. It talks to [`Machine`], never to the debugger, the guest or the protocol; a new
//! one is a folder beside `i386` and one more arm where the client is recognised.

use std::fmt::Debug;
use std::ops::Range;

use crate::address_space::{AddressSpace, NARROW, NARROW_MODULES};
use crate::greeting::Client;
use crate::int::wide;
use crate::machine::{Fault, Machine};

mod i386;
pub(crate) mod wasm;
mod x86;
mod x86_64;

pub(crate) use x86::X86;

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

/// The machine to show to a client for the modules of a program, its own first.
pub(crate) fn choose<'m>(
    choice: PersonaChoice,
    client: Client,
    modules: impl Iterator<Item = &'m [u8]>,
) -> &'static dyn Persona {
    match (choice, client) {
        (PersonaChoice::Wasm, _) | (PersonaChoice::Auto, Client::Lldb { knows_wasm: true }) => &wasm::Wasm,
        (PersonaChoice::Elf, _) | (PersonaChoice::Auto, Client::Lldb { knows_wasm: false }) => {
            elf_for_modules(modules)
        }
        (PersonaChoice::Gdb, _) | (PersonaChoice::Auto, Client::Gdb) => for_modules(modules),
    }
}

/// The machine to show gdb for the modules of a program: one with pointers of the program's size, unless the code needs
/// more addresses than those have.
pub(crate) fn for_modules<'m>(modules: impl Iterator<Item = &'m [u8]>) -> &'static X86 {
    match room(modules) {
        Room::One => &x86_64::X32,
        Room::Several => &x86_64::X32_MODULES,
        Room::Wide => &x86_64::X64,
    }
}

/// The machine to show lldb for the modules of a program, if it debugs the symbol image and not the modules themselves.
pub(crate) fn elf_for_modules<'m>(modules: impl Iterator<Item = &'m [u8]>) -> &'static X86 {
    match room(modules) {
        Room::One => &i386::I386,
        Room::Several => &i386::I386_MODULES,
        Room::Wide => &x86_64::X64,
    }
}

/// The addresses that a program needs.
enum Room {
    /// It has pointers of 32 bits, and its one module a place below 4 GiB.
    One,
    /// So have all of its modules.
    Several,
    Wide,
}

fn room<'m>(modules: impl Iterator<Item = &'m [u8]>) -> Room {
    let modules: Vec<&[u8]> = modules.collect();
    let (space, room) =
        if modules.len() > 1 { (&NARROW_MODULES, Room::Several) } else { (&NARROW, Room::One) };
    let fits = |bytes: &&[u8]| wide(bytes.len()) < space.code.stride;
    let has_place = wide(modules.len()) <= space.code.count && modules.iter().all(fits);
    let has_wide_pointers = modules.first().is_some_and(|bytes| dwarf::Module::has_wide_pointers(bytes));
    if has_place && !has_wide_pointers { room } else { Room::Wide }
}

/// The numbers of the registers that describe a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FrameNumbers {
    pub(crate) pc: usize,
    pub(crate) fp: usize,
    pub(crate) sp: usize,
}

/// Where the machine's calling convention passes values, by the numbers of registers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Calling {
    pub(crate) integers: [usize; 6],
    pub(crate) floats: Range<usize>,
    pub(crate) integer_results: [usize; 2],
    pub(crate) float_results: [usize; 2],
}

/// Registers by number, with their bytes in target order.
pub(crate) type Expedited = Vec<(usize, Vec<u8>)>;

/// The registers that go with a stop reply, of the machine's thread.
pub(crate) fn expedited(persona: &dyn Persona, machine: &dyn Machine) -> Expedited {
    let value = |&number| Some((number, persona.register(machine, number)?));
    persona.expedited().iter().filter_map(value).collect()
}

/// One machine to show.
pub(crate) trait Persona: Debug + Send + Sync {
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
    /// [`Fault::Unmapped`] if it stands for no Wasm value, unless the write changes nothing; [`Fault::Fixed`] if the value cannot
    /// be this one.
    fn set_register(&self, machine: &mut dyn Machine, number: usize, bytes: &[u8]) -> Result<(), Fault>;

    /// The registers that describe a frame; none on a machine whose frames cannot be taken away.
    fn frame_registers(&self) -> Option<FrameNumbers> {
        None
    }

    /// Whether a register keeps what a client writes to it until the thread goes on, though it means nothing.
    fn is_scratch(&self, _number: usize) -> bool {
        false
    }

    /// How clients call functions; none if they cannot.
    fn calling(&self) -> Option<&'static Calling> {
        None
    }

    /// The registers that go with every stop reply, so that the debugger need not ask.
    fn expedited(&self) -> &'static [usize];

    /// Where the symbol image of a module has to put things. None if clients read the module itself.
    fn symbol_layout(&self, module: u32, instance: Option<u32>, imports: &[String]) -> Option<dwarf::Layout>;

    /// The number of the register that is the program counter.
    fn pc(&self) -> usize;

    /// The machine's name in LLVM's terms, for `qHostInfo`. `must_ask`: the client is to read modules from us, and not from
    /// files that it finds.
    fn triple(&self, must_ask: bool) -> &'static str;

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
