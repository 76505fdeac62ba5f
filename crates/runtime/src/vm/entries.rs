//! Where compiled code enters Rust. Each entry notes where the Wasm code was, does its work behind
//! [`std::panic::catch_unwind`] (a panic must not unwind through compiled code), and if that failed gives up the
//! Wasm frames.
#![expect(unsafe_code, reason = "called by compiled code with raw addresses")]

use super::builtins;
use super::vmctx::VmContext;
use crate::store::{Caller, HostContext, Store};
use crate::trap::{Failure, HostError, TrapCode};
use crate::unwind::{
    Exit, ExitKind, HostEntries, Landing, Registers, current, current_store, go_on, land, raise,
};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// The addresses that thunks call.
pub(crate) fn host_entries() -> HostEntries {
    HostEntries { function: host_function as *const () as usize, builtin: builtins::address }
}

/// How Wasm code is left other than by returning to it.
enum Left {
    /// It goes on where an exception is caught.
    Caught(Landing, u64),
    /// It is caught in a frame that was rebuilt for it.
    Switched(*const Registers),
    /// The activation ends.
    Ended(Failure),
}

/// Runs `work` for Wasm code that is at `exit`; leaves the Wasm code if it fails, if only to where an exception is
/// caught.
pub(super) fn serve<T>(exit: Exit, work: impl FnOnce(&mut Store) -> Result<T, Failure>) -> T {
    if let Some(activation) = current() {
        activation.exit = exit;
    }
    // SAFETY: Wasm code of this thread called us, and gets control back when this returns.
    let outcome = match unsafe { current_store() } {
        Some(store) => {
            let worked =
                catch_unwind(AssertUnwindSafe(|| work(store).map_err(|failure| leave(store, failure))));
            store.debug.goes_on();
            worked.unwrap_or_else(|panic| Err(Left::Ended(panicked(&*panic))))
        }
        None => Err(Left::Ended(Failure::Host("compiled code runs outside of a store".into()))),
    };
    match outcome {
        Ok(value) => value,
        // SAFETY: nothing in this frame or its callers up to Wasm code has anything left to drop.
        Err(Left::Ended(failure)) => unsafe { raise(failure) },
        // SAFETY: as above; the landing was just found.
        Err(Left::Caught(landing, exception)) => unsafe { land(landing, exception) },
        // SAFETY: as above; the store has just prepared the registers.
        Err(Left::Switched(registers)) => unsafe { go_on(registers) },
    }
}

fn leave(store: &mut Store, failure: Failure) -> Left {
    let Failure::Exception(exception) = failure else { return Left::Ended(failure) };
    match store.throw(exception) {
        Ok(Some((landing, exception))) => {
            let switched = store.switch_at_landing(&landing, exception);
            store.switching.forget_calls_up_to(landing.frame.fp);
            match switched {
                true => Left::Switched(store.next_registers()),
                false => Left::Caught(landing, exception),
            }
        }
        Ok(None) => Left::Ended(Failure::Exception(exception)),
        Err(failure) => Left::Ended(failure),
    }
}

fn panicked(panic: &(dyn std::any::Any + Send)) -> Failure {
    let words = panic.downcast_ref::<String>().map(String::as_str);
    let words = words.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no message");
    Failure::Host(format!("internal error: {words}"))
}

/// An armed program point, or a cold path of the run tier that stops.
pub(crate) extern "C" fn breakpoint(registers: &Registers) {
    serve_point(registers, Store::at_point);
}

/// A function's entry with the stack limit passed.
pub(crate) extern "C" fn function_entry(registers: &Registers) {
    let here = 0u8;
    let sp = (&raw const here).addr();
    serve_point(registers, |store| {
        if sp < store.limits().stack() {
            return Err(store.trap_failure(TrapCode::StackOverflow));
        }
        store.at_entry()
    });
}

/// A guard found that an operator is about to touch what is watched.
pub(crate) extern "C" fn watched(registers: &Registers) {
    serve_point(registers, Store::at_guard);
}

/// As [`serve`], at a point with these registers. If `work` says so, goes on with those that the store has prepared.
fn serve_point(registers: &Registers, work: impl FnOnce(&mut Store) -> Result<bool, Failure>) {
    let fp = usize::try_from(registers.general[Registers::FP]).unwrap_or_default();
    let exit = Exit { pc: registers.pc, fp, record: 0, kind: ExitKind::Point };
    let next = serve(exit, |store| {
        store.note_registers(registers);
        work(store).map(|switched| switched.then(|| store.next_registers()))
    });
    if let Some(registers) = next {
        // SAFETY: the store has just prepared them; nothing here has anything left to drop.
        unsafe { go_on(registers) }
    }
}

/// A call returned to [`crate::unwind::returned_address`].
pub(crate) extern "C" fn returned(registers: &Registers) -> ! {
    let exit = current().map(|activation| activation.exit);
    let exit = exit.unwrap_or(Exit { pc: 0, fp: 0, record: 0, kind: ExitKind::None });
    let next = serve(Exit { kind: ExitKind::None, ..exit }, |store| {
        store.note_registers(registers);
        let frame = store.returned_frame();
        let frame = frame.ok_or_else(|| Failure::Host("internal error: an unknown return address".into()))?;
        store.switch_returned(&frame);
        Ok(store.next_registers())
    });
    // SAFETY: the store has just prepared them; nothing here has anything left to drop.
    unsafe { go_on(next) }
}

