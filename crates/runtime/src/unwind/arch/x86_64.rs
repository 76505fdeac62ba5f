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

/// The registers of compiled code, and what [`go_on`] is to do before it goes on with them.
#[repr(C, align(16))]
#[derive(Clone, Debug, Default)]
pub(crate) struct Registers {
    /// By their number in instructions.
    pub(crate) general: [u64; 16],
    pub(crate) vectors: [u128; 16],
    pub(crate) pc: usize,
    /// Where the image of a frame is, to be copied onto the stack.
    pub(crate) image: usize,
    /// In bytes.
    pub(crate) image_length: usize,
    /// Where it is to be: at the stack pointer or below.
    pub(crate) image_to: usize,
}

const _: () = assert!(size_of::<Registers>() == 416 && std::mem::offset_of!(Registers, pc) == 384);

impl Registers {
    /// The number of the stack pointer.
    pub(crate) const SP: usize = 4;
    /// The number of the frame pointer.
    pub(crate) const FP: usize = 5;
    /// The number of the register that has the first argument.
    pub(crate) const FIRST_ARGUMENT: usize = 7;
    /// The number of the register that has the second argument.
    pub(crate) const SECOND_ARGUMENT: usize = 6;
    /// The registers in which the `tail` convention returns integers and references, in order: rax, rcx, rdx, rsi, rdi, r8,
    /// r9, r10. Floats and vectors are in those with the numbers 0 to 7.
    pub(crate) const RESULTS: [usize; 8] = [0, 1, 2, 6, 7, 8, 9, 10];
    /// The number of the register that has an exception where it is caught.
    pub(crate) const EXCEPTION: usize = 0;
}

/// Saves all registers but the stack and frame pointers as [`Registers`] at the stack pointer.
macro_rules! save_registers {
    () => {
        concat!(
            "mov [rsp + 0], rax\n",
            "mov [rsp + 8], rcx\n",
            "mov [rsp + 16], rdx\n",
            "mov [rsp + 24], rbx\n",
            "mov [rsp + 48], rsi\n",
            "mov [rsp + 56], rdi\n",
            "mov [rsp + 64], r8\n",
            "mov [rsp + 72], r9\n",
            "mov [rsp + 80], r10\n",
            "mov [rsp + 88], r11\n",
            "mov [rsp + 96], r12\n",
            "mov [rsp + 104], r13\n",
            "mov [rsp + 112], r14\n",
            "mov [rsp + 120], r15\n",
            "movups [rsp + 128], xmm0\n",
            "movups [rsp + 144], xmm1\n",
            "movups [rsp + 160], xmm2\n",
            "movups [rsp + 176], xmm3\n",
            "movups [rsp + 192], xmm4\n",
            "movups [rsp + 208], xmm5\n",
            "movups [rsp + 224], xmm6\n",
            "movups [rsp + 240], xmm7\n",
            "movups [rsp + 256], xmm8\n",
            "movups [rsp + 272], xmm9\n",
            "movups [rsp + 288], xmm10\n",
            "movups [rsp + 304], xmm11\n",
            "movups [rsp + 320], xmm12\n",
            "movups [rsp + 336], xmm13\n",
            "movups [rsp + 352], xmm14\n",
            "movups [rsp + 368], xmm15\n",
        )
    };
}

/// Loads all registers but the stack and frame pointers and r11 from the [`Registers`] that r11 points to.
macro_rules! load_registers {
    () => {
        concat!(
            "mov rax, [r11 + 0]\n",
            "mov rcx, [r11 + 8]\n",
            "mov rdx, [r11 + 16]\n",
            "mov rbx, [r11 + 24]\n",
            "mov rsi, [r11 + 48]\n",
            "mov rdi, [r11 + 56]\n",
            "mov r8, [r11 + 64]\n",
            "mov r9, [r11 + 72]\n",
            "mov r10, [r11 + 80]\n",
            "mov r12, [r11 + 96]\n",
            "mov r13, [r11 + 104]\n",
            "mov r14, [r11 + 112]\n",
            "mov r15, [r11 + 120]\n",
            "movups xmm0, [r11 + 128]\n",
            "movups xmm1, [r11 + 144]\n",
            "movups xmm2, [r11 + 160]\n",
            "movups xmm3, [r11 + 176]\n",
            "movups xmm4, [r11 + 192]\n",
            "movups xmm5, [r11 + 208]\n",
            "movups xmm6, [r11 + 224]\n",
            "movups xmm7, [r11 + 240]\n",
            "movups xmm8, [r11 + 256]\n",
            "movups xmm9, [r11 + 272]\n",
            "movups xmm10, [r11 + 288]\n",
            "movups xmm11, [r11 + 304]\n",
            "movups xmm12, [r11 + 320]\n",
            "movups xmm13, [r11 + 336]\n",
            "movups xmm14, [r11 + 352]\n",
            "movups xmm15, [r11 + 368]\n",
        )
    };
}

