//! What an operator does beside computing, by its first bytes in the binary format.

/// Whether the operator that starts with these bytes neither calls nor traps, but perhaps for a memory access. Of
/// operators that it does not know, it says no.
pub(super) fn just_goes_on(operator: &[u8]) -> bool {
    match operator {
        // Nothing, blocks, branches, `drop`, `select`.
        [0x01..=0x05 | 0x0b..=0x0f | 0x1a..=0x1c | 0x1f, ..] => true,
        // Locals and globals; loads, stores, `memory.size`; constants, comparisons, and the beginning of arithmetic.
        [0x20..=0x24 | 0x28..=0x3f | 0x41..=0x6c, ..] => true,
        // Arithmetic, without division and conversions to integers in the gaps.
        [0x71..=0x7e | 0x83..=0xa7 | 0xac..=0xad | 0xb2..=0xc4, ..] => true,
        // Tests of references, and branches on them.
        [0xd0..=0xd1 | 0xd3 | 0xd5..=0xd6, ..] => true,
        // Conversions to integers that saturate; vectors.
        [0xfc, 0..=7, ..] | [0xfd, ..] => true,
        _ => false,
    }
}

/// Whether it loads or stores, as far as [`just_goes_on`] says that it goes on.
fn accesses_memory(operator: &[u8]) -> bool {
    match operator {
        [0x28..=0x3e, ..] => true,
        // Vectors, their lanes, and vectors of which the rest is zero.
        [0xfd, kind, ..] => matches!(kind, 0x00..=0x0b | 0x54..=0x5d),
        _ => false,
    }
}

/// Whether somebody may look at a frame while the operator runs: it may call, or trap.
pub(super) fn can_be_looked_at(operator: &[u8]) -> bool {
    !just_goes_on(operator) || accesses_memory(operator)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_looked_at_in_calls_and_traps() {
        let looked_at = [
            ("unreachable", vec![0x00]),
            ("call", vec![0x10, 0]),
            ("table.get", vec![0x25, 0]),
            ("i32.load", vec![0x28, 2, 0]),
            ("i64.store32", vec![0x3e, 2, 0]),
            ("memory.grow", vec![0x40, 0]),
            ("i32.div_s", vec![0x6d]),
            ("i64.rem_u", vec![0x82]),
            ("i32.trunc_f32_s", vec![0xa8]),
            ("i64.trunc_f64_u", vec![0xb1]),
            ("ref.as_non_null", vec![0xd4]),
            ("memory.copy", vec![0xfc, 10, 0, 0]),
            ("struct.get", vec![0xfb, 2, 0, 0]),
            ("v128.load", vec![0xfd, 0, 4, 0]),
            ("v128.store", vec![0xfd, 11, 4, 0]),
            ("v128.load8_lane", vec![0xfd, 0x54, 0, 0, 0]),
            ("v128.load64_zero", vec![0xfd, 0x5d, 3, 0]),
            ("i32.atomic.load", vec![0xfe, 0x10, 2, 0]),
        ];
        for (name, bytes) in looked_at {
            assert!(can_be_looked_at(&bytes), "{name}");
        }
        let goes_on = [
            ("local.get", vec![0x20, 0]),
            ("memory.size", vec![0x3f, 0]),
            ("i32.const", vec![0x41, 0]),
            ("i32.add", vec![0x6a]),
            ("f64.div", vec![0xa3]),
            ("v128.const", vec![0xfd, 0x0c]),
            ("i8x16.splat", vec![0xfd, 0x0f]),
            ("i32.trunc_sat_f32_s", vec![0xfc, 0]),
            ("br_if", vec![0x0d, 0]),
        ];
        for (name, bytes) in goes_on {
            assert!(!can_be_looked_at(&bytes), "{name}");
        }
    }
}
