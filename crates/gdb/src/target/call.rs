//! Calls of the guest's functions by the client: from registers and stack to a Wasm call, and back.

use std::sync::Arc;

use debugger::{CallEnd, Frame, InstanceId, ModuleId, Paused, Resume, ThreadId, Value, ValueType};
use frame_table::ModulePc;

use super::Target;
use super::pretended::{Call, Called, FrameRegisters, ROOM};
use crate::address_space::AddressSpace;
use crate::calling::{self, Passed, Prepared, Refusal, Returned};
use crate::frame_image::{frame_pointer, stack_of};
use crate::int::{index, wide};
use crate::persona::Calling;

/// A function to be called, and what is known of it.
#[derive(Clone, Debug)]
struct Callee {
    module: ModuleId,
    function: u32,
    signature: Arc<dwarf::Signature>,
    parameters: Vec<ValueType>,
}

impl Target<'_> {
    /// What the client's registers ask for, if that is a call: none if they do not.
    ///
    /// # Errors
    /// When the function cannot be called.
    pub(super) fn check_call(&self, thread: ThreadId, pc: u64) -> Result<(), Refusal> {
        self.callee(thread, pc).and_then(|(callee, passed)| self.arguments(&callee, &passed)).map(drop)
    }

    /// Starts the call that the client's registers ask for: how the thread is to go on. None if they ask for none.
    pub(super) fn begin_call(&mut self, thread: ThreadId) -> Option<Result<Resume, Refusal>> {
        let wanted = self.frame_registers(thread)?;
        let before = self.real_frame_registers(thread)?;
        let is_call = wanted.pc != before.pc && wanted.sp != before.sp && !self.pretended.is_at_end_of_call;
        is_call.then(|| self.prepare_call(thread, wanted, before))
    }

    fn prepare_call(
        &mut self,
        thread: ThreadId,
        wanted: FrameRegisters,
        before: FrameRegisters,
    ) -> Result<Resume, Refusal> {
        let word = self.persona.space().word;
        let (callee, passed) = self.callee(thread, wanted.pc)?;
        let arguments = self.arguments(&callee, &passed)?;
        let mut return_address = [0; 8];
        self.pretended.patch(wanted.sp, &mut return_address);
        let caller = FrameRegisters {
            pc: u64::from_le_bytes(return_address),
            fp: wanted.fp,
            sp: wanted.sp.saturating_add(word),
        };
        let wanted_at = passed.integers.first().copied().flatten().unwrap_or_default();
        let returns = callee.signature.returns.clone();
        let space = self.persona.space();
        let begin = move |paused: &mut Paused<'_>| begin(paused, space, &callee, arguments);
        let (resume, prepared, stack_pointer, depth) =
            self.inspect_thread(thread, begin).map_err(|_| Refusal::NoFunction)??;
        let called = Called { prepared, stack_pointer, returns, wanted_at };
        self.pretended.calls.push(Call { thread, before, depth, caller, called });
        Ok(resume)
    }

    fn callee(&self, thread: ThreadId, pc: u64) -> Result<(Callee, Passed), Refusal> {
        let calling = self.persona.calling().ok_or(Refusal::NoFunction)?;
        let (module, pc) = self.persona.space().code_at(pc).ok_or(Refusal::NoFunction)?;
        let find = move |paused: &mut Paused<'_>| function_at(paused, ModuleId(module), pc);
        let found = self.inspect_thread(thread, find).ok().flatten();
        let (function, parameters) = found.ok_or(Refusal::NoFunction)?;
        let signature = self.debuggee.symbols.signature(module, function);
        let callee = Callee { module: ModuleId(module), function, signature, parameters };
        Ok((callee, self.passed(thread, calling)))
    }

    fn arguments(&self, callee: &Callee, passed: &Passed) -> Result<Vec<calling::Argument>, Refusal> {
        calling::arguments(&callee.signature, &callee.parameters, passed)
    }

    /// What the client has put where a callee looks for arguments.
    fn passed(&self, thread: ThreadId, calling: &Calling) -> Passed {
        let register = |number: &usize| {
            let bytes = self.shown_register(thread, *number)?;
            let mut bits = [0; 16];
            bits.iter_mut().zip(bytes).for_each(|(to, from)| *to = from);
            Some(u128::from_le_bytes(bits))
        };
        let low = |bits: u128| u64::try_from(bits).ok();
        let integers = calling.integers.iter().map(|number| register(number).and_then(low)).collect();
        let floats = calling.floats.clone().map(|number| register(&number)).collect();
        let sp = self.frame_registers(thread).map_or(0, |registers| registers.sp);
        let mut stack = vec![0; index(ROOM)];
        self.pretended.patch(sp.saturating_add(self.persona.space().word), &mut stack);
        Passed { integers, floats, stack }
    }

    /// The guest has stopped: if that is the end of a call, shows the client what it returned, in the frame that it made up.
    pub(crate) fn notice_end_of_call(&mut self) {
        let Some(end) = self.debuggee.call_end.take() else { return };
        let thread = self.debuggee.stopped_thread();
        let is_of_thread = self.pretended.calls.last().is_some_and(|call| call.thread == thread);
        let Some(call) = (if is_of_thread { self.pretended.calls.pop() } else { None }) else { return };
        let Called { prepared, stack_pointer, returns, wanted_at } = call.called;
        let room = prepared.room.zip(returns.as_ref().map(|returns| returns.byte_size));
        let read = move |paused: &mut Paused<'_>| {
            if let Some((instance, global, value)) = stack_pointer
                && let Err(error) = paused.set_global(instance, global, value)
            {
                tracing::warn!(%error, "the guest's stack pointer is not what it was");
            }
            let (instance, (place, size)) = stack_pointer.map(|found| found.0).zip(room)?;
            let mut bytes = vec![0; index(size)];
            let count = paused.read_memory(instance, 0, place, &mut bytes).ok()?;
            (count == bytes.len()).then_some(bytes)
        };
        let structure = self.inspect_thread(thread, read).ok().flatten();
        let CallEnd::Returned(values) = end else { return };
        let returned = match (&returns, structure) {
            (Some(returns), Some(bytes)) if returns.hidden_pointer => {
                self.pretended.write(wanted_at, &bytes);
                calling::returned_structure(returns, &bytes, wanted_at)
            }
            (Some(returns), _) if let [Value::V128(bits)] = *values => {
                calling::returned_structure(returns, &bits.to_le_bytes(), wanted_at)
            }
            _ => calling::returned_scalar(&values),
        };
        self.show_end_of_call(thread, call.caller, &returned);
    }

    fn show_end_of_call(&mut self, thread: ThreadId, caller: FrameRegisters, returned: &Returned) {
        let Some((calling, numbers)) = self.persona.calling().zip(self.persona.frame_registers()) else {
            return;
        };
        let words = [(numbers.pc, caller.pc), (numbers.fp, caller.fp), (numbers.sp, caller.sp)];
        let integers = calling.integer_results.iter().copied().zip(returned.integers.iter().copied());
        for (number, word) in words.into_iter().chain(integers) {
            self.pretended.set_register(thread, number, word.to_le_bytes().to_vec());
        }
        for (number, bits) in calling.float_results.iter().zip(&returned.floats) {
            self.pretended.set_register(thread, *number, bits.to_le_bytes().to_vec());
        }
        self.pretended.is_at_end_of_call = true;
    }

    /// The guest has stopped in a call: the frame that the client made up has to be the caller of the called function's.
    pub(crate) fn link_calls(&mut self) {
        let (space, word) = (self.persona.space(), self.persona.space().word);
        for number in 0..self.pretended.calls.len() {
            let Some(Call { thread, depth, caller, .. }) = self.pretended.calls.get(number).cloned() else {
                continue;
            };
            let outermost = self.look_at(thread, move |machine| {
                let stack = stack_of(machine, space);
                let called = machine.frames().iter().take_while(|frame| frame.depth() > depth);
                Ok(called.last().map(|frame| frame_pointer(stack, frame)))
            });
            let Ok(Some(pointer)) = outermost else { continue };
            // Frames are there already where the client has written.
            let end = pointer.saturating_add(2 * word);
            self.pretended.forget_bytes(end.saturating_sub(wide(index(ROOM))), end);
            for (at, value) in [(pointer, caller.fp), (pointer.saturating_add(word), caller.pc)] {
                let bytes = value.to_le_bytes();
                self.pretended.write(at, bytes.get(..index(word)).unwrap_or(&bytes));
            }
        }
    }
}

