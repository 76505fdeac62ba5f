//! The registers of [`Fake`] as gdb sees them, and the description that goes with them.

use debugger::Value;
use dwarf::{FunctionReturn, RegisterClass, ReturnPlace};
use expect_test::{Expect, expect};

use super::*;
use crate::machine::fake::{Fake, host_frame};
use crate::machine::{Fault, ReturnedCall};
use crate::persona::Persona;
use crate::persona::x86::golden;

#[track_caller]
fn check(machine: &Fake, expected: Expect) {
    golden::check(&X64, machine, expected);
}

#[test]
fn the_descriptions_and_the_sizes_agree() {
    golden::check_sizes(&X64);
    golden::check_sizes(&X32);
}

#[test]
fn the_core_has_the_40_registers_that_gdb_wants() {
    let names: Vec<String> = golden::described(&X64).into_iter().take(40).map(|(name, _)| name).collect();
    expect!["rax rbx rcx rdx rsi rdi rbp rsp r8 r9 r10 r11 r12 r13 r14 r15 rip eflags cs ss ds es fs gs st0 st1 st2 st3 st4 st5 st6 st7 fctrl fstat ftag fiseg fioff foseg fooff fop"]
        .assert_eq(&names.join(" "));
}

#[test]
fn an_ordinary_stop() {
    check(
        &Fake::new(),
        expect![[r#"
            rax 4443424100000000
            rcx 0000000000000000
            rdx 0000000000000000
            rsi 0000000000000000
            rdi 0000000000000000
            rbp 00feffff7f7f0000
            rsp b0fdffff7f7f0000
            r8 0000000000000000
            r9 0000000000000000
            rip 60000000007e0000
            xmm0 00000000000000000000000000000000
            xmm1 00000000000000000000000000000000
            xmm2 00000000000000000000000000000000
            xmm3 00000000000000000000000000000000
            xmm4 00000000000000000000000000000000
            xmm5 00000000000000000000000000000000
            xmm6 00000000000000000000000000000000
            xmm7 00000000000000000000000000000000
            wasm_module 00000000
            wasm_instance 00000000
            wasm_func 02000000
            wasm_pc 60000000
            wasm_locals 02000000
            wasm_operands 02000000
        "#]],
    );
}

#[test]
fn inside_a_host_function() {
    let mut machine = Fake::new();
    machine.frames.insert(0, host_frame(0, 0x140));
    check(
        &machine,
        expect![[r#"
            rbp 80fdffff7f7f0000
            rsp 70fdffff7f7f0000
            rip 10000000007d0000
        "#]],
    );
}

#[test]
fn a_float_on_top_is_in_xmm0() {
    let mut machine = Fake::new();
    machine.values.insert((0, true, 1), Value::F64(0.5_f64.to_bits()));
    let xmm0 = X64.register(&machine, 40).expect("known");
    assert_eq!(xmm0.first_chunk(), Some(&0.5_f64.to_le_bytes()));
    assert_eq!(xmm0.len(), 16);
    assert_eq!(X64.register(&machine, 0), Some(vec![0; 8]), "rax has no part in it");
}

fn after_call(arguments: &[Value], has_results: bool, place: Option<ReturnPlace>) -> Fake {
    let mut machine = Fake::new();
    let arguments = arguments.iter().copied().map(Some).collect();
    let shape =
        place.map(|place| FunctionReturn { byte_size: 16, hidden_pointer: true, keeps_pointer: true, place });
    machine.returned = Some(ReturnedCall { has_results, arguments, shape });
    machine
}

#[track_caller]
fn results(machine: &Fake) -> [Option<u64>; 4] {
    [0, 3, 40, 41].map(|number| {
        X64.register(machine, number).map(|bytes| u64::from_le_bytes(*bytes.first_chunk().unwrap()))
    })
}

#[test]
fn a_long_structure_has_its_address_in_rax() {
    let machine = after_call(&[Value::I32(0x80)], false, Some(ReturnPlace::Memory));
    assert_eq!(results(&machine), [Some(0x80), None, None, None]);
}

#[test]
fn a_short_structure_is_dealt_out_to_the_registers_of_its_parts() {
    let shape = |parts: &[RegisterClass]| Some(ReturnPlace::Registers(parts.to_vec()));
    let (low, high) = (Some(0x8786_8584_8382_8180), Some(0x8f8e_8d8c_8b8a_8988));
    let arguments = [Value::I32(0x80)];
    let machine = after_call(&arguments, false, shape(&[RegisterClass::Integer, RegisterClass::Integer]));
    assert_eq!(results(&machine), [low, high, None, None]);
    let machine = after_call(&arguments, false, shape(&[RegisterClass::Sse, RegisterClass::Integer]));
    assert_eq!(results(&machine), [high, None, low, None]);
    let machine = after_call(&arguments, false, shape(&[RegisterClass::Sse, RegisterClass::Sse]));
    assert_eq!(results(&machine), [None, None, low, high]);
}

#[test]
fn what_a_call_returned_is_never_guessed() {
    let nothing = [None, None, None, None];
    assert_eq!(results(&after_call(&[Value::I32(0x80)], false, None)), nothing, "no debug info");
    let nowhere = [Some(0xffff_ffff_ffff_f000), None, None, None];
    assert_eq!(results(&after_call(&[], false, Some(ReturnPlace::Memory))), nowhere, "no pointer");
    assert_eq!(
        results(&after_call(&[Value::F32(0)], false, Some(ReturnPlace::Memory))),
        nowhere,
        "no pointer"
    );
    let unreadable =
        after_call(&[Value::I32(-1)], false, Some(ReturnPlace::Registers(vec![RegisterClass::Integer])));
    assert_eq!(results(&unreadable), nothing, "a pointer to nowhere");
    let plain = after_call(&[Value::I32(0x80)], true, None);
    assert_eq!(results(&plain), [Some(0x4142_4344), None, None, None], "a result on the stack");
}

#[test]
fn register_writes_change_values_or_fail() {
    let mut machine = Fake::new();
    let mut rax = 5_u64.to_le_bytes();
    assert_eq!(X64.set_register(&mut machine, 0, &rax), Ok(()));
    assert_eq!(machine.values[&(0, true, 1)], Value::I32(5));
    rax[7] = 1;
    assert_eq!(X64.set_register(&mut machine, 0, &rax), Err(Fault::Fixed), "more than an i32 holds");
    assert_eq!(X64.set_register(&mut machine, 1, &rax), Err(Fault::Unavailable), "rbx means nothing");
    assert_eq!(X64.set_register(&mut machine, 16, &rax), Err(Fault::Unmapped), "no value");
    let rip = X64.register(&machine, 16).unwrap();
    assert_eq!(X64.set_register(&mut machine, 16, &rip), Ok(()), "nothing changes");
    assert_eq!(X64.set_register(&mut machine, 16, &rip[1..]), Err(Fault::Fixed));
    assert_eq!(X64.set_register(&mut machine, 99, &rip), Err(Fault::Unavailable));
}

#[test]
fn the_symbol_layout_is_the_address_space() {
    let layout = X64.layout(1, Some(2), &["env.a".to_owned(), "env.b".to_owned()]);
    expect![[r#"
        Layout {
            machine: X86_64,
            code_base: 138542760067072,
            globals_base: 123153892245504,
            has_variables: true,
            host_functions: [
                Symbol {
                    name: "a",
                    address: 137443248439312,
                    size: 16,
                },
                Symbol {
                    name: "env.a",
                    address: 137443248439312,
                    size: 16,
                },
                Symbol {
                    name: "b",
                    address: 137443248439328,
                    size: 16,
                },
                Symbol {
                    name: "env.b",
                    address: 137443248439328,
                    size: 16,
                },
            ],
            host: Symbol {
                name: "<host>",
                address: 137438953472000,
                size: 16,
            },
        }
    "#]]
    .assert_debug_eq(&layout);
}
