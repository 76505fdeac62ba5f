//! An x86-64 machine without an operating system: what stock gdb sees.
//!
//! | register | meaning |
//! |---|---|
//! | `rip` | address of the operator about to run; at a breakpoint, the address that was asked for |
//! | `rbp`, `rsp` | the frame's image (`frame_image`) and its low end |
//! | `rax` | the top of the operand stack, if it is an integer: gdb reads return values there |
//! | `xmm0` | the top of the operand stack, if it is a float or a vector |
//! | `rdx`, `xmm1` | the rest of a small structure that the call before this operator returned through memory |
//! | `wasm_*` | module, instance, function, module PC and counts of the innermost frame |
//!
//! All others are unavailable, and so is everything in this table that is not known. Nothing is guessed.
//!
//! Why are structures special? clang for wasm32 returns them through a pointer that the caller passes as first
//! argument; gdb believes in the System V ABI, where one of up to 16 bytes comes in registers and a longer one has its
//! address in `rax`. Right after such a call the registers are filled as gdb expects them, from the guest's memory.

mod registers;
mod returned;

use debugger::Frame;
use frame_table::ModulePc;

use crate::address_space::{AddressSpace, HOST_FUNCTION, NARROW, WIDE};
use crate::frame_image::{
    frame_pointer, host_address, instance_index, module_index, resume_address, stack_of, stack_pointer,
};
use crate::int::narrow;
use crate::machine::{Fault, Machine, ValuePlace};
use crate::value_bytes;

use super::Persona;
use registers::Register;
use returned::Returned;

/// The persona, in one of two widths.
#[derive(Debug)]
pub(crate) struct X86_64 {
    name: &'static str,
    space: &'static AddressSpace,
    machine: dwarf::Machine,
    target_xml: &'static str,
}

/// With pointers of 32 bits ("x32"), like the program's own: then what gdb makes up itself, `long`, `void *` and
/// pointers to its built-in types, has the size that the program means, and casts between pointers are right.
pub(crate) static X32: X86_64 = X86_64 {
    name: "x86-64 with 32-bit pointers",
    space: &NARROW,
    machine: dwarf::Machine::X32,
    target_xml: include_str!("target-x32.xml"),
};

/// With pointers of 64 bits, for programs that have such pointers, and for what does not fit below 4 GiB.
pub(crate) static X64: X86_64 = X86_64 {
    name: "x86-64",
    space: &WIDE,
    machine: dwarf::Machine::X86_64,
    target_xml: include_str!("target.xml"),
};

impl X86_64 {
    /// Where the symbol image of a module has to put things.
    pub(crate) fn layout(&self, module: u32, instance: u32, imports: &[String]) -> dwarf::Layout {
        let symbol =
            |name: &str, address| dwarf::Symbol { name: name.to_owned(), address, size: HOST_FUNCTION };
        let host_functions = imports
            .iter()
            .enumerate()
            .filter_map(|(index, name)| Some(symbol(name, self.space.host_function(module, narrow(index))?)));
        dwarf::Layout {
            machine: self.machine,
            code_base: self.space.code(module, ModulePc(0)).unwrap_or_default(),
            globals_base: self.space.global(instance, 0).unwrap_or_default(),
            host_functions: host_functions.collect(),
            host: symbol("<host>", self.space.host()),
        }
    }
}

