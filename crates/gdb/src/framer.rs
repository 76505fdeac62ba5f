//! Packets out of a byte stream. Knows the frame, not the contents; `interposer` judges those.
//!
//! ```text
//!            '$'             '#'              digit            digit
//!   Between ─────> Body ───────────> Sum ───────────> Sum2 ───────────> Between
//!      ^            │ '$': the packet starts over (the client was cut off)
//!      └ '+' '-' 0x03 are events; every other byte here is junk and is skipped
//! ```
//!
//! Why skip junk? A client that was killed in the middle of a packet, or a stray newline from a terminal, is no reason
//! to lose a session. Why end the connection on a packet that is too long? The only alternative is to read on without
//! bound, and no client of ours sends such packets.

use crate::Error;
use crate::hex;
use crate::packet::{PACKET_SIZE, PACKET_SLACK, checksum};

/// The longest body taken, in bytes.
pub(crate) const LONGEST_BODY: usize = PACKET_SIZE + PACKET_SLACK;

/// What the client sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Input {
    /// A packet's body, escapes still in it. It holds no `$` and no `#`.
    Packet(Vec<u8>),
    /// A packet whose checksum does not fit.
    Damaged,
    /// The client has our last packet.
    Ack,
    /// The client wants our last packet again.
    Nack,
    /// The client wants the guest to stop (`Ctrl-C`).
    Interrupt,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Between,
    Body,
    Sum,
    /// The value of the checksum's first digit, if it was one.
    Sum2(Option<u8>),
}

/// Takes bytes, gives [`Input`]s.
#[derive(Debug)]
pub(crate) struct Framer {
    state: State,
    /// Invariant: at most [`LONGEST_BODY`] bytes.
    body: Vec<u8>,
}

impl Framer {
    pub(crate) fn new() -> Self {
        Self { state: State::Between, body: Vec::new() }
    }

    /// Takes the next byte of the stream.
    ///
    /// # Errors
    /// When a packet is longer than [`LONGEST_BODY`]; the stream cannot be used any more then.
    pub(crate) fn push(&mut self, byte: u8) -> Result<Option<Input>, Error> {
        match self.state {
            State::Between => Ok(self.between(byte)),
            State::Body => {
                self.in_body(byte)?;
                Ok(None)
            }
            State::Sum => {
                self.state = State::Sum2(hex::digit(byte));
                Ok(None)
            }
            State::Sum2(high) => {
                self.state = State::Between;
                let body = std::mem::take(&mut self.body);
                let sum = high.and_then(|high| Some((high << 4) | hex::digit(byte)?));
                let is_whole = sum == Some(checksum(&body));
                Ok(Some(if is_whole { Input::Packet(body) } else { Input::Damaged }))
            }
        }
    }

    fn between(&mut self, byte: u8) -> Option<Input> {
        match byte {
            b'$' => {
                self.body.clear();
                self.state = State::Body;
                None
            }
            b'+' => Some(Input::Ack),
            b'-' => Some(Input::Nack),
            0x03 => Some(Input::Interrupt),
            _ => None,
        }
    }

    fn in_body(&mut self, byte: u8) -> Result<(), Error> {
        match byte {
            b'#' => self.state = State::Sum,
            b'$' => self.body.clear(),
            _ if self.body.len() >= LONGEST_BODY => {
                return Err(Error::PacketTooLong { limit: LONGEST_BODY });
            }
            _ => self.body.push(byte),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inputs(bytes: &[u8]) -> Vec<Input> {
        let mut framer = Framer::new();
        bytes.iter().filter_map(|&byte| framer.push(byte).expect("short packets")).collect()
    }

    #[test]
    fn packets_acks_and_interrupts_are_told_apart() {
        assert_eq!(
            inputs(b"+$g#67-\x03$m0,4#fd"),
            [
                Input::Ack,
                Input::Packet(b"g".to_vec()),
                Input::Nack,
                Input::Interrupt,
                Input::Packet(b"m0,4".to_vec())
            ]
        );
    }

    #[test]
    fn junk_between_packets_is_skipped() {
        assert_eq!(inputs(b"GET / HTTP/1.1\r\n$g#67\n"), [Input::Packet(b"g".to_vec())]);
    }

    #[test]
    fn a_packet_that_was_cut_off_starts_over() {
        assert_eq!(inputs(b"$m0,$g#67"), [Input::Packet(b"g".to_vec())]);
    }

    #[test]
    fn wrong_checksums_are_damage() {
        assert_eq!(inputs(b"$g#68$g#zz$g#6 "), [Input::Damaged, Input::Damaged, Input::Damaged]);
    }

    #[test]
    fn escaped_bytes_stay_in_the_body() {
        let framed = crate::packet::frame(b"X0,1:}\x03");
        assert_eq!(inputs(&framed), [Input::Packet(b"X0,1:}\x03".to_vec())]);
    }

    #[test]
    fn an_endless_packet_is_refused_and_not_stored() {
        let mut framer = Framer::new();
        let stream = std::iter::once(b'$').chain(std::iter::repeat_n(b'a', 1 << 30));
        let refused = stream.map(|byte| framer.push(byte)).find_map(Result::err);
        assert!(matches!(refused, Some(Error::PacketTooLong { limit: LONGEST_BODY })));
        assert_eq!(framer.body.len(), LONGEST_BODY);
    }
}
