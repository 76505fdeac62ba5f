//! The Wasm persona on a machine of plain data.

use debugger::Value;

use super::frames::{Variable, call_stack, read};
use super::*;
use crate::machine::fake::{Fake, host_frame, wasm_frame};

#[test]
fn the_call_stack_leaves_out_host_functions() {
    let mut fake = Fake::new();
    fake.frames.insert(1, host_frame(0, 0x80));
    assert_eq!(call_stack(&TAGGED, &fake), [0x4000_0000_0000_0060, 0x4000_0000_0000_0050]);
    assert_eq!(Wasm.register(&fake, PC), Some(0x4000_0000_0000_0060_u64.to_le_bytes().to_vec()));
}

#[test]
fn a_frame_that_waits_in_a_host_function_is_at_the_call() {
    let mut fake = Fake::new();
    let Frame::Wasm(mut waiting) = wasm_frame(2, 0x60, &[], &[], 0x100) else { unreachable!() };
    waiting.call = Some(frame_table::ModulePc(0x5e));
    fake.frames = vec![host_frame(0, 0x120), Frame::Wasm(waiting)];
    assert_eq!(call_stack(&TAGGED, &fake), [0x4000_0000_0000_005e]);
}

#[test]
fn at_the_start_of_a_function_the_pc_is_its_first_operator() {
    let fake = Fake { first_operator: Some(frame_table::ModulePc(0x63)), ..Fake::new() };
    assert_eq!(call_stack(&TAGGED, &fake), [0x4000_0000_0000_0063, 0x4000_0000_0000_0050]);
}

#[test]
fn variables_are_those_of_the_frame_that_the_client_counts() {
    let mut fake = Fake::new();
    let value = |fake: &Fake, variable| read(&TAGGED, fake, variable);
    assert_eq!(value(&fake, Variable::Local { frame: 0, index: 0 }), Ok(vec![0xfe, 0xff, 0xff, 0xff]));
    assert_eq!(value(&fake, Variable::Operand { frame: 0, index: 1 }), Ok(vec![0x44, 0x43, 0x42, 0x41]));
    assert_eq!(value(&fake, Variable::Global { frame: 1, index: 0 }), Ok(vec![7, 0, 0, 0]));
    assert_eq!(value(&fake, Variable::GlobalOf { instance: 0, index: 1 }), Ok(vec![0xff; 8]));
    assert_eq!(value(&fake, Variable::Local { frame: 0, index: 9 }), Err(Fault::Unavailable));
    assert_eq!(value(&fake, Variable::Local { frame: 2, index: 0 }), Err(Fault::Unmapped));
    // A host function in front does not change the client's numbers.
    fake.frames.insert(0, host_frame(0, 0x140));
    fake.values.insert((1, false, 0), Value::I32(5));
    assert_eq!(value(&fake, Variable::Local { frame: 0, index: 0 }), Ok(vec![5, 0, 0, 0]));
}

#[test]
fn a_thread_without_wasm_frames_is_nowhere() {
    let mut fake = Fake::new();
    fake.frames = vec![host_frame(0, 0x40)];
    assert!(call_stack(&TAGGED, &fake).is_empty());
    assert_eq!(Wasm.register(&fake, PC), Some(vec![0xff; 8]));
}

#[test]
fn the_pc_can_be_written_with_what_it_is() {
    let mut fake = Fake::new();
    let pc = Wasm.register(&fake, PC).unwrap();
    assert_eq!(Wasm.set_register(&mut fake, PC, &pc), Ok(()));
    assert_eq!(Wasm.set_register(&mut fake, PC, &[0; 8]), Err(Fault::Fixed));
}
