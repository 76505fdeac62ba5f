//! x86-64 with the System V conventions, on Linux.
#![expect(unsafe_code, reason = "assembly: entering and leaving Wasm code, and the contexts of signals")]

use super::super::activation::Activation;
use std::arch::naked_asm;

/// Enters Wasm code: calls `thunk(code, vmctx, values)` with the stack pointer saved in the activation. Returns 0
/// when the thunk returns, and 1 when [`leave_wasm`] is called.
///
/// # Safety
/// `thunk` is an entry thunk for the type of `code`, and `values` has room for its parameters and its results.
#[unsafe(naked)]
pub(in super::super) unsafe extern "C" fn enter_wasm(
    activation: *mut Activation,
    thunk: usize,
    code: usize,
    vmctx: usize,
    values: *mut u128,
) -> u64 {
    naked_asm!(
        "push rbp",
        "mov rbp, rsp",
        "push rbx",
        "push r12",
        "push r13",
        "push r14",
        "push r15",
        "sub rsp, 8",
        "mov [rdi], rsp",
        "mov rax, rsi",
        "mov rdi, rdx",
        "mov rsi, rcx",
        "mov rdx, r8",
        "call rax",
        "xor eax, eax",
        "add rsp, 8",
        "pop r15",
        "pop r14",
        "pop r13",
        "pop r12",
        "pop rbx",
        "pop rbp",
        "ret",
    )
}

/// Gives up all frames below the [`enter_wasm`] that saved `sp`, and returns 1 from it.
///
/// # Safety
/// `sp` was saved by an `enter_wasm` that has not returned, on this thread. No frame that is given up owns anything.
#[unsafe(naked)]
pub(in super::super) unsafe extern "C" fn leave_wasm(sp: usize) -> ! {
    naked_asm!(
        "mov rsp, rdi",
        "mov eax, 1",
        "add rsp, 8",
        "pop r15",
        "pop r14",
        "pop r13",
        "pop r12",
        "pop rbx",
        "pop rbp",
        "ret",
    )
}

/// Goes on at `pc` with this frame: what a call with handlers expects when it ends by an exception, which is in rax.
/// The `tail` convention lets such a call change every other register.
///
/// # Safety
/// `pc` is a landing of the call that the frame waits in, `sp` and `fp` are the frame's. No frame that is given up
/// owns anything.
#[unsafe(naked)]
pub(in super::super) unsafe extern "C" fn land(pc: usize, sp: usize, fp: usize, exception: u64) -> ! {
    naked_asm!("mov rsp, rsi", "mov rbp, rdx", "mov rax, rcx", "xor edx, edx", "jmp rdi")
}

/// Where stubs go: eax is the number of a defined function, all argument registers are the callee's. The callee's vmctx
/// is in rdi, or in rsi if results that do not fit in registers are to be put where rdi says.
#[unsafe(naked)]
unsafe extern "C" fn lazy_compile() {
    naked_asm!(
        "push rbp",
        "mov rbp, rsp",
        "sub rsp, 192",
        "mov [rsp], rdi",
        "mov [rsp + 8], rsi",
        "mov [rsp + 16], rdx",
        "mov [rsp + 24], rcx",
        "mov [rsp + 32], r8",
        "mov [rsp + 40], r9",
        "movups [rsp + 48], xmm0",
        "movups [rsp + 64], xmm1",
        "movups [rsp + 80], xmm2",
        "movups [rsp + 96], xmm3",
        "movups [rsp + 112], xmm4",
        "movups [rsp + 128], xmm5",
        "movups [rsp + 144], xmm6",
        "movups [rsp + 160], xmm7",
        "mov edx, eax",
        "mov rcx, [rbp + 8]",
        "mov r8, [rbp]",
        "call {compile}",
        "mov r11, rax",
        "mov rdi, [rsp]",
        "mov rsi, [rsp + 8]",
        "mov rdx, [rsp + 16]",
        "mov rcx, [rsp + 24]",
        "mov r8, [rsp + 32]",
        "mov r9, [rsp + 40]",
        "movups xmm0, [rsp + 48]",
        "movups xmm1, [rsp + 64]",
        "movups xmm2, [rsp + 80]",
        "movups xmm3, [rsp + 96]",
        "movups xmm4, [rsp + 112]",
        "movups xmm5, [rsp + 128]",
        "movups xmm6, [rsp + 144]",
        "movups xmm7, [rsp + 160]",
        "leave",
        "jmp r11",
        compile = sym crate::vm::compile_on_first_call,
    )
}

/// The address that stubs go to.
pub(crate) fn lazy_compile_address() -> usize {
    lazy_compile as *const () as usize
}

/// Where a signal interrupted the thread.
///
/// # Safety
/// `context` is the third argument of a handler with `SA_SIGINFO`.
pub(in super::super) unsafe fn interrupted_pc(context: *mut libc::c_void) -> usize {
    let context: *mut libc::ucontext_t = context.cast();
    // SAFETY: the kernel's promise for such handlers.
    let registers = unsafe { (*context).uc_mcontext.gregs };
    let rip = usize::try_from(libc::REG_RIP).unwrap_or_default();
    usize::try_from(registers[rip].cast_unsigned()).unwrap_or_default()
}

/// Changes the context of a signal so that, when the handler returns, the thread calls `target(activation)` on the
/// stack of the interrupted code. Returns the interrupted PC and frame pointer; none, and no change, if `accept`
/// refuses the PC.
///
/// # Safety
/// `context` is the third argument of a handler with `SA_SIGINFO`. `target` does not return.
pub(in super::super) unsafe fn redirect(
    context: *mut libc::c_void,
    target: unsafe extern "C" fn(*mut Activation) -> !,
    activation: *mut Activation,
    accept: impl FnOnce(usize) -> bool,
) -> Option<(usize, usize)> {
    let context: *mut libc::ucontext_t = context.cast();
    // SAFETY: the kernel's promise for such handlers.
    let context = unsafe { &mut *context };
    let registers = &mut context.uc_mcontext.gregs;
    let at = |register: libc::c_int| usize::try_from(register).unwrap_or_default();
    let read = |value: i64| usize::try_from(value.cast_unsigned()).unwrap_or_default();
    let pc = read(registers[at(libc::REG_RIP)]);
    if !accept(pc) {
        return None;
    }
    let fp = read(registers[at(libc::REG_RBP)]);
    // Below everything that the interrupted code may have put under its stack pointer, and aligned as after a call.
    let sp = (read(registers[at(libc::REG_RSP)]) - 256) & !15;
    registers[at(libc::REG_RSP)] = ((sp - 8) as u64).cast_signed();
    registers[at(libc::REG_RDI)] = (activation.expose_provenance() as u64).cast_signed();
    registers[at(libc::REG_RIP)] = (target as *const () as u64).cast_signed();
    Some((pc, fp))
}
