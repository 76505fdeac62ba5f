//! Finding who catches an exception, and going on there.
#![expect(unsafe_code, reason = "reads the frames of this thread's stack, and gives up some of them")]

use super::walk::{RawFrame, caller_of, innermost_of};
use super::{arch, current};
use crate::exception::Tag;
use crate::jit::TrySite;
use crate::store::Store;

/// Where an exception is caught.
pub(crate) struct Landing {
    /// The frame that goes on.
    pub(crate) frame: RawFrame,
    /// Index among the handlers of the call that it waits in.
    pub(crate) handler: usize,
    pc: usize,
    sp: usize,
}

/// The innermost handler for a tag in this thread's innermost activation.
pub(crate) fn handler_of(store: &Store, tag: Tag) -> Option<Landing> {
    let activation = current().filter(|activation| std::ptr::eq(activation.store(), store))?;
    let innermost = innermost_of(store, activation);
    std::iter::successors(innermost, |frame| caller_of(store, frame)).find_map(|frame| {
        let site = frame.code.try_site(frame.pc)?;
        let sp = frame.fp - site.sp_below_fp as usize;
        let handler = handler_in(store, site, sp, tag)?;
        let landing = site.handlers[handler].1.0 as usize;
        Some(Landing { pc: frame.code.start + landing, handler, sp, frame })
    })
}

/// Which handler of a call in a frame with this stack pointer catches a tag.
fn handler_in(store: &Store, site: &TrySite, sp: usize, tag: Tag) -> Option<usize> {
    let at: *const usize = std::ptr::with_exposed_provenance(sp + site.vmctx_above_sp as usize);
    // SAFETY: the frame waits in the call, during which its vmctx is where the exception table says.
    let vmctx = unsafe { at.read() };
    let instance = crate::vm::instance_of_frame(vmctx);
    let tags = &store.instances.get(instance as usize)?.tags;
    let catches = |caught: Option<u32>| {
        caught.is_none_or(|caught| tags.get(caught as usize).is_some_and(|found| *found == tag))
    };
    site.handlers.iter().position(|(caught, _)| catches(*caught))
}

/// Gives up the frames below the landing's, which goes on with the exception.
///
/// # Safety
/// Called from Rust code that Wasm code of the landing's activation called, with nothing to drop in the frames between
/// here and that Wasm code; and the frames have not changed since the landing was found.
pub(crate) unsafe fn land(landing: Landing, exception: u64) -> ! {
    let Landing { frame, pc, sp, .. } = landing;
    let fp = frame.fp;
    drop(frame);
    // SAFETY: the caller's promise.
    unsafe { arch::land(pc, sp, fp, exception) }
}
