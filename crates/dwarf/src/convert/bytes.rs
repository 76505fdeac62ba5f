//! Numbers as DWARF writes them, at the end of a vector of bytes.

/// Bytes of a LEB128 number whose place is kept for later.
pub(crate) const PADDED: usize = 5;

/// A length or an index as a number; the image is smaller than 4 GiB, or refused.
pub(crate) fn small(value: usize) -> u32 {
    u32::try_from(value).unwrap_or(u32::MAX)
}

pub(crate) fn unsigned(out: &mut Vec<u8>, mut value: u64) {
    loop {
        let [low, ..] = value.to_le_bytes();
        value >>= 7;
        if value == 0 {
            return out.push(low & 0x7f);
        }
        out.push(low | 0x80);
    }
}

pub(crate) fn signed(out: &mut Vec<u8>, mut value: i64) {
    loop {
        let [low, ..] = value.to_le_bytes();
        value >>= 6;
        if value == 0 || value == -1 {
            return out.push(low & 0x7f);
        }
        value >>= 1;
        out.push(low | 0x80);
    }
}

/// A number in the least `size` bytes of its little-endian form.
pub(crate) fn fixed(out: &mut Vec<u8>, value: u64, size: u8) {
    let bytes = value.to_le_bytes();
    out.extend_from_slice(bytes.get(..usize::from(size)).unwrap_or(&bytes));
}

/// An unsigned LEB128 number in as many bytes as are kept for one.
pub(crate) fn padded(value: u32) -> [u8; PADDED] {
    let mut rest = value;
    let mut bytes = [0; PADDED];
    for byte in &mut bytes {
        let [low, ..] = rest.to_le_bytes();
        *byte = low | 0x80;
        rest >>= 7;
    }
    let [.., last] = &mut bytes;
    *last &= 0x7f;
    bytes
}

/// Reads an unsigned LEB128 number; returns how many bytes it has. None if it is cut off, or has as many as only large numbers
/// have: others know what to do with these.
#[inline]
pub(crate) fn read_unsigned(bytes: &[u8]) -> Option<(u64, usize)> {
    const LONGEST: usize = 9;
    if let Some(byte) = bytes.first().filter(|byte| **byte < 0x80) {
        return Some((u64::from(*byte), 1));
    }
    let mut value = 0;
    for (index, byte) in bytes.iter().take(LONGEST).enumerate() {
        value |= u64::from(byte & 0x7f) << (7 * index);
        if *byte < 0x80 {
            return Some((value, index + 1));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_back() {
        use gimli::{EndianSlice, LittleEndian, Reader as _};
        for value in [0, 1, 63, 64, 127, 128, 8191, 8192, 1 << 31, u64::MAX] {
            let mut bytes = Vec::new();
            unsigned(&mut bytes, value);
            assert_eq!(EndianSlice::new(&bytes, LittleEndian).read_uleb128(), Ok(value));
            assert_eq!(read_unsigned(&bytes), (bytes.len() < 10).then_some((value, bytes.len())));
            assert_eq!(bytes.split_last().and_then(|(_, cut)| read_unsigned(cut)), None);
            for value in [value.cast_signed(), value.cast_signed().wrapping_neg()] {
                let mut bytes = Vec::new();
                signed(&mut bytes, value);
                let mut reader = EndianSlice::new(&bytes, LittleEndian);
                assert_eq!((reader.read_sleb128(), reader.len()), (Ok(value), 0), "{value}");
            }
        }
        for value in [0, 300, u32::MAX] {
            assert_eq!(EndianSlice::new(&padded(value), LittleEndian).read_uleb128(), Ok(value.into()));
        }
    }
}
