//! Every operator that gimli reads: what becomes of it, and that what it computes stays the same.

use std::fmt::Write as _;

use gimli::{DwOp, EndianSlice, EvaluationResult, Location, Value};

use super::tests::{MODULE_LOCALS, convert_for};
use super::*;
use crate::Machine;

/// Operators that stand for a class of them, each with operands. Those without are in [`PLAIN`].
const WITH_OPERANDS: &[(DwOp, &[u8])] = &[
    (dw::DW_OP_addr, &[0, 0x10, 0, 0]),
    (dw::DW_OP_const1u, &[0xfe]),
    (dw::DW_OP_const1s, &[0xfe]),
    (dw::DW_OP_const2u, &[0xfe, 0xff]),
    (dw::DW_OP_const2s, &[0xfe, 0xff]),
    (dw::DW_OP_const4u, &[0xfe, 0xff, 0xff, 0xff]),
    (dw::DW_OP_const4s, &[0xfe, 0xff, 0xff, 0xff]),
    (dw::DW_OP_const8u, &[0xfe, 0xff, 0xff, 0xff, 0, 0, 0, 0]),
    (dw::DW_OP_const8s, &[0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]),
    (dw::DW_OP_constu, &[0xfe, 1]),
    (dw::DW_OP_consts, &[0x7e]),
    (dw::DW_OP_pick, &[2]),
    (dw::DW_OP_plus_uconst, &[8]),
    (dw::DW_OP_bra, &[0, 0]),
    (dw::DW_OP_skip, &[0, 0]),
    (dw::DW_OP_regx, &[0x40]),
    (dw::DW_OP_fbreg, &[0x70]),
    (dw::DW_OP_bregx, &[0x40, 0x70]),
    (dw::DW_OP_piece, &[2]),
    (dw::DW_OP_deref_size, &[2]),
    (dw::DW_OP_xderef_size, &[2]),
    (dw::DW_OP_call2, &[0x33, 0]),
    (dw::DW_OP_call4, &[0x33, 0, 0, 0]),
    (dw::DW_OP_call_ref, &[0x33, 0, 0, 0]),
    (dw::DW_OP_bit_piece, &[3, 5]),
    (dw::DW_OP_implicit_value, &[2, 0xaa, 0xbb]),
    (dw::DW_OP_implicit_pointer, &[0x33, 0, 0, 0, 4]),
    (dw::DW_OP_addrx, &[0]),
    (dw::DW_OP_constx, &[0]),
    (dw::DW_OP_entry_value, &[1, dw::DW_OP_lit0.0]),
    (dw::DW_OP_const_type, &[0x33, 2, 0xaa, 0xbb]),
    (dw::DW_OP_regval_type, &[0x40, 0x33]),
    (dw::DW_OP_deref_type, &[2, 0x33]),
    (dw::DW_OP_xderef_type, &[2, 0x33]),
    (dw::DW_OP_convert, &[0x33]),
    (dw::DW_OP_reinterpret, &[0x33]),
    (dw::DW_OP_GNU_implicit_pointer, &[0x33, 0, 0, 0, 4]),
    (dw::DW_OP_GNU_entry_value, &[1, dw::DW_OP_lit0.0]),
    (dw::DW_OP_GNU_const_type, &[0x33, 2, 0xaa, 0xbb]),
    (dw::DW_OP_GNU_regval_type, &[0x40, 0x33]),
    (dw::DW_OP_GNU_deref_type, &[2, 0x33]),
    (dw::DW_OP_GNU_convert, &[0x33]),
    (dw::DW_OP_GNU_reinterpret, &[0x33]),
    (dw::DW_OP_GNU_parameter_ref, &[0x33, 0, 0, 0]),
    (dw::DW_OP_GNU_addr_index, &[0]),
    (dw::DW_OP_GNU_const_index, &[0]),
    (dw::DW_OP_GNU_variable_value, &[0x33, 0, 0, 0]),
    (dw::DW_OP_WASM_location, &[0, 0]),
    (dw::DW_OP_WASM_location, &[1, 0]),
    (dw::DW_OP_WASM_location, &[2, 1]),
    (dw::DW_OP_WASM_location, &[3, 0, 0, 0, 0]),
];

/// The operands of an operator: those of the table, or some byte for `breg0` to `breg31`.
fn operands(opcode: DwOp) -> Vec<&'static [u8]> {
    let mut found: Vec<&[u8]> =
        WITH_OPERANDS.iter().filter(|(op, _)| *op == opcode).map(|(_, operands)| *operands).collect();
    if found.is_empty() {
        found.push(if (dw::DW_OP_breg0.0..=dw::DW_OP_breg31.0).contains(&opcode.0) { &[8] } else { &[] });
    }
    found
}

/// The operators by the names that they have in the standard.
fn spelled(bytes: &[u8], version: u16, address_size: u8) -> String {
    let encoding = Encoding { format: gimli::Format::Dwarf32, version, address_size };
    let expression = read::Expression(EndianSlice::new(bytes, gimli::LittleEndian));
    let mut text = String::new();
    let mut operations = expression.operations(encoding);
    let mut from = 0;
    while operations.next().unwrap().is_some() {
        let to = operations.offset_from(&expression);
        let operation = &bytes[from..to];
        let name = DwOp(operation[0]).to_string();
        write!(text, "; {}", name.strip_prefix("DW_OP_").unwrap_or(&name)).unwrap();
        for byte in &operation[1..] {
            write!(text, " {byte:02x}").unwrap();
        }
        from = to;
    }
    text.trim_start_matches("; ").to_owned()
}

