//! Rebuilding a frame for other code of its function, where it is on the stack. `crate::tier` says when, and draws it.
//!
//! ```text
//!   the caller's frame
//!     return address, saved frame pointer    stay
//!     --- frame pointer -------------------
//!     registers saved for the caller         copied, with those that the old code did not have to save
//!     state slot                             values by the old code's table, to where the new code's table says
//!     all else                               zeroes: nothing of it outlives an operator of landing code
//!     --- stack pointer of the new code ---
//! ```
//!
//! The new frame is made in memory of the store's, since what runs here has its own frames where it will be; the last step,
//! [`arch::go_on`], copies it and does not come back.
#![expect(unsafe_code, reason = "reads frames of this thread's stack, and replaces return addresses")]

use super::arch::{self, Registers, returned_address};
use super::slot::{lost, read_local, read_operand};
use super::walk::{Position, RawFrame, Walk, Walked};
use super::{ExitKind, current, slot_vmctx};
use crate::engine::Tier;
use crate::jit::FunctionCode;
use crate::module::narrow;
use crate::store::Store;
use crate::value::{FuncType, Value};
use frame_table::{LocalSetId, Operand, Place, ShapeId, SlotLayout, TextOffset, ValueType};
use std::collections::{BTreeMap, BTreeSet};

/// Registers that a function keeps for its caller, by number: rbx, r12 to r15.
const KEPT: [u8; 5] = [3, 12, 13, 14, 15];

/// What changing frames needs.
#[derive(Default)]
pub(crate) struct Switching {
    /// Those of the code that called the runtime; then those to go on with.
    registers: Box<Registers>,
    image: Vec<u8>,
    /// The state for code that is entered in the middle.
    state: Vec<u128>,
    /// By the frame pointer of the frame that waits: the return address that was replaced.
    returns: BTreeMap<usize, usize>,
    /// The frames, by frame pointer, in whose slots a debugger has written.
    written: BTreeSet<usize>,
}

impl Switching {
    /// Where a call of the frame really returns to.
    pub(super) fn return_of(&self, fp: usize) -> Option<usize> {
        self.returns.get(&fp).copied()
    }

    /// What [`Store::note_registers`] noted last.
    pub(super) fn registers(&self) -> Registers {
        (*self.registers).clone()
    }

    /// Whether a frame's slot has values that its code has not seen.
    pub(crate) fn is_written(&self, fp: usize) -> bool {
        self.written.contains(&fp)
    }

    /// A debugger wrote into a frame's slot.
    pub(crate) fn note_written(&mut self, fp: usize) {
        self.written.insert(fp);
    }

    /// The frame with this frame pointer goes on, and the frames below it are gone.
    pub(crate) fn forget_calls_up_to(&mut self, fp: usize) {
        self.forget_below(fp + 1);
    }

    /// The frames below an address are gone.
    pub(super) fn forget_below(&mut self, address: usize) {
        self.returns = self.returns.split_off(&address);
        self.written = self.written.split_off(&address);
    }
}

impl Store {
    /// Compiled code called the runtime with these registers.
    pub(crate) fn note_registers(&mut self, registers: &Registers) {
        (*self.switching.registers).clone_from(registers);
    }

    /// The general registers of compiled code that trapped.
    pub(crate) fn note_general_registers(&mut self, general: [u64; 16]) {
        self.switching.registers.general = general;
    }

    /// The frame whose call returned to [`returned_address`].
    pub(crate) fn returned_frame(&mut self) -> Option<RawFrame> {
        let registers = &mut self.switching.registers;
        let fp = usize::try_from(registers.general[Registers::FP]).ok()?;
        registers.image_length = 0;
        registers.pc = self.switching.returns.remove(&fp)?;
        registers.image_to = usize::try_from(registers.general[Registers::SP]).ok()?;
        let pc = registers.pc;
        let code = self.code().function_at(pc).cloned()?;
        Some(RawFrame { code, pc, fp, position: Position::Call })
    }

    /// What to go on with.
    pub(crate) fn next_registers(&self) -> *const Registers {
        &raw const *self.switching.registers
    }