/// The function of a module that begins at a PC, with the types of its parameters.
fn function_at(paused: &Paused<'_>, module: ModuleId, pc: ModulePc) -> Option<(u32, Vec<ValueType>)> {
    let loaded = paused.modules().into_iter().find(|loaded| loaded.id == module)?;
    let function = loaded.module.function_at(pc)?;
    let (start, operator) = loaded.module.entry(function)?;
    let ty = loaded.module.function_type(function)?;
    (pc == start || pc == operator).then(|| (function, ty.params().to_vec()))
}

type Begun = (Resume, Prepared, Option<(InstanceId, u32, Value)>, u64);

/// Puts into the guest what a call needs.
fn begin(
    paused: &mut Paused<'_>,
    space: &AddressSpace,
    callee: &Callee,
    arguments: Vec<calling::Argument>,
) -> Result<Begun, Refusal> {
    let depth = paused.innermost().map_or(0, Frame::depth);
    let instance = instance_for(paused, callee.module).ok_or(Refusal::NoFunction)?;
    let function = paused.function(instance, callee.function).ok_or(Refusal::NoFunction)?;
    let pointer = callee.signature.stack_pointer.and_then(|global| {
        let value = paused.global(instance, global).ok()?;
        Some((instance, global, value))
    });
    let address = pointer.and_then(|(_, _, value)| match value {
        Value::I32(address) => Some(u64::from(address.cast_unsigned())),
        Value::I64(address) => Some(address.cast_unsigned()),
        _ => None,
    });
    let index_of = |address| index_of(paused, space, instance, address);
    let prepared = calling::lay_out(arguments, &callee.parameters, address, index_of)?;
    for (place, bytes) in &prepared.copies {
        paused.write_memory(instance, 0, *place, bytes).map_err(|_| Refusal::NoRoom)?;
    }
    if let Some(((_, global, old), lowest)) = pointer.zip(prepared.stack_pointer) {
        let new = match old {
            Value::I64(_) => Value::I64(lowest.cast_signed()),
            _ => Value::I32(u32::try_from(lowest).map_err(|_| Refusal::NoRoom)?.cast_signed()),
        };
        paused.set_global(instance, global, new).map_err(|_| Refusal::NoRoom)?;
    }
    let resume = Resume::Call { function, arguments: prepared.arguments.clone() };
    Ok((resume, prepared, pointer, depth))
}