#[test]
fn every_operator_is_converted_or_refused_for_a_reason() {
    let mut table = String::new();
    for opcode in (0..=u8::MAX).map(DwOp) {
        // `lit`, `reg` and `breg` stand 32 times; the last will do.
        let many = [dw::DW_OP_lit0, dw::DW_OP_reg0, dw::DW_OP_breg0];
        if many.iter().any(|first| (first.0..first.0 + 31).contains(&opcode.0)) {
            continue;
        }
        for operands in operands(opcode) {
            let bytes = [&[opcode.0], operands].concat();
            let encoding = Encoding { format: gimli::Format::Dwarf32, version: 5, address_size: 4 };
            let mut rest = EndianSlice::new(&bytes, gimli::LittleEndian);
            match Operation::parse(&mut rest, encoding) {
                Ok(_) => assert!(rest.is_empty(), "{opcode} has fewer operands than {operands:x?}"),
                Err(gimli::Error::InvalidExpression(_)) => continue,
                Err(error) => panic!("{opcode} has other operands than {operands:x?}: {error}"),
            }
            let name = spelled(&bytes, 5, 4);
            let became = match convert_for(Machine::X32, Some(4), Role::Location, &bytes, true) {
                Ok(bytes) => spelled(&bytes, 4, 4),
                Err(error) => format!("- {error}"),
            };
            writeln!(table, "{name}: {became}").unwrap();
        }
    }
    let expected = include_str!("operators.txt");
    assert!(table == expected, "operators.txt is to be:\n{table}");
}

/// Operators that compute with one, two and three values.
const COMPUTING: [(usize, &[DwOp]); 3] = [
    (1, &[dw::DW_OP_abs, dw::DW_OP_neg, dw::DW_OP_not, dw::DW_OP_dup, dw::DW_OP_nop]),
    (
        2,
        &[
            dw::DW_OP_and,
            dw::DW_OP_or,
            dw::DW_OP_xor,
            dw::DW_OP_plus,
            dw::DW_OP_minus,
            dw::DW_OP_mul,
            dw::DW_OP_div,
            dw::DW_OP_mod,
            dw::DW_OP_shl,
            dw::DW_OP_shr,
            dw::DW_OP_shra,
            dw::DW_OP_eq,
            dw::DW_OP_ne,
            dw::DW_OP_lt,
            dw::DW_OP_le,
            dw::DW_OP_gt,
            dw::DW_OP_ge,
            dw::DW_OP_over,
            dw::DW_OP_swap,
            dw::DW_OP_drop,
        ],
    ),
    (3, &[dw::DW_OP_rot]),
];
const VALUES: [u32; 9] = [0, 1, 2, 31, 33, 0x7fff_ffff, 0x8000_0000, 0xffff_fff0, 0xffff_ffff];

/// The lower 32 bits of what an expression leaves, or why it fails.
fn computed(bytes: &[u8], version: u16, address_size: u8, locals: &[u32]) -> Result<u64, String> {
    let encoding = Encoding { format: gimli::Format::Dwarf32, version, address_size };
    let expression = read::Expression(EndianSlice::new(bytes, gimli::LittleEndian));
    let mut evaluation = expression.evaluation(encoding);
    let mut state = evaluation.evaluate();
    loop {
        let value = |slot: usize| Value::Generic(locals.get(slot).copied().map_or(0, u64::from));
        state = match state.map_err(|error| error.to_string())? {
            EvaluationResult::Complete => break,
            EvaluationResult::RequiresWasmLocal { index } => {
                evaluation.resume_with_wasm_value(value(usize::try_from(index).unwrap()))
            }
            EvaluationResult::RequiresRegister { .. } => {
                evaluation.resume_with_register(Value::Generic(1 << 20))
            }
            EvaluationResult::RequiresMemory { address, .. } => {
                let slot = ((1 << 20) - address) / 16 - 1;
                evaluation.resume_with_memory(value(usize::try_from(slot).unwrap()))
            }
            other => return Err(format!("{other:?}")),
        };
    }
    match evaluation.result().as_slice() {
        [read::Piece { location: Location::Value { value }, .. }] => {
            Ok(value.to_u64(u64::MAX).unwrap() & u64::from(u32::MAX))
        }
        other => Err(format!("{other:?}")),
    }
}

/// All in locals of 32 bits, so that nothing is known before.
#[test]
fn operators_compute_the_same_as_before() {
    let mut count = 0;
    for (arity, operators) in COMPUTING {
        let tuples = (0..VALUES.len().pow(u32::try_from(arity).unwrap())).map(|mut number| {
            let digit = |_| {
                let value = VALUES[number % VALUES.len()];
                number /= VALUES.len();
                value
            };
            (0..arity).map(digit).collect::<Vec<u32>>()
        });
        let tuples: Vec<Vec<u32>> = tuples.collect();
        for operator in operators {
            let loads = (0..arity).flat_map(|local| [dw::DW_OP_WASM_location.0, 0, MODULE_LOCALS[local]]);
            let bytes: Vec<u8> = loads.chain([operator.0, dw::DW_OP_stack_value.0]).collect();
            for (machine, address_size) in [(Machine::X32, 4), (Machine::I386, 4), (Machine::X86_64, 8)] {
                let converted = convert_for(machine, Some(4), Role::Location, &bytes, false).unwrap();
                for values in &tuples {
                    let mut locals = vec![0; 8];
                    for (local, value) in MODULE_LOCALS.iter().zip(values) {
                        locals[usize::from(*local)] = *value;
                    }
                    let before = computed(&bytes, 4, 4, &locals);
                    let after = computed(&converted, 4, address_size, &locals);
                    assert_eq!(before, after, "{operator} of {values:x?} on {machine:?}: {converted:x?}");
                    count += 1;
                }
            }
        }
    }
    assert!(count > 6000, "{count}");
}
