//! The map of a machine in each address space, and walks over it.

use super::*;
use crate::address_space::{NARROW, TAGGED, WIDE};
use crate::machine::fake::Fake;
use expect_test::{Expect, expect};

/// The whole address space, from end to end.
#[track_caller]
fn check(space: &AddressSpace, expected: Expect) {
    let machine = Fake::new();
    let mut map = shared(&machine, space);
    map.extend(stack(&machine, space, 1));
    map.sort_by_key(|region| region.start);
    let mut lines = String::new();
    let mut address = 0;
    while address != u64::MAX {
        let next = match find(&map, address) {
            Part::Mapped(region) => {
                assert_eq!(region.start, address, "regions are told from their start");
                lines +=
                    &format!("{:x}..{:x} {:?} {}\n", region.start, region.end, region.access, region.name);
                region.end
            }
            Part::Gap(start, end) => {
                assert_eq!(start, address, "and so are gaps");
                end
            }
        };
        assert!(next > address, "a walk comes to an end");
        address = next;
    }
    expected.assert_eq(&lines);
}

#[test]
fn a_walk_sees_everything_that_can_be_read() {
    check(
        &WIDE,
        expect![[r#"
        0..10000 ReadWrite memory 0 of fake
        700000000000..700000000020 ReadWrite globals of fake
        710000000000..710000000010 Read table 0 of fake
        7c0000000000..7c0000000008 Read fake
        7d0000000000..7d0000000010 ReadExecute <host>
        7d0000000010..7d0000000020 ReadExecute imports of fake
        7e0000000040..7e0000000080 ReadExecute code of fake
        7f7fffffe000..7f8000000010 ReadWrite stack of thread 1
    "#]],
    );
    check(
        &NARROW,
        expect![[r#"
        0..10000 ReadWrite memory 0 of fake
        c0000000..c0000008 Read fake
        d0000000..d0000020 ReadWrite globals of fake
        d4000000..d4000010 Read table 0 of fake
        d8000000..d8000010 ReadExecute <host>
        d8000010..d8000020 ReadExecute imports of fake
        e0000040..e0000080 ReadExecute code of fake
        ffefe000..fff00010 ReadWrite stack of thread 1
    "#]],
    );
}

#[test]
fn what_lldbs_plugin_sees_are_memories_and_files() {
    check(
        &TAGGED,
        expect![[r#"
            0..10000 ReadWrite memory 0 of fake
            4000000000000000..4000000000000008 ReadExecute fake
        "#]],
    );
}

#[test]
fn every_region_can_be_read_to_its_end_and_no_further() {
    for space in [&WIDE, &NARROW, &TAGGED] {
        let machine = Fake::new();
        let mut map = shared(&machine, space);
        map.extend(stack(&machine, space, 1));
        for region in &map {
            let readable = |address: u64| crate::memory::read(&machine, space, address, &mut [0]).is_ok();
            assert!(readable(region.start) && readable(region.end - 1), "{region:?}");
            let follows = map.iter().any(|other| other.start == region.end);
            assert!(follows || !readable(region.end), "{region:?}");
        }
    }
}

#[test]
fn an_address_inside_of_a_region_or_a_gap_is_told_with_all_of_it() {
    let region =
        |start, end| Region { start, end, access: Access::Read, name: String::new(), is_stack: false };
    let map = [region(0x10, 0x20), region(0x20, 0x28), region(0x40, 0x50)];
    assert_eq!(find(&map, 0), Part::Gap(0, 0x10));
    assert_eq!(find(&map, 0x1f), Part::Mapped(region(0x10, 0x20)));
    assert_eq!(find(&map, 0x20), Part::Mapped(region(0x20, 0x28)));
    assert_eq!(find(&map, 0x30), Part::Gap(0x28, 0x40));
    assert_eq!(find(&map, u64::MAX - 1), Part::Gap(0x50, u64::MAX));
    assert_eq!(find(&[], 5), Part::Gap(0, u64::MAX));
}
