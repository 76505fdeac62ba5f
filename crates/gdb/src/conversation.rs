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
//! but it has no place on an async worker. `serve` moves bytes between this thread and the socket.

use debugger::{Exit, Others};

use crate::Error;
use crate::debuggee::Debuggee;
use crate::framer::{Framer, Input};
use crate::interposer::{self, Dialect, Own, Verdict};
use crate::link::{Incoming, Link};
use crate::machine::Fault;
use crate::packet::{CANNOT, MALFORMED, PACKET_SIZE, PACKET_SLACK, frame};
use crate::persona::Persona;
use crate::reply;
use crate::stop::{self, Reason};
use crate::stub::{Ended, Stub};
use crate::target::{self, Target};

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
pub(crate) fn converse(debuggee: &mut Debuggee, persona: &'static dyn Persona, link: Link) -> Outcome {
    let runtime = link.runtime.clone();
    debuggee.catch_up();
    let mut target = Target::new(debuggee, persona, runtime);
    let mut conversation = Conversation::new(link, persona);
    let outcome = conversation.run(&mut target).unwrap_or_else(|error| Outcome::Lost(Some(error)));
    if target.debuggee.session.is_stopped() {
        target.debuggee.clear_breakpoints();
    }
    if matches!(outcome, Outcome::Detached) {
        target.debuggee.was_running = true;
        if let Err(error) = target.debuggee.resume(&[], Others::Run) {
            tracing::debug!(%error, "the guest does not go on after the client has left");
        }
    }
    outcome
}

struct Conversation {
    link: Link,
    framer: Framer,
    dialect: Dialect,
    /// Bytes that were received and not looked at yet.
    pending: std::vec::IntoIter<u8>,
    /// Both sides acknowledge packets.
    has_acks: bool,
    /// The last framed reply, for a client that missed it.
    last_reply: Vec<u8>,
    /// The client writes process ids into thread ids.
    is_multiprocess: bool,
    /// The client knows the stop reply for "nothing that was resumed is left".
    knows_none_runs: bool,
    /// The client sent a packet, so it is one of ours and not a port scanner.
    has_begun: bool,
    /// The client waits for a stop reply.
    is_running: bool,
    /// An interrupt came while the guest stood: it stops the guest when it next runs, as a pending signal would. gdb
    /// sends one between two resumptions when it steps off a breakpoint and the user presses `Ctrl-C`.
    has_interrupt: bool,
}

impl Conversation {
    fn new(link: Link, persona: &dyn Persona) -> Self {
        let register_bytes = persona.register_sizes().iter().map(|&size| usize::from(size)).sum();
        Self {
            link,
            framer: Framer::new(),
            dialect: Dialect { is_extended: false, register_bytes, thread: 1 },
            pending: Vec::new().into_iter(),
            has_acks: true,
            last_reply: Vec::new(),
            is_multiprocess: false,
            knows_none_runs: false,
            has_begun: false,
            is_running: false,
            has_interrupt: false,
        }
    }