/// Reports a trap, and leaves the Wasm code, or goes on where the debugger wants. Without a code, the instruction that
/// faulted is none that traps: what compiled code relies on does not hold. `general`: the registers at that instruction.
pub(crate) fn trapped(code: Option<TrapCode>, general: [u64; 16]) -> ! {
    let exit = current().map(|activation| activation.exit);
    let exit = exit.unwrap_or(Exit { pc: 0, fp: 0, record: 0, kind: ExitKind::None });
    let next = serve(exit, |store| {
        let Some(code) = code else {
            let words = "internal error: compiled code faulted where it cannot trap";
            return Err(store.host_failure(words.into()));
        };
        store.at_trap(code, general)?;
        Ok(store.next_registers())
    });
    // SAFETY: the store has just prepared them; nothing here has anything left to drop.
    unsafe { go_on(next) }
}

/// Compiles a function that is called for the first time; returns its code's address.
///
/// # Safety
/// Only stubs call this, through `lazy_compile`.
pub(crate) unsafe extern "C" fn compile_on_first_call(
    first: usize,
    second: usize,
    defined: u32,
    pc: usize,
    fp: usize,
) -> usize {
    // SAFETY: as in `serve`.
    let is_vmctx = unsafe { current_store() }.is_some_and(|store| store.has_vmctx(first));
    let vmctx = if is_vmctx { first } else { second };
    // SAFETY: the stub's caller passed its callee's vmctx, behind the address for its results if there is one.
    let instance = unsafe { VmContext::instance_of(vmctx) };
    // A function that Rust calls has no Wasm frame under it: what is on the stack is as the last exit left it.
    let from_wasm = current_has_code(pc);
    let kind = if from_wasm { ExitKind::Builtin } else { ExitKind::None };
    serve(Exit { pc, fp, record: 0, kind }, |store| store.compile_for_call(instance, defined))
}

fn current_has_code(pc: usize) -> bool {
    // SAFETY: as in `serve`.
    unsafe { current_store() }.is_some_and(|store| store.code().function_at(pc).is_some())
}

extern "C" fn host_function(
    context: *const HostContext,
    vmctx: usize,
    values: *mut u128,
    pc: usize,
    fp: usize,
    record: usize,
) {
    // SAFETY: the thunk passes on the context of the function that was called: boxed in the store.
    let index = unsafe { (*context).index };
    // SAFETY: the caller's vmctx; Rust passes the callee's own, which for a host function is its context.
    let instance = (vmctx != context.addr()).then(|| unsafe { VmContext::instance_of(vmctx) });
    let kind = if instance.is_some() { ExitKind::Host(index) } else { ExitKind::None };
    serve(Exit { pc, fp, record, kind }, |store| {
        let scope = store.roots.get_mut().open();
        let outcome = call_host(store, index, instance, values);
        let outcome = match outcome {
            // It lives beyond the scope that it may be from.
            Err(Failure::Exception(exception)) if !store.keep(exception) => {
                Err(Failure::Host("a host function threw an exception that it had released".into()))
            }
            other => other,
        };
        store.roots.get_mut().close(scope);
        outcome?;
        store.after_host_call(pc);
        Ok(())
    });
}

fn call_host(store: &mut Store, index: u32, instance: Option<u32>, values: *mut u128) -> Result<(), Failure> {
    let (ty, function) = store.host_function(index)?;
    let mut args = Vec::with_capacity(ty.params().len());
    for (place, param) in ty.params().iter().enumerate() {
        // SAFETY: the thunk made room for all parameters and results, and stored the parameters.
        let at = unsafe { values.add(place) };
        // SAFETY: as above; only the bytes of the type were written, the rest is masked off.
        let bits = unsafe { at.read() };
        args.push(store.value_of(*param, bits));
    }
    store.report_host_call(index, &args)?;
    let results = function(&mut Caller::new(store, instance), &args);
    let results = match results {
        Ok(results) => results,
        Err(HostError::Trap(code)) => return Err(store.trap_failure(code)),
        Err(HostError::Message(words)) => return Err(store.host_failure(words)),
        Err(other) => return Err(other.into()),
    };
    let fit = |(value, ty): (&crate::Value, &crate::ValueType)| store.fits(*value, *ty);
    if results.len() != ty.results().len() || !results.iter().zip(ty.results()).all(fit) {
        return Err(Failure::Host(format!("a host function returned other types than {ty}")));
    }
    for (place, result) in results.into_iter().enumerate() {
        let bits = store.bits_of(result);
        // SAFETY: as above.
        let at = unsafe { values.add(place) };
        // SAFETY: as above.
        unsafe { at.write(bits) };
    }
    Ok(())
}

/// The exit of an operator that calls the runtime.
pub(super) fn in_builtin(pc: usize, fp: usize) -> Exit {
    Exit { pc, fp, record: 0, kind: ExitKind::Builtin }
}
