//! One client's session, from its first byte to its last: a blocking loop on a thread that may block.
//!
//! ```text
//!              first packet: stop the guest if it runs
//!   (connected) ──────────────────────────────────────> idle ──── vCont ────> running
//!                                                        ^ │                    │
//!                                                        │ └─ D, k, vKill: end  │ stop, exit: one stop reply
//!                                                        └──────────────────────┘ 0x03: interrupt
//! ```
//!
//! Why a thread? Every question to the guest blocks for as long as the guest's thread needs to answer. That is short,
//! but it has no place on an async worker. `link` waits for the socket on this thread.
//!
//! `packets` has what each packet is answered with.

mod packets;

use debugger::{Exit, Others, Resume, Stop};

use crate::Error;
use crate::debuggee::Debuggee;
use crate::framer::{Framer, Input};
use crate::greeting::{Client, Greeting, Plugin};
use crate::interposer::Dialect;
use crate::link::{Incoming, Link};
use crate::packet::{CANNOT, MALFORMED, PACKET_SIZE, PACKET_SLACK, frame};
use crate::persona::{self, PersonaChoice};
use crate::reply;
use crate::stop::{self, Reason};
use crate::stub::Stub;
use crate::target::Target;
use crate::trace::Pending;

/// How a session with a client ended.
#[derive(Debug)]
pub enum Outcome {
    /// The client let go of the guest, which runs on.
    Detached,
    /// The client ended the guest.
    Killed,
    /// The connection broke, or had to be broken. The guest is as it was: stopped, or running until it next stops.
    Lost(Option<Error>),
    /// The guest ended, and the client was told.
    Exited(Exit),
}

/// Serves one client until the session ends.
pub(crate) fn converse(debuggee: &mut Debuggee, link: &mut Link) -> Outcome {
    debuggee.catch_up();
    let mut conversation = Conversation::new(link);
    let client = match conversation.meet(debuggee) {
        Ok(Some(client)) => client,
        Ok(None) => return Outcome::Lost(None),
        Err(error) => return Outcome::Lost(Some(error)),
    };
    let persona = persona::choose(debuggee.choice, client, debuggee.symbols.files());
    if debuggee.choice == PersonaChoice::Auto && client == (Client::Lldb { knows_wasm: false }) {
        tracing::warn!(
            "this lldb knows no Wasm: before it connects, `target create` the file that \
             `wasm-gdbserver symbols --for lldb MODULE -o FILE` writes"
        );
    }
    conversation.dialect.is_lldb = client != Client::Gdb;
    debuggee.joins_watchpoints = conversation.dialect.is_lldb;
    conversation.dialect.has_wasm_frames = persona.has_wasm_frames();
    conversation.dialect.register_bytes =
        persona.register_sizes().iter().map(|&size| usize::from(size)).sum();
    // That lldb reads a frame's image in blocks, and shows nothing of one in which a value is not available.
    debuggee.wants_everything = conversation.dialect.is_lldb && !persona.has_wasm_frames();
    let mut target = Target::new(debuggee, persona);
    let outcome = conversation.run(&mut target).unwrap_or_else(|error| Outcome::Lost(Some(error)));
    target.debuggee.tracing.leave();
    if target.debuggee.session.is_stopped() {
        target.debuggee.clear_breakpoints();
    }
    if matches!(outcome, Outcome::Detached) {
        target.give_up_calls();
        target.debuggee.was_running = true;
        target.debuggee.wants_everything = false;
        target.debuggee.stop_at_modules(false);
        if let Err(error) = target.debuggee.resume(&[], Others::Run) {
            tracing::debug!(%error, "the guest does not go on after the client has left");
        }
    }
    outcome
}

