//! The registers of [`Fake`] as lldb sees them, and the description that goes with them.

use debugger::Value;
use dwarf::{FunctionReturn, ReturnPlace};
use expect_test::{Expect, expect};

use super::*;
use crate::machine::fake::{Fake, host_frame};
use crate::machine::{Fault, Machine, ReturnedCall, ValuePlace};
use crate::persona::Persona;
use crate::persona::x86::golden;

const EAX: usize = 0;
const EDX: usize = 2;
const ST0: usize = 16;
const XMM0: usize = 32;

#[track_caller]
fn check(machine: &Fake, expected: Expect) {
    golden::check(&I386, machine, expected);
}

#[test]
fn the_description_and_the_sizes_agree() {
    golden::check_sizes(&I386);
}

#[test]
fn the_core_has_the_registers_that_gdb_wants_as_well() {
    let names: Vec<String> = golden::described(&I386).into_iter().take(32).map(|(name, _)| name).collect();
    expect!["eax ecx edx ebx esp ebp esi edi eip eflags cs ss ds es fs gs st0 st1 st2 st3 st4 st5 st6 st7 fctrl fstat ftag fiseg fioff foseg fooff fop"].assert_eq(&names.join(" "));
}

#[test]
fn an_ordinary_stop() {
    check(
        &Fake::new(),
        expect![[r#"
        eax 44434241
        esp b0fdefff
        ebp 00feefff
        eip 600000e0
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
        esp 70fdefff
        ebp 80fdefff
        eip 100000d8
    "#]],
    );
}

#[test]
fn frames_are_linked_by_words_of_4_bytes() {
    let machine = Fake::new();
    let mut link = [0; 16];
    let read = crate::memory::read(&machine, I386.space(), 0xfff0_0000 - 0x200, &mut link);
    assert_eq!(read, Ok(16));
    assert_eq!(crate::hex::text(&link), b"80ffefff500000e00000000000000000");
}

/// The result registers after a call that returned, with `value` on top of the stack.
fn results(value: Value, call: Option<ReturnedCall>) -> [Option<String>; 4] {
    let mut machine = Fake::new();
    machine.values.insert((0, true, 1), value);
    machine.returned = call;
    [EAX, EDX, ST0, XMM0].map(|number| {
        I386.register(&machine, number).map(|bytes| String::from_utf8(crate::hex::text(&bytes)).unwrap())
    })
}

#[test]
fn scalars_are_where_the_calling_convention_has_them() {
    let text = |text: &str| Some(text.to_owned());
    assert_eq!(results(Value::I32(-2), None), [text("feffffff"), None, None, None]);
    let long = Value::I64(0x1122_3344_5566_7788);
    assert_eq!(results(long, None), [text("88776655"), text("44332211"), None, None]);
    let one = text("0000000000000080ff3f");
    assert_eq!(results(Value::F32(1_f32.to_bits()), None), [None, None, one.clone(), None]);
    assert_eq!(results(Value::F64(1_f64.to_bits()), None), [None, None, one, None]);
    let vector = text("02000000000000000000000000000001");
    assert_eq!(results(Value::V128((1 << 120) + 2), None), [None, None, None, vector]);
}

fn call(arguments: &[Value], has_results: bool, hidden_pointer: Option<bool>) -> Option<ReturnedCall> {
    let arguments = arguments.iter().copied().map(Some).collect();
    // Where x86-64 has it makes no difference here.
    let place = ReturnPlace::Registers(Vec::new());
    let shape = hidden_pointer.map(|hidden_pointer| FunctionReturn {
        byte_size: 8,
        hidden_pointer,
        keeps_pointer: true,
        place,
    });
    Some(ReturnedCall { has_results, arguments, shape })
}

#[test]
fn structures_are_in_memory() {
    let stored = call(&[Value::I32(0x80)], false, Some(true));
    assert_eq!(results(Value::I32(5), stored), [Some("80000000".to_owned()), None, None, None]);
    let result = call(&[], true, Some(false));
    let [eax, rest @ ..] = results(Value::F64(5), result);
    assert_eq!(rest, [None, None, None], "a structure of one double is no double");
    assert_eq!(eax.as_deref(), Some("c0fdefff"), "the address of the topmost operand");
    let mut bytes = [0; 8];
    let machine = Fake::new();
    assert_eq!(crate::memory::read(&machine, I386.space(), 0xffef_fdc0, &mut bytes), Ok(8));
    assert_eq!(bytes, 0x4142_4344_u64.to_le_bytes());
}

#[test]
fn what_a_call_returned_is_never_guessed() {
    let nothing = [None, None, None, None];
    assert_eq!(results(Value::I32(5), call(&[Value::I32(0x80)], false, None)), nothing, "no debug info");
    assert_eq!(results(Value::I32(5), call(&[], false, Some(true))), nothing, "no pointer");
    assert_eq!(results(Value::I32(5), call(&[Value::F32(0)], false, Some(true))), nothing, "no pointer");
}

#[test]
fn register_writes_change_values_or_fail() {
    let mut machine = Fake::new();
    assert_eq!(I386.set_register(&mut machine, EAX, &5_u32.to_le_bytes()), Ok(()));
    let top = ValuePlace::Operand { frame: 0, index: 1 };
    assert_eq!(machine.value(top), Ok(Value::I32(5)));
    machine.set_value(top, Value::I64(1)).unwrap();
    assert_eq!(I386.set_register(&mut machine, EDX, &7_u32.to_le_bytes()), Ok(()), "the high half");
    assert_eq!(machine.value(top), Ok(Value::I64((7 << 32) + 1)));
    machine.set_value(top, Value::F32(0)).unwrap();
    let one = [0, 0, 0, 0, 0, 0, 0, 0x80, 0xff, 0x3f];
    assert_eq!(
        I386.set_register(&mut machine, ST0, &one),
        Err(Fault::Unmapped),
        "not every such value is an f32"
    );
    let eip = I386.register(&machine, 8).unwrap();
    assert_eq!(I386.set_register(&mut machine, 8, &eip), Ok(()), "nothing changes");
    assert_eq!(I386.set_register(&mut machine, 8, &[0; 4]), Err(Fault::Unmapped), "no value");
    assert_eq!(I386.set_register(&mut machine, 3, &[0; 4]), Err(Fault::Unavailable), "ebx means nothing");
}
