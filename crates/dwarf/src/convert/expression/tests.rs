//! Each rule of the table in the parent module, from bytes to bytes.

use gimli::{EndianSlice, Format, LittleEndian};

use super::*;
use crate::convert::bytes::padded;
use crate::{Machine, Symbol};

const OP_LOCAL: u8 = 0x00;
const OP_GLOBAL: u8 = 0x03;
const OP_STACK: u8 = 0x02;
const WASM: u8 = 0xed;

/// Knows one entry, which is a base type, and the size of the variable.
struct Nothing(Option<u64>);

impl Resolve for Nothing {
    fn address(&self, index: DebugAddrIndex) -> Option<u64> {
        [0x1000, 0xffff_ffff].get(index.0).copied()
    }

    fn is_base_type(&self, offset: UnitOffset) -> bool {
        offset.0 == 0x33
    }

    fn entry(&self, offset: DebugInfoOffset) -> Option<EntryPlace> {
        (offset.0 == 0x33).then_some(EntryPlace { unit: 0, offset: offset.0 })
    }

    fn value_size(&self) -> Option<u64> {
        self.0
    }

    fn integer_size(&self, _: UnitOffset) -> Option<u8> {
        None
    }
}

/// Locals: 0 i32, 1 i64, 2 f64, 3 v128, 4 i32, 5 i32. Globals: 0 i32, 1 i64.
const MODULE: &str = "(module
    (global i32 (i32.const 0)) (global i64 (i64.const 0)) (global $__tls_base (mut i32) (i32.const 0))
    (func (param i32 i64) (local f64 v128 i32 i32)))";

/// Which locals have 32 bits and are integers.
pub(super) const MODULE_LOCALS: [u8; 3] = [0, 4, 5];

/// Converts the bytes of an expression of a unit with 4-byte addresses, as the bytes of one with 8-byte addresses.
fn convert_bytes(role: Role, bytes: &[u8], threads: bool) -> Result<Vec<u8>, Unsupported> {
    convert_for(Machine::X86_64, None, role, bytes, threads)
}

/// The same for a machine, and a variable of a size.
pub(super) fn convert_for(
    machine: Machine,
    size: Option<u64>,
    role: Role,
    bytes: &[u8],
    threads: bool,
) -> Result<Vec<u8>, Unsupported> {
    let binary = wat::parse_str(MODULE).unwrap();
    let mut module = Module::parse(&binary).unwrap();
    if !threads {
        module.tls_base = None;
    }
    let layout = Layout {
        machine,
        code_base: 0,
        globals_base: 0x9000,
        has_variables: true,
        host_functions: Vec::new(),
        host: Symbol { name: String::new(), address: 0, size: 0 },
    };
    let encoding = Encoding { format: Format::Dwarf32, version: 4, address_size: 4 };
    let function = module.functions.first();
    let context = Context { layout: &layout, module: &module, function, encoding, resolve: &Nothing(size) };
    let mut converted = convert(&context, role, read::Expression(EndianSlice::new(bytes, LittleEndian)))?;
    // Entries stay where they are.
    for (at, referred) in converted.references {
        let place = match referred {
            Referred::BaseType(offset) => padded(u32::try_from(offset.0).unwrap()).to_vec(),
            Referred::Entry(place) => u32::try_from(place.offset).unwrap().to_le_bytes().to_vec(),
        };
        converted.bytes.splice(at..at + place.len(), place);
    }
    Ok(converted.bytes)
}

fn location(bytes: &[u8]) -> Vec<u8> {
    convert_bytes(Role::Location, bytes, false).unwrap()
}

/// `breg6 offset` for a slot.
fn slot(index: i64) -> Vec<u8> {
    let mut bytes = vec![0x76];
    let mut value = -16 * (index + 1);
    loop {
        let byte = u8::try_from(value & 0x7f).unwrap();
        value >>= 7;
        if value == -1 && byte & 0x40 != 0 {
            bytes.push(byte);
            return bytes;
        }
        bytes.push(byte | 0x80);
    }
}

#[test]
fn a_variable_in_a_local_is_memory() {
    assert_eq!(location(&[WASM, OP_LOCAL, 0, 0x9f]), slot(0));
    assert_eq!(location(&[WASM, OP_LOCAL, 3, 0x9f]), slot(3));
}

#[test]
fn operands_follow_the_locals() {
    assert_eq!(location(&[WASM, OP_STACK, 0, 0x9f]), slot(6));
    assert_eq!(location(&[WASM, OP_STACK, 2, 0x9f]), slot(8));
}

