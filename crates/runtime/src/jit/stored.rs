//! How those types of the code generator's are written that it has no serde for: as their places in a list of ours.
#![forbid(unsafe_code)]

use serde::de::Error as _;
use serde::ser::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The place of one in a list. Code that has another one is not kept.
fn write<T: PartialEq, S: Serializer>(all: &[T], one: &T, to: S) -> Result<S::Ok, S::Error> {
    let place = all.iter().position(|other| other == one).and_then(|place| u8::try_from(place).ok());
    place.ok_or_else(|| S::Error::custom("it has no place"))?.serialize(to)
}

fn read<'de, T: Copy, D: Deserializer<'de>>(all: &[T], from: D) -> Result<T, D::Error> {
    let place = u8::deserialize(from)?;
    all.get(usize::from(place)).copied().ok_or_else(|| D::Error::custom("nothing has this place"))
}

/// Kinds of relocations.
pub(super) mod reloc {
    use cranelift_codegen::binemit::Reloc;
    use serde::{Deserializer, Serializer};

    /// Calls and what is near, and what is anywhere.
    const KINDS: [Reloc; 3] = [Reloc::X86CallPCRel4, Reloc::X86PCRel4, Reloc::Abs8];

    pub(in crate::jit) fn serialize<S: Serializer>(kind: &Reloc, to: S) -> Result<S::Ok, S::Error> {
        super::write(&KINDS, kind, to)
    }

    pub(in crate::jit) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Reloc, D::Error> {
        super::read(&KINDS, from)
    }
}

/// Functions that stand for an instruction.
pub(super) mod libcall {
    use cranelift_codegen::ir::LibCall;
    use serde::{Deserializer, Serializer};

    pub(in crate::jit) fn serialize<S: Serializer>(call: &LibCall, to: S) -> Result<S::Ok, S::Error> {
        super::write(LibCall::all_libcalls(), call, to)
    }

    pub(in crate::jit) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<LibCall, D::Error> {
        super::read(LibCall::all_libcalls(), from)
    }
}
