//! What was collected at one time, and reading from it.

use std::collections::BTreeMap;

use crate::int::{index, wide};

/// Bytes that a frame has for itself.
const OWN: u64 = 32;

/// Bytes of a register or a variable, with its number.
const VALUE: u64 = 12;

/// What was collected when the guest passed a tracepoint, or after one step from there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct TraceFrame {
    /// The tracepoint's number.
    pub(crate) tracepoint: u32,
    /// Where the guest was.
    pub(crate) pc: u64,
    /// By number, with their bytes.
    pub(crate) registers: BTreeMap<usize, Vec<u8>>,
    /// Address and bytes of each piece of memory, as they were collected.
    pub(crate) memory: Vec<(u64, Vec<u8>)>,
    /// Trace variables by number.
    pub(crate) variables: BTreeMap<u32, u64>,
}

impl TraceFrame {
    /// The room that it takes in the buffer.
    pub(crate) fn bytes(&self) -> u64 {
        let memory: u64 = self.memory.iter().map(|(_, bytes)| OWN + wide(bytes.len())).sum();
        OWN + VALUE * wide(self.registers.len() + self.variables.len()) + memory
    }

    /// The bytes from an address on that were collected, at most `length`.
    pub(crate) fn read(&self, address: u64, length: u64) -> Option<Vec<u8>> {
        let mut found = Vec::new();
        while wide(found.len()) < length {
            let at = address.checked_add(wide(found.len()))?;
            let left = index(length - wide(found.len()));
            let piece = self.memory.iter().find_map(|(start, bytes)| {
                let rest = bytes.get(index(at.checked_sub(*start)?)..)?;
                rest.get(..left.min(rest.len())).filter(|piece| !piece.is_empty())
            });
            match piece {
                Some(piece) => found.extend_from_slice(piece),
                None => break,
            }
        }
        (!found.is_empty()).then_some(found)
    }

    /// What of it there is, as the document that gdb reads.
    pub(crate) fn info(&self) -> String {
        let mut document = "<traceframe-info>\n".to_owned();
        for (start, bytes) in &self.memory {
            document.push_str(&format!("<memory start=\"{start:#x}\" length=\"{:#x}\"/>\n", bytes.len()));
        }
        for number in self.variables.keys() {
            document.push_str(&format!("<tvar id=\"{number:#x}\"/>\n"));
        }
        document.push_str("</traceframe-info>\n");
        document
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_read_as_far_as_it_was_collected() {
        let memory = vec![(16, vec![1, 2, 3, 4]), (20, vec![5, 6]), (40, vec![7])];
        let frame = TraceFrame { memory, ..TraceFrame::default() };
        assert_eq!(frame.read(17, 4), Some(vec![2, 3, 4, 5]));
        assert_eq!(frame.read(18, 100), Some(vec![3, 4, 5, 6]));
        assert_eq!(frame.read(15, 4), None);
        assert_eq!(frame.read(40, 1), Some(vec![7]));
        assert_eq!(frame.read(u64::MAX, 2), None);
    }
}
