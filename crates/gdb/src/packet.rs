//! One packet on the wire: `$body#cs`, with `}` escapes in binary bodies. Sending side, and what both sides share.
//!
//! Receiving is `framer`'s work; this file knows no state.

/// The packet size that we announce: the most bytes a client may put between `$` and `#`. lldb never asks for more than
/// 128 KiB at a time and gdb asks for half of it per `m`, so more would buy nothing.
pub const PACKET_SIZE: usize = 0x2_0000;

/// What we take beyond [`PACKET_SIZE`], because clients count the frame and the escapes differently.
pub const PACKET_SLACK: usize = 0x100;

/// The reply to a packet that we understood but cannot do: no such memory, thread or state.
pub(crate) const CANNOT: &[u8] = b"E01";

/// The reply to a packet that makes no sense (`EINVAL`).
pub(crate) const MALFORMED: &[u8] = b"E16";

/// Sum of the body's bytes, modulo 256.
pub(crate) fn checksum(body: &[u8]) -> u8 {
    body.iter().fold(0, |sum, &byte| sum.wrapping_add(byte))
}

/// The whole packet around a body that is already escaped.
pub(crate) fn frame(body: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(body.len() + 4);
    out.push(b'$');
    out.extend_from_slice(body);
    out.push(b'#');
    crate::hex::push(&mut out, checksum(body));
    out
}

/// Whether a byte has to be escaped in a binary reply. `*` starts a run length, so replies escape it too.
fn is_special(byte: u8) -> bool {
    matches!(byte, b'#' | b'$' | b'}' | b'*')
}

/// Appends binary data with its escapes.
pub(crate) fn escape(out: &mut Vec<u8>, data: &[u8]) {
    for run in data.split_inclusive(|&byte| is_special(byte)) {
        match run.split_last() {
            Some((&last, plain)) if is_special(last) => {
                out.extend_from_slice(plain);
                out.extend_from_slice(&[b'}', last ^ 0x20]);
            }
            _ => out.extend_from_slice(run),
        }
    }
}

/// How many of the first bytes of `data` fit into `room` bytes once they are escaped.
pub(crate) fn fitting(data: &[u8], room: usize) -> usize {
    let mut used = 0;
    for (count, &byte) in data.iter().enumerate() {
        used += if is_special(byte) { 2 } else { 1 };
        if used > room {
            return count;
        }
    }
    data.len()
}

/// Binary data without its escapes. None when the last escape has no byte.
pub(crate) fn unescape(body: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(body.len());
    let mut bytes = body.iter();
    while let Some(&byte) = bytes.next() {
        out.push(if byte == b'}' { bytes.next()? ^ 0x20 } else { byte });
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_carry_their_checksum() {
        assert_eq!(frame(b"OK"), b"$OK#9a");
        assert_eq!(frame(b""), b"$#00");
    }

    #[test]
    fn escapes_round_trip() {
        let all: Vec<u8> = (0..=255).collect();
        let mut escaped = Vec::new();
        escape(&mut escaped, &all);
        assert_eq!(escaped.len(), 256 + 4);
        assert_eq!(unescape(&escaped), Some(all));
        assert_eq!(unescape(b"ab}"), None);
    }

    #[test]
    fn fitting_counts_the_escapes() {
        assert_eq!(fitting(b"ab#c", 4), 3);
        assert_eq!(fitting(b"ab#c", 5), 4);
        assert_eq!(fitting(b"###", 1), 0);
    }
}
