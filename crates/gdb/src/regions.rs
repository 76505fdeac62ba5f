//! The map of an address space: what is mapped where, and what may be done with it. For `qMemoryRegionInfo`.
//!
//! Every address is in a region of the map or in a gap, and both have an end: whoever walks from 0 from end to end comes to
//! the end of the address space, as lldb's `memory region --all` does.

use crate::address_space::{AddressSpace, ELEMENT, HOST_FUNCTION, SLOT};
use crate::frame_image;
use crate::int::wide;
use crate::machine::{Contents, InstanceContents, Machine};
use frame_table::ModulePc;

/// What may be done with the bytes of a region.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    Read,
    ReadWrite,
    ReadExecute,
}

/// Addresses that belong together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Region {
    pub(crate) start: u64,
    /// The first address behind it; at least `start + 1`.
    pub(crate) end: u64,
    pub(crate) access: Access,
    /// What is there, for people.
    pub(crate) name: String,
    /// A thread's frames.
    pub(crate) is_stack: bool,
}

/// A region of the map, or a gap.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    Mapped(Region),
    /// From its first address to the one behind it.
    Gap(u64, u64),
}

/// All that a guest's threads share: memories, globals, tables, files, code. Sorted.
pub(crate) fn shared(machine: &dyn Machine, space: &AddressSpace) -> Vec<Region> {
    let mut map = Vec::new();
    for contents in machine.contents() {
        let module = contents.module;
        let mut add = |start: Option<u64>, length: u64, access, name: &str| {
            let Some(start) = start.filter(|_| length > 0) else { return };
            let name = format!("{name}{}", contents.name);
            map.push(Region { start, end: start.saturating_add(length), access, name, is_stack: false });
        };
        let file = machine.bytecode(module).map_or(0, |file| wide(file.len()));
        let bytecode = space.bytecode(module, 0);
        let code = machine.code(module);
        // Where operators are at their bytes in the file, the file is code.
        let is_one = bytecode == space.code(module, ModulePc(0));
        let access = if is_one { Access::ReadExecute } else { Access::Read };
        add(bytecode, file.min(space.bytecode.stride), access, "");
        if let Some(code) = code.filter(|_| !is_one) {
            let length = u64::from(code.end.0.saturating_sub(code.start.0));
            add(space.code(module, code.start), length, Access::ReadExecute, "code of ");
        }
        let host_functions = u64::from(machine.imported_functions(module));
        let start = space.host_function(module, 0).filter(|_| host_functions > 0);
        let room = space.host.stride.saturating_sub(HOST_FUNCTION);
        add(start, (host_functions * HOST_FUNCTION).min(room), Access::ReadExecute, "imports of ");
        for instance in &contents.instances {
            add_instance(&contents, instance, space, &mut add);
        }
    }
    let start = space.host();
    if space.place(start).is_some() {
        let (end, name) = (start + HOST_FUNCTION, "<host>".to_owned());
        map.push(Region { start, end, access: Access::ReadExecute, name, is_stack: false });
    }
    map.sort_by_key(|region| region.start);
    map
}

/// What belongs to an instance of a module. If there are several, the names tell which.
fn add_instance(
    contents: &Contents,
    instance: &InstanceContents,
    space: &AddressSpace,
    add: &mut impl FnMut(Option<u64>, u64, Access, &str),
) {
    let InstanceContents { number, memories, tables } = instance;
    let of =
        if contents.instances.len() > 1 { format!("of instance {number} of ") } else { "of ".to_owned() };
    let globals = space.global(*number, 0);
    let length = (u64::from(contents.globals) * SLOT).min(space.globals.stride);
    add(globals, length, Access::ReadWrite, &format!("globals {of}"));
    for (memory, size) in (0..).zip(memories) {
        let start = space.memory(*number, memory, 0);
        // What of it is beyond its range has no address.
        let shown = start.map_or(0, |start| space.memory_room(start)).min(*size);
        add(start, shown, Access::ReadWrite, &format!("memory {memory} {of}"));
    }
    for (table, size) in (0..).zip(tables) {
        let start = space.table(*number, table, 0);
        let shown = size.saturating_mul(ELEMENT).min(space.tables.stride);
        add(start, shown, Access::Read, &format!("table {table} {of}"));
    }
}

/// The images of the frames of a machine's thread, which has this number, if the address space has them.
pub(crate) fn stack(machine: &dyn Machine, space: &AddressSpace, thread: u32) -> Option<Region> {
    let (start, end) = frame_image::extent(machine, space)?;
    let name = format!("stack of thread {thread}");
    Some(Region { start, end, access: Access::ReadWrite, name, is_stack: true })
}

/// The region or gap that an address is in. `map` is sorted and its regions do not overlap.
pub(crate) fn find(map: &[Region], address: u64) -> Part {
    let after = map.partition_point(|region| region.start <= address);
    let before = after.checked_sub(1).and_then(|index| map.get(index));
    if let Some(region) = before.filter(|region| address < region.end) {
        return Part::Mapped(region.clone());
    }
    let start = before.map_or(0, |region| region.end);
    let end = map.get(after).map_or(u64::MAX, |region| region.start);
    Part::Gap(start, end)
}

#[cfg(test)]
mod tests;
