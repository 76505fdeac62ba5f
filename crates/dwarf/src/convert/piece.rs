//! What the parts of a conversion wrote, and joining it.
//!
//! Each part writes sections of its own, and remembers where in them it wrote offsets between sections. When all parts are
//! there, it is known where each piece of a section begins, and the offsets are put right.

use gimli::write::{Error, Result, Sections, Writer};
use gimli::{LittleEndian, SectionId};

/// Bytes of an offset between sections. The image is 32-bit DWARF.
const OFFSET: usize = 4;

/// A section of a part.
#[derive(Clone, Debug, Default)]
pub(crate) struct Piece {
    pub(crate) bytes: Vec<u8>,
    /// Where offsets are, and of which section.
    offsets: Vec<(usize, SectionId)>,
}

/// How long a piece was.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Mark {
    bytes: usize,
    offsets: usize,
}

impl Piece {
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Writes over what is there.
    pub(crate) fn put(&mut self, at: usize, bytes: &[u8]) {
        if let Some(place) = self.bytes.get_mut(at..).and_then(|rest| rest.get_mut(..bytes.len())) {
            place.copy_from_slice(bytes);
        }
    }

    /// What is at `at` is an offset in a section of this part.
    pub(crate) fn is_offset(&mut self, at: usize, section: SectionId) {
        self.offsets.push((at, section));
    }

    pub(crate) fn mark(&self) -> Mark {
        Mark { bytes: self.bytes.len(), offsets: self.offsets.len() }
    }

    /// Takes back what was written since.
    pub(crate) fn reset(&mut self, mark: Mark) {
        self.bytes.truncate(mark.bytes);
        self.offsets.truncate(mark.offsets);
    }
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
    /// Offsets in `.debug_str` count from the beginning of the image's, unless the piece says that they are to be put right.
    pub(crate) sections: Sections<Piece>,
}

/// A section in pieces, one behind the other.
pub(crate) type Pieces = Vec<Vec<u8>>;

/// Joins what the parts wrote. `first` are the first pieces of some sections, which stand at their beginning.
///
/// # Errors
/// When a section is longer than 32-bit DWARF can say.
pub(crate) fn join(
    parts: Vec<Written>,
    first: Vec<(SectionId, Vec<u8>)>,
) -> Result<Vec<(&'static str, Pieces)>> {
    // Where the next piece of each section starts.
    let mut starts: Vec<(SectionId, u32)> = Vec::new();
    let mut joined: Vec<(SectionId, Pieces)> = Vec::new();
    for (id, bytes) in first {
        starts.push((id, u32::try_from(bytes.len()).map_err(|_| Error::ValueTooLarge)?));
        joined.push((id, vec![bytes]));
    }
    for Written { mut sections } in parts {
        let start = |id| starts.iter().find(|(known, _)| *known == id).map_or(0, |(_, start)| *start);
        let mut lengths = Vec::new();
        sections.for_each_mut(|id, piece| {
            for &(at, target) in &piece.offsets {
                let bytes = piece.bytes.get_mut(at..).and_then(|rest| rest.first_chunk_mut::<OFFSET>());
                let bytes = bytes.ok_or(Error::OffsetOutOfBounds)?;
                let value = u32::from_le_bytes(*bytes).checked_add(start(target));
                *bytes = value.ok_or(Error::ValueTooLarge)?.to_le_bytes();
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