/// Saves every register, and calls a function with them and with where the caller is; goes on in the caller when that
/// returns.
macro_rules! preserving {
    ($(#[$doc:meta])* $name:ident, $callee:path) => {
        $(#[$doc])*
        #[unsafe(naked)]
        unsafe extern "C" fn $name() {
            naked_asm!(
            "push rbp",
            "mov rbp, rsp",
            "sub rsp, 416",
            save_registers!(),
            "lea rax, [rbp + 16]",
            "mov [rsp + 32], rax",
            "mov rax, [rbp]",
            "mov [rsp + 40], rax",
            "mov rax, [rbp + 8]",
            "mov [rsp + 384], rax",
            "mov rdi, rsp",
            "call {callee}",
            "mov r11, rsp",
            load_registers!(),
            "mov r11, [r11 + 88]",
            "leave",
            "ret",
            callee = sym $callee,
            )
        }
    };
}

preserving! {
    /// What armed program points call.
    breakpoint, crate::vm::breakpoint
}
preserving! {
    /// What a function's entry calls with the stack limit passed.
    function_entry, crate::vm::function_entry
}

preserving! {
    /// What a guard calls that found an access to what is watched.
    watched, crate::vm::watched
}

/// The address that armed program points go to.
pub(crate) fn breakpoint_address() -> usize {
    breakpoint as *const () as usize
}

/// The address that a function's entry goes to with the stack limit passed.
pub(crate) fn function_entry_address() -> usize {
    function_entry as *const () as usize
}

/// The address that guards go to.
pub(crate) fn watched_address() -> usize {
    watched as *const () as usize
}

/// Where a replaced return address leads: the call has returned, and the frame that called is to be another one.
#[unsafe(naked)]
unsafe extern "C" fn returned() {
    naked_asm!(
            "sub rsp, 416",
            save_registers!(),
            "lea rax, [rsp + 416]",
            "mov [rsp + 32], rax",
            "mov [rsp + 40], rbp",
            "mov rdi, rsp",
            "call {callee}",
            "ud2",
            callee = sym crate::vm::returned,
    )
}

/// What replaces a return address.
pub(crate) fn returned_address() -> usize {
    returned as *const () as usize
}

/// Copies a frame's image onto the stack, gives up everything below, and goes on with these registers.
///
/// # Safety
/// They are of code that can go on with them; `registers` and the image are not on the stack. No frame that is given up
/// owns anything.
#[unsafe(naked)]
pub(in super::super) unsafe extern "C" fn go_on(registers: *const Registers) -> ! {
    naked_asm!(
        "mov r11, rdi",
        "mov rdi, [r11 + 408]",
        "mov rsi, [r11 + 392]",
        "mov rcx, [r11 + 400]",
        "mov rsp, rdi",
        "rep movsb",
        "mov rsp, [r11 + 32]",
        "mov rbp, [r11 + 40]",
        load_registers!(),
        "jmp qword ptr [r11 + 384]",
    )
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

/// The names of the general registers in a signal's context, by their numbers in instructions.
const BY_NUMBER: [libc::c_int; 16] = [
    libc::REG_RAX,
    libc::REG_RCX,
    libc::REG_RDX,
    libc::REG_RBX,
    libc::REG_RSP,
    libc::REG_RBP,
    libc::REG_RSI,
    libc::REG_RDI,
    libc::REG_R8,
    libc::REG_R9,
    libc::REG_R10,
    libc::REG_R11,
    libc::REG_R12,
    libc::REG_R13,
    libc::REG_R14,
    libc::REG_R15,
];

/// Changes the context of a signal so that, when the handler returns, the thread calls `target(activation)` on the
/// stack of the interrupted code. Returns the interrupted PC, and the general registers by their numbers in instructions;
/// none, and no change, if `accept` refuses the PC.
///
/// # Safety
/// `context` is the third argument of a handler with `SA_SIGINFO`. `target` does not return.
pub(in super::super) unsafe fn redirect(
    context: *mut libc::c_void,
    target: unsafe extern "C" fn(*mut Activation) -> !,
    activation: *mut Activation,
    accept: impl FnOnce(usize) -> bool,
) -> Option<(usize, [u64; 16])> {
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
    let general = BY_NUMBER.map(|register| registers[at(register)].cast_unsigned());
    // Below everything that the interrupted code may have put under its stack pointer, and aligned as after a call.
    let sp = (read(registers[at(libc::REG_RSP)]) - 256) & !15;
    registers[at(libc::REG_RSP)] = ((sp - 8) as u64).cast_signed();
    registers[at(libc::REG_RDI)] = (activation.expose_provenance() as u64).cast_signed();
    registers[at(libc::REG_RIP)] = (target as *const () as u64).cast_signed();
    Some((pc, general))
}