struct Conversation<'l> {
    link: &'l mut Link,
    framer: Framer,
    dialect: Dialect,
    /// Bytes that were received and not looked at yet.
    pending: std::vec::IntoIter<u8>,
    /// The packet that told who the client is. It is still to be answered.
    first: Option<Vec<u8>>,
    /// Both sides acknowledge packets.
    has_acks: bool,
    /// The last framed reply, for a client that missed it.
    last_reply: Vec<u8>,
    /// The client writes process ids into thread ids.
    is_multiprocess: bool,
    /// The client knows the stop reply for "nothing that was resumed is left".
    knows_none_runs: bool,
    /// lldb wants the list of threads in stop replies.
    lists_threads: bool,
    /// lldb wants words with errors.
    explains_errors: bool,
    /// lldb has asked for a register, and so knows that it may.
    knows_registers: bool,
    /// What is known of lldb's plugin.
    plugin: Plugin,
    /// The client waits for a stop reply.
    is_running: bool,
    /// An interrupt came while the guest stood: it stops the guest when it next runs, as a pending signal would. gdb
    /// sends one between two resumptions when it steps off a breakpoint and the user presses `Ctrl-C`.
    has_interrupt: bool,
}

impl<'l> Conversation<'l> {
    fn new(link: &'l mut Link) -> Self {
        Self {
            link,
            framer: Framer::new(),
            dialect: Dialect { thread: 1, ..Dialect::default() },
            pending: Vec::new().into_iter(),
            first: None,
            has_acks: true,
            last_reply: Vec::new(),
            is_multiprocess: false,
            knows_none_runs: false,
            lists_threads: false,
            explains_errors: false,
            knows_registers: false,
            plugin: Plugin::default(),
            is_running: false,
            has_interrupt: false,
        }
    }

    /// Waits for the packet that tells who the client is. None if it hung up before.
    fn meet(&mut self, debuggee: &mut Debuggee) -> Result<Option<Client>, Error> {
        let mut greeting = Greeting::default();
        loop {
            while let Some(byte) = self.pending.next() {
                match self.framer.push(byte)? {
                    Some(Input::Packet(body)) => {
                        self.hear(&body)?;
                        let Some(client) = greeting.hear(&body) else {
                            self.stop_acknowledging()?;
                            continue;
                        };
                        self.first = Some(body);
                        return Ok(Some(client));
                    }
                    Some(other) => self.on_noise(other)?,
                    None => {}
                }
            }
            match self.link.next(debuggee)? {
                Incoming::Bytes(bytes) => self.pending = bytes.into_iter(),
                Incoming::Closed => return Ok(None),
                Incoming::Event(event) => debuggee.note(event),
                // There was nobody to hear it.
                Incoming::Said => drop(debuggee.output.take()),
            }
        }
    }

    /// Talks until the session ends, with as many gdbstubs as it takes. One that gave up, although every packet was
    /// checked, costs the client an error reply and no more.
    fn run(&mut self, target: &mut Target<'_>) -> Result<Outcome, Error> {
        // gdbstub looks for another `#` behind each packet, so there is one.
        let mut buffer = vec![b'#'; PACKET_SIZE + 2 * PACKET_SLACK];
        loop {
            let mut stub = Stub::start(&mut buffer, target)?;
            if self.is_multiprocess {
                stub.feed(target, b"qSupported:multiprocess+")?;
            }
            match self.talk(&mut stub, target) {
                Err(Error::Core(reason)) => {
                    tracing::warn!(reason, "a packet was too much for gdbstub, which is started again");
                    self.is_running = false;
                    self.send(frame(CANNOT))?;
                }
                other => return other,
            }
        }
    }

    fn talk<'b, 'd>(&mut self, stub: &mut Stub<'b, 'd>, target: &mut Target<'d>) -> Result<Outcome, Error> {
        loop {
            if let Some(body) = self.first.take() {
                self.begin(target);
                if let Some(outcome) = self.on_packet(stub, target, &body)? {
                    return Ok(outcome);
                }
            }
            while let Some(byte) = self.pending.next() {
                let Some(input) = self.framer.push(byte)? else { continue };
                if let Some(outcome) = self.on_input(stub, target, input)? {
                    return Ok(outcome);
                }
            }
            let flow = match self.link.next(target.debuggee)? {
                Incoming::Bytes(bytes) => {
                    self.pending = bytes.into_iter();
                    None
                }
                Incoming::Closed => Some(Outcome::Lost(None)),
                Incoming::Event(event) => {
                    target.debuggee.note(event);
                    self.on_event(stub, target)?
                }
                Incoming::Said => {
                    self.pass_on(target)?;
                    None
                }
            };
            if let Some(outcome) = flow {
                return Ok(outcome);
            }
        }
    }

