//! Functions that compiled code calls where the processor lacks an instruction.
//!
//! Old x86-64 processors cannot round floats, multiply and add in one step, or shuffle bytes by a vector. The code generator
//! names the functions as C does; what the process itself exports under such names is not to be relied on.
#![expect(unsafe_code, reason = "vectors as bytes")]

use std::arch::x86_64::__m128i;

/// Their names and addresses.
pub(super) fn symbols() -> [(&'static str, *const u8); 11] {
    let address = |function: *const ()| function.cast();
    [
        ("ceilf", address(ceilf as *const ())),
        ("ceil", address(ceil as *const ())),
        ("floorf", address(floorf as *const ())),
        ("floor", address(floor as *const ())),
        ("truncf", address(truncf as *const ())),
        ("trunc", address(trunc as *const ())),
        ("nearbyintf", address(nearbyintf as *const ())),
        ("nearbyint", address(nearbyint as *const ())),
        ("fmaf", address(fmaf as *const ())),
        ("fma", address(fma as *const ())),
        ("__cranelift_x86_pshufb", address(pshufb as *const ())),
    ]
}

/// The same number, but no signalling NaN: rounding in C may keep one.
fn quiet32(value: f32) -> f32 {
    if value.is_nan() { f32::from_bits(value.to_bits() | 1 << 22) } else { value }
}

/// As [`quiet32`].
fn quiet64(value: f64) -> f64 {
    if value.is_nan() { f64::from_bits(value.to_bits() | 1 << 51) } else { value }
}

extern "C" fn ceilf(value: f32) -> f32 {
    quiet32(value.ceil())
}

extern "C" fn ceil(value: f64) -> f64 {
    quiet64(value.ceil())
}

extern "C" fn floorf(value: f32) -> f32 {
    quiet32(value.floor())
}

extern "C" fn floor(value: f64) -> f64 {
    quiet64(value.floor())
}

extern "C" fn truncf(value: f32) -> f32 {
    quiet32(value.trunc())
}

extern "C" fn trunc(value: f64) -> f64 {
    quiet64(value.trunc())
}

extern "C" fn nearbyintf(value: f32) -> f32 {
    quiet32(value.round_ties_even())
}

extern "C" fn nearbyint(value: f64) -> f64 {
    quiet64(value.round_ties_even())
}

extern "C" fn fmaf(one: f32, other: f32, sum: f32) -> f32 {
    one.mul_add(other, sum)
}

extern "C" fn fma(one: f64, other: f64, sum: f64) -> f64 {
    one.mul_add(other, sum)
}

/// Each byte of the result is the one of `bytes` that the index says; 0 if the index's highest bit is set.
#[expect(
    improper_ctypes_definitions,
    reason = "vectors are passed in registers, as the code generator does it"
)]
extern "C" fn pshufb(bytes: __m128i, indices: __m128i) -> __m128i {
    // SAFETY: any bits are a vector of bytes.
    let bytes: [u8; 16] = unsafe { std::mem::transmute(bytes) };
    // SAFETY: as above.
    let indices: [u8; 16] = unsafe { std::mem::transmute(indices) };
    let picked = indices.map(|index| if index < 128 { bytes[usize::from(index & 15)] } else { 0 });
    // SAFETY: as above, the other way.
    unsafe { std::mem::transmute(picked) }
}