    /// Has a frame that waits in a call come to [`returned_address`] when the call returns.
    pub(crate) fn replace_return(&mut self, frame: &RawFrame) {
        if self.switching.returns.contains_key(&frame.fp) {
            return;
        }
        let Some(place) = self.return_place(frame.fp) else { return };
        let at: *mut usize = std::ptr::with_exposed_provenance_mut(place);
        // SAFETY: the place of a return address on this thread's stack, of a call that has not returned.
        let old = unsafe { at.read() };
        debug_assert_eq!(old, frame.pc, "the call returns to the frame");
        self.switching.returns.insert(frame.fp, old);
        // SAFETY: as above; `returned` finds out where to go on.
        unsafe { at.write(returned_address()) };
    }

    /// Where the return address is that leads back to the frame with this frame pointer.
    fn return_place(&self, fp: usize) -> Option<usize> {
        let mut inner = None;
        let mut walk = Walk::new(self);
        while let Some(walked) = walk.next() {
            match walked {
                Walked::Frame(frame) if frame.fp == fp => return inner.or_else(|| walk.exit_record()),
                Walked::Frame(frame) => inner = Some(frame.fp + size_of::<usize>()),
                Walked::Host(_) | Walked::Gap | Walked::Foreign => inner = None,
            }
        }
        None
    }

    /// Prepares a frame of `code` in place of `frame`, to go on at `at` with the same values. `state` says where the old
    /// code has them, and `shape` where the new code expects the operands; `popped` bytes above its frame's bottom is the
    /// stack pointer that it goes on with. False if that is not possible.
    pub(crate) fn rebuild_frame(
        &mut self,
        frame: &RawFrame,
        state: (ShapeId, LocalSetId),
        code: &FunctionCode,
        at: TextOffset,
        shape: ShapeId,
        popped: usize,
    ) -> bool {
        let size = code.native.size as usize;
        let bottom = frame.fp - size;
        if bottom < self.limits().stack() || code.native.moved != frame.code.native.moved {
            return false;
        }
        let mut image = std::mem::take(&mut self.switching.image);
        image.clear();
        image.resize(size, 0);
        self.restore_registers(frame);
        let built = self
            .build_state(frame, state, code, shape, &mut image)
            .and_then(|()| self.save_registers(code, &mut image));
        self.switching.image = image;
        if built.is_none() {
            return false;
        }
        self.switching.written.remove(&frame.fp);
        let Switching { registers, image, .. } = &mut self.switching;
        registers.general[Registers::SP] = (bottom + popped) as u64;
        registers.general[Registers::FP] = frame.fp as u64;
        registers.pc = code.start + at.0 as usize;
        registers.image = image.as_ptr().expose_provenance();
        registers.image_length = size;
        registers.image_to = bottom;
        self.tier_stress.changes.to_debug += 1;
        true
    }

    /// Bytes of stack arguments that a call of the frame, which has just returned, took away.
    pub(crate) fn popped_by_return(&self, frame: &RawFrame) -> usize {
        let sp = usize::try_from(self.switching.registers.general[Registers::SP]).unwrap_or_default();
        sp.saturating_sub(frame.fp - frame.code.native.size as usize)
    }