#[test]
fn a_variable_in_a_global_is_memory() {
    let address = [0x03, 0x10, 0x90, 0, 0, 0, 0, 0, 0];
    assert_eq!(location(&[WASM, OP_GLOBAL, 1, 0, 0, 0, 0x9f]), address);
}

#[test]
fn a_pointer_in_a_local_is_loaded_with_the_size_of_the_local() {
    assert_eq!(location(&[WASM, OP_LOCAL, 0]), [slot(0), vec![0x94, 4]].concat());
    assert_eq!(location(&[WASM, OP_LOCAL, 1]), [slot(1), vec![0x06]].concat());
    // plus_uconst 8
    assert_eq!(location(&[WASM, OP_LOCAL, 0, 0x23, 8]), [slot(0), vec![0x94, 4, 0x23, 8]].concat());
}

#[test]
fn pieces_are_memory_each() {
    let bytes = [WASM, OP_LOCAL, 0, 0x9f, 0x93, 4, 0x93, 2, WASM, OP_LOCAL, 1, 0x9f, 0x93, 8];
    let expected = [slot(0), vec![0x93, 4, 0x93, 2], slot(1), vec![0x93, 8]].concat();
    assert_eq!(location(&bytes), expected);
}

#[test]
fn what_is_behind_the_last_piece_is_nowhere() {
    let convert = |size| {
        let bytes = [0x93, 4, 0x30, 0x9f, 0x93, 4];
        convert_for(Machine::X86_64, Some(size), Role::Location, &bytes, false).unwrap()
    };
    assert_eq!(convert(8), [0x93, 4, 0x30, 0x9f, 0x93, 4]);
    assert_eq!(convert(24), [0x93, 4, 0x30, 0x9f, 0x93, 4, 0x93, 16]);
}

#[test]
fn a_constant_has_the_type_of_what_it_goes_with() {
    let typed = [0xa8, 0x33];
    // local 0; convert; lit3; or; lit1; plus; stack_value
    let bytes = [&[WASM, OP_LOCAL, 0], &typed[..], &[0x33, 0x21, 0x31, 0x22, 0x9f]].concat();
    let typed = [0xf7, 0xb3, 0x80, 0x80, 0x80, 0];
    let expected =
        [&slot(0), &[0x94, 4][..], &typed, &[0x33], &typed, &[0x21, 0x31], &typed, &[0x22, 0x9f]].concat();
    assert_eq!(location(&bytes), expected);
    // One that is no operand of it has none: lit3; swap.
    let bytes = [WASM, OP_LOCAL, 0, 0xa8, 0x33, 0x33, 0x16, 0x9f];
    assert!(location(&bytes).ends_with(&[0x80, 0, 0x33, 0x16, 0x9f]));
}

#[test]
fn a_frame_base_is_an_address_and_no_value() {
    let base = convert_bytes(Role::FrameBase, &[WASM, OP_LOCAL, 0, 0x9f], false).unwrap();
    // consts -16; breg6 0; plus; deref_size 4
    assert_eq!(base, [0x11, 0x70, 0x76, 0, 0x22, 0x94, 4]);
    let base = convert_bytes(Role::FrameBase, &[WASM, OP_GLOBAL, 0, 0, 0, 0, 0x9f], false).unwrap();
    assert_eq!(base, [0x03, 0, 0x90, 0, 0, 0, 0, 0, 0, 0x94, 4]);
}

#[test]
fn other_attributes_keep_values() {
    let value = convert_bytes(Role::Value, &[WASM, OP_LOCAL, 0, 0x9f], false).unwrap();
    assert_eq!(value, [slot(0), vec![0x94, 4, 0x9f]].concat());
}

#[test]
fn loads_keep_their_size() {
    assert_eq!(location(&[0x91, 0, 0x06]), [0x91, 0, 0x94, 4]);
    assert_eq!(location(&[0x91, 0, 0x94, 1]), [0x91, 0, 0x94, 1]);
}

