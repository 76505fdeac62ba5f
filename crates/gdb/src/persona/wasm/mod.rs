//! The machine of lldb's own Wasm plugin: no machine, Wasm itself.
//!
//! An address says what it is about, as the plugin defines it:
//!
//! ```text
//!   bits 63..62  type: 0 = a linear memory, 1 = a module's file
//!   bits 61..32  id:   16 * instance + memory (0 = the main memory), or the module
//!   bits 31..0   offset in it; of a module, the module PC
//! ```
//!
//! There is one register, `pc`. Frames, locals, operands and globals have no addresses: lldb asks for them by index
//! (`frames`). Host functions have no place in it, so their frames are left out.
//!
//! Why do memories that are beyond 4 GiB end there? The plugin's offsets have 32 bits.

pub(crate) mod frames;
pub(crate) mod image;
pub(crate) mod survey;

use debugger::Frame;

use crate::address_space::{AddressSpace, TAGGED};
use crate::machine::{Fault, Machine};

use super::Persona;

/// The only register.
const PC: usize = 0;

/// The persona.
#[derive(Debug)]
pub(crate) struct Wasm;

impl Persona for Wasm {
    fn name(&self) -> &'static str {
        "Wasm"
    }

    fn space(&self) -> &'static AddressSpace {
        &TAGGED
    }

    fn target_xml(&self) -> &'static str {
        include_str!("target.xml")
    }

    fn register_sizes(&self) -> &'static [u8] {
        &[8]
    }

    /// A thread without a Wasm frame has no place in a module; its PC is an address of nothing.
    fn register(&self, machine: &dyn Machine, number: usize) -> Option<Vec<u8>> {
        (number == PC).then(|| frames::pc(self.space(), machine).unwrap_or(u64::MAX).to_le_bytes().to_vec())
    }

    fn set_register(&self, machine: &mut dyn Machine, number: usize, bytes: &[u8]) -> Result<(), Fault> {
        let current = self.register(machine, number).ok_or(Fault::Unavailable)?;
        if current == bytes { Ok(()) } else { Err(Fault::Fixed) }
    }

    fn expedited(&self) -> &'static [usize] {
        &[PC]
    }

    fn pc(&self) -> usize {
        PC
    }

    /// lldb reads the module itself.
    fn symbol_layout(
        &self,
        _module: u32,
        _instance: Option<u32>,
        _imports: &[String],
    ) -> Option<dwarf::Layout> {
        None
    }

    /// The plugin is there for `wasm32` and nothing else, also for memories with 64-bit addresses.
    ///
    /// lldb believes that a module's file on its own machine is for an unknown system. If the program is for that too, it
    /// takes the file from there; if it is for another system, it reads it from us.
    fn triple(&self, must_ask: bool) -> &'static str {
        if must_ask { "wasm32-unknown-wasi-wasm" } else { "wasm32-unknown-unknown-wasm" }
    }

    fn pointer_size(&self) -> u8 {
        4
    }

    fn register_info(&self, number: u64) -> Option<&'static str> {
        const INFO: &str = "name:pc;alt-name:pc;bitsize:64;offset:0;encoding:uint;format:hex;\
                            set:General Purpose Registers;gcc:0;dwarf:0;generic:pc;";
        (number == 0).then_some(INFO)
    }

    /// The linker writes -1 or -2; lldb takes them for addresses, and looks for the end of the prologue from there.
    fn is_dropped_code(&self, address: u64) -> bool {
        const TOMBSTONES: std::ops::Range<u64> = 0xffff_fffe..0x1_0001_0000;
        TOMBSTONES.contains(&address)
    }

    fn has_wasm_frames(&self) -> bool {
        true
    }
}

/// The frames that lldb is shown, by their numbers in the machine.
fn shown(machine: &dyn Machine) -> impl Iterator<Item = usize> {
    let is_wasm = |(_, frame): &(usize, &Frame)| matches!(frame, Frame::Wasm(_));
    machine.frames().iter().enumerate().filter(is_wasm).map(|(number, _)| number)
}

#[cfg(test)]
mod tests;
