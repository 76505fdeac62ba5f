//! Packets of a conversation: what each is answered with, by us or by gdbstub.

use debugger::ThreadId;

use super::{Conversation, Outcome};
use crate::Error;
use crate::interposer::{self, Own, Request, Verdict};
use crate::machine::Fault;
use crate::packet::{CANNOT, MALFORMED, frame};
use crate::reply;
use crate::stub::{Ended, Stub};
use crate::target::{self, Target};
use crate::trace::packets::TraceRequest;

impl Conversation<'_> {
    pub(super) fn on_packet<'d>(
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
            // lldb would wait for ever for the end of what it has just connected to.
            Own::StopReason if self.dialect.is_lldb && target.debuggee.exit().is_some() => {
                tracing::warn!("lldb connects to a program that has ended, which it cannot");
                return self.fail(CANNOT, "the program has ended").map(|()| None);
            }
            Own::StopReason => Ok(self.stop_reply(target)),
            Own::StartNoAckMode => return self.stop_acknowledging().map(|()| None),
            Own::Lldb(Request::DetachStopped) => {
                self.send(frame(b"OK"))?;
                return Ok(Some(Outcome::Lost(None)));
            }
            Own::Lldb(request) => self.answer_lldb(target, request),
            Own::ReadRegister(number) => self.read_register(target, number),
            Own::ReadHex { address, length } => reply::memory(target, address, length),
            Own::ReadBinary { address, length } => reply::binary_memory(target, address, length),
            Own::Search { address, length, pattern } => reply::search(target, address, length, pattern),
            Own::Read { document, offset, length } => {
                Ok(reply::read(target, document, offset, length, is_multiprocess))
            }
            Own::BreakIf { address, conditions, commands } => {
                target.break_if(address, &conditions, &commands).map(|()| b"OK".to_vec())
            }
            Own::Trace(request) => return self.answer_trace(target, &request).map(|()| None),
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
                    // It takes a connection that breaks for the way in which the program has ended, if it is slow to read.
                    if !target.can_launch() {
                        self.link.wait_for_end();
                    }
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

    /// lldb asks for the first register once to find out whether registers can be read and written one by one. Of an error it
    /// would conclude that they cannot, so a register without a value is zeros there.
    fn read_register(&mut self, target: &Target<'_>, number: u64) -> Result<Vec<u8>, Fault> {
        let is_lldb = self.dialect.is_lldb;
        let read = reply::register(target, number, is_lldb);
        let is_probe =
            is_lldb && !self.dialect.has_wasm_frames && !std::mem::replace(&mut self.knows_registers, true);
        match target.persona.register_sizes().first() {
            Some(&size) if is_probe && number == 0 => read.or_else(|_| Ok(b"00".repeat(usize::from(size)))),
            _ => read,
        }
    }

    /// A core dump was told to go on: says that it cannot, and that it has stopped where it was.
    fn stay(&mut self, target: &mut Target<'_>) -> Result<Option<Outcome>, Error> {
        const WORDS: &[u8] = b"This is a core dump: it can be looked at, and does not run.\n";
        self.send(frame(&[b"O".as_slice(), &crate::hex::text(WORDS)].concat()))?;
        self.report(target)
    }

    /// Answers with an error, and its words if the client wants those.
    fn fail(&mut self, code: &[u8], words: &str) -> Result<(), Error> {
        let reply = if self.explains_errors { reply::lldb::error(code, words) } else { code.to_vec() };
        self.send(frame(&reply))
    }

    /// Answers a packet of tracepoints.
    fn answer_trace(&mut self, target: &mut Target<'_>, request: &TraceRequest) -> Result<(), Error> {
        let tracing = target.debuggee.tracing.clone();
        let done = match request {
            TraceRequest::Start => target.start_tracing(),
            TraceRequest::Stop => target.remove_tracepoints().map(|()| tracing.stop()),
            TraceRequest::Forget => target.remove_tracepoints().map(|()| tracing.forget()),
            _ => Ok(()),
        };
        match (done, tracing.answer(request)) {
            (Ok(()), Some(answer)) => self.send(frame(answer.as_bytes())),
            (Ok(()), None) => self.fail(MALFORMED, "malformed packet"),
            (Err(_), _) => self.fail(CANNOT, "it cannot be traced"),
        }
    }

    /// Answers with an error and the reason that the target has for it, or else with these words. gdb prints text behind
    /// `E.`.
    fn refuse(&mut self, target: &mut Target<'_>, words: &str) -> Result<(), Error> {
        let Some(reason) = target.refusal.take().map(|refusal| refusal.to_string()) else {
            return self.fail(CANNOT, words);
        };
        tracing::debug!(reason, "refused");
        if self.dialect.is_lldb {
            self.fail(CANNOT, &reason)
        } else {
            self.send(frame(format!("E.{reason}").as_bytes()))
        }
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
        if body.starts_with(b"vCont;") {
            target.debuggee.tracing.deselect();
        }
        let outcome = stub.feed(target, body)?;
        if std::mem::take(&mut target.has_failed_to_resume) {
            stub.stopped(target)?;
            target.debuggee.catch_up();
            if target.debuggee.session.is_record() {
                return self.stay(target);
            }
            // A guest that ended behind the client's back: this is when the client can be told.
            return if target.debuggee.exit().is_some() {
                self.report(target)
            } else {
                self.refuse(target, "the program cannot go on").map(|()| None)
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
            _ if target.refusal.is_some() && is_error(unframed(&outcome.replies)) => {
                return self.refuse(target, why_refused(body)).map(|()| None);
            }
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
