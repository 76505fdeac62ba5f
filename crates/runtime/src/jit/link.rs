//! How code finds what it calls: relocations, and calls of functions that have no code yet.

use super::patch::Edit;
use cranelift_codegen::binemit::Reloc;

/// Where the callers of a function go.
pub(super) enum Known {
    /// To its stub, for it has no code yet; these have to be told when it has.
    Stub { address: usize, callers: Vec<DirectCall> },
    /// To code.
    Code(usize),
}

impl Known {
    /// What is to be called.
    pub(super) fn address(&self) -> usize {
        match self {
            Self::Stub { address, .. } | Self::Code(address) => *address,
        }
    }

    /// A call was published; it is remembered if it goes to a stub.
    pub(super) fn add(&mut self, call: DirectCall) {
        if let Self::Stub { callers, .. } = self {
            callers.push(call);
        }
    }

    /// Callers go to `code` from now on. The calls of them that were published, and the stub, need these changes.
    pub(super) fn set(&mut self, code: usize) -> Vec<Edit> {
        match std::mem::replace(self, Self::Code(code)) {
            Self::Stub { address, callers } => {
                let calls = callers.iter().filter_map(|call| Edit::transfer(call.end, call.opcode, code));
                calls.chain(Edit::stub(address, code)).collect()
            }
            Self::Code(earlier) => Edit::stub(earlier, code).into_iter().collect(),
        }
    }
}

/// A call, or a jump for a tail call, that says where it goes relative to its end.
pub(super) struct DirectCall {
    opcode: u8,
    end: usize,
}

impl DirectCall {
    /// The one that a relocation at `offset` of `bytes`, which are to be at `start`, belongs to.
    pub(super) fn of_relocation(kind: Reloc, bytes: &[u8], offset: usize, start: usize) -> Option<Self> {
        let opcode = *bytes.get(offset.checked_sub(1)?)?;
        (kind == Reloc::X86CallPCRel4).then_some(Self { opcode, end: start + offset + size_of::<i32>() })
    }
}

/// Writes what a relocation at `offset` of `bytes`, which are to be at `start`, says of `target`, addend included.
///
/// # Errors
/// When this cannot be said there.
pub(super) fn relocate(
    kind: Reloc,
    bytes: &mut [u8],
    offset: usize,
    start: usize,
    target: usize,
) -> Result<(), String> {
    let distance = || i32::try_from(target.wrapping_sub(start + offset).cast_signed()).ok();
    let written = match kind {
        Reloc::Abs8 => write(bytes, offset, target.to_le_bytes()),
        Reloc::X86PCRel4 | Reloc::X86CallPCRel4 => {
            distance().and_then(|distance| write(bytes, offset, distance.to_le_bytes()))
        }
        _ => None,
    };
    written.ok_or_else(|| format!("a relocation {kind} at {offset:#x} cannot name {target:#x}"))
}

fn write<const N: usize>(bytes: &mut [u8], offset: usize, value: [u8; N]) -> Option<()> {
    *bytes.get_mut(offset..)?.first_chunk_mut()? = value;
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn relocations_are_relative_to_their_place_or_absolute() {
        let mut bytes = [0; 16];
        let mut written = |kind, offset, target| {
            relocate(kind, &mut bytes, offset, 0x1000, target).map(|()| bytes[offset..offset + 4].to_vec())
        };
        assert_eq!(written(Reloc::X86CallPCRel4, 1, 0x0fff), Ok(vec![0xfe, 0xff, 0xff, 0xff]));
        assert_eq!(written(Reloc::Abs8, 8, 0x1234), Ok(vec![0x34, 0x12, 0, 0]));
        assert!(written(Reloc::X86PCRel4, 4, 1 << 40).is_err());
        assert!(written(Reloc::Abs8, 12, 0x1234).is_err());
    }

    #[test]
    fn callers_of_a_stub_are_told_once() {
        let mut known = Known::Stub { address: 0x100, callers: Vec::new() };
        known.add(DirectCall { opcode: 0xe8, end: 0x205 });
        assert_eq!(known.set(0x300).iter().map(Edit::start).collect::<Vec<_>>(), [0x200, 0x100]);
        known.add(DirectCall { opcode: 0xe8, end: 0x405 });
        assert_eq!(known.address(), 0x300);
        assert_eq!(known.set(0x500).len(), 1);
    }
}