impl Persona for X86_64 {
    fn name(&self) -> &'static str {
        self.name
    }

    fn space(&self) -> &'static AddressSpace {
        self.space
    }

    fn target_xml(&self) -> &'static str {
        self.target_xml
    }

    fn register_sizes(&self) -> &'static [u8] {
        &registers::SIZES
    }

    fn register(&self, machine: &dyn Machine, number: usize) -> Option<Vec<u8>> {
        let size = usize::from(*registers::SIZES.get(number)?);
        let mut bytes = match registers::meaning(number)? {
            Register::InstructionPointer => instruction_pointer(self.space, machine).to_le_bytes().to_vec(),
            Register::FramePointer => {
                let innermost = machine.frames().first();
                let stack = stack_of(machine, self.space);
                innermost.map_or(0, |frame| frame_pointer(stack, frame)).to_le_bytes().to_vec()
            }
            Register::StackPointer => {
                let innermost = machine.frames().first();
                let stack = stack_of(machine, self.space);
                innermost.map_or(stack.base, |frame| stack_pointer(stack, frame)).to_le_bytes().to_vec()
            }
            Register::Result(result) => Returned::at(machine, self.space)?.register(result)?,
            Register::Wasm(fact) => wasm_fact(machine, fact)?.to_le_bytes().to_vec(),
        };
        bytes.resize(size, 0);
        Some(bytes)
    }

    fn set_register(&self, machine: &mut dyn Machine, number: usize, bytes: &[u8]) -> Result<(), Fault> {
        let current = self.register(machine, number).ok_or(Fault::Unavailable)?;
        if current.len() != bytes.len() {
            return Err(Fault::Fixed);
        }
        if current == bytes {
            return Ok(());
        }
        match registers::meaning(number) {
            Some(Register::Result(result)) => set_top(self.space, machine, result, bytes),
            _ => Err(Fault::Fixed),
        }
    }

    fn expedited(&self) -> &'static [usize] {
        &registers::EXPEDITED
    }

    fn symbol_layout(&self, module: u32, instance: u32, imports: &[String]) -> Option<dwarf::Layout> {
        Some(self.layout(module, instance, imports))
    }

    fn pc(&self) -> usize {
        registers::RIP
    }

    fn triple(&self) -> &'static str {
        "x86_64-unknown-unknown-elf"
    }

    fn pointer_size(&self) -> u8 {
        8
    }
}

fn instruction_pointer(space: &AddressSpace, machine: &dyn Machine) -> u64 {
    match machine.frames().first() {
        Some(Frame::Host(frame)) => host_address(space, frame),
        Some(frame) => resume_address(space, frame),
        None => space.host(),
    }
}

fn wasm_fact(machine: &dyn Machine, fact: registers::Fact) -> Option<u32> {
    let Some(Frame::Wasm(frame)) = machine.frames().first() else { return None };
    Some(match fact {
        registers::Fact::Module => module_index(frame.module),
        registers::Fact::Instance => instance_index(frame.instance),
        registers::Fact::Function => frame.function,
        registers::Fact::Pc => frame.pc.0,
        registers::Fact::Locals => narrow(frame.locals.len()),
        registers::Fact::Operands => narrow(frame.operands.len()),
    })
}

/// The topmost operand of the innermost frame.
fn top(machine: &dyn Machine) -> Option<ValuePlace> {
    let Some(Frame::Wasm(frame)) = machine.frames().first() else { return None };
    let index = narrow(frame.operands.len().checked_sub(1)?);
    Some(ValuePlace::Operand { frame: 0, index })
}

/// Writes the value that a result register shows, if it is the top of the operand stack.
fn set_top(
    space: &AddressSpace,
    machine: &mut dyn Machine,
    result: registers::ResultRegister,
    bytes: &[u8],
) -> Result<(), Fault> {
    let Some(shown @ Returned::Top(old)) = Returned::at(machine, space) else { return Err(Fault::Fixed) };
    if shown.register(result).is_none() {
        return Err(Fault::Fixed);
    }
    let place = top(machine).ok_or(Fault::Unavailable)?;
    let length = value_bytes::encode(machine, space, old).len();
    let (value, padding) = bytes.split_at_checked(length).ok_or(Fault::Fixed)?;
    if padding.iter().any(|&byte| byte != 0) {
        return Err(Fault::Fixed);
    }
    machine.set_value(place, value_bytes::decode(old, value)?)
}

#[cfg(test)]
mod tests;