#[test]
fn arithmetic_stays_32_bit() {
    // local 0; lit1; shr; stack_value
    let shifted = [slot(0), vec![0x94, 4, 0x31, 0x16, 0x0c]].concat();
    let converted = location(&[WASM, OP_LOCAL, 0, 0x31, 0x25, 0x9f]);
    let expected =
        [slot(0), vec![0x94, 4, 0x31, 0x16, 0x10, 0xff, 0xff, 0xff, 0xff, 0x0f, 0x1a, 0x16, 0x25, 0x9f]];
    assert_eq!(converted, expected.concat());
    assert_ne!(converted, shifted);
    // The same with a 64-bit local is left alone.
    let wide = location(&[WASM, OP_LOCAL, 1, 0x31, 0x25, 0x9f]);
    assert_eq!(wide, [slot(1), vec![0x06, 0x31, 0x25, 0x9f]].concat());
    // A negative constant that the compiler has sign-extended to 64 bits is a 32-bit one.
    let constant = [0x10, 0xf0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01];
    let compared = location(&[&[WASM, OP_LOCAL, 0][..], &constant, &[0x29, 0x9f]].concat());
    assert!(compared.len() > 5 + constant.len() + 2, "both operands of eq are cut: {compared:x?}");
}

#[test]
fn removed_objects_have_no_location() {
    let removed = convert_bytes(Role::Location, &[0x03, 0xff, 0xff, 0xff, 0xff], false);
    assert_eq!(removed, Err(Unsupported::Removed));
    assert_eq!(convert_bytes(Role::Location, &[0xa1, 1], false), Err(Unsupported::Removed));
    assert_eq!(location(&[0x03, 0, 0x10, 0, 0]), [0x03, 0, 0x10, 0, 0, 0, 0, 0, 0]);
    assert_eq!(location(&[0xa1, 0]), [0x03, 0, 0x10, 0, 0, 0, 0, 0, 0]);
}

#[test]
fn thread_locals_are_added_to_the_base_if_there_is_one() {
    // const4u 0x1178; GNU_push_tls_address
    let bytes = [0x0c, 0x78, 0x11, 0, 0, 0xe0];
    assert_eq!(location(&bytes), [0x03, 0x78, 0x11, 0, 0, 0, 0, 0, 0]);
    let with_threads = convert_bytes(Role::Location, &bytes, true).unwrap();
    assert_eq!(with_threads, [0x10, 0xf8, 0x22, 0x03, 0x20, 0x90, 0, 0, 0, 0, 0, 0, 0x94, 4, 0x22]);
}

#[test]
fn branches_follow_what_grows() {
    // lit1; bra over the local; local 0; nop
    let bytes = [0x31, 0x28, 3, 0, WASM, OP_LOCAL, 0, 0x96];
    let cut = vec![0x10, 0xff, 0xff, 0xff, 0xff, 0x0f, 0x1a];
    let load = [slot(0), vec![0x94, 4]].concat();
    let distance = u8::try_from(load.len()).unwrap();
    let expected = [vec![0x31], cut, vec![0x28, distance, 0], load, vec![0x96]].concat();
    assert_eq!(location(&bytes), expected);
}

#[test]
fn what_cannot_be_said_is_refused() {
    let refuse = |bytes: &[u8]| convert_bytes(Role::Location, bytes, false).unwrap_err();
    assert_eq!(refuse(&[WASM, OP_LOCAL, 6, 0x9f]), Unsupported::Place);
    assert_eq!(refuse(&[WASM, OP_GLOBAL, 9, 0, 0, 0, 0x9f]), Unsupported::Place);
    assert_eq!(refuse(&[WASM, OP_LOCAL, 3, 0x23, 1]), Unsupported::Type);
    assert_eq!(refuse(&[WASM]), Unsupported::Malformed);
    assert!(matches!(refuse(&[0x50]), Unsupported::Operation(_)));
    assert!(matches!(refuse(&[0xa3, 1, 0x50]), Unsupported::Operation(_)));
    // skip to itself, and backwards
    assert_eq!(refuse(&[0x2f, 0xfd, 0xff]), Unsupported::Branch);
    assert_eq!(refuse(&[0x96, 0x2f, 0xfc, 0xff]), Unsupported::Branch);
    // into the middle of an operator
    assert_eq!(refuse(&[0x2f, 1, 0, 0x23, 1]), Unsupported::Branch);
    assert_eq!(refuse(&[0x96; MAX_OPERATIONS + 1]), Unsupported::TooLong);
}

/// The location of a variable of 8 bytes, on a machine with addresses of 4.
fn long_location(bytes: &[u8]) -> Result<Vec<u8>, Unsupported> {
    convert_for(Machine::X32, Some(8), Role::Location, bytes, false)
}

const CONSTU: u8 = dw::DW_OP_constu.0;
const CONSTS: u8 = dw::DW_OP_consts.0;
const STACK_VALUE: u8 = dw::DW_OP_stack_value.0;