    fn send(&mut self, framed: Vec<u8>) -> Result<(), Error> {
        tracing::trace!(reply = %framed.escape_ascii(), "-->");
        self.last_reply = framed;
        self.link.send(&self.last_reply)
    }

    fn acknowledge(&mut self, sign: &[u8]) -> Result<(), Error> {
        if !self.has_acks {
            return Ok(());
        }
        self.link.send(sign)
    }

    /// Sends what the guest's threads have said, if the client takes it now.
    fn pass_on(&mut self, target: &Target<'_>) -> Result<(), Error> {
        if !self.is_running {
            return Ok(());
        }
        let said = target.debuggee.output.take();
        for piece in said.as_bytes().chunks(PACKET_SIZE / 4) {
            self.send(frame(&[b"O".as_slice(), &crate::hex::text(piece)].concat()))?;
        }
        Ok(())
    }

    /// The guest stopped or ended. Tells the client, if it waits for that.
    fn on_event<'d>(
        &mut self,
        stub: &mut Stub<'_, 'd>,
        target: &mut Target<'d>,
    ) -> Result<Option<Outcome>, Error> {
        if !self.is_running || !target.debuggee.is_still() || Self::steps_for_trace(target) {
            return Ok(None);
        }
        self.pass_on(target)?;
        self.is_running = false;
        target.select(target.debuggee.stopped_thread());
        stub.stopped(target)?;
        target.take_registers_ahead();
        target.notice_end_of_call();
        target.link_calls();
        self.report(target)
    }

    /// Whether the guest stopped only for steps that a tracepoint collects: it was sent on its way then.
    fn steps_for_trace(target: &mut Target<'_>) -> bool {
        let Some(pending) = target.debuggee.tracing.pending() else { return false };
        let thread = target.debuggee.stopped_thread();
        let is_of = target
            .living()
            .iter()
            .any(|living| living.id == thread && living.ordinal == pending.thread_ordinal);
        let left = match target.debuggee.stop() {
            Some(Stop::Breakpoint { .. }) if is_of && !target.has_stepped_for_trace => Some(pending.left),
            Some(Stop::Step) if is_of => {
                let (collecting, key) = (target.collecting(), pending.key);
                let collected = target
                    .debuggee
                    .session
                    .inspect_thread(thread, move |paused| collecting.step(paused, key));
                collected.is_ok().then_some(pending.left - 1)
            }
            // Something that the client has to know of.
            _ => None,
        };
        target.has_stepped_for_trace = false;
        let Some(left) = left else {
            target.debuggee.tracing.set_pending(None);
            return false;
        };
        let is_over = left == 0 || target.debuggee.tracing.pending().is_none();
        target.debuggee.tracing.set_pending((!is_over).then_some(Pending { left, ..pending }));
        let resumed = if is_over {
            let (each, others) = target.last_resume.clone();
            target.debuggee.resume(&each, others)
        } else {
            target.has_stepped_for_trace = true;
            target.debuggee.resume(&[(thread, Resume::StepInstruction)], Others::Hold)
        };
        // What was asked ahead was answered at this stop.
        target.ask_ahead();
        if let Err(error) = &resumed {
            tracing::debug!(%error, "the guest does not go on after a tracepoint");
            target.debuggee.tracing.set_pending(None);
        }
        resumed.is_ok()
    }

    /// Sends the stop reply for the guest's present state, and ends the session if that is the end.
    fn report(&mut self, target: &mut Target<'_>) -> Result<Option<Outcome>, Error> {
        let reply = self.stop_reply(target);
        target.forget_registers();
        self.send(frame(&reply))?;
        let exit = target.debuggee.exit().filter(|_| !target.can_launch());
        Ok(exit.cloned().map(Outcome::Exited))
    }

    fn stop_reply(&self, target: &Target<'_>) -> Vec<u8> {
        let debuggee = &*target.debuggee;
        let reason = match (debuggee.exit(), debuggee.stop()) {
            (Some(exit), _) => stop::of_exit(exit, debuggee.signal_sent),
            // The client has a breakpoint where it believes that the call returns to.
            (None, Some(_)) if target.pretended.is_at_end_of_call => {
                Reason::Stopped { signal: stop::signal::TRAP, is_breakpoint: true }
            }
            // The client would look for its own breakpoint.
            (None, Some(_)) if debuggee.monitored().is_some() => stop::STOPPED,
            (None, Some(stop)) => stop::of_stop(stop),
            (None, None) => stop::STOPPED,
        };
        let reason = match reason {
            Reason::NoneRuns if !self.knows_none_runs => stop::STOPPED,
            other => other,
        };
        match (reason, debuggee.exit()) {
            (Reason::Stopped { .. }, _) if self.dialect.is_lldb => {
                reply::lldb::stop(target, debuggee.stopped_thread(), self.lists_threads)
            }
            (_, Some(exit)) if self.dialect.is_lldb => reply::lldb::end(reason, exit)
                .unwrap_or_else(|| reply::stop(target, reason, self.is_multiprocess)),
            _ => reply::stop(target, reason, self.is_multiprocess),
        }
    }

    fn on_input<'d>(
        &mut self,
        stub: &mut Stub<'_, 'd>,
        target: &mut Target<'d>,
        input: Input,
    ) -> Result<Option<Outcome>, Error> {
        match input {
            Input::Packet(body) => {
                self.hear(&body)?;
                return self.on_packet(stub, target, &body);
            }
            Input::Interrupt if self.is_running => target.debuggee.session.interrupt(),
            other => self.on_noise(other)?,
        }
        Ok(None)
    }

    /// Notes that a packet came.
    fn hear(&mut self, body: &[u8]) -> Result<(), Error> {
        tracing::trace!(packet = %body.escape_ascii(), "<--");
        self.acknowledge(b"+")
    }

    /// What is no packet, while the guest stands.
    fn on_noise(&mut self, input: Input) -> Result<(), Error> {
        match input {
            // Without acknowledgements nobody would send the packet again, but somebody waits for its reply.
            Input::Damaged if self.has_acks => self.acknowledge(b"-"),
            Input::Damaged => self.send(frame(MALFORMED)),
            Input::Nack if self.has_acks && !self.last_reply.is_empty() => self.link.send(&self.last_reply),
            Input::Interrupt => {
                self.has_interrupt = true;
                Ok(())
            }
            Input::Ack | Input::Nack | Input::Packet(_) => Ok(()),
        }
    }

    fn stop_acknowledging(&mut self) -> Result<(), Error> {
        self.send(frame(b"OK"))?;
        self.has_acks = false;
        Ok(())
    }

    /// A client is really there: it wants a stopped guest, and its symbols soon.
    fn begin(&mut self, target: &mut Target<'_>) {
        tracing::info!(persona = target.persona.name(), is_lldb = self.dialect.is_lldb, "a client begins");
        // lldb with its Wasm plugin reads the module itself. With a symbol image from a file, it still wants to know from us
        // what functions return.
        target.debuggee.symbols.give_up_others(target.persona);
        if !self.dialect.has_wasm_frames {
            target.debuggee.symbols.prepare(Some(target.persona), || ());
        }
        if self.dialect.has_wasm_frames {
            target.debuggee.symbols.look_at_files();
        }
        if self.dialect.has_wasm_frames && target.debuggee.symbols.has_wide_pointers() {
            tracing::warn!(
                "the program has 64-bit pointers, of which lldb's Wasm plugin shows the low 32 bits: `wasm-gdbserver symbols \
                 --for lldb` and `--persona elf` show them whole"
            );
        }
        target.debuggee.catch_up();
        if target.debuggee.exit().is_none() && target.debuggee.stop().is_none() {
            if !target.debuggee.session.is_stopped() {
                target.debuggee.was_running = true;
                target.debuggee.session.interrupt();
            }
            target.wait_for_stop();
        }
        target.select(target.debuggee.stopped_thread());
        // A client that was lost may have left some.
        target.debuggee.clear_breakpoints();
        let learns_of_modules = self.dialect.is_lldb && self.dialect.has_wasm_frames;
        let knows_all = target.debuggee.symbols.is_file_misleading();
        target.debuggee.stop_at_modules(learns_of_modules && !knows_all);
    }
}
