//! Functions that compiled code calls where the processor lacks an instruction.
//!
//! Old x86-64 processors cannot round floats, multiply and add in one step, or shuffle bytes by a vector.
#![expect(unsafe_code, reason = "vectors as bytes")]

use cranelift_codegen::ir::LibCall;
use std::arch::x86_64::__m128i;

/// The address of one; none of functions that code never calls.
pub(super) fn address(call: LibCall) -> Option<usize> {
    let function = match call {
        LibCall::CeilF32 => ceilf as *const (),
        LibCall::CeilF64 => ceil as *const (),
        LibCall::FloorF32 => floorf as *const (),
        LibCall::FloorF64 => floor as *const (),
        LibCall::TruncF32 => truncf as *const (),
        LibCall::TruncF64 => trunc as *const (),
        LibCall::NearestF32 => nearbyintf as *const (),
        LibCall::NearestF64 => nearbyint as *const (),
        LibCall::FmaF32 => fmaf as *const (),
        LibCall::FmaF64 => fma as *const (),
        LibCall::X86Pshufb => pshufb as *const (),
        _ => return None,
    };
    Some(function.expose_provenance())
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
