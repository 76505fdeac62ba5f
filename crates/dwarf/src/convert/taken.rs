//! Operands that a call has taken.
//!
//! ```text
//!   local.get 0     begin    the location list names operand 0 from here on
//!   call 9          call
//!   local.set 1     end      up to here: the call has taken the operand
//! ```
//!
//! A frame that waits in the call has the operand no more, and debuggers look its variables up at the byte before `end`. So
//! the location ends behind the call's first byte, at which a frame stands that has not called yet.

use wasmparser::{BinaryReader, Operator, OperatorsReader};

/// The longest code that is looked through, in bytes. An operand's way to the operator that takes it is short.
const LONGEST: usize = 1 << 10;

/// The single byte of `else`, which no reader takes that has not seen its `if`.
const ELSE: u8 = 0x05;

/// Where in `code`, which begins with an operator, the call is with which it ends. None if it ends with something else.
pub(super) fn call_at_end(code: &[u8]) -> Option<usize> {
    if code.len() > LONGEST {
        return None;
    }
    let (mut at, mut call) = (0, None);
    while let Some(rest) = code.get(at..).filter(|rest| !rest.is_empty()) {
        if rest.first() == Some(&ELSE) {
            (at, call) = (at + 1, None);
            continue;
        }
        // One for each operator: this may be the middle of blocks.
        let mut reader = OperatorsReader::new(BinaryReader::new(rest, 0));
        let operator = reader.read().ok()?;
        call = is_call(&operator).then_some(at);
        at += usize::try_from(reader.original_position()).ok()?;
    }
    call
}

fn is_call(operator: &Operator<'_>) -> bool {
    matches!(operator, Operator::Call { .. } | Operator::CallIndirect { .. } | Operator::CallRef { .. })
}

#[cfg(test)]
mod tests {
    use super::call_at_end;

    #[test]
    fn the_last_operator_counts() {
        // local.get 0; call 9; and nop, else and end behind and before.
        assert_eq!(call_at_end(&[0x20, 0, 0x10, 9]), Some(2));
        assert_eq!(call_at_end(&[0x10, 9, 0x20, 0]), None);
        assert_eq!(call_at_end(&[0x05, 0x0b, 0x01, 0x10, 0x89, 0]), Some(3));
        // call_indirect (type 1), table 0.
        assert_eq!(call_at_end(&[0x11, 1, 0]), Some(0));
        assert_eq!(call_at_end(&[]), None);
        assert_eq!(call_at_end(&[0x10]), None, "cut off");
    }
}
