//! One read and one write for every kind of place.

use super::*;
use crate::address_space::{TAGGED, WIDE};
use crate::machine::fake::Fake;

#[track_caller]
fn bytes(machine: &Fake, address: u64, length: usize) -> Vec<u8> {
    let mut into = vec![0xee; length];
    let count = read(machine, &WIDE, address, &mut into).expect("readable");
    into.truncate(count);
    into
}

#[test]
fn linear_memory_is_at_its_own_addresses() {
    let mut machine = Fake::new();
    assert_eq!(bytes(&machine, 0x10, 3), [0x10, 0x11, 0x12]);
    assert_eq!(bytes(&machine, 0xfffe, 8), [0xfe, 0xff], "short at the end");
    assert_eq!(read(&machine, &WIDE, 0x1_0000, &mut [0; 4]), Err(Fault::Unmapped));
    write(&mut machine, &WIDE, 0x10, &[1, 2]).unwrap();
    assert_eq!(bytes(&machine, 0x10, 3), [1, 2, 0x12]);
    assert_eq!(write(&mut machine, &WIDE, 0xffff, &[1, 2]), Err(Fault::Unmapped));
}

#[test]
fn what_is_beyond_the_range_of_a_memory_has_no_address() {
    let mut machine = Fake::new();
    let small = AddressSpace { main_memory_end: 0x8000, ..WIDE };
    let mut into = [0xee; 4];
    assert_eq!(read(&machine, &small, 0x7ffe, &mut into), Ok(2));
    assert_eq!(into, [0xfe, 0xff, 0xee, 0xee]);
    assert_eq!(read(&machine, &small, 0x8000, &mut into), Err(Fault::Unmapped));
    assert_eq!(write(&mut machine, &small, 0x7fff, &[1, 2]), Err(Fault::Unmapped));
    assert_eq!(write(&mut machine, &small, 0x7ffe, &[1, 2]), Ok(()));
    assert_eq!(WIDE.memory_room(0x1010_0000_0000), 0x10_0000_0000, "the first byte of another memory");
    assert_eq!(WIDE.memory_room(0x101f_ffff_ffff), 1, "its last byte");
}

#[test]
fn code_reads_as_filler_inside_the_code_section_only() {
    let mut machine = Fake::new();
    assert_eq!(bytes(&machine, 0x7e00_0000_0040, 2), [0xcf, 0xcf]);
    assert_eq!(bytes(&machine, 0x7e00_0000_007e, 8), [0xcf, 0xcf]);
    assert_eq!(read(&machine, &WIDE, 0x7e00_0000_0080, &mut [0; 1]), Err(Fault::Unmapped));
    assert_eq!(read(&machine, &WIDE, 0x7e01_0000_0040, &mut [0; 1]), Err(Fault::Unmapped));
    assert_eq!(write(&mut machine, &WIDE, 0x7e00_0000_0040, &[0x90]), Err(Fault::Fixed));
}

#[test]
fn host_code_ends_with_the_last_imported_function() {
    let machine = Fake::new();
    assert_eq!(bytes(&machine, 0x7d00_0000_0000, 64).len(), 16);
    assert_eq!(bytes(&machine, 0x7d00_0000_0018, 64).len(), 8);
    assert_eq!(read(&machine, &WIDE, 0x7d00_0000_0020, &mut [0; 1]), Err(Fault::Unmapped));
}

#[test]
fn the_modules_file_is_readable() {
    let machine = Fake::new();
    assert_eq!(bytes(&machine, 0x7c00_0000_0001, 3), *b"asm");
    assert_eq!(read(&machine, &WIDE, 0x7c00_0000_0008, &mut [0; 1]), Err(Fault::Unmapped));
}

#[test]
fn globals_and_table_elements_have_slots() {
    let mut machine = Fake::new();
    assert_eq!(bytes(&machine, 0x7000_0000_0000, 5), [7, 0, 0, 0, 0]);
    assert_eq!(bytes(&machine, 0x7000_0000_000c, 8), [0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff]);
    assert_eq!(bytes(&machine, 0x7000_0000_0018, 32).len(), 8, "there are two globals");
    assert_eq!(bytes(&machine, 0x7100_0000_0000, 16), [0, 0, 0, 0, 0, 0, 0, 0, 5, 0, 0, 0, 0, 0, 0, 0]);
    write(&mut machine, &WIDE, 0x7000_0000_0001, &[1]).unwrap();
    assert_eq!(machine.globals[0], Value::I32(0x107));
    assert_eq!(write(&mut machine, &WIDE, 0x7000_0000_0004, &[1]), Err(Fault::Fixed), "a global of 4 bytes");
    assert_eq!(write(&mut machine, &WIDE, 0x7000_0000_0020, &[1]), Err(Fault::Unmapped));
    assert_eq!(write(&mut machine, &WIDE, 0x7100_0000_0000, &[1]), Err(Fault::Fixed));
}

