//! Floats in the x87's format of 80 bits, which has every value of the shorter formats.
//!
//! ```text
//!   byte 0..8   the significand, whose highest bit is the integer bit
//!   byte 8..10  the exponent, biased by 16383, and the sign in the highest bit
//! ```

/// The bias of the exponent, and half of the exponent that infinities and what is no number have.
const BIAS: u64 = 0x3fff;

/// The value of an IEEE float with so many bits of exponent and of fraction (up to 63 together).
pub(super) fn extended(bits: u64, exponent_bits: u32, fraction_bits: u32) -> [u8; 10] {
    let largest = (1 << exponent_bits) - 1;
    let sign = (bits >> (exponent_bits + fraction_bits)) & 1;
    let exponent = (bits >> fraction_bits) & largest;
    let fraction = (bits & ((1 << fraction_bits) - 1)) << (63 - fraction_bits);
    let integer_bit = 1 << 63;
    let (exponent, significand) = match exponent {
        0 if fraction == 0 => (0, 0),
        // Below the smallest normal number of the short format; the long one has a normal number for it.
        0 => {
            let shift = fraction.leading_zeros();
            (BIAS + 1 - largest / 2 - u64::from(shift), fraction << shift)
        }
        exponent if exponent == largest => (2 * BIAS + 1, integer_bit | fraction),
        exponent => (exponent + BIAS - largest / 2, integer_bit | fraction),
    };
    let [low, high, ..] = (exponent | sign << 15).to_le_bytes();
    let [a, b, c, d, e, f, g, h] = significand.to_le_bytes();
    [a, b, c, d, e, f, g, h, low, high]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The value by its definition, as far as a double holds it.
    fn value(bytes: [u8; 10]) -> f64 {
        let significand = u64::from_le_bytes(*bytes.first_chunk().unwrap());
        let head = u16::from_le_bytes(*bytes.last_chunk().unwrap());
        let sign = if head >> 15 == 1 { -1.0 } else { 1.0 };
        let exponent = i32::from(head & 0x7fff) - 16383 - 63;
        // In two steps, since neither factor of a very small number may be one itself.
        let (half, rest) = (exponent / 2, exponent - exponent / 2);
        let significand = (significand >> 11) as f64 * 2048.0;
        sign * significand * 2_f64.powi(half) * 2_f64.powi(rest)
    }

    #[test]
    fn every_number_keeps_its_value() {
        let numbers = [0.0, 1.0, -1.5, 0.1, 1e300, f64::MAX, f64::MIN_POSITIVE, 1e-310, 5e-324, -5e-324];
        for number in numbers {
            assert_eq!(value(extended(number.to_bits(), 11, 52)), number, "{number:e}");
        }
        for number in [0.0_f32, -2.25, 0.1, f32::MAX, f32::MIN_POSITIVE, 1e-45] {
            assert_eq!(value(extended(number.to_bits().into(), 8, 23)), f64::from(number), "{number:e}");
        }
    }

    #[test]
    fn signs_infinities_and_what_is_no_number() {
        let double = |number: f64| crate::hex::text(&extended(number.to_bits(), 11, 52));
        assert_eq!(double(-0.0), b"00000000000000000080");
        assert_eq!(double(1.0), b"0000000000000080ff3f");
        assert_eq!(double(f64::INFINITY), b"0000000000000080ff7f");
        assert_eq!(double(f64::NEG_INFINITY), b"0000000000000080ffff");
        assert_eq!(double(f64::NAN), b"00000000000000c0ff7f");
        assert_eq!(crate::hex::text(&extended(0x7fc0_0000, 8, 23)), b"00000000000000c0ff7f");
    }
}
