//! Arming and disarming program points: a five-byte NOP becomes a call of the breakpoint thunk, and back.
#![expect(
    unsafe_code,
    reason = "writes into code that may be on the stack, under a guard that restores protection"
)]

use std::io;

/// Bytes of a patchable call on x86-64: opcode and a 32-bit displacement.
pub(crate) const CALL_LENGTH: usize = 5;

/// The recommended five-byte NOP of x86-64.
const NOP: [u8; CALL_LENGTH] = [0x0f, 0x1f, 0x44, 0x00, 0x00];

/// The call instruction that ends at `returns_to` and goes to `target`; none if it is too far away.
pub(crate) fn encode_call(returns_to: usize, target: usize) -> Option<[u8; CALL_LENGTH]> {
    let distance = i32::try_from(target.cast_signed().checked_sub(returns_to.cast_signed())?).ok()?;
    let [a, b, c, d] = distance.to_le_bytes();
    Some([0xe8, a, b, c, d])
}

/// A patchable call that is not armed.
pub(super) fn fill_with_nops(call: &mut [u8]) -> Result<(), String> {
    if call.len() != CALL_LENGTH {
        return Err(format!("a patchable call of {} bytes", call.len()));
    }
    call.copy_from_slice(&NOP);
    Ok(())
}

/// One site to rewrite.
#[derive(Clone, Copy)]
pub(super) struct Edit {
    /// The address after the call.
    pub(super) returns_to: usize,
    /// What to put there.
    pub(super) bytes: [u8; CALL_LENGTH],
}

impl Edit {
    /// Makes the site call `thunk`.
    pub(super) fn arm(returns_to: usize, thunk: usize) -> Option<Self> {
        Some(Self { returns_to, bytes: encode_call(returns_to, thunk)? })
    }

    /// Makes the site do nothing.
    pub(super) fn disarm(returns_to: usize) -> Self {
        Self { returns_to, bytes: NOP }
    }
}

/// Pages that are writable until this is dropped, and executable again after.
struct Unpublished {
    start: usize,
    length: usize,
}

impl Unpublished {
    fn new(start: usize, length: usize) -> io::Result<Self> {
        protect(start, length, libc::PROT_READ | libc::PROT_WRITE)?;
        Ok(Self { start, length })
    }
}

impl Drop for Unpublished {
    fn drop(&mut self) {
        if let Err(error) = protect(self.start, self.length, libc::PROT_READ | libc::PROT_EXEC) {
            // Going on would fault in code that the guest needs; there is no state to return to.
            tracing::error!(%error, "cannot make code executable again");
            std::process::abort();
        }
    }
}

fn protect(start: usize, length: usize, protection: i32) -> io::Result<()> {
    // SAFETY: the range is whole pages of the code arena, which this process owns and nobody else maps.
    let result = unsafe { libc::mprotect(std::ptr::with_exposed_provenance_mut(start), length, protection) };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

const PAGE: usize = 4096;

/// Rewrites all sites, with one change of protection for each run of neighbouring pages.
///
/// # Safety
/// Every edit names a patch site of code in the arena, and no thread is running in the pages concerned. (The guest's
/// thread may have frames there: it goes on behind a site, never within one.)
pub(super) unsafe fn apply(mut edits: Vec<Edit>) -> io::Result<()> {
    edits.sort_by_key(|edit| edit.returns_to);
    let mut rest = edits.as_slice();
    while let Some(first) = rest.first() {
        let start = (first.returns_to - CALL_LENGTH) & !(PAGE - 1);
        let mut end = start;
        let mut count = 0;
        for edit in rest {
            if (edit.returns_to - CALL_LENGTH) & !(PAGE - 1) > end {
                break;
            }
            end = (edit.returns_to - 1) / PAGE * PAGE + PAGE;
            count += 1;
        }
        let (run, after) = rest.split_at(count);
        let _writable = Unpublished::new(start, end - start)?;
        for edit in run {
            let at: *mut [u8; CALL_LENGTH] =
                std::ptr::with_exposed_provenance_mut(edit.returns_to - CALL_LENGTH);
            // SAFETY: the caller's promise; the page is writable until `_writable` is dropped.
            unsafe { at.write(edit.bytes) };
        }
        rest = after;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_names_its_target_relative_to_its_end() {
        assert_eq!(encode_call(0x1005, 0x1005), Some([0xe8, 0, 0, 0, 0]));
        assert_eq!(encode_call(0x2000, 0x1fff), Some([0xe8, 0xff, 0xff, 0xff, 0xff]));
        assert_eq!(encode_call(0, 1 << 40), None);
    }
}
