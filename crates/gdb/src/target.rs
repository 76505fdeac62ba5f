//! Our implementation of gdbstub's `Target`: one type with a machine that is chosen at run time (the persona), one file
//! for each of gdbstub's extensions.
//!
//! Every question to the guest goes through [`Target::look`], which runs on the guest's own thread while it is stopped.
//! gdbstub is told of failures as error numbers and never of fatal errors, since those would end the session.

mod arch;
mod base;
mod breakpoints;
mod call;
mod extended;
mod host_io;
mod memory;
mod monitor;
mod pretended;
mod regions;
mod resume;
mod settle;
mod watch;

use std::convert::Infallible;
use std::num::NonZeroUsize;
use std::sync::Arc;

use debugger::{Answer, Others, Paused, Resume, Thread, ThreadId};
use gdbstub::target::TargetError;
use gdbstub::target::ext::base::BaseOps;
use gdbstub::target::ext::breakpoints::BreakpointsOps;
use gdbstub::target::ext::extended_mode::ExtendedModeOps;
use gdbstub::target::ext::host_io::HostIoOps;
use gdbstub::target::ext::monitor_cmd::MonitorCmdOps;
use gdbstub::target::ext::section_offsets::{Offsets, SectionOffsets, SectionOffsetsOps};

use crate::address_space::Place;
use crate::calling::Refusal;
use crate::debuggee::Debuggee;
use crate::interposer as packet;
use crate::machine::{Fault, Machine};
use crate::paused::View;
use crate::persona::{self, Expedited, Persona};

pub(crate) use arch::RunTimeArch;
pub(crate) use resume::Action;
pub(crate) use watch::MOST as MOST_WATCHPOINTS;

/// Error numbers, as in the protocol's examples: what gdb prints does not depend on them.
const EPERM: u8 = 1;
const EFAULT: u8 = 14;

/// A thread's number in gdbstub's form.
pub(crate) fn tid(ThreadId(number): ThreadId) -> NonZeroUsize {
    usize::try_from(number).ok().and_then(NonZeroUsize::new).unwrap_or(NonZeroUsize::MIN)
}

/// A thread's number from gdbstub's form. 0, which no thread has, stands for numbers that are too large for one.
pub(crate) fn thread_of(tid: NonZeroUsize) -> ThreadId {
    ThreadId(u32::try_from(tid.get()).unwrap_or(0))
}

/// The one thread that a packet names.
pub(crate) fn chosen(thread: packet::Thread) -> Option<ThreadId> {
    match thread {
        packet::Thread::One(number) => Some(ThreadId(u32::try_from(number).unwrap_or(0))),
        packet::Thread::Any | packet::Thread::All => None,
    }
}

/// The debuggee as gdbstub and the interposer see it, for as long as one client is served.
pub(crate) struct Target<'d> {
    pub(crate) debuggee: &'d mut Debuggee,
    pub(crate) persona: &'static dyn Persona,
    /// The thread that packets are about which name none (`Hg`): the one that stopped, or the client's choice since.
    thread: ThreadId,
    /// The thread that the old packets for resuming are about (`Hc`), if the client has said.
    pub(crate) resumes: Option<ThreadId>,
    /// What the packet in work asked the guest's threads to do.
    action: Action,
    /// The last step was one that a tracepoint collects.
    pub(crate) has_stepped_for_trace: bool,
    /// How the client last let the threads go on.
    pub(crate) last_resume: (Vec<(ThreadId, Resume)>, Others),
    /// The registers that the next stop reply will need, asked for when the guest was resumed.
    registers_ahead: Option<(ThreadId, Answer<Expedited>)>,
    /// The same once the guest has stopped, until that is reported.
    registers_of_stop: Option<(ThreadId, Expedited)>,
    /// What the client wrote and the guest does not have.
    pub(crate) pretended: pretended::Pretended,
    /// Why the packet in work could not be done, if there are words for it.
    pub(crate) refusal: Option<Refusal>,
    /// The packet in work wanted to resume the guest, and it could not be.
    pub(crate) has_failed_to_resume: bool,
    /// The client said `!`.
    pub(crate) is_extended: bool,
    /// The client asked for the end of the guest through `monitor exit`.
    pub(crate) wants_exit: bool,
}

