//! The images of the frames of [`Fake`], read and written byte by byte.

use debugger::Value;
use expect_test::expect;

use super::*;
use crate::address_space::WIDE;
use crate::machine::fake::{Fake, host_frame, wasm_frame};

/// The frame pointer of the fake's innermost frame: depth 0x100.
const INNER: u64 = 0x7f80_0000_0000 - 0x200;
/// And of its caller: depth 0x40.
const OUTER: u64 = 0x7f80_0000_0000 - 0x80;

/// The main thread's region.
fn main_stack() -> Stack {
    WIDE.stacks.of(0)
}

/// How many bytes can be read.
fn read(machine: &Fake, space: &AddressSpace, address: u64, into: &mut [u8]) -> usize {
    super::read(machine, space, address, into).unwrap_or(0)
}

fn word_at(machine: &Fake, address: u64) -> u64 {
    let mut bytes = [0; 8];
    assert_eq!(read(machine, &WIDE, address, &mut bytes), 8, "{address:#x}");
    u64::from_le_bytes(bytes)
}

#[test]
fn frames_are_linked_from_the_innermost_to_the_host() {
    let machine = Fake::new();
    assert_eq!(frame_pointer(main_stack(), &machine.frames[0]), INNER);
    assert_eq!(stack_pointer(main_stack(), &machine.frames[0]), INNER - 5 * 16);
    assert_eq!(lowest_value(main_stack(), &machine.frames[0]), INNER - 4 * 16);
    assert_eq!(word_at(&machine, INNER - 5 * 16), 0, "no return address");
    assert_eq!(word_at(&machine, INNER), OUTER);
    assert_eq!(word_at(&machine, INNER + 8), 0x7e00_0000_0050);
    assert_eq!(word_at(&machine, OUTER), 0);
    assert_eq!(word_at(&machine, OUTER + 8), 0x7d00_0000_0008);
}

#[test]
fn a_host_function_between_two_activations_has_a_frame() {
    let mut machine = Fake::new();
    machine.frames.insert(1, host_frame(3, 0x80));
    let host = frame_pointer(main_stack(), &machine.frames[1]);
    assert_eq!(word_at(&machine, INNER), host);
    assert_eq!(word_at(&machine, INNER + 8), 0x7d00_0000_0048, "in the middle of the function's range");
    assert_eq!(word_at(&machine, host), OUTER);
    assert_eq!(word_at(&machine, host + 8), 0x7e00_0000_0050);
}

#[test]
fn the_same_frames_of_another_thread_lie_in_its_own_region() {
    let mut machine = Fake::new();
    machine.thread_ordinal = 3;
    let stack = WIDE.stacks.of(3);
    assert_eq!(
        word_at(&machine, frame_pointer(stack, &machine.frames[0])),
        frame_pointer(stack, &machine.frames[1])
    );
    assert_eq!(read(&machine, &WIDE, INNER, &mut [0; 8]), 0, "that is the main thread's");
}

