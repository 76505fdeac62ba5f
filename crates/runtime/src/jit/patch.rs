//! Changing published code: a program point's five-byte NOP becomes a call of the breakpoint thunk and back; a stub
//! becomes a jump to its function.
#![expect(unsafe_code, reason = "writes into code")]

/// Bytes of a patchable call on x86-64: opcode and a 32-bit displacement.
pub(crate) const CALL_LENGTH: usize = 5;

/// The recommended five-byte NOP of x86-64.
const NOP: [u8; CALL_LENGTH] = [0x0f, 0x1f, 0x44, 0x00, 0x00];

/// What is between functions: an instruction that traps.
pub(super) const FILLER: u8 = 0xcc;

/// The opcodes of a call and of a jump; a 32-bit displacement follows.
const CALL: u8 = 0xe8;
const JUMP: u8 = 0xe9;

/// The call or jump that ends at `end` and goes to `target`; none if it is too far away.
fn encode(opcode: u8, end: usize, target: usize) -> Option<[u8; CALL_LENGTH]> {
    let distance = i32::try_from(target.cast_signed().checked_sub(end.cast_signed())?).ok()?;
    let [a, b, c, d] = distance.to_le_bytes();
    Some([opcode, a, b, c, d])
}

/// A patchable call that is not armed.
pub(super) fn fill_with_nops(call: &mut [u8]) -> Result<(), String> {
    if call.len() != CALL_LENGTH {
        return Err(format!("a patchable call of {} bytes", call.len()));
    }
    call.copy_from_slice(&NOP);
    Ok(())
}

/// Five bytes of code to rewrite.
#[derive(Clone, Copy)]
pub(super) struct Edit {
    /// The address after them.
    pub(super) end: usize,
    bytes: [u8; CALL_LENGTH],
}

impl Edit {
    /// Makes the site that returns to `end` call `thunk`.
    pub(super) fn arm(end: usize, thunk: usize) -> Option<Self> {
        Some(Self { end, bytes: encode(CALL, end, thunk)? })
    }

    /// Makes the site that ends at `end` go to `target` for good.
    pub(super) fn jump(end: usize, target: usize) -> Option<Self> {
        Some(Self { end, bytes: encode(JUMP, end, target)? })
    }

    /// Makes the call or jump with this opcode that ends at `end` go to `target`.
    pub(super) fn transfer(end: usize, opcode: u8, target: usize) -> Option<Self> {
        Some(Self { end, bytes: encode(opcode, end, target)? })
    }

    /// Makes the site that returns to `end` do nothing.
    pub(super) fn disarm(end: usize) -> Self {
        Self { end, bytes: NOP }
    }

    /// Makes the stub at `start` go to its function's code, which is compiled now.
    pub(super) fn stub(start: usize, code: usize) -> Option<Self> {
        Self::jump(start + CALL_LENGTH, code)
    }

    /// Puts back what was at `start`.
    pub(super) fn restore(start: usize, bytes: [u8; CALL_LENGTH]) -> Self {
        Self { end: start + CALL_LENGTH, bytes }
    }

    pub(super) fn start(&self) -> usize {
        self.end - CALL_LENGTH
    }

    /// Writes it.
    ///
    /// # Safety
    /// The five bytes are a site or a stub in writable memory, and no thread is running in them.
    pub(super) unsafe fn write(&self) {
        let at: *mut [u8; CALL_LENGTH] = std::ptr::with_exposed_provenance_mut(self.start());
        // SAFETY: the caller's promise.
        unsafe { at.write(self.bytes) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_names_its_target_relative_to_its_end() {
        assert_eq!(encode(CALL, 0x1005, 0x1005), Some([0xe8, 0, 0, 0, 0]));
        assert_eq!(encode(JUMP, 0x2000, 0x1fff), Some([0xe9, 0xff, 0xff, 0xff, 0xff]));
        assert_eq!(encode(CALL, 0, 1 << 40), None);
    }
}