impl<'d> Target<'d> {
    pub(crate) fn new(debuggee: &'d mut Debuggee, persona: &'static dyn Persona) -> Self {
        Self {
            thread: debuggee.stopped_thread(),
            resumes: None,
            debuggee,
            persona,
            action: Action::default(),
            has_stepped_for_trace: false,
            last_resume: (Vec::new(), Others::Run),
            registers_ahead: None,
            registers_of_stop: None,
            pretended: pretended::Pretended::default(),
            refusal: None,
            has_failed_to_resume: false,
            is_extended: false,
            wants_exit: false,
        }
    }

    /// Makes a thread the one that packets are about.
    pub(crate) fn select(&mut self, thread: ThreadId) {
        self.thread = thread;
    }

    /// The thread that packets are about.
    pub(crate) fn thread(&self) -> ThreadId {
        self.thread
    }

    /// Asks the selected thread of the stopped guest something in the debugger's terms.
    pub(crate) fn inspect<R: Send + 'static>(
        &self,
        question: impl FnOnce(&mut Paused<'_>) -> R + Send + 'static,
    ) -> Result<R, Fault> {
        self.inspect_thread(self.thread, question)
    }

    fn inspect_thread<R: Send + 'static>(
        &self,
        thread: ThreadId,
        question: impl FnOnce(&mut Paused<'_>) -> R + Send + 'static,
    ) -> Result<R, Fault> {
        self.debuggee.session.inspect_thread(thread, question).map_err(|error| {
            tracing::debug!(%error, "the guest cannot be asked");
            Fault::Unavailable
        })
    }

    /// Asks the selected thread something in a persona's terms.
    pub(crate) fn look<R: Send + 'static>(
        &self,
        question: impl FnOnce(&mut dyn Machine) -> Result<R, Fault> + Send + 'static,
    ) -> Result<R, Fault> {
        self.look_at(self.thread, question)
    }

    /// Asks a thread of the stopped guest something in a persona's terms.
    pub(crate) fn look_at<R: Send + 'static>(
        &self,
        thread: ThreadId,
        question: impl FnOnce(&mut dyn Machine) -> Result<R, Fault> + Send + 'static,
    ) -> Result<R, Fault> {
        let symbols = Arc::clone(&self.debuggee.symbols);
        let awaited = self.debuggee.awaited.iter().filter(|awaited| awaited.thread == thread);
        let awaited = awaited.cloned().collect();
        self.inspect_thread(thread, move |paused| {
            question(&mut View::new(paused, &symbols).awaiting(awaited))
        })?
    }

    /// The threads of the guest that are alive.
    pub(crate) fn living(&self) -> Vec<Thread> {
        if self.debuggee.exit().is_some() { Vec::new() } else { self.debuggee.session.threads() }
    }

    /// Whether a thread is alive.
    pub(crate) fn lives(&self, thread: ThreadId) -> bool {
        self.living().iter().any(|living| living.id == thread)
    }

    /// Whether a thread stopped with the others, or is gone.
    pub(crate) fn is_stopped(&self, thread: ThreadId) -> bool {
        self.living().iter().all(|living| living.id != thread || living.is_stopped)
    }

    /// The thread to ask for what is at an address: the owner of a frame; for what all threads share, one that can be
    /// asked.
    pub(crate) fn thread_for(&self, address: u64) -> ThreadId {
        let space = self.persona.space();
        match space.place(address) {
            Some(Place::Stack { region }) => {
                let living = self.living();
                let mut owners =
                    living.iter().filter(|thread| space.stacks.region_of(thread.ordinal) == region);
                let first = owners.clone().next();
                let owner = owners.find(|thread| thread.id == self.thread).or(first);
                owner.map_or(self.thread, |thread| thread.id)
            }
            Some(Place::Global { .. }) | None => self.thread,
            Some(_) if self.is_stopped(self.thread) => self.thread,
            Some(_) => self.debuggee.stopped_thread(),
        }
    }

    /// Asks for the registers that the next stop reply will need, of the thread that is most likely to stop: the one that
    /// stopped last. The guest was just resumed.
    pub(crate) fn ask_ahead(&mut self) {
        let (thread, persona, symbols) =
            (self.debuggee.stopped_thread(), self.persona, Arc::clone(&self.debuggee.symbols));
        let asked = self
            .debuggee
            .session
            .inspect_next(thread, move |paused| persona::expedited(persona, &View::new(paused, &symbols)));
        self.registers_ahead = asked.ok().map(|answer| (thread, answer));
    }

    /// The guest has stopped or ended: what was asked ahead is answered, if it was asked of the thread that stopped.
    pub(crate) fn take_registers_ahead(&mut self) {
        let stopped = self.debuggee.stop().map(|_| self.debuggee.stopped_thread());
        let answer = self.registers_ahead.take().filter(|(thread, _)| Some(*thread) == stopped);
        self.registers_of_stop = answer.and_then(|(thread, answer)| Some((thread, answer.wait().ok()?)));
    }

    /// The stop is reported, and from now on registers may change.
    pub(crate) fn forget_registers(&mut self) {
        self.registers_of_stop = None;
    }

    /// The registers of a thread that every client asks for next. None of a thread that could not be stopped.
    pub(crate) fn expedited(&self, thread: ThreadId) -> Expedited {
        let known = self.registers_of_stop.as_ref().filter(|(of, _)| *of == thread);
        let persona = self.persona;
        let ask = || self.look_at(thread, move |machine| Ok(persona::expedited(persona, machine)));
        let mut registers = match known {
            Some((_, registers)) => registers.clone(),
            None => ask().unwrap_or_default(),
        };
        for (number, value) in &mut registers {
            if let Some(pretended) = self.pretended.register(thread, *number) {
                *value = pretended.to_vec();
            }
        }
        registers
    }

    /// Waits until the guest has stopped or ended. Returns at once if it has.
    pub(crate) fn wait_for_stop(&mut self) {
        self.debuggee.wait_until_still();
    }

    /// Ends the guest, and waits until it has ended.
    pub(crate) fn kill(&mut self) {
        self.debuggee.session.kill();
        self.debuggee.wait_until_ended();
    }

    /// Whether the client may start the program again.
    pub(crate) fn can_launch(&self) -> bool {
        self.is_extended && self.debuggee.launcher.is_some()
    }
}

