//! How code finds the functions that it calls, and those that have no code yet.

use super::patch::Edit;
use cranelift_codegen::binemit::Reloc;
use cranelift_module::FuncId;

/// A place in what was defined in the `JITModule`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Location {
    pub(super) blob: FuncId,
    pub(super) offset: u32,
    pub(super) address: usize,
}

/// Where the callers of a function go.
pub(super) enum Known {
    /// To its stub, for it has no code yet; these have to be told when it has.
    Stub { stub: Location, callers: Vec<DirectCall> },
    /// To code.
    Code(Location),
}

impl Known {
    /// What is to be called.
    pub(super) fn location(&self) -> Location {
        match self {
            Self::Stub { stub: location, .. } | Self::Code(location) => *location,
        }
    }

    /// A call was published; it is remembered if it goes to a stub.
    pub(super) fn add(&mut self, call: DirectCall) {
        if let Self::Stub { callers, .. } = self {
            callers.push(call);
        }
    }

    /// Callers go to `code` from now on. The calls of them that were published, and the stub, need these changes.
    pub(super) fn set(&mut self, code: Location) -> Vec<Edit> {
        let to = code.address;
        match std::mem::replace(self, Self::Code(code)) {
            Self::Stub { stub, callers } => {
                let calls = callers.iter().filter_map(|call| Edit::transfer(call.end, call.opcode, to));
                calls.chain(Edit::stub(stub.address, to)).collect()
            }
            Self::Code(earlier) => Edit::stub(earlier.address, to).into_iter().collect(),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn callers_of_a_stub_are_told_once() {
        let at = |address| Location { blob: FuncId::from_u32(0), offset: 0, address };
        let mut known = Known::Stub { stub: at(0x100), callers: Vec::new() };
        known.add(DirectCall { opcode: 0xe8, end: 0x205 });
        assert_eq!(known.set(at(0x300)).iter().map(Edit::start).collect::<Vec<_>>(), [0x200, 0x100]);
        known.add(DirectCall { opcode: 0xe8, end: 0x405 });
        assert_eq!(known.location().address, 0x300);
        assert_eq!(known.set(at(0x500)).len(), 1);
    }
}