#[test]
fn values_lie_below_the_frame_pointer_16_bytes_apart() {
    let machine = Fake::new();
    let mut image = [0; 4 * 16];
    assert_eq!(read(&machine, &WIDE, INNER - 64, &mut image), 64);
    let rows: Vec<String> = image.chunks(16).map(|row| format!("{row:02x?}\n")).collect();
    expect![[r#"
        [44, 43, 42, 41, 00, 00, 00, 00, 00, 00, 00, 00, 00, 00, 00, 00]
        [00, 00, c0, 3f, 00, 00, 00, 00, 00, 00, 00, 00, 00, 00, 00, 00]
        [88, 77, 66, 55, 44, 33, 22, 11, 00, 00, 00, 00, 00, 00, 00, 00]
        [fe, ff, ff, ff, 00, 00, 00, 00, 00, 00, 00, 00, 00, 00, 00, 00]
    "#]]
    .assert_eq(&rows.concat());
}

#[test]
fn any_cut_of_an_image_reads_the_same_bytes() {
    let machine = Fake::new();
    let mut whole = [0; 0x200];
    assert_eq!(read(&machine, &WIDE, INNER - 0x80, &mut whole), 0x200);
    for start in 0..0x200_usize {
        let mut part = [0; 13];
        let count = read(&machine, &WIDE, INNER - 0x80 + start as u64, &mut part);
        let end = whole.len().min(start + count);
        assert_eq!(part[..end - start], whole[start..end], "from {start:#x}");
    }
}

#[test]
fn padding_is_zero_and_beyond_it_is_nothing() {
    let machine = Fake::new();
    assert_eq!(word_at(&machine, INNER + 16), 0, "between two images");
    assert_eq!(word_at(&machine, INNER - 64 - 0x1000), 0, "the red zone");
    assert_eq!(read(&machine, &WIDE, INNER - 0x3000, &mut [0; 8]), 0);
    assert_eq!(read(&machine, &WIDE, WIDE.stacks.base + 16, &mut [0; 8]), 0);
    assert_eq!(read(&machine, &WIDE, WIDE.stacks.base + 12, &mut [0; 8]), 4);
}

#[test]
fn an_unavailable_value_cannot_be_read() {
    let mut machine = Fake::new();
    machine.values.remove(&(0, false, 0));
    assert_eq!(super::read(&machine, &WIDE, INNER - 16, &mut [0; 8]), Err(Fault::Unavailable));
    assert_eq!(read(&machine, &WIDE, INNER - 32, &mut [0; 32]), 16, "up to the unknown value");
}

#[test]
fn writing_an_image_writes_the_value() {
    let mut machine = Fake::new();
    write(&mut machine, &WIDE, INNER - 16, &5_i32.to_le_bytes()).unwrap();
    assert_eq!(machine.values[&(0, false, 0)], Value::I32(5));
    write(&mut machine, &WIDE, INNER - 15, &[1]).unwrap();
    assert_eq!(machine.values[&(0, false, 0)], Value::I32(0x105), "one byte of it");
    let mut two = [0; 32];
    two[0] = 9;
    two[16] = 8;
    write(&mut machine, &WIDE, INNER - 64, &two).unwrap();
    assert_eq!(machine.values[&(0, true, 1)], Value::I32(9));
    assert_eq!(machine.values[&(0, true, 0)], Value::F32(8));
}

#[test]
fn links_and_padding_take_no_other_bytes() {
    let mut machine = Fake::new();
    assert_eq!(write(&mut machine, &WIDE, INNER, &[1; 8]), Err(Fault::Fixed));
    assert_eq!(write(&mut machine, &WIDE, INNER, &OUTER.to_le_bytes()), Ok(()), "nothing changes");
    assert_eq!(write(&mut machine, &WIDE, INNER - 8, &[1]), Err(Fault::Fixed), "beside a 4-byte value");
    assert_eq!(write(&mut machine, &WIDE, INNER - 8, &[0]), Ok(()));
    assert_eq!(write(&mut machine, &WIDE, INNER + 16, &[1]), Err(Fault::Fixed));
}

#[test]
fn images_fit_below_each_other_if_depths_keep_their_promise() {
    let types = [debugger::ValueType::V128; 9];
    for values in 0..9_usize {
        for padding in 0..40 {
            let outer = wasm_frame(1, 0, &types[..values], &[], 0x33);
            let inner = wasm_frame(2, 0, &[], &[], 0x33 + 8 * values as u64 + 16 + padding);
            let lowest = stack_pointer(main_stack(), &outer);
            assert!(frame_pointer(main_stack(), &inner) + 16 <= lowest, "{values} values, {padding} more");
        }
    }
}

#[test]
fn endless_depths_stay_in_the_region() {
    let deep = wasm_frame(1, 0, &[], &[], u64::MAX);
    assert_eq!(frame_pointer(main_stack(), &deep), main_stack().end);
}
