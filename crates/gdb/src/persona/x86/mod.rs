//! What the personas of the x86 family share: a machine without an operating system whose frames are images.
//!
//! A machine is its name, its address space, its registers by number, and where its calling convention puts what a
//! function returned. The rest follows: the frame and stack pointers are the innermost frame's image (`frame_image`),
//! the instruction pointer is the address of the operator about to run, or at a breakpoint the one that was asked for.

use std::ops::Range;

use debugger::{Frame, Value};
use frame_table::ModulePc;

use super::{Calling, FrameNumbers, Persona};
use crate::address_space::{AddressSpace, HOST_FUNCTION};
use crate::frame_image::{
    frame_pointer, host_address, module_index, resume_address, stack_of, stack_pointer,
};
use crate::int::narrow;
use crate::machine::{Fault, Machine, ReturnedCall, ValuePlace};
use crate::value_bytes;

/// A machine of the family, as data.
#[derive(Debug)]
pub(crate) struct X86 {
    pub(super) name: &'static str,
    pub(super) space: &'static AddressSpace,
    /// The machine's name in LLVM's terms.
    pub(super) triple: &'static str,
    pub(super) machine: dwarf::Machine,
    pub(super) target_xml: &'static str,
    /// Size of each register in bytes, in the order of `target_xml`.
    pub(super) sizes: &'static [u8],
    /// What every stop reply carries.
    pub(super) expedited: &'static [usize],
    /// The numbers of the instruction pointer, the frame pointer and the stack pointer.
    pub(super) frame: FrameNumbers,
    /// How debuggers call functions, if they can.
    pub(super) calling: Option<&'static Calling>,
    /// The meaning of a register; none for those without one.
    pub(super) meaning: fn(usize) -> Option<Register>,
    /// What a result register shows at this stop; none when that is not known.
    pub(super) result: fn(&dyn Machine, &AddressSpace, ResultRegister) -> Option<Shown>,
    /// Which argument a register has at the entry of a function. None of registers that have none.
    pub(super) argument: fn(usize) -> Option<Argument>,
}

/// An argument by its number among those of its kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Argument {
    Integer(usize),
    /// A float or a vector.
    Float(usize),
}

impl Argument {
    /// Its value among all arguments.
    fn of(self, arguments: &[Value]) -> Option<Value> {
        let is_float = |value: &Value| matches!(value, Value::F32(_) | Value::F64(_) | Value::V128(_));
        let own = arguments.iter().copied();
        match self {
            Self::Integer(number) => own.filter(|value| !is_float(value)).nth(number),
            Self::Float(number) => own.filter(is_float).nth(number),
        }
    }
}

/// What a register means here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Register {
    InstructionPointer,
    FramePointer,
    StackPointer,
    Result(ResultRegister),
    Wasm(Fact),
}

/// A register in which debuggers look for return values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ResultRegister {
    /// `rax` or `eax`.
    A,
    /// `rdx` or `edx`.
    D,
    Xmm0,
    Xmm1,
    St0,
}

/// A fact about the innermost frame in a register of our own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fact {
    Module,
    Instance,
    Function,
    Pc,
    Locals,
    Operands,
}

impl Fact {
    /// In the order of their registers, which are the last ones of every machine.
    pub(super) const ALL: [Self; 6] =
        [Self::Module, Self::Instance, Self::Function, Self::Pc, Self::Locals, Self::Operands];
}

/// What is in a result register.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Shown {
    /// These bytes of the topmost operand. They can be written.
    Operand { value: Value, bytes: Range<usize> },
    /// Something else.
    Bytes(Vec<u8>),
}

impl Shown {
    /// Some bytes of the topmost operand, or as many of them as it has.
    pub(super) fn operand(
        machine: &dyn Machine,
        space: &AddressSpace,
        value: Value,
        bytes: Range<usize>,
    ) -> Self {
        let end = value_bytes::encode(machine, space, value).len().min(bytes.end);
        Self::Operand { value, bytes: bytes.start..end }
    }

    fn bytes(self, machine: &dyn Machine, space: &AddressSpace) -> Option<Vec<u8>> {
        match self {
            Self::Operand { value, bytes } => {
                Some(value_bytes::encode(machine, space, value).get(bytes)?.to_vec())
            }
            Self::Bytes(bytes) => Some(bytes),
        }
    }
}

impl X86 {
    /// Where the symbol image of a module has to put things. `instance`: the only one, whose memory is the one at address 0.
    /// Without it variables have no places. `imports` are the functions of the host, by index; those that another module
    /// provides are empty.
    pub(crate) fn layout(&self, module: u32, instance: Option<u32>, imports: &[String]) -> dwarf::Layout {
        let symbol =
            |name: &str, address| dwarf::Symbol { name: name.to_owned(), address, size: HOST_FUNCTION };
        let host_functions = imports.iter().enumerate().filter(|(_, name)| !name.is_empty());
        // Debuggers show the last of several symbols with one address: the whole name. The short one is for breakpoints.
        let host_functions = host_functions.filter_map(|(index, name)| {
            let address = self.space.host_function(module, narrow(index))?;
            let short = name.split_once('.').map_or(name.as_str(), |(_, short)| short);
            Some([symbol(short, address), symbol(name, address)])
        });
        dwarf::Layout {
            machine: self.machine,
            code_base: self.space.code(module, ModulePc(0)).unwrap_or_default(),
            globals_base: instance.and_then(|instance| self.space.global(instance, 0)).unwrap_or_default(),
            has_variables: instance.is_some(),
            host_functions: host_functions.flatten().collect(),
            host: symbol("<host>", self.space.host()),
        }
    }
}

