//! Exception tables: the handlers of each call that has any.

use cranelift_codegen::{CompiledCode, ExceptionContextLoc, FinalizedMachExceptionHandler};
use frame_table::TextOffset;
use serde::{Deserialize, Serialize};

/// A call with handlers around it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct TrySite {
    /// Where the call returns to.
    pub(crate) returns_to: TextOffset,
    /// Bytes from the frame pointer down to the stack pointer, at the call and in the handlers.
    pub(crate) sp_below_fp: u32,
    /// Where the frame's vmctx is, in bytes above the stack pointer.
    pub(crate) vmctx_above_sp: u32,
    /// The module's tag, none for any; and where the handler lands. The first that matches takes the exception.
    pub(crate) handlers: Box<[(Option<u32>, TextOffset)]>,
}

/// Sorted by `returns_to`.
pub(super) fn try_sites(code: &CompiledCode) -> Result<Vec<TrySite>, String> {
    let mut sites = Vec::new();
    for site in code.buffer.call_sites().filter(|site| !site.exception_handlers.is_empty()) {
        let mut vmctx_above_sp = None;
        let mut handlers = Vec::new();
        for handler in site.exception_handlers {
            match *handler {
                FinalizedMachExceptionHandler::Tag(tag, at) => {
                    handlers.push((Some(tag.as_u32()), TextOffset(at)));
                }
                FinalizedMachExceptionHandler::Default(at) => handlers.push((None, TextOffset(at))),
                FinalizedMachExceptionHandler::Context(ExceptionContextLoc::SPOffset(offset)) => {
                    vmctx_above_sp = Some(offset);
                }
                FinalizedMachExceptionHandler::Context(other) => {
                    return Err(format!("an exception table whose context is in {other:?}"));
                }
            }
        }
        sites.push(TrySite {
            returns_to: TextOffset(site.ret_addr),
            sp_below_fp: site.frame_offset.ok_or("an exception table without a frame size")?,
            vmctx_above_sp: vmctx_above_sp.ok_or("an exception table without a context")?,
            handlers: handlers.into(),
        });
    }
    sites.sort_by_key(|site| site.returns_to);
    Ok(sites)
}
