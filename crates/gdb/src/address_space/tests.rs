//! Every place has an address, and that address is that place again.

use super::*;

#[track_caller]
fn check(address: Option<u64>, number: u64, place: Place) {
    assert_eq!(address, Some(number), "the address of {place:?}");
    assert_eq!(WIDE.place(number), Some(place), "the place at {number:#x}");
}

#[test]
fn places_and_addresses_map_both_ways() {
    let space = WIDE;
    check(space.memory(0, 0, 0), 0, Place::Memory { instance: 0, memory: 0, offset: 0 });
    check(space.memory(0, 0, 0x1_0000), 0x1_0000, Place::Memory { instance: 0, memory: 0, offset: 0x1_0000 });
    check(space.memory(0, 1, 5), 0x1010_0000_0005, Place::Memory { instance: 0, memory: 1, offset: 5 });
    check(space.memory(2, 3, 5), 0x1230_0000_0005, Place::Memory { instance: 2, memory: 3, offset: 5 });
    check(space.global(0, 2), 0x7000_0000_0020, Place::Global { instance: 0, global: 2, byte: 0 });
    check(space.global(1, 2), 0x7001_0000_0020, Place::Global { instance: 1, global: 2, byte: 0 });
    check(
        space.table(0, 0, 3),
        0x7100_0000_0018,
        Place::Table { instance: 0, table: 0, element: 3, byte: 0 },
    );
    check(
        space.table(1, 2, 3),
        0x7112_0000_0018,
        Place::Table { instance: 1, table: 2, element: 3, byte: 0 },
    );
    check(space.bytecode(0, 8), 0x7c00_0000_0008, Place::Bytecode { module: 0, offset: 8 });
    check(Some(space.host()), 0x7d00_0000_0000, Place::Host);
    check(space.host_function(0, 0), 0x7d00_0000_0010, Place::HostFunction { module: 0, function: 0 });
    check(space.host_function(3, 4), 0x7d03_0000_0050, Place::HostFunction { module: 3, function: 4 });
    check(space.code(0, ModulePc(0x123)), 0x7e00_0000_0123, Place::Code { module: 0, pc: ModulePc(0x123) });
    check(
        space.code(2, ModulePc(u32::MAX)),
        0x7e02_ffff_ffff,
        Place::Code { module: 2, pc: ModulePc(u32::MAX) },
    );
}

#[test]
fn the_middle_of_a_thing_belongs_to_it() {
    assert_eq!(WIDE.place(0x7000_0000_0024), Some(Place::Global { instance: 0, global: 2, byte: 4 }));
    assert_eq!(WIDE.place(0x7d00_0000_0000 + HOST_RETURN), Some(Place::Host), "a return address into <host>");
    assert_eq!(WIDE.place(0x7f7f_ffff_fff0), Some(Place::Stack { region: 0 }));
    assert_eq!(
        WIDE.place(0x7f80_0000_000f),
        Some(Place::Stack { region: 0 }),
        "the return address at depth 0"
    );
}

#[test]
fn gaps_are_nothing() {
    for address in [
        0x1000_0000_0000, // the main memory is not mapped twice
        0x6000_0000_0000, // beyond the last memory
        0x7d01_0000_0000, // only module 0 has the <host> slot
        0x7f80_0000_0010, // above the outermost frame
        0x8000_0000_0000,
        u64::MAX,
    ] {
        assert_eq!(WIDE.place(address), None, "{address:#x}");
    }
    assert_eq!(WIDE.memory(0, 16, 0), None);
    assert_eq!(WIDE.memory(80, 0, 0), None);
    assert_eq!(WIDE.global(256, 0), None);
    assert_eq!(WIDE.code(256, ModulePc(0)), None);
    assert_eq!(WIDE.table(0, 0, u32::MAX), None, "a table has at most 2^29 elements");
}

#[test]
fn regions_do_not_overlap_and_stay_canonical() {
    let AddressSpace { memories, globals, tables, bytecode, host, code, stacks, .. } = WIDE;
    let mut end = WIDE.main_memory_end;
    for regions in [memories, globals, tables, bytecode, host, code] {
        assert!(regions.base >= end, "{regions:x?} starts before {end:#x}");
        end = regions.base + regions.stride * regions.count;
    }
    let lowest = stacks.base - stacks.stride * stacks.count;
    assert!(lowest >= end, "the stack regions start before {end:#x}");
    assert!(stacks.base < 1 << 47, "{:#x} is no user-space address", stacks.base);
}

#[test]
fn every_thread_has_a_stack_region_of_its_own() {
    for space in [NARROW, WIDE] {
        let stacks = space.stacks;
        for ordinal in 0..u32::try_from(stacks.count).unwrap() {
            let stack = stacks.of(ordinal);
            let here = Some(Place::Stack { region: u64::from(ordinal) });
            assert_eq!(space.place(stack.base + SLOT - 1), here, "the top of {ordinal}");
            assert_eq!(space.place(stack.end), here, "the bottom of {ordinal}");
            assert_ne!(space.place(stack.end - 1), here, "below {ordinal}");
        }
        assert_eq!(stacks.of(u32::try_from(stacks.count).unwrap()), stacks.of(0));
    }
}
