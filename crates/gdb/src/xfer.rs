//! Documents and files that clients read piece by piece: paging, once for all of them.

use crate::int::{index, wide};
use crate::packet::{PACKET_SIZE, escape, fitting};

/// The piece of a document that a client asked for, short enough for a reply when it is escaped.
pub(crate) fn window(document: &[u8], offset: u64, length: u64) -> &[u8] {
    /// What a reply needs around the data.
    const FRAME: usize = 32;
    let rest = document.get(index(offset.min(wide(document.len())))..).unwrap_or_default();
    let wanted = rest.get(..index(length).min(rest.len())).unwrap_or_default();
    wanted.get(..fitting(wanted, PACKET_SIZE - FRAME)).unwrap_or_default()
}

/// A piece of a document as `qXfer` wants it: `m` if there is more, `l` if this is the last.
pub(crate) fn transfer(document: &[u8], offset: u64, length: u64) -> Vec<u8> {
    let piece = window(document, offset, length);
    let end = offset.saturating_add(wide(piece.len()));
    let is_last = end >= wide(document.len());
    let mut reply = if is_last { b"l".to_vec() } else { b"m".to_vec() };
    escape(&mut reply, piece);
    reply
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_come_in_pieces() {
        assert_eq!(transfer(b"abcdef", 0, 4), b"mabcd");
        assert_eq!(transfer(b"abcdef", 4, 4), b"lef");
        assert_eq!(transfer(b"abcdef", 9, 4), b"l");
        assert_eq!(transfer(b"a#", 0, 4), b"la}\x03");
    }

    #[test]
    fn windows_stay_in_the_document() {
        assert_eq!(window(b"abcdef", 2, 3), b"cde");
        assert_eq!(window(b"abcdef", 4, 100), b"ef");
        assert_eq!(window(b"abcdef", 6, 100), b"");
        assert_eq!(window(b"abcdef", u64::MAX, u64::MAX), b"");
    }

    #[test]
    fn a_window_leaves_room_for_its_escapes() {
        let document = vec![b'#'; PACKET_SIZE];
        assert_eq!(window(&document, 0, u64::MAX).len(), (PACKET_SIZE - 32) / 2);
    }
}