impl X86 {
    /// Whether a debugger writes arguments of calls to a register. gdb changes a part of such a register, and leaves one alone
    /// that has no value: so it is 0 unless it shows something else, or something that is not known.
    fn is_argument(&self, number: usize) -> bool {
        self.calling.is_some_and(|calling| {
            calling.integers.contains(&number)
                || calling.floats.contains(&number)
                || calling.integer_results.contains(&number)
        })
    }
}

impl Persona for X86 {
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
        self.sizes
    }

    fn register(&self, machine: &dyn Machine, number: usize) -> Option<Vec<u8>> {
        let size = usize::from(*self.sizes.get(number)?);
        if let Some(argument) = (self.argument)(number)
            && let Some(arguments) = machine.host_arguments()
        {
            let mut bytes =
                value_bytes::encode(machine, self.space, argument.of(&arguments)?).get(..)?.to_vec();
            bytes.resize(size, 0);
            return Some(bytes);
        }
        let innermost = machine.innermost();
        let stack = stack_of(machine, self.space);
        // Of a function of the host it is not known what it was called with.
        let is_free = self.is_argument(number) && !matches!(innermost, Some(Frame::Host(_)));
        let Some(meaning) = (self.meaning)(number) else {
            return is_free.then(|| vec![0; size]);
        };
        let mut bytes = match meaning {
            Register::InstructionPointer => instruction_pointer(self.space, machine).to_le_bytes().to_vec(),
            Register::FramePointer => {
                innermost.map_or(0, |frame| frame_pointer(stack, frame)).to_le_bytes().to_vec()
            }
            Register::StackPointer => {
                innermost.map_or(stack.base, |frame| stack_pointer(stack, frame)).to_le_bytes().to_vec()
            }
            Register::Result(result) => match (self.result)(machine, self.space, result) {
                Some(shown) => shown.bytes(machine, self.space)?,
                None if is_free && machine.returned_call().is_none() => Vec::new(),
                None => return None,
            },
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
        match (self.meaning)(number) {
            Some(Register::Result(result)) => {
                let shown = (self.result)(machine, self.space, result).ok_or(Fault::Unmapped)?;
                set_top(self.space, machine, shown, bytes)
            }
            _ => Err(Fault::Unmapped),
        }
    }

    fn expedited(&self) -> &'static [usize] {
        self.expedited
    }

    fn symbol_layout(&self, module: u32, instance: Option<u32>, imports: &[String]) -> Option<dwarf::Layout> {
        Some(self.layout(module, instance, imports))
    }

    fn pc(&self) -> usize {
        self.frame.pc
    }

    fn frame_registers(&self) -> Option<FrameNumbers> {
        Some(self.frame)
    }

    fn is_scratch(&self, number: usize) -> bool {
        number < self.sizes.len() && !matches!((self.meaning)(number), Some(Register::Wasm(_)))
    }

    fn calling(&self) -> Option<&'static Calling> {
        self.calling
    }

    fn triple(&self, _must_ask: bool) -> &'static str {
        self.triple
    }

    fn pointer_size(&self) -> u8 {
        self.machine.address_size()
    }
}

fn instruction_pointer(space: &AddressSpace, machine: &dyn Machine) -> u64 {
    match machine.innermost() {
        Some(Frame::Host(frame)) => host_address(space, frame),
        Some(frame) => resume_address(space, frame),
        None => space.host(),
    }
}

fn wasm_fact(machine: &dyn Machine, fact: Fact) -> Option<u32> {
    let Some(Frame::Wasm(frame)) = machine.innermost() else { return None };
    Some(match fact {
        Fact::Module => module_index(frame.module),
        Fact::Instance => machine.instance_number(frame.instance),
        Fact::Function => frame.function,
        Fact::Pc => frame.pc.0,
        Fact::Locals => narrow(frame.locals.len()),
        Fact::Operands => narrow(frame.operands.len()),
    })
}

/// The topmost operand of the innermost frame.
pub(super) fn top(machine: &dyn Machine) -> Option<ValuePlace> {
    let Some(Frame::Wasm(frame)) = machine.innermost() else { return None };
    let index = narrow(frame.operands.len().checked_sub(1)?);
    Some(ValuePlace::Operand { frame: 0, index })
}

/// The pointer to where a call stored its result: its first argument, if it can be a pointer and is still known.
pub(super) fn hidden_pointer(call: &ReturnedCall) -> Option<u64> {
    match (*call.arguments.first()?)? {
        Value::I32(pointer) => Some(u64::from(pointer.cast_unsigned())),
        Value::I64(pointer) => Some(pointer.cast_unsigned()),
        _ => None,
    }
}

/// Writes what a result register shows, if it is of the top of the operand stack. What the register has beyond those
/// bytes stays zero.
fn set_top(space: &AddressSpace, machine: &mut dyn Machine, shown: Shown, bytes: &[u8]) -> Result<(), Fault> {
    let Shown::Operand { value: old, bytes: range } = shown else { return Err(Fault::Unmapped) };
    let place = top(machine).ok_or(Fault::Unavailable)?;
    let (new, padding) = bytes.split_at_checked(range.len()).ok_or(Fault::Fixed)?;
    if padding.iter().any(|&byte| byte != 0) {
        return Err(Fault::Fixed);
    }
    let mut image = value_bytes::encode(machine, space, old);
    image.get_mut(range).ok_or(Fault::Fixed)?.copy_from_slice(new);
    machine.set_value(place, value_bytes::decode(old, &image)?)
}

#[cfg(test)]
pub(super) mod golden;
