//! Registers, memory and threads: `g` `G` `P` `m` `M` `X` `H` `T` `qfThreadInfo`. (`p` is the interposer's.)

use std::convert::Infallible;

use gdbstub::common::Tid;
use gdbstub::target::TargetError;
use gdbstub::target::ext::base::multithread::{MultiThreadBase, MultiThreadResumeOps};
use gdbstub::target::ext::base::single_register_access::{SingleRegisterAccess, SingleRegisterAccessOps};
use gdbstub::target::ext::thread_extra_info::{ThreadExtraInfo, ThreadExtraInfoOps};

use super::arch::{Number, RegisterBytes};
use gdbstub::target::TargetResult;

use super::{Target, refuse, thread_of, tid};
use crate::machine::Fault;
use crate::reply::NOT_STOPPED;

impl Target<'_> {
    fn check_thread(&self, thread: Tid) -> Result<(), TargetError<Infallible>> {
        if self.lives(thread_of(thread)) { Ok(()) } else { Err(refuse(Fault::Unmapped)) }
    }

    /// Nothing of a trace frame can be changed.
    fn check_is_now(&self) -> Result<(), TargetError<Infallible>> {
        if self.debuggee.tracing.is_selected() { Err(refuse(Fault::Fixed)) } else { Ok(()) }
    }

    /// What a thread shows that could not be stopped.
    fn unavailable_registers(&self) -> Vec<Option<u8>> {
        let bytes = self.persona.register_sizes().iter().map(|&size| usize::from(size)).sum();
        vec![None; bytes]
    }
}

impl MultiThreadBase for Target<'_> {
    fn read_registers(&mut self, registers: &mut RegisterBytes, thread: Tid) -> TargetResult<(), Self> {
        self.check_thread(thread)?;
        let persona = self.persona;
        let thread = thread_of(thread);
        if let Some(frame) = self.debuggee.tracing.selected() {
            for (number, &size) in persona.register_sizes().iter().enumerate() {
                match frame.registers.get(&number) {
                    Some(value) => registers.0.extend(value.iter().copied().map(Some)),
                    None => registers.0.extend(std::iter::repeat_n(None, usize::from(size))),
                }
            }
            return Ok(());
        }
        if !self.is_stopped(thread) {
            registers.0 = self.unavailable_registers();
            return Ok(());
        }
        registers.0 = self
            .look_at(thread, move |machine| {
                let mut bytes = Vec::new();
                for (number, &size) in persona.register_sizes().iter().enumerate() {
                    match persona.register(machine, number) {
                        Some(value) => bytes.extend(value.into_iter().map(Some)),
                        None => bytes.extend(std::iter::repeat_n(None, usize::from(size))),
                    }
                }
                Ok(bytes)
            })
            .map_err(refuse)?;
        let mut offset = 0;
        for (number, &size) in persona.register_sizes().iter().enumerate() {
            if let Some(pretended) = self.pretended.register(thread, number) {
                let place = registers.0.iter_mut().skip(offset);
                place.zip(pretended).for_each(|(to, from)| *to = Some(*from));
            }
            offset += usize::from(size);
        }
        Ok(())
    }

    /// Registers that have no value now cannot be written, so whatever the client sends for those is dropped.
    fn write_registers(&mut self, registers: &RegisterBytes, thread: Tid) -> TargetResult<(), Self> {
        self.check_thread(thread)?;
        self.check_is_now()?;
        let thread = thread_of(thread);
        let bytes: Vec<u8> = registers.0.iter().map(|byte| byte.unwrap_or(0)).collect();
        let (mut rest, mut writes) = (&*bytes, Vec::new());
        for (number, &size) in self.persona.register_sizes().iter().enumerate() {
            let (value, later) =
                rest.split_at_checked(usize::from(size)).ok_or_else(|| refuse(Fault::Fixed))?;
            rest = later;
            if self.shown_register(thread, number).is_some_and(|shown| shown != value) {
                writes.push((number, value.to_vec()));
            }
        }
        self.write_registers_of(thread, writes).map_err(refuse)
    }

    fn support_single_register_access(&mut self) -> Option<SingleRegisterAccessOps<'_, Tid, Self>> {
        Some(self)
    }

    fn read_addrs(&mut self, address: u64, data: &mut [u8], thread: Tid) -> TargetResult<usize, Self> {
        self.check_thread(thread)?;
        let bytes = self.read_memory(address, data.len()).map_err(refuse)?;
        Ok(data.iter_mut().zip(bytes).map(|(to, from)| *to = from).count())
    }

    fn write_addrs(&mut self, address: u64, data: &[u8], thread: Tid) -> TargetResult<(), Self> {
        self.check_thread(thread)?;
        self.write_memory(address, data).map_err(refuse)
    }

    fn list_active_threads(&mut self, each: &mut dyn FnMut(Tid)) -> Result<(), Self::Error> {
        self.living().iter().for_each(|thread| each(tid(thread.id)));
        Ok(())
    }

    fn support_resume(&mut self) -> Option<MultiThreadResumeOps<'_, Self>> {
        Some(self)
    }

    fn support_thread_extra_info(&mut self) -> Option<ThreadExtraInfoOps<'_, Self>> {
        Some(self)
    }
}

impl SingleRegisterAccess<Tid> for Target<'_> {
    fn read_register(
        &mut self,
        thread: Tid,
        register: Number,
        buffer: &mut [u8],
    ) -> TargetResult<usize, Self> {
        self.check_thread(thread)?;
        let value = self.shown_register(thread_of(thread), register.0);
        let value = value.ok_or_else(|| refuse(Fault::Unavailable))?;
        let target = buffer.get_mut(..value.len()).ok_or(TargetError::NonFatal)?;
        target.copy_from_slice(&value);
        Ok(value.len())
    }

    fn write_register(&mut self, thread: Tid, register: Number, value: &[u8]) -> TargetResult<(), Self> {
        self.check_thread(thread)?;
        self.check_is_now()?;
        let write = vec![(register.0, value.to_vec())];
        self.write_registers_of(thread_of(thread), write).map_err(refuse)
    }
}

impl ThreadExtraInfo for Target<'_> {
    /// The text that `info threads` shows behind a thread's name.
    fn thread_extra_info(&self, thread: Tid, buffer: &mut [u8]) -> Result<usize, Self::Error> {
        let mut name = self.debuggee.symbols.name();
        if !self.is_stopped(thread_of(thread)) {
            name = format!("{name}, {NOT_STOPPED}");
        }
        Ok(buffer.iter_mut().zip(name.as_bytes()).map(|(to, from)| *to = *from).count())
    }
}
