//! What the parts of a conversion wrote, and joining it.
//!
//! Each part writes sections of its own, and remembers where in them it wrote offsets between sections. When all parts are
//! there, it is known where each piece of a section begins, and the offsets are put right.

use gimli::write::{Error, Result, Sections, Writer};
use gimli::{LittleEndian, SectionId};

use super::strings::ENTRY;

/// Bytes of an offset between sections. The image is 32-bit DWARF.
const OFFSET: usize = 4;

/// A section of a part.
#[derive(Clone, Debug, Default)]
pub(crate) struct Piece {
    bytes: Vec<u8>,
    /// Where offsets are, and of which section.
    offsets: Vec<(usize, SectionId)>,
}

impl Writer for Piece {
    type Endian = LittleEndian;

    fn endian(&self) -> LittleEndian {
        LittleEndian
    }

    fn len(&self) -> usize {
        self.bytes.len()
    }

    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.bytes.extend_from_slice(bytes);
        Ok(())
    }

    fn write_at(&mut self, offset: usize, bytes: &[u8]) -> Result<()> {
        let to = self.bytes.get_mut(offset..).ok_or(Error::OffsetOutOfBounds)?;
        to.get_mut(..bytes.len()).ok_or(Error::LengthOutOfBounds)?.copy_from_slice(bytes);
        Ok(())
    }

    fn write_offset(&mut self, value: usize, section: SectionId, size: u8) -> Result<()> {
        self.offsets.push((self.bytes.len(), section));
        self.write_udata(wide(value), size)
    }

    fn write_offset_at(&mut self, offset: usize, value: usize, section: SectionId, size: u8) -> Result<()> {
        self.offsets.push((offset, section));
        self.write_udata_at(offset, wide(value), size)
    }
}

fn wide(value: usize) -> u64 {
    u64::try_from(value).unwrap_or(u64::MAX)
}

/// All that a part wrote.
pub(crate) struct Written {
    pub(crate) sections: Sections<Piece>,
    /// Where in the image the strings of the part are, in the order of its table.
    pub(crate) strings: Vec<u32>,
}

/// A section in pieces, one behind the other.
pub(crate) type Pieces = Vec<Vec<u8>>;

/// Joins what the parts wrote. `strings` is `.debug_str`, to which no part has written.
///
/// # Errors
/// When a section is longer than 32-bit DWARF can say.
pub(crate) fn join(parts: Vec<Written>, strings: Vec<u8>) -> Result<Vec<(&'static str, Pieces)>> {
    let mut joined = vec![(SectionId::DebugStr, vec![strings])];
    // Where the next piece of each section starts.
    let mut starts: Vec<(SectionId, u32)> = Vec::new();
    for Written { mut sections, strings } in parts {
        let start = |id| starts.iter().find(|(known, _)| *known == id).map_or(0, |(_, start)| *start);
        let right = |value: u32, id| match id {
            SectionId::DebugStr => strings.get(usize::try_from(value).ok()? / ENTRY).copied(),
            _ => value.checked_add(start(id)),
        };
        let mut lengths = Vec::new();
        sections.for_each_mut(|id, piece| {
            for &(at, target) in &piece.offsets {
                let bytes = piece.bytes.get_mut(at..).and_then(|rest| rest.first_chunk_mut::<OFFSET>());
                let bytes = bytes.ok_or(Error::OffsetOutOfBounds)?;
                let value = right(u32::from_le_bytes(*bytes), target).ok_or(Error::ValueTooLarge)?;
                *bytes = value.to_le_bytes();
            }
            let bytes = std::mem::take(&mut piece.bytes);
            lengths.push((id, u32::try_from(bytes.len()).map_err(|_| Error::ValueTooLarge)?));
            match joined.iter_mut().find(|(known, _)| *known == id) {
                Some((_, pieces)) => pieces.push(bytes),
                None => joined.push((id, vec![bytes])),
            }
            Ok(())
        })?;
        for (id, length) in lengths {
            match starts.iter_mut().find(|(known, _)| *known == id) {
                Some((_, start)) => *start = start.checked_add(length).ok_or(Error::ValueTooLarge)?,
                None => starts.push((id, length)),
            }
        }
    }
    joined.retain(|(_, pieces)| pieces.iter().any(|piece| !piece.is_empty()));
    joined.sort_by_key(|(id, _)| order(*id));
    Ok(joined.into_iter().map(|(id, pieces)| (id.name(), pieces)).collect())
}

/// Sections in the order of this number refer to earlier ones only.
fn order(id: SectionId) -> usize {
    const ORDER: [SectionId; 9] = [
        SectionId::DebugAbbrev,
        SectionId::DebugStr,
        SectionId::DebugLineStr,
        SectionId::DebugLine,
        SectionId::DebugRanges,
        SectionId::DebugRngLists,
        SectionId::DebugLoc,
        SectionId::DebugLocLists,
        SectionId::DebugInfo,
    ];
    ORDER.iter().position(|known| *known == id).unwrap_or(ORDER.len())
}