    fn build_state(
        &self,
        frame: &RawFrame,
        (from, held): (ShapeId, LocalSetId),
        code: &FunctionCode,
        shape: ShapeId,
        image: &mut [u8],
    ) -> Option<()> {
        let slot = image.len().checked_sub(code.frame.slot_below_fp() as usize)?;
        let layout = code.frame.layout();
        let mut put = |offset: u32, ty: ValueType, bits: u128| -> Option<()> {
            let (at, length) = (slot + offset as usize, ty.bytes() as usize);
            image.get_mut(at..at + length)?.copy_from_slice(&bits.to_le_bytes()[..length]);
            Some(())
        };
        put(SlotLayout::VMCTX, ValueType::I64, slot_vmctx(frame)? as u128)?;
        for (index, ty) in (0..).zip(code.frame.locals()) {
            let bits = read_local(frame, held, index, *ty).unwrap_or_else(|| lost(*ty));
            put(layout.local(index), *ty, bits)?;
        }
        let old = frame.code.frame.operands(from);
        for (height, operand) in code.frame.operands(shape).into_iter().enumerate() {
            let Operand { ty, place: Place::Slot } = operand else { continue };
            let bits = read_operand(frame, held, narrow(height), *old.get(height)?)?;
            put(layout.operand(narrow(height)), ty, bits)?;
        }
        // The old code did not keep what was above, such as the arguments of a call that has returned.
        let above = layout.operand(narrow(code.frame.operands(shape).len())) as usize;
        let (places, _) = image.get_mut(slot + above..)?.as_chunks_mut::<{ size_of::<u64>() }>();
        let wide = layout.operand(1) - layout.operand(0) > 8;
        let halves = lost(ValueType::V128).to_le_bytes();
        let (halves, _) = halves.as_chunks::<{ size_of::<u64>() }>();
        let halves = if wide { halves } else { halves.get(..1)? };
        for (place, half) in places.iter_mut().zip(halves.iter().cycle()) {
            *place = *half;
        }
        Some(())
    }

    /// The registers that the frame's caller relies on, as the frame's code has saved them.
    fn restore_registers(&mut self, frame: &RawFrame) {
        for (number, below) in &frame.code.native.saved {
            let at: *const u64 = std::ptr::with_exposed_provenance(frame.fp - *below as usize);
            // SAFETY: the frame is on this thread's stack, and its code has saved the register there.
            self.switching.registers.general[usize::from(*number)] = unsafe { at.read() };
        }
    }

    /// The same, to where `code` saves them in a frame of its own.
    fn save_registers(&self, code: &FunctionCode, image: &mut [u8]) -> Option<()> {
        for (number, below) in &code.native.saved {
            let at = image.len().checked_sub(*below as usize)?;
            let bits = self.switching.registers.general[usize::from(*number)];
            image.get_mut(at..at + size_of::<u64>())?.copy_from_slice(&bits.to_le_bytes());
        }
        Some(())
    }

    /// A frame that is to go on where an exception is caught: passes that.
    ///
    /// Its caller's registers are all in it, since a call that may end by an exception keeps none.
    pub(crate) fn pass_exception(&mut self, frame: &RawFrame, exception: u64) -> bool {
        self.switching.registers.general[Registers::EXCEPTION] = exception;
        let saved = &frame.code.native.saved;
        KEPT.iter().all(|number| saved.iter().any(|saved| saved.0 == *number))
    }

    /// Prepares a call of `code`, which begins in the middle of the function, in place of a frame of the debug tier.
    pub(crate) fn resume_frame(&mut self, frame: &RawFrame, shape: ShapeId, code: &FunctionCode) -> bool {
        let Some(vmctx) = slot_vmctx(frame) else { return false };
        let table = &frame.code.frame;
        let mut state = std::mem::take(&mut self.switching.state);
        state.clear();
        let all = frame_table::LocalSets::ALL;
        for (index, ty) in (0..).zip(table.locals()) {
            state.push(read_local(frame, all, index, *ty).unwrap_or_else(|| lost(*ty)));
        }
        for (height, operand) in table.operands(shape).into_iter().enumerate() {
            let Some(bits) = read_operand(frame, all, narrow(height), operand) else { return false };
            state.push(bits);
        }
        self.limits().set_resume_state(state.as_ptr().expose_provenance());
        self.switching.state = state;
        self.restore_registers(frame);
        let record: *const usize = std::ptr::with_exposed_provenance(frame.fp);
        // SAFETY: the frame is on this thread's stack, and has its caller's frame pointer there.
        let outer = unsafe { record.read() };
        let registers = &mut self.switching.registers;
        registers.general[Registers::FP] = outer as u64;
        registers.general[Registers::SP] = (frame.fp + size_of::<usize>()) as u64;
        registers.general[Registers::FIRST_ARGUMENT] = vmctx as u64;
        registers.general[Registers::SECOND_ARGUMENT] = vmctx as u64;
        registers.pc = code.start;
        registers.image_length = 0;
        registers.image_to = frame.fp + size_of::<usize>();
        match code.version.tier() {
            Tier::Run => self.tier_stress.changes.to_run += 1,
            Tier::Debug => self.tier_stress.changes.to_debug += 1,
        }
        true
    }
}