#[test]
fn nothing_is_at_gaps() {
    let machine = Fake::new();
    for address in [0x1010_0000_0000, 0x6fff_0000_0000, 0x7fff_0000_0000, u64::MAX] {
        assert_eq!(read(&machine, &WIDE, address, &mut [0; 1]), Err(Fault::Unmapped), "{address:#x}");
    }
}

#[test]
fn search_finds_patterns_across_its_windows() {
    let mut machine = Fake::new();
    machine.memory = vec![0; 0x3_0000];
    machine.memory[0x1_0000 - 2..][..4].copy_from_slice(b"find");
    let find = |length, pattern: &[u8]| search(&machine, &WIDE, 0, length, pattern);
    assert_eq!(find(0x3_0000, b"find"), Ok(Some(0xfffe)));
    assert_eq!(find(0xffff, b"find"), Ok(None), "it ends beyond the range");
    assert_eq!(find(0x1_0002, b"find"), Ok(Some(0xfffe)));
    assert_eq!(find(u64::MAX, b"none"), Ok(None), "to the end of the memory");
    assert_eq!(find(2, b"find"), Ok(None));
    assert_eq!(search(&machine, &WIDE, 0x6000_0000_0000, 10, b"x"), Err(Fault::Unmapped));
}

#[test]
fn a_file_reads_as_zeros_to_the_end_of_its_pages() {
    let machine = Fake::new();
    let file = 0x4000_0000_0000_0000;
    let whole = |address, length| {
        let mut into = vec![0xee; length];
        read_whole(&machine, &TAGGED, false, address, &mut into).map(|()| into)
    };
    assert_eq!(whole(file + 4, 6), Ok(vec![1, 0, 0, 0, 0, 0]));
    assert_eq!(whole(file + 0x1ffc, 4), Ok(vec![0; 4]), "another page behind its last one");
    assert_eq!(whole(file + 0x1ffd, 4), Err(Fault::Unmapped));
    assert_eq!(whole(file + 0x1_0000_0000, 1), Err(Fault::Unmapped), "no such module");
    assert_eq!(whole(0xfffc, 4), Ok(vec![0xfc, 0xfd, 0xfe, 0xff]));
    assert_eq!(whole(0xfffd, 4), Err(Fault::Unmapped), "memories end where they end");
    let mut read_by_plugin = [0; 8];
    assert_eq!(read_whole(&machine, &TAGGED, true, file + 8, &mut read_by_plugin), Ok(()));
    assert_eq!(&read_by_plugin, b"doctored");
}

#[test]
fn whole_reads_fill_pages_with_zeros() {
    let machine = Fake::new();
    let mut page = [1; 0x1000];
    assert_eq!(read_whole(&machine, &WIDE, false, 0x7e00_0000_0000, &mut page), Ok(()));
    let code: Vec<usize> = (0..0x1000).filter(|&byte| page[byte] == CODE_FILLER).collect();
    assert_eq!(code, Vec::from_iter(0x40..0x80));
    assert!(page.iter().all(|byte| [0, CODE_FILLER].contains(byte)));
    let beyond = read_whole(&machine, &WIDE, false, 0x7e00_0000_0f00, &mut page);
    assert_eq!(beyond, Err(Fault::Unmapped), "the next page has no code");
    assert_eq!(
        read_whole(&machine, &WIDE, false, 0xff00, &mut page),
        Err(Fault::Unmapped),
        "the memory's end"
    );
    let mut globals = [1; 48];
    assert_eq!(read_whole(&machine, &WIDE, false, 0x7000_0000_0000, &mut globals), Ok(()));
    assert_eq!((globals[0], &globals[16..24], globals[40]), (7, &[0xff; 8][..], 0));
}

#[test]
fn whole_reads_do_not_make_up_values() {
    let mut machine = Fake::new();
    machine.values.remove(&(0, false, 0));
    let local = 0x7f80_0000_0000 - 0x200 - 16;
    let mut line = [0; 0x40];
    assert_eq!(read_whole(&machine, &WIDE, false, local - 16, &mut line), Err(Fault::Unavailable));
    assert_eq!(read_whole(&machine, &WIDE, false, local + 16, &mut line), Ok(()));
}