/// The index in an instance's first table of the function that begins at an address. What is no address of code is an index.
fn index_of(
    paused: &Paused<'_>,
    space: &AddressSpace,
    instance: InstanceId,
    address: u64,
) -> Result<u64, Refusal> {
    let Some((module, pc)) = space.code_at(address) else { return Ok(address) };
    let (function, _) = function_at(paused, ModuleId(module), pc).ok_or(Refusal::NoPointer(address))?;
    let wanted = paused.function(instance, function);
    let size = paused.table_size(instance, 0).unwrap_or_default();
    let is_it = |index: &u64| {
        let element = paused.table_element(instance, 0, *index);
        matches!(element, Ok(Value::FuncRef(found @ Some(_))) if found == wanted)
    };
    (0..size).find(is_it).ok_or(Refusal::NoPointer(address))
}

/// The instance that a function of a module is called in: that of the innermost frame of the module, else the first.
fn instance_for(paused: &Paused<'_>, module: ModuleId) -> Option<InstanceId> {
    let of_frame = paused.frames().iter().find_map(|frame| match frame {
        Frame::Wasm(frame) if frame.module == module => Some(frame.instance),
        _ => None,
    });
    let first = || {
        let loaded = paused.modules().into_iter().find(|loaded| loaded.id == module)?;
        loaded.instances.first().copied()
    };
    of_frame.or_else(first)
}
