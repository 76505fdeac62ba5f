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

use debugger::{Exit, Others, ThreadId};

use crate::Error;
use crate::debuggee::Debuggee;
use crate::framer::{Framer, Input};
use crate::greeting::{Client, Greeting, Plugin};
use crate::interposer::{self, Dialect, Own, Request, Verdict};
use crate::link::{Incoming, Link};
use crate::machine::Fault;
use crate::packet::{CANNOT, MALFORMED, PACKET_SIZE, PACKET_SLACK, frame};
use crate::persona::{self, PersonaChoice};
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
pub(crate) fn converse(debuggee: &mut Debuggee, link: &mut Link) -> Outcome {
    debuggee.catch_up();
    let mut conversation = Conversation::new(link);
    let client = match conversation.meet(debuggee) {
        Ok(Some(client)) => client,
        Ok(None) => return Outcome::Lost(None),
        Err(error) => return Outcome::Lost(Some(error)),
    };
    let persona = persona::choose(debuggee.choice, client, debuggee.symbols.module());
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
    let mut target = Target::new(debuggee, persona);
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
        if !self.dialect.has_wasm_frames {
            target.debuggee.symbols.prepare(target.persona);
        }
        if self.dialect.has_wasm_frames {
            target.debuggee.symbols.look_at_file();
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
    }

    fn on_packet<'d>(
        &mut self,
        stub: &mut Stub<'_, 'd>,
        target: &mut Target<'d>,
        body: &[u8],
    ) -> Result<Option<Outcome>, Error> {
        self.dialect.is_extended = target.is_extended;
        self.dialect.thread = target.resumes.unwrap_or_else(|| target.debuggee.stopped_thread()).0;
        let suffix = if self.dialect.is_lldb { interposer::without_suffix(body) } else { None };
        let body = match suffix {
            Some((packet, thread)) => {
                if !self.is_running && !Self::select(stub, target, thread)? {
                    return self.fail(CANNOT, "there is no such thread").map(|()| None);
                }
                packet
            }
            None => body,
        };
        let verdict = interposer::judge(body, self.dialect);
        let ends_session = matches!(verdict, Verdict::Own(Own::Kill))
            || matches!(&verdict, Verdict::Forward(body) if body == b"D" || body.starts_with(b"vKill"));
        if self.is_running && !ends_session {
            // Nothing can be asked of a running guest; its stop reply is what the client waits for.
            return self.fail(CANNOT, "the program runs").map(|()| None);
        }
        match verdict {
            Verdict::Forward(body) => self.forward(stub, target, &body),
            Verdict::Unsupported => self.send(frame(b"")).map(|()| None),
            Verdict::Malformed => self.fail(MALFORMED, "malformed packet").map(|()| None),
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
            Own::StartNoAckMode => return self.stop_acknowledging().map(|()| None),
            Own::Lldb(Request::DetachStopped) => {
                self.send(frame(b"OK"))?;
                return Ok(Some(Outcome::Lost(None)));
            }
            Own::Lldb(request) => self.answer_lldb(target, request),
            Own::ReadRegister(number) => reply::register(target, number, self.dialect.is_lldb),
            Own::ReadHex { address, length } => reply::memory(target, address, length),
            Own::ReadBinary { address, length } => reply::binary_memory(target, address, length),
            Own::Search { address, length, pattern } => reply::search(target, address, length, pattern),
            Own::Read { document, offset, length } => {
                Ok(reply::read(target, document, offset, length, is_multiprocess))
            }
            Own::Watch(watch) => target.watch(watch).map(|()| b"OK".to_vec()),
            Own::Unwatch(watch) => target.unwatch(watch).map(|()| b"OK".to_vec()),
            Own::WatchpointLimit => Ok(format!("num:{};", target::MOST_WATCHPOINTS).into_bytes()),
            Own::KnowsRegions => Ok(b"OK".to_vec()),
            Own::Region(address) => reply::region(target, address),
            Own::CurrentThread => Ok(reply::current_thread(target.thread(), is_multiprocess)),
            Own::SelectResumed(thread) => {
                target.resumes = target::chosen(thread);
                Ok(b"OK".to_vec())
            }
            Own::Kill => {
                target.kill();
                self.is_running = false;
                stub.stopped(target)?;
                // gdb goes away without an answer; lldb waits for one.
                if self.dialect.is_lldb {
                    self.send(frame(&self.stop_reply(target)))?;
                }
                return Ok((!target.can_launch()).then_some(Outcome::Killed));
            }
        };
        match reply {
            Ok(body) => self.send(frame(&body)),
            Err(fault) => {
                tracing::debug!(?fault, "refused");
                self.fail(CANNOT, reply::lldb::words(fault))
            }
        }
        .map(|()| None)
    }

    /// Answers with an error, and its words if the client wants those.
    fn fail(&mut self, code: &[u8], words: &str) -> Result<(), Error> {
        let reply = if self.explains_errors { reply::lldb::error(code, words) } else { code.to_vec() };
        self.send(frame(&reply))
    }

    fn answer_lldb(&mut self, target: &mut Target<'_>, request: Request) -> Result<Vec<u8>, Fault> {
        let ok = || b"OK".to_vec();
        match request {
            Request::SuffixThreads | Request::Yes => Ok(ok()),
            Request::ListThreads => {
                self.lists_threads = true;
                Ok(ok())
            }
            Request::ExplainErrors => {
                self.explains_errors = true;
                Ok(ok())
            }
            Request::ServerVersion => Ok(reply::lldb::server_version()),
            Request::HostInfo => Ok(reply::lldb::host_info(target)),
            Request::ProcessInfo => Ok(reply::lldb::process_info(target)),
            Request::RegisterInfo(number) => Ok(reply::lldb::register_info(target, number)),
            Request::ThreadsInfo => Ok(reply::lldb::threads_info(target)),
            Request::ThreadStopInfo(thread) => {
                let thread = living(target, thread)?;
                Ok(reply::lldb::stop(target, thread, self.lists_threads))
            }
            Request::ReadMemory { address, length, is_binary } => {
                reply::lldb::memory(target, address, length, is_binary)
            }
            Request::CallStack(thread) => {
                // The packets about variables that follow name no thread; they are about this one.
                let thread = living(target, thread)?;
                target.select(thread);
                self.plugin.asks_for_frames();
                reply::lldb::call_stack(target)
            }
            Request::Value(variable) => reply::lldb::variable(target, variable),
            Request::DetachStopped => Err(Fault::Unavailable),
        }
    }

    /// Makes a thread the one that packets are about, here and in gdbstub. False if there is no such thread.
    fn select<'d>(
        stub: &mut Stub<'_, 'd>,
        target: &mut Target<'d>,
        thread: interposer::Thread,
    ) -> Result<bool, Error> {
        let thread = target::chosen(thread).unwrap_or(target.debuggee.stopped_thread());
        // gdbstub would take any number. Of a guest that has ended nothing else is asked anyway.
        if !target.lives(thread) && target.debuggee.exit().is_none() {
            return Ok(false);
        }
        // "Any" is to gdbstub the first one, and to clients the one that stopped.
        target.select(thread);
        stub.feed(target, format!("Hg{:x}", thread.0).as_bytes())?;
        Ok(true)
    }

    fn forward<'d>(
        &mut self,
        stub: &mut Stub<'_, 'd>,
        target: &mut Target<'d>,
        body: &[u8],
    ) -> Result<Option<Outcome>, Error> {
        if let Some(thread) = body.strip_prefix(b"Hg").and_then(interposer::thread) {
            return if Self::select(stub, target, thread)? {
                self.send(frame(b"OK"))
            } else {
                self.fail(CANNOT, "there is no such thread")
            }
            .map(|()| None);
        }
        let outcome = stub.feed(target, body)?;
        if std::mem::take(&mut target.has_failed_to_resume) {
            stub.stopped(target)?;
            target.debuggee.catch_up();
            // A guest that ended behind the client's back: this is when the client can be told.
            return if target.debuggee.exit().is_some() {
                self.report(target)
            } else {
                self.fail(CANNOT, "the program cannot go on").map(|()| None)
            };
        }
        self.is_running = outcome.is_running;
        if self.is_running && self.dialect.has_wasm_frames && self.dialect.is_lldb {
            self.plugin.resumes();
        }
        if self.is_running && std::mem::take(&mut self.has_interrupt) {
            target.debuggee.session.interrupt();
        }
        let replies = match body {
            _ if outcome.replies.is_empty() => Vec::new(),
            _ if body.starts_with(b"qSupported") => {
                self.is_multiprocess = interposer::has_feature(body, b"multiprocess+");
                self.knows_none_runs = interposer::has_feature(body, b"no-resumed+");
                frame(&interposer::supported_features(unframed(&outcome.replies), self.dialect))
            }
            _ if body.starts_with(b"vRun") && outcome.replies.starts_with(b"$T") => {
                frame(&self.stop_reply(target))
            }
            b"qfThreadInfo" if target.living().is_empty() => frame(b"l"),
            _ if self.explains_errors && is_error(unframed(&outcome.replies)) => {
                frame(&reply::lldb::error(unframed(&outcome.replies), why_refused(body)))
            }
            _ => outcome.replies,
        };
        if !replies.is_empty() {
            self.send(replies)?;
        }
        if std::mem::take(&mut target.wants_exit) {
            target.kill();
            return Ok(Some(Outcome::Killed));
        }
        if std::mem::take(&mut target.debuggee.has_stopped_again) {
            return self.on_event(stub, target);
        }
        Ok(outcome.ended.map(|ended| match ended {
            Ended::Detached => Outcome::Detached,
            Ended::Killed => Outcome::Killed,
        }))
    }
}

/// The number of a thread that lives.
fn living(target: &Target<'_>, thread: u64) -> Result<ThreadId, Fault> {
    let thread = u32::try_from(thread).map(ThreadId).map_err(|_| Fault::Unmapped)?;
    if target.lives(thread) { Ok(thread) } else { Err(Fault::Unmapped) }
}

/// `E` and two digits.
fn is_error(reply: &[u8]) -> bool {
    matches!(reply, [b'E', code @ ..] if code.len() == 2 && crate::hex::number(code).is_some())
}

/// Words for an error of gdbstub's, by the packet.
fn why_refused(body: &[u8]) -> &'static str {
    match body.first() {
        Some(b'Z') => "there is no code at this address",
        Some(b'M' | b'X') => "it cannot be written",
        Some(b'P' | b'G') => "this register cannot be written",
        _ => "it cannot be done",
    }
}

/// The body of a single framed packet.
fn unframed(packet: &[u8]) -> &[u8] {
    let body = packet.strip_prefix(b"$").unwrap_or(packet);
    body.iter().rposition(|&byte| byte == b'#').and_then(|end| body.get(..end)).unwrap_or(body)
}
