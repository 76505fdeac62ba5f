//! Stubs of functions that are not compiled yet.
//!
//! Each defined function of a module has a stub of ten bytes that puts the function's number into a register and
//! jumps to a common tail, which goes to [`crate::unwind::lazy_compile_address`]: that saves the arguments, has the
//! function compiled, and goes on into its code as if the caller had called it directly. From then on the stub is a
//! jump to that code, for callers that were compiled before.
//!
//! Why bytes of our own? A module of 10 MB has some 20,000 functions; a thunk from the code generator for each
//! would take seconds.

/// Bytes per stub.
pub(super) const STUB: usize = 10;

/// The stubs of `count` functions, then their tail.
pub(super) fn stubs(count: usize, lazy_compile: usize) -> Vec<u8> {
    let mut code = Vec::with_capacity(count * STUB + 13);
    let tail = count * STUB;
    for (index, number) in (0..count).zip(0u32..) {
        // mov eax, number
        code.push(0xb8);
        code.extend(number.to_le_bytes());
        // jmp tail
        let distance = u32::try_from(tail - (index + 1) * STUB).unwrap_or_default();
        code.push(0xe9);
        code.extend(distance.to_le_bytes());
    }
    // movabs r11, lazy_compile; jmp r11
    code.extend([0x49, 0xbb]);
    code.extend((lazy_compile as u64).to_le_bytes());
    code.extend([0x41, 0xff, 0xe3]);
    code
}
