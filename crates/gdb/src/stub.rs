//! gdbstub's state machine behind whole packets: a body in, the framed replies out.
//!
//! Why not let gdbstub report stops? Its replies to `?` and `vRun` know no signal and no registers, so stop replies have
//! to be made here anyway (`reply`), and one place is better than two. gdbstub is still told of every stop, since it
//! takes other packets while the guest runs than while it is stopped.

use std::convert::Infallible;

use gdbstub::common::Signal;
use gdbstub::conn::Connection;
use gdbstub::stub::state_machine::GdbStubStateMachine;
use gdbstub::stub::{DisconnectReason, GdbStubBuilder, MultiThreadStopReason};

use crate::Error;
use crate::packet::{PACKET_SIZE, frame};
use crate::target::{Target, tid};

/// The most bytes of replies that one packet may cause.
const LONGEST_REPLY: usize = 16 * PACKET_SIZE;

/// Collects replies.
#[derive(Debug, Default)]
pub(crate) struct Collector(Vec<u8>);

/// Replies grew beyond [`LONGEST_REPLY`].
#[derive(Debug, thiserror::Error)]
#[error("a reply is too long")]
pub(crate) struct TooLong;

impl Connection for Collector {
    type Error = TooLong;

    fn write(&mut self, byte: u8) -> Result<(), TooLong> {
        if self.0.len() >= LONGEST_REPLY {
            return Err(TooLong);
        }
        self.0.push(byte);
        Ok(())
    }

    fn flush(&mut self) -> Result<(), TooLong> {
        Ok(())
    }
}

type Machine<'b, 'd> = GdbStubStateMachine<'b, Target<'d>, Collector>;
type Failure = gdbstub::stub::GdbStubError<Infallible, TooLong>;

/// What a packet led to.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Outcome {
    /// Framed packets.
    pub(crate) replies: Vec<u8>,
    /// gdbstub now waits for the guest to stop.
    pub(crate) is_running: bool,
    /// The client ended the session.
    pub(crate) ended: Option<Ended>,
}

/// How the client ended the session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    Detached,
    Killed,
}

/// gdbstub at work. None after it failed, which makes it useless.
pub(crate) struct Stub<'b, 'd>(Option<Machine<'b, 'd>>);

impl<'b, 'd> Stub<'b, 'd> {
    /// Starts gdbstub with a buffer that bounds the packets it takes.
    pub(crate) fn start(buffer: &'b mut [u8], target: &mut Target<'d>) -> Result<Self, Error> {
        let core = |error: &dyn std::fmt::Display| Error::Core(error.to_string());
        let stub = GdbStubBuilder::new(Collector::default()).with_packet_buffer(buffer).build();
        let machine = stub.map_err(|error| core(&error))?.run_state_machine(target);
        let mut stub = Self(Some(machine.map_err(|error| core(&error))?));
        // Acknowledgements are the business of the conversation.
        stub.feed(target, b"QStartNoAckMode")?;
        Ok(stub)
    }

    /// Lets gdbstub handle a packet.
    ///
    /// # Errors
    /// When gdbstub gave up; it has to be started again.
    pub(crate) fn feed(&mut self, target: &mut Target<'d>, body: &[u8]) -> Result<Outcome, Error> {
        let failed = |error: Failure| Error::Core(error.to_string());
        for byte in frame(body) {
            let Some(machine) = self.0.take() else {
                return Err(Error::Core("gdbstub has stopped".to_owned()));
            };
            let next = match machine {
                GdbStubStateMachine::Idle(inner) => inner.incoming_data(target, byte),
                GdbStubStateMachine::Running(inner) => inner.incoming_data(target, byte),
                // Interrupts do not go through gdbstub, and nothing follows the packet that ends a session.
                other => Ok(other),
            };
            self.0 = Some(next.map_err(failed)?);
        }
        let ended = match &self.0 {
            Some(GdbStubStateMachine::Disconnected(inner)) => Some(match inner.get_reason() {
                DisconnectReason::Kill => Ended::Killed,
                _ => Ended::Detached,
            }),
            _ => None,
        };
        let is_running = matches!(self.0, Some(GdbStubStateMachine::Running(_)));
        Ok(Outcome { replies: self.take_replies(), is_running, ended })
    }

    /// Tells gdbstub that the guest stopped or ended: it takes all packets again.
    pub(crate) fn stopped(&mut self, target: &mut Target<'d>) -> Result<(), Error> {
        self.0 = match self.0.take() {
            Some(GdbStubStateMachine::Running(inner)) => {
                let reason = MultiThreadStopReason::SignalWithThread {
                    tid: tid(target.thread()),
                    signal: Signal::SIGTRAP,
                };
                let next = inner.report_stop(target, reason);
                Some(next.map_err(|error: Failure| Error::Core(error.to_string()))?)
            }
            other => other,
        };
        // The interposer's own stop reply goes out instead.
        self.take_replies();
        Ok(())
    }

    fn take_replies(&mut self) -> Vec<u8> {
        let Some(machine) = &mut self.0 else { return Vec::new() };
        let collector = match machine {
            GdbStubStateMachine::Idle(inner) => inner.borrow_conn(),
            GdbStubStateMachine::Running(inner) => inner.borrow_conn(),
            GdbStubStateMachine::CtrlCInterrupt(inner) => inner.borrow_conn(),
            GdbStubStateMachine::Disconnected(inner) => inner.borrow_conn(),
        };
        std::mem::take(&mut collector.0)
    }
}
