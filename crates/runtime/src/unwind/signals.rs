//! Faults of Wasm code: `SIGSEGV` and `SIGBUS` of guard pages, `SIGILL` of trap instructions, `SIGFPE` of divisions.
//!
//! The handler does nothing but note where the fault was and send the thread to [`after_fault`] on the guest's own
//! stack, where ordinary code may run. A fault that is not Wasm code's goes to whoever handled it before us. A fault of
//! *executing* code is how another thread interrupts the guest: see `jit/pages.rs`. A fault behind the end of a mapped file is one
//! that became shorter: that is said, and the process ends.
#![expect(unsafe_code, reason = "signal handlers")]

use super::activation::{Activation, Exit, ExitKind, after_fault, current};
use super::arch;
use std::sync::{Once, OnceLock};

const SIGNALS: [libc::c_int; 4] = [libc::SIGSEGV, libc::SIGBUS, libc::SIGILL, libc::SIGFPE];

static INSTALLED: Once = Once::new();
static PREVIOUS: OnceLock<[libc::sigaction; 4]> = OnceLock::new();

/// What is said when a file that is mapped has become shorter (`vm/mapped.rs`).
const SHORTER: &[u8] = b"wasm-gdbserver: a file became shorter while it was loaded\n";

/// Installs the handlers, once a process.
pub(crate) fn install() {
    INSTALLED.call_once(|| {
        // SAFETY: all zeroes is a valid `sigaction`.
        let zero: libc::sigaction = unsafe { std::mem::zeroed() };
        let mut previous = [zero; 4];
        for (signal, old) in SIGNALS.into_iter().zip(&mut previous) {
            // SAFETY: no new action is given; the old one is written to a valid place.
            unsafe { libc::sigaction(signal, std::ptr::null(), old) };
        }
        let _first = PREVIOUS.set(previous);
        for signal in SIGNALS {
            let mut action = zero;
            action.sa_sigaction = handler as *const () as usize;
            action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK | libc::SA_NODEFER;
            // SAFETY: `action` is filled in, and the handler keeps to what a handler may do.
            unsafe { libc::sigaction(signal, &raw const action, std::ptr::null_mut()) };
        }
    });
}

extern "C" fn handler(signal: libc::c_int, info: *mut libc::siginfo_t, context: *mut libc::c_void) {
    if let Some(activation) = current() {
        let arena = activation.arena();
        // SAFETY: what the kernel gave.
        let info = unsafe { &*info };
        // SAFETY: all of these signals come with an address.
        let address = unsafe { info.si_addr() }.addr();
        // SAFETY: `context` is what the kernel gave.
        let pc = unsafe { arch::interrupted_pc(context) };
        if signal == libc::SIGSEGV && arena.contains(&address) && arena.contains(&pc) {
            // Wasm code reads and writes no code: an interrupt took away the right to run it.
            // SAFETY: the thread is in Wasm code of this store, so nobody has a reference to it.
            let store = unsafe { &mut *activation.store() };
            store.arm_loops();
            return;
        }
        let pointer: *mut Activation = activation;
        // SAFETY: `context` is what the kernel gave; `after_fault` does not return and gets the innermost activation.
        let found = unsafe { arch::redirect(context, after_fault, pointer, |pc| arena.contains(&pc)) };
        if let Some((pc, general)) = found {
            let fp = usize::try_from(general[arch::Registers::FP]).unwrap_or_default();
            activation.exit = Exit { pc, fp, record: 0, kind: ExitKind::Trap };
            activation.trapped = general;
            return;
        }
    }
    // SAFETY: what the kernel gave.
    if signal == libc::SIGBUS && unsafe { &*info }.si_code == libc::BUS_ADRERR {
        end(SHORTER);
    }
    let index = SIGNALS.iter().position(|other| *other == signal).unwrap_or_default();
    let previous = PREVIOUS.get().map_or(libc::SIG_DFL, |all| all[index].sa_sigaction);
    if previous == libc::SIG_DFL || previous == libc::SIG_IGN {
        // The instruction runs again, and ends the process as if we had never been here.
        // SAFETY: restoring the default action is always allowed.
        unsafe { libc::signal(signal, libc::SIG_DFL) };
        return;
    }
    // SAFETY: std installs handlers with SA_SIGINFO, and so does everybody who handles these signals.
    let previous: extern "C" fn(libc::c_int, *mut libc::siginfo_t, *mut libc::c_void) =
        unsafe { std::mem::transmute(previous) };
    previous(signal, info, context);
}

/// Ends the process with a message, as a handler may.
fn end(message: &[u8]) -> ! {
    // SAFETY: the message is as long as that. Nobody may hear it.
    let _unheard = unsafe { libc::write(libc::STDERR_FILENO, message.as_ptr().cast(), message.len()) };
    // SAFETY: always allowed.
    unsafe { libc::_exit(1) }
}
