//! Writes to registers. Those that stand for a value of the guest change it; of the others, those say what a client wants
//! that describe a frame: to go on elsewhere, to take frames away, to call a function, or to give a call up.

use debugger::{Frame, ModuleId, Others, Paused, Resume, ThreadId};

use super::Target;
use super::pretended::FrameRegisters;
use crate::calling::Refusal;
use crate::frame_image::{frame_pointer, resume_address, stack_of};
use crate::int::narrow;
use crate::machine::Fault;

/// What a client wants that has written the registers of a frame.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Wish {
    /// Take so many frames away.
    Leave(u32),
    /// Give up so many calls.
    Abandon(usize),
}

impl Target<'_> {
    /// What a register shows: what the client wrote, or else what the guest has.
    pub(crate) fn shown_register(&self, thread: ThreadId, number: usize) -> Option<Vec<u8>> {
        if let Some(pretended) = self.pretended.register(thread, number) {
            return Some(pretended.to_vec());
        }
        self.real_register(thread, number)
    }

    fn real_register(&self, thread: ThreadId, number: usize) -> Option<Vec<u8>> {
        let persona = self.persona;
        self.look_at(thread, move |machine| persona.register(machine, number).ok_or(Fault::Unavailable)).ok()
    }

    /// The registers of the innermost frame as they are shown.
    pub(super) fn frame_registers(&self, thread: ThreadId) -> Option<FrameRegisters> {
        self.frame_registers_by(|number| self.shown_register(thread, number))
    }

    /// The registers of the innermost frame as the guest has them.
    pub(super) fn real_frame_registers(&self, thread: ThreadId) -> Option<FrameRegisters> {
        self.frame_registers_by(|number| self.real_register(thread, number))
    }

    fn frame_registers_by(&self, register: impl Fn(usize) -> Option<Vec<u8>>) -> Option<FrameRegisters> {
        let numbers = self.persona.frame_registers()?;
        let word = |number| {
            let mut word = [0; 8];
            word.iter_mut().zip(register(number)?).for_each(|(to, from)| *to = from);
            Some(u64::from_le_bytes(word))
        };
        Some(FrameRegisters { pc: word(numbers.pc)?, fp: word(numbers.fp)?, sp: word(numbers.sp)? })
    }

    /// Writes registers, and does what the client wants by that.
    ///
    /// # Errors
    /// When a register cannot be written, or what is wanted cannot be done.
    pub(super) fn write_registers_of(
        &mut self,
        thread: ThreadId,
        writes: Vec<(usize, Vec<u8>)>,
    ) -> Result<(), Fault> {
        let Some(numbers) = self.persona.frame_registers() else {
            return writes
                .iter()
                .try_for_each(|(number, value)| self.set_real_register(thread, *number, value));
        };
        let is_new = |(number, value): &(usize, Vec<u8>)| {
            *number == numbers.pc && self.shown_register(thread, *number).as_ref() != Some(value)
        };
        let moves = writes.iter().any(is_new);
        for (number, value) in writes {
            self.write_register_of(thread, number, value)?;
        }
        self.settle(thread, moves).map_err(|refusal| {
            self.pretended.take_registers(thread);
            self.pretended.was_refused = true;
            self.refusal = Some(refusal);
            Fault::Fixed
        })
    }

    fn set_real_register(&self, thread: ThreadId, number: usize, value: &[u8]) -> Result<(), Fault> {
        let (persona, value) = (self.persona, value.to_vec());
        self.look_at(thread, move |machine| persona.set_register(machine, number, &value))
    }

    fn write_register_of(&mut self, thread: ThreadId, number: usize, value: Vec<u8>) -> Result<(), Fault> {
        let size = self.persona.register_sizes().get(number).copied().ok_or(Fault::Unmapped)?;
        if value.len() != usize::from(size) {
            return Err(Fault::Fixed);
        }
        let real = self.real_register(thread, number);
        if real.as_ref() == Some(&value) {
            self.pretended.forget_register(thread, number);
            return Ok(());
        }
        let is_in_frame = self.frame_registers(thread) == self.real_frame_registers(thread);
        if is_in_frame {
            match self.set_real_register(thread, number, &value) {
                Ok(()) => {
                    self.pretended.forget_register(thread, number);
                    return Ok(());
                }
                // It stands for a value, which cannot be this one.
                Err(Fault::Fixed) if !self.is_count(number, &value) => {
                    return Err(Fault::Fixed);
                }
                Err(Fault::Fixed) => {}
                Err(Fault::Unmapped | Fault::Unavailable) => {}
            }
        }
        if !self.persona.is_scratch(number) {
            // gdb still has what it says of a frame that was taken away, and puts it back after a call.
            return if self.pretended.took_frames { Ok(()) } else { Err(Fault::Fixed) };
        }
        self.pretended.set_register(thread, number, value);
        Ok(())
    }

    /// Whether a write only tells a function how many vector registers have arguments. gdb does so before each call, in `rax`,
    /// after it has written its breakpoint for the return below the stack.
    fn is_count(&self, number: usize, value: &[u8]) -> bool {
        const MOST: u8 = 8;
        let is_rax = self.persona.calling().is_some_and(|calling| calling.integer_results[0] == number);
        let is_small =
            value.split_first().is_some_and(|(low, rest)| *low <= MOST && rest.iter().all(|byte| *byte == 0));
        is_rax && is_small && self.pretended.has_bytes()
    }

    /// Looks at the registers of the innermost frame after some were written. `moves`: the program counter was.
    fn settle(&mut self, thread: ThreadId, moves: bool) -> Result<(), Refusal> {
        let (Some(shown), Some(real)) = (self.frame_registers(thread), self.real_frame_registers(thread))
        else {
            return Ok(());
        };
        if shown == real {
            self.pretended.is_at_end_of_call = false;
            self.keep_values(thread);
            return Ok(());
        }
        if self.pretended.is_at_end_of_call {
            // It is going back to where it made the call, register by register.
            return Ok(());
        }
        if let Some(wish) = self.wish(thread, shown, real) {
            return self.fulfil(thread, &wish, shown);
        }
        match (shown.sp == real.sp && shown.fp == real.fp, moves) {
            (true, true) => self.jump(thread, shown.pc),
            (false, true) => self.check_call(thread, shown.pc),
            (_, false) => Ok(()),
        }
    }

    fn wish(&self, thread: ThreadId, shown: FrameRegisters, real: FrameRegisters) -> Option<Wish> {
        let own = self.pretended.calls.iter().filter(|call| call.thread == thread);
        let calls: Vec<_> = own.cloned().collect();
        if let Some(number) = calls.iter().position(|call| call.before == shown) {
            return Some(Wish::Abandon(calls.len() - number));
        }
        if shown.fp == real.fp || shown.sp == real.sp {
            return None;
        }
        let caller = calls.last().map(|call| (call.caller.pc, call.caller.fp, call.depth));
        let space = self.persona.space();
        let found = self.look_at(thread, move |machine| {
            let stack = stack_of(machine, space);
            let is_wasm = |frame: &&Frame| matches!(frame, Frame::Wasm(_));
            let frames = machine.frames();
            let wasm = frames.iter().take_while(is_wasm).count();
            if let Some((pc, fp, depth)) = caller
                && (pc, fp) == (shown.pc, shown.fp)
            {
                let called = frames.iter().take_while(|frame| frame.depth() > depth).count();
                return Ok((called <= wasm).then_some(called));
            }
            let is_it = |frame: &Frame| {
                frame_pointer(stack, frame) == shown.fp && resume_address(space, frame) == shown.pc
            };
            Ok(frames.iter().position(is_it).filter(|number| (1..=wasm).contains(number)))
        });
        found.ok().flatten().map(|frames| Wish::Leave(narrow(frames)))
    }

    fn fulfil(&mut self, thread: ThreadId, wish: &Wish, shown: FrameRegisters) -> Result<(), Refusal> {
        let values = self.pretended.take_registers(thread);
        match wish {
            Wish::Leave(frames) => {
                self.go(thread, Resume::Return { frames: *frames })?;
                self.notice_end_of_call();
                self.pretended.took_frames = true;
            }
            Wish::Abandon(calls) => {
                for _ in 0..*calls {
                    self.go(thread, Resume::Abandon)?;
                    self.notice_end_of_call();
                }
            }
        }
        let is_there = |registers: FrameRegisters| registers.pc == shown.pc && registers.fp == shown.fp;
        if !self.frame_registers(thread).is_some_and(is_there) {
            return Err(Refusal::Frame(
                "it is in a call of the host, or its values are not in registers".into(),
            ));
        }
        // A client may have written the value to return before it took the frame away.
        for (number, value) in values {
            let _only_results_can_be = self.set_real_register(thread, number, &value);
        }
        Ok(())
    }

    /// The client has come back to the frame that the thread is in, with registers that it wrote elsewhere: those of them that
    /// stand for values of the guest are written. gdb changes one for a call, and restores it before the frame's own.
    fn keep_values(&mut self, thread: ThreadId) {
        let written: Vec<_> =
            self.pretended.registers_of(thread).map(|(number, value)| (number, value.to_vec())).collect();
        for (number, value) in written {
            if self.set_real_register(thread, number, &value).is_ok() {
                self.pretended.forget_register(thread, number);
            }
        }
    }

    /// Gives up all calls that the client has made and that have not returned.
    pub(crate) fn give_up_calls(&mut self) {
        while let Some(thread) = self.pretended.calls.last().map(|call| call.thread) {
            if self.go(thread, Resume::Abandon).is_err() {
                return;
            }
            self.notice_end_of_call();
        }
    }

    fn jump(&mut self, thread: ThreadId, pc: u64) -> Result<(), Refusal> {
        self.pretended.take_registers(thread);
        let (module, wanted) = self.persona.space().code_at(pc).ok_or(Refusal::Jump)?;
        let find = move |paused: &mut Paused<'_>| paused.operator_at(ModuleId(module), wanted);
        let at = self.inspect_thread(thread, find).ok().flatten().ok_or(Refusal::Jump)?;
        self.go(thread, Resume::Jump(at))?;
        // Debug info knows the first operator by another address.
        let places = [Some(pc), self.persona.space().code(module, at)];
        let is_there = |registers: FrameRegisters| places.contains(&Some(registers.pc));
        if self.real_frame_registers(thread).is_some_and(is_there) { Ok(()) } else { Err(Refusal::Jump) }
    }

    /// Has a thread go somewhere, and waits until it is there.
    fn go(&mut self, thread: ThreadId, how: Resume) -> Result<(), Refusal> {
        let gone = self.debuggee.session.resume_threads(&[(thread, how)], Others::Hold);
        gone.map_err(|error| Refusal::Frame(error.to_string()))?;
        self.debuggee.goes_on();
        self.wait_for_stop();
        Ok(())
    }
}