impl Store {
    /// Prepares what an innermost frame's function would do if it returned these values, which are of its results' types.
    /// False if that is not possible.
    pub(crate) fn return_from(&mut self, frame: &RawFrame, results: &[Value]) -> bool {
        let module = self.modules.get(frame.code.module).map(|loaded| loaded.module.clone());
        let Some(ty) = module.as_ref().and_then(|module| module.function_type(frame.code.function)) else {
            return false;
        };
        self.restore_registers(frame);
        let record: *const [usize; 2] = std::ptr::with_exposed_provenance(frame.fp);
        // SAFETY: the frame is on this thread's stack, and has its caller's frame pointer and its return address there.
        let [outer, returns_to] = unsafe { record.read() };
        // The return takes the arguments on the stack away, and what a tail call made room for.
        let popped = FRAME_RECORD + stack_arguments(ty) + frame.code.native.moved as usize;
        let (mut integers, mut floats) = (Registers::RESULTS.into_iter(), 0..);
        for (value, ty) in results.iter().zip(ty.results()) {
            let bits = self.bits_of(*value);
            let registers = &mut self.switching.registers;
            if is_integer(*ty) {
                let Some(number) = integers.next() else { return false };
                registers.general[number] = u64::try_from(bits).unwrap_or_default();
            } else {
                let number: usize = floats.next().unwrap_or_default();
                let Some(register) = registers.vectors.get_mut(number) else { return false };
                *register = bits;
            }
        }
        self.switching.written.remove(&frame.fp);
        let registers = &mut self.switching.registers;
        registers.general[Registers::FP] = outer as u64;
        registers.general[Registers::SP] = (frame.fp + popped) as u64;
        registers.pc = returns_to;
        registers.image_length = 0;
        registers.image_to = frame.fp + popped;
        true
    }
}

/// Bytes of a saved frame pointer and a return address.
const FRAME_RECORD: usize = 16;
/// Integers and references that are passed in registers, the two vmctxs among them.
const ARGUMENTS: usize = 6;
/// Floats and vectors that are passed, or returned, in registers.
const FLOATS: usize = 8;

fn is_integer(ty: ValueType) -> bool {
    matches!(ty, ValueType::I32 | ValueType::I64 | ValueType::Ref(_))
}

/// Whether a function returns more than fits into registers.
pub(crate) fn has_results_in_memory(ty: &FuncType) -> bool {
    let integers = ty.results().iter().filter(|ty| is_integer(**ty)).count();
    integers > Registers::RESULTS.len() || ty.results().len() - integers > FLOATS
}

/// Bytes that the arguments of a function take on the stack.
fn stack_arguments(ty: &FuncType) -> usize {
    let (mut integers, mut floats, mut bytes) = (2, 0, 0_usize);
    for param in ty.params() {
        let (count, room) =
            if is_integer(*param) { (&mut integers, ARGUMENTS) } else { (&mut floats, FLOATS) };
        *count += 1;
        if *count > room {
            let size = (param.bytes() as usize).max(size_of::<u64>());
            bytes = bytes.next_multiple_of(size) + size;
        }
    }
    bytes.next_multiple_of(16)
}

/// Goes on with the registers that the store has prepared.
///
/// # Safety
/// They were prepared by one of the functions here, for a frame of this thread's innermost activation; called from Rust
/// code that Wasm code of that activation called, with nothing to drop in the frames between here and that Wasm code.
pub(crate) unsafe fn go_on(registers: *const Registers) -> ! {
    if let Some(activation) = current() {
        activation.exit.kind = ExitKind::None;
    }
    // SAFETY: the caller's promise; registers and image are in memory of the store's.
    unsafe { arch::go_on(registers) }
}