    /// Talks until the session ends, with as many gdbstubs as it takes. One that gave up, although every packet was
    /// checked, costs the client an error reply and no more.
    fn run(&mut self, target: &mut Target<'_>) -> Result<Outcome, Error> {
        let mut buffer = vec![0; PACKET_SIZE + 2 * PACKET_SLACK];
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
            while let Some(byte) = self.pending.next() {
                let Some(input) = self.framer.push(byte)? else { continue };
                if let Some(outcome) = self.on_input(stub, target, input)? {
                    return Ok(outcome);
                }
            }
            let flow = match self.link.next(target.debuggee) {
                Incoming::Bytes(bytes) => {
                    self.pending = bytes.into_iter();
                    None
                }
                Incoming::Closed => Some(Outcome::Lost(None)),
                Incoming::Event(event) => {
                    target.debuggee.note(event);
                    self.on_event(stub, target)?
                }
            };
            if let Some(outcome) = flow {
                return Ok(outcome);
            }
        }
    }

    fn send(&mut self, framed: Vec<u8>) -> Result<(), Error> {
        tracing::trace!(reply = %framed.escape_ascii(), "-->");
        self.last_reply.clone_from(&framed);
        self.link.send(framed)
    }

    fn acknowledge(&mut self, sign: &[u8]) -> Result<(), Error> {
        if !self.has_acks {
            return Ok(());
        }
        self.link.send(sign.to_vec())
    }

    /// The guest stopped or ended. Tells the client, if it waits for that.
    fn on_event<'d>(
        &mut self,
        stub: &mut Stub<'_, 'd>,
        target: &mut Target<'d>,
    ) -> Result<Option<Outcome>, Error> {
        if !self.is_running || !target.debuggee.is_still() {
            return Ok(None);
        }
        self.is_running = false;
        target.select(target.debuggee.stopped_thread());
        stub.stopped(target)?;
        self.report(target)
    }

    /// Sends the stop reply for the guest's present state, and ends the session if that is the end.
    fn report(&mut self, target: &Target<'_>) -> Result<Option<Outcome>, Error> {
        let reply = self.stop_reply(target);
        self.send(frame(&reply))?;
        let exit = target.debuggee.exit().filter(|_| !target.can_launch());
        Ok(exit.cloned().map(Outcome::Exited))
    }

    fn stop_reply(&self, target: &Target<'_>) -> Vec<u8> {
        let debuggee = &*target.debuggee;
        let reason = match (debuggee.exit(), debuggee.stop()) {
            (Some(exit), _) => stop::of_exit(exit, debuggee.signal_sent),
            (None, Some(stop)) => stop::of_stop(stop),
            (None, None) => stop::STOPPED,
        };
        let reason = match reason {
            Reason::NoneRuns if !self.knows_none_runs => stop::STOPPED,
            other => other,
        };
        reply::stop(target, reason, self.is_multiprocess)
    }

    fn on_input<'d>(
        &mut self,
        stub: &mut Stub<'_, 'd>,
        target: &mut Target<'d>,
        input: Input,
    ) -> Result<Option<Outcome>, Error> {
        match input {
            Input::Packet(body) => {
                tracing::trace!(packet = %body.escape_ascii(), "<--");
                self.acknowledge(b"+")?;
                if !self.has_begun {
                    self.begin(target);
                }
                self.on_packet(stub, target, &body)
            }
            // Without acknowledgements nobody would send the packet again, but somebody waits for its reply.
            Input::Damaged if self.has_acks => self.acknowledge(b"-").map(|()| None),
            Input::Damaged => self.send(frame(MALFORMED)).map(|()| None),
            Input::Nack if self.has_acks && !self.last_reply.is_empty() => {
                self.send(self.last_reply.clone()).map(|()| None)
            }
            Input::Ack | Input::Nack => Ok(None),
            Input::Interrupt => {
                if self.is_running {
                    target.debuggee.session.interrupt();
                } else {
                    self.has_interrupt = true;
                }
                Ok(None)
            }
        }
    }

    /// A client is really there: it wants a stopped guest, and its symbols soon.
    fn begin(&mut self, target: &mut Target<'_>) {
        self.has_begun = true;
        tracing::debug!(persona = target.persona.name(), "a client has come");
        target.debuggee.symbols.prepare(target.persona);
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
    }

    fn on_packet<'d>(
        &mut self,
        stub: &mut Stub<'_, 'd>,
        target: &mut Target<'d>,
        body: &[u8],
    ) -> Result<Option<Outcome>, Error> {
        self.dialect.is_extended = target.is_extended;
        self.dialect.thread = target.resumes.unwrap_or_else(|| target.debuggee.stopped_thread()).0;
        let verdict = interposer::judge(body, self.dialect);
        let ends_session = matches!(verdict, Verdict::Own(Own::Kill))
            || matches!(&verdict, Verdict::Forward(body) if body == b"D" || body.starts_with(b"vKill"));
        if self.is_running && !ends_session {
            // Nothing can be asked of a running guest; its stop reply is what the client waits for.
            return self.send(frame(CANNOT)).map(|()| None);
        }
        match verdict {
            Verdict::Forward(body) => self.forward(stub, target, &body),
            Verdict::Unsupported => self.send(frame(b"")).map(|()| None),
            Verdict::Malformed => self.send(frame(MALFORMED)).map(|()| None),
            Verdict::Own(own) => self.answer(stub, target, own),
        }
    }

    fn answer<'d>(
        &mut self,
        stub: &mut Stub<'_, 'd>,
        target: &mut Target<'d>,
        own: Own,
    ) -> Result<Option<Outcome>, Error> {
        let is_multiprocess = self.is_multiprocess;
        let reply = match own {
            Own::StopReason => Ok(self.stop_reply(target)),
            Own::StartNoAckMode => {
                self.send(frame(b"OK"))?;
                self.has_acks = false;
                return Ok(None);
            }
            Own::ReadRegister(number) => reply::register(target, number),
            Own::ReadBinary { address, length } => reply::memory(target, address, length),
            Own::Search { address, length, pattern } => reply::search(target, address, length, pattern),
            Own::Read { document, offset, length } => {
                Ok(reply::read(target, document, offset, length, is_multiprocess))
            }
            Own::CurrentThread => Ok(reply::current_thread(target.thread(), is_multiprocess)),
            Own::SelectResumed(thread) => {
                target.resumes = target::chosen(thread);
                Ok(b"OK".to_vec())
            }
            Own::Kill => {
                target.kill();
                self.is_running = false;
                stub.stopped(target)?;
                return Ok((!target.can_launch()).then_some(Outcome::Killed));
            }
        };
        let body = reply.unwrap_or_else(|fault: Fault| {
            tracing::debug!(?fault, "refused");
            CANNOT.to_vec()
        });
        self.send(frame(&body)).map(|()| None)
    }

    fn forward<'d>(
        &mut self,
        stub: &mut Stub<'_, 'd>,
        target: &mut Target<'d>,
        body: &[u8],
    ) -> Result<Option<Outcome>, Error> {
        let thread = body.strip_prefix(b"Hg").and_then(interposer::thread);
        let thread = thread.map(|thread| target::chosen(thread).unwrap_or(target.debuggee.stopped_thread()));
        let outcome = match thread {
            // gdbstub would take any number. Of a guest that has ended nothing else is asked anyway.
            Some(thread) if !target.lives(thread) && target.debuggee.exit().is_none() => {
                return self.send(frame(CANNOT)).map(|()| None);
            }
            // "Any" is to gdbstub the first one, and to clients the one that stopped.
            Some(thread) => {
                target.select(thread);
                stub.feed(target, format!("Hg{:x}", thread.0).as_bytes())?
            }
            None => stub.feed(target, body)?,
        };
        if std::mem::take(&mut target.has_failed_to_resume) {
            stub.stopped(target)?;
            target.debuggee.catch_up();
            // A guest that ended behind the client's back: this is when the client can be told.
            return if target.debuggee.exit().is_some() {
                self.report(target)
            } else {
                self.send(frame(CANNOT)).map(|()| None)
            };
        }
        self.is_running = outcome.is_running;
        if self.is_running && std::mem::take(&mut self.has_interrupt) {
            target.debuggee.session.interrupt();
        }
        let replies = match body {
            _ if outcome.replies.is_empty() => Vec::new(),
            _ if body.starts_with(b"qSupported") => {
                self.is_multiprocess = interposer::has_feature(body, b"multiprocess+");
                self.knows_none_runs = interposer::has_feature(body, b"no-resumed+");
                frame(&interposer::supported_features(unframed(&outcome.replies)))
            }
            _ if body.starts_with(b"vRun") && outcome.replies.starts_with(b"$T") => {
                frame(&self.stop_reply(target))
            }
            b"qfThreadInfo" if target.living().is_empty() => frame(b"l"),
            _ => outcome.replies,
        };
        if !replies.is_empty() {
            self.send(replies)?;
        }
        if std::mem::take(&mut target.wants_exit) {
            target.kill();
            return Ok(Some(Outcome::Killed));
        }
        Ok(outcome.ended.map(|ended| match ended {
            Ended::Detached => Outcome::Detached,
            Ended::Killed => Outcome::Killed,
        }))
    }
}

/// The body of a single framed packet.
fn unframed(packet: &[u8]) -> &[u8] {
    let body = packet.strip_prefix(b"$").unwrap_or(packet);
    body.iter().rposition(|&byte| byte == b'#').and_then(|end| body.get(..end)).unwrap_or(body)
}
