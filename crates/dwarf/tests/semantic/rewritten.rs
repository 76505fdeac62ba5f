//! Expressions as gimli's evaluator takes them.

use gimli::{EndianSlice, LittleEndian, Operation};

use crate::machine::Reader;

/// An expression with its addresses in 8 bytes. Has no branches.
pub(crate) fn with_long_addresses(
    expression: gimli::Expression<Reader<'_>>,
    encoding: gimli::Encoding,
) -> gimli::Expression<Reader<'_>> {
    each(expression, encoding, |operation, bytes, _next| match operation {
        Operation::Address { address } => [&[gimli::DW_OP_addr.0][..], &address.to_le_bytes()].concat(),
        _ => bytes.to_vec(),
    })
}

/// An expression whose numbers without a type have that of the value that they are taken together with. Compilers leave it
/// out, and then no reader may compute with the two. Has no branches.
pub(crate) fn with_types(
    expression: gimli::Expression<Reader<'_>>,
    encoding: gimli::Encoding,
) -> gimli::Expression<Reader<'_>> {
    let mut convert: Option<Vec<u8>> = None;
    each(expression, encoding, |operation, bytes, next| {
        let mut out = bytes.to_vec();
        match operation {
            Operation::Convert { base_type } => {
                convert = Some(out.clone()).filter(|_| base_type.0 != 0);
            }
            Operation::UnsignedConstant { .. } | Operation::SignedConstant { .. } if takes_two(next) => {
                out.extend(convert.iter().flatten());
            }
            Operation::Not | Operation::Neg | Operation::Abs => {}
            operation if takes_two(Some(operation)) => {}
            _ => convert = None,
        }
        out
    })
}

/// This says once more what the converter says, so that a mistake there is seen.
fn takes_two(operation: Option<&Operation<Reader<'_>>>) -> bool {
    matches!(
        operation,
        Some(
            Operation::And
                | Operation::Or
                | Operation::Xor
                | Operation::Plus
                | Operation::Minus
                | Operation::Mul
                | Operation::Div
                | Operation::Mod
                | Operation::Shl
                | Operation::Shr
                | Operation::Shra
        )
    )
}

/// An expression with other bytes for each operator, which `rewrite` is given with its bytes and the one behind it.
fn each<'a>(
    expression: gimli::Expression<Reader<'a>>,
    encoding: gimli::Encoding,
    mut rewrite: impl FnMut(&Operation<Reader<'a>>, &[u8], Option<&Operation<Reader<'a>>>) -> Vec<u8>,
) -> gimli::Expression<Reader<'a>> {
    let mut operators = Vec::new();
    let mut iterator = expression.operations(encoding);
    let mut from = 0;
    while let Ok(Some(operation)) = iterator.next() {
        let to = iterator.offset_from(&expression);
        operators.push((operation, from..to));
        from = to;
    }
    let mut bytes = Vec::new();
    for (index, (operation, range)) in operators.iter().enumerate() {
        let next = operators.get(index + 1).map(|(operation, _)| operation);
        bytes.extend(rewrite(operation, &expression.0.slice()[range.clone()], next));
    }
    gimli::Expression(EndianSlice::new(bytes.leak(), LittleEndian))
}
