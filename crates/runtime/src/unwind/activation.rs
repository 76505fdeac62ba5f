//! Activations: entering Wasm code, and leaving it by a trap.
#![expect(unsafe_code, reason = "keeps pointers to what is on this thread's stack while it is there")]

use super::arch;
use crate::store::Store;
use crate::trap::Failure;
use std::cell::Cell;

/// Where an activation's innermost Wasm frame is, and why it is not running.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Exit {
    /// An address in that frame's code.
    pub(crate) pc: usize,
    /// That frame's frame pointer.
    pub(crate) fp: usize,
    /// For a host function: where the thunk has its caller's frame pointer and return address.
    pub(crate) record: usize,
    pub(crate) kind: ExitKind,
}

/// Why an activation's innermost frame is not running.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ExitKind {
    /// It runs, or nothing is known.
    None,
    /// It is at a program point; the PC is what the point's site returns to.
    Point,
    /// It called something that is no Wasm function; the PC is what the call returns to.
    Builtin,
    /// It called this host function of the store; the PC is what the call returns to.
    Host(u32),
    /// The instruction at the PC trapped.
    Trap,
}

/// One run of Wasm frames on this thread's stack.
#[repr(C)]
pub(crate) struct Activation {
    /// Where `leave_wasm` goes. Written by `enter_wasm`, at offset 0.
    sp: usize,
    store: *mut Store,
    previous: *mut Activation,
    /// For the signal handler, which cannot ask the store.
    arena: std::ops::Range<usize>,
    pub(crate) exit: Exit,
    /// The general registers where an instruction trapped, by their numbers in instructions.
    pub(super) trapped: [u64; 16],
}

thread_local! {
    static CURRENT: Cell<*mut Activation> = const { Cell::new(std::ptr::null_mut()) };
}

impl Activation {
    /// The activation that this one was entered from.
    pub(crate) fn previous(&self) -> Option<&Activation> {
        // SAFETY: activations are on this thread's stack, the previous one further out than this one.
        unsafe { self.previous.as_ref() }
    }

    /// The store whose code runs in it.
    pub(crate) fn store(&self) -> *mut Store {
        self.store
    }

    /// All addresses that the store's code can have.
    pub(super) fn arena(&self) -> std::ops::Range<usize> {
        self.arena.clone()
    }
}

/// The innermost activation of this thread.
pub(crate) fn current<'a>() -> Option<&'a mut Activation> {
    let current = CURRENT.get();
    // SAFETY: it is on this thread's stack until `enter` takes it out of `CURRENT`; callers keep it for one
    // expression.
    unsafe { current.as_mut() }
}

/// The store of the innermost activation, for functions that compiled code calls.
///
/// # Safety
/// The caller was called by Wasm code of that store, and keeps the reference only until it returns there. While it
/// has it nobody else does: whoever entered the Wasm code lent it out for that time.
pub(crate) unsafe fn current_store<'a>() -> Option<&'a mut Store> {
    let store = current()?.store;
    // SAFETY: `enter` was given an exclusive reference for as long as the activation lasts.
    unsafe { store.as_mut() }
}

/// Calls Wasm code. On success the results are in `values`.
///
/// # Safety
/// `code` and `vmctx` are of a function of `store`; `thunk` is the entry thunk of its type, and `values` has room for
/// its parameters and for its results.
pub(crate) unsafe fn enter(
    store: &mut Store,
    thunk: usize,
    code: usize,
    vmctx: usize,
    values: &mut [u128],
) -> Result<(), Failure> {
    super::signals::install();
    let arena = store.code().arena();
    store.before_entry(innermost_exit(store));
    let scope = store.roots.get_mut().mark();
    // Those of the Wasm code that waits for this call, which it will go on with.
    let registers = (!CURRENT.get().is_null()).then(|| store.switching.registers());
    let store: *mut Store = store;
    let mut activation = Activation {
        sp: 0,
        store,
        previous: CURRENT.get(),
        arena,
        exit: Exit { pc: 0, fp: 0, record: 0, kind: ExitKind::None },
        trapped: [0; 16],
    };
    let pointer: *mut Activation = &raw mut activation;
    CURRENT.set(pointer);
    // SAFETY: the caller's promise; the activation stays where it is until this function returns.
    let status = unsafe { arch::enter_wasm(pointer, thunk, code, vmctx, values.as_mut_ptr()) };
    // SAFETY: `pointer` is the local above.
    CURRENT.set(unsafe { (*pointer).previous });
    // SAFETY: the exclusive reference that this function was given; nobody below uses it any more.
    let store = unsafe { &mut *store };
    if let Some(registers) = registers {
        store.note_registers(&registers);
    }
    // A host function that panicked left its scope open.
    store.roots.get_mut().close(scope);
    store.debug.goes_on();
    if status == 0 {
        return Ok(());
    }
    store.debug.watch.forget_below(pointer.addr());
    store.switching.forget_below(pointer.addr());
    let failure = store.take_failure();
    if let Failure::Exception(exception) = failure {
        store.roots.get_mut().adopt(exception);
    }
    Err(failure)
}

/// Why this thread's innermost activation does not run; none if there is none, or it is another store's.
pub(crate) fn innermost_exit(store: &Store) -> Option<ExitKind> {
    let activation = current().filter(|activation| std::ptr::eq(activation.store(), store))?;
    Some(activation.exit.kind)
}

/// Gives up the innermost activation: the `enter` that made it returns `failure`.
///
/// # Safety
/// Called from Rust code that Wasm code of this thread called, with nothing to drop in the frames between here and
/// that Wasm code.
pub(crate) unsafe fn raise(failure: Failure) -> ! {
    let Some(activation) = current() else {
        tracing::error!(%failure, "a trap outside of Wasm code");
        std::process::abort();
    };
    let sp = activation.sp;
    // SAFETY: as in `current_store`.
    if let Some(store) = unsafe { activation.store.as_mut() } {
        store.set_failure(failure);
    }
    // SAFETY: the activation is on the stack, so its `enter_wasm` has not returned; the caller promises the rest.
    unsafe { arch::leave_wasm(sp) }
}

/// Where a thread goes on after a signal said that its Wasm code trapped.
///
/// # Safety
/// Only [`super::signals`] may make a thread call this, with its innermost activation.
pub(super) unsafe extern "C" fn after_fault(activation: *mut Activation) -> ! {
    // SAFETY: the promise above.
    let activation = unsafe { &mut *activation };
    let (exit, general) = (activation.exit, activation.trapped);
    let code = {
        // SAFETY: the thread was in Wasm code of this store.
        let store = unsafe { &mut *activation.store };
        store.code().function_at(exit.pc).and_then(|function| function.trap_at(exit.pc))
    };
    crate::vm::trapped(code, general)
}
