//! Conversions between numbers that lose something. All casts of the reference are here.
#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    reason = "conversions of the specification that lose bits, in one place"
)]

/// The low bits of a number.
macro_rules! low {
    ($($name:ident: $from:ty => $to:ty;)*) => {
        $(pub(super) const fn $name(value: $from) -> $to { value as $to })*
    };
}

low! {
    low_u32: u64 => u32;
    low_u64: u128 => u64;
    nearest_f32_of_i64: i64 => f32;
    nearest_f32_of_u64: u64 => f32;
    nearest_f64_of_i64: i64 => f64;
    nearest_f64_of_u64: u64 => f64;
    nearest_f32: f64 => f32;
}

/// Truncates towards zero to what is nearest in the range `least..=greatest`, of which both fit an `i128`; none for
/// NaN. An `f64` holds every `f32`.
pub(super) fn truncated(value: f64, least: i128, greatest: i128) -> Option<(i128, bool)> {
    if value.is_nan() {
        return None;
    }
    // Exact: far wider than any range asked for, and infinities are cut off.
    let whole = value.trunc() as i128;
    let inside = whole.clamp(least, greatest);
    Some((inside, inside == whole && value.is_finite()))
}