#[test]
fn long_constants_have_all_their_bytes() {
    let implicit = |bytes: [u8; 8]| [&[dw::DW_OP_implicit_value.0, 8][..], &bytes].concat();
    assert_eq!(long_location(&[CONSTU, 5, STACK_VALUE]).unwrap(), implicit(5_u64.to_le_bytes()));
    assert_eq!(long_location(&[CONSTS, 0x7b, STACK_VALUE]).unwrap(), implicit((-5_i64).to_le_bytes()));
    let computed = [CONSTU, 7, CONSTU, 12, dw::DW_OP_minus.0, STACK_VALUE];
    assert_eq!(long_location(&computed).unwrap(), implicit((-5_i64).to_le_bytes()));
    // A short one stays as it is.
    let short = convert_for(Machine::X32, Some(4), Role::Location, &[CONSTU, 5, STACK_VALUE], false);
    assert_eq!(short.unwrap(), [dw::DW_OP_lit5.0, STACK_VALUE]);
}

#[test]
fn long_values_without_a_sign_are_put_together_of_halves() {
    let low = [WASM, OP_LOCAL, 0, CONSTU, 0xff, 0xff, 0xff, 0xff, 0x0f, dw::DW_OP_and.0, STACK_VALUE];
    let piece = [STACK_VALUE, dw::DW_OP_piece.0, 4];
    let expected = [&[dw::DW_OP_breg6.0, 0x70, dw::DW_OP_deref.0][..], &piece, &[dw::DW_OP_lit0.0], &piece];
    assert_eq!(long_location(&low).unwrap(), expected.concat());
    // Anything else would be read beyond its end.
    let sum = [WASM, OP_LOCAL, 0, CONSTU, 1, dw::DW_OP_plus.0, STACK_VALUE];
    assert_eq!(long_location(&sum), Err(Unsupported::Wide));
}

#[test]
fn upper_halves_are_read_where_they_are() {
    let shift = |place: &[u8], bits: u8| {
        let bytes = [place, &[CONSTU, bits, dw::DW_OP_shr.0, STACK_VALUE]].concat();
        convert_for(Machine::X32, Some(4), Role::Location, &bytes, false).unwrap()
    };
    let (breg, deref) = (dw::DW_OP_breg6.0, dw::DW_OP_deref.0);
    let upper = [dw::DW_OP_plus_uconst.0, 4, deref];
    // Local 1 is at -32, operand 0 behind the six locals at -112.
    assert_eq!(shift(&[WASM, OP_LOCAL, 1], 32), [&[breg, 0x60][..], &upper, &[STACK_VALUE]].concat());
    let right = [dw::DW_OP_lit8.0, dw::DW_OP_shr.0];
    let left = [dw::DW_OP_lit24.0, dw::DW_OP_shl.0, dw::DW_OP_or.0];
    let operand =
        [&[breg, 0x90, 0x7f, deref][..], &right, &[breg, 0x90, 0x7f], &upper, &left, &[STACK_VALUE]];
    assert_eq!(shift(&[WASM, OP_STACK, 0], 8), operand.concat());
    // Of a local with 32 bits there is no upper half.
    assert_eq!(
        shift(&[WASM, OP_LOCAL, 0], 8),
        [breg, 0x70, deref, dw::DW_OP_lit8.0, dw::DW_OP_shr.0, STACK_VALUE]
    );
}

#[test]
fn what_depends_on_the_size_of_an_operand_is_unavailable() {
    let compare = [WASM, OP_STACK, 0, CONSTU, 5, dw::DW_OP_lt.0, STACK_VALUE];
    let found = convert_for(Machine::X32, Some(4), Role::Location, &compare, false);
    assert_eq!(found, Err(Unsupported::OperandSize));
}

#[test]
fn types_are_named_where_they_will_be() {
    // local 0; GNU_convert of a type; stack_value
    let bytes = [WASM, OP_LOCAL, 0, 0xf7, 0x33, 0x9f];
    let converted = location(&bytes);
    assert_eq!(converted, [slot(0), vec![0x94, 4, 0xf7, 0xb3, 0x80, 0x80, 0x80, 0, 0x9f]].concat());
    let unknown = convert_bytes(Role::Location, &[WASM, OP_LOCAL, 0, 0xf7, 0x34, 0x9f], false);
    assert_eq!(unknown, Err(Unsupported::Reference));
}
