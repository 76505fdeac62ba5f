//! Calling functions from Rust: checks the arguments, then enters.
#![expect(unsafe_code, reason = "enters compiled code after checking all that it relies on")]

use super::activation::{Activation, current, enter};
use crate::store::{FuncHandle, Store};
use crate::trap::Failure;
use crate::value::{FuncType, Value, ValueType};
use crate::vm::func_ref_at;

/// Bytes of the thread's stack that host functions may use below a guest that used up its own share.
const HOST_RESERVE: usize = 256 << 10;

impl FuncHandle {
    /// The function's type; none if the handle is of another store.
    #[must_use]
    pub fn ty(self, store: &Store) -> Option<FuncType> {
        store.function_type(self)
    }

    /// Calls the function on this thread.
    ///
    /// # Errors
    /// When the guest traps or ends, a host function fails, or the arguments do not fit.
    pub fn call(self, store: &mut Store, args: &[Value]) -> Result<Vec<Value>, Failure> {
        let unknown = || Failure::Host("a function of another store".into());
        let ty = self.ty(store).ok_or_else(unknown)?;
        let fit = |(arg, param): (&Value, &ValueType)| store.fits(*arg, *param);
        if args.len() != ty.params().len() || !args.iter().zip(ty.params()).all(fit) {
            return Err(Failure::Arguments(ty.to_string()));
        }
        let mut values = vec![0u128; ty.params().len().max(ty.results().len()).max(1)];
        for (place, arg) in values.iter_mut().zip(args) {
            *place = store.bits_of(*arg);
        }
        let address = store.func_ref_address(self).ok_or_else(unknown)?;
        // SAFETY: the store just made the address.
        let callee = unsafe { func_ref_at(address) };
        let thunk = store.code_mut().entry_thunk(&ty).map_err(|error| Failure::Host(error.to_string()))?;
        if !runs_on_this_thread(store) {
            let limit = stack_limit(store.engine().config().max_stack);
            store.limits().set_stack(limit);
        }
        // SAFETY: code and vmctx are the callee's, the thunk is of its type, `values` has room for both directions.
        unsafe { enter(store, thunk, callee.code, callee.vmctx, &mut values) }?;
        Ok(ty.results().iter().zip(values).map(|(ty, bits)| store.value_of(*ty, bits)).collect())
    }
}

/// Whether one of this thread's activations is the store's.
fn runs_on_this_thread(store: &Store) -> bool {
    let innermost: Option<&Activation> = current().map(|activation| &*activation);
    std::iter::successors(innermost, |activation| activation.previous())
        .any(|activation| std::ptr::eq(activation.store(), store))
}

/// The address that a guest's stack may not go below: `max_stack` from here, or less if the thread has less.
fn stack_limit(max_stack: usize) -> usize {
    let here = 0u8;
    let sp = (&raw const here).addr();
    let wanted = sp.saturating_sub(max_stack);
    thread_stack_start().map_or(wanted, |start| wanted.max(start + HOST_RESERVE)).min(sp)
}

/// The lowest address of this thread's stack.
fn thread_stack_start() -> Option<usize> {
    // SAFETY: all zeroes is a valid place for `pthread_getattr_np` to fill in.
    let mut attributes: libc::pthread_attr_t = unsafe { std::mem::zeroed() };
    // SAFETY: always allowed.
    let thread = unsafe { libc::pthread_self() };
    // SAFETY: fills in `attributes`.
    if unsafe { libc::pthread_getattr_np(thread, &raw mut attributes) } != 0 {
        return None;
    }
    let mut start = std::ptr::null_mut();
    let mut size = 0;
    // SAFETY: `attributes` was filled in.
    let result = unsafe { libc::pthread_attr_getstack(&raw const attributes, &raw mut start, &raw mut size) };
    // SAFETY: filled in above, and not used after.
    unsafe { libc::pthread_attr_destroy(&raw mut attributes) };
    (result == 0).then(|| start.addr())
}