/// A fault as gdbstub wants it.
pub(super) fn refuse(fault: Fault) -> TargetError<Infallible> {
    TargetError::Errno(match fault {
        Fault::Fixed => EPERM,
        Fault::Unmapped | Fault::Unavailable => EFAULT,
    })
}

impl gdbstub::target::Target for Target<'_> {
    type Arch = RunTimeArch;
    type Error = Infallible;

    fn base_ops(&mut self) -> BaseOps<'_, Self::Arch, Self::Error> {
        BaseOps::MultiThread(self)
    }

    /// The interposer edits replies, which must be plain for that.
    fn use_rle(&self) -> bool {
        false
    }

    fn use_fork_stop_reason(&self) -> bool {
        false
    }

    fn use_vfork_stop_reason(&self) -> bool {
        false
    }

    fn use_vforkdone_stop_reason(&self) -> bool {
        false
    }

    fn support_breakpoints(&mut self) -> Option<BreakpointsOps<'_, Self>> {
        Some(self)
    }

    fn support_monitor_cmd(&mut self) -> Option<MonitorCmdOps<'_, Self>> {
        Some(self)
    }

    fn support_extended_mode(&mut self) -> Option<ExtendedModeOps<'_, Self>> {
        Some(self)
    }

    fn support_section_offsets(&mut self) -> Option<SectionOffsetsOps<'_, Self>> {
        Some(self)
    }

    fn support_host_io(&mut self) -> Option<HostIoOps<'_, Self>> {
        // Without it, gdb opens the symbol image itself.
        if self.debuggee.shares_files { None } else { Some(self) }
    }
}

impl SectionOffsets for Target<'_> {
    /// The symbol image has the addresses that the persona shows.
    fn get_section_offsets(&mut self) -> Result<Offsets<u64>, Self::Error> {
        Ok(Offsets::Sections { text: 0, data: 0, bss: None })
    }
}
