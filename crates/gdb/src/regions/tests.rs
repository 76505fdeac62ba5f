//! The map of a machine in each address space, and walks over it.

use super::*;
use crate::address_space::{NARROW, WIDE};
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
    check(&WIDE, expect![[]]);
    check(&NARROW, expect![[]]);
}

#[test]
fn every_region_can_be_read_to_its_end_and_no_further() {
    for space in [&WIDE, &NARROW] {
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
