//! Reads and writes by synthetic address: finds the thing that an address stands for and asks the machine for it.
//!
//! A read never crosses from one thing into another kind of thing; it comes back short, and the next read tells why.

use debugger::Value;

use crate::address_space::{AddressSpace, ELEMENT, HOST_FUNCTION, Place, SLOT};
use crate::frame_image;
use crate::int::{index, wide};
use crate::machine::{Fault, Machine, ValuePlace, Watchable};
use crate::value_bytes;

/// What a debugger finds at code addresses: `iret`, the one byte with which gdb's and lldb's readers of code behave as
/// on real code. The symbol image is filled with the same.
pub(crate) const CODE_FILLER: u8 = 0xcf;

/// What regions of memory are made of.
const PAGE: u64 = 0x1000;

/// Reads at `address`; returns how many bytes could be read, at least one. Of the frame images, those of the machine's
/// own thread are there.
///
/// # Errors
/// When not even the first byte can be read.
pub(crate) fn read(
    machine: &dyn Machine,
    space: &AddressSpace,
    address: u64,
    into: &mut [u8],
) -> Result<usize, Fault> {
    let count = match space.place(address).ok_or(Fault::Unmapped)? {
        Place::Memory { instance, memory, offset } => {
            // What of the memory is beyond its range has no address.
            let shown = into.len().min(index(space.memory_room(address)));
            machine.read_memory(instance, memory, offset, into.get_mut(..shown).unwrap_or_default())
        }
        Place::Global { .. } | Place::Table { .. } => read_values(machine, space, address, into)?,
        Place::Bytecode { module, offset } => {
            let file = machine.bytecode(module).ok_or(Fault::Unmapped)?;
            let rest = file.get(index(u64::from(offset))..).unwrap_or_default();
            into.iter_mut().zip(rest).map(|(to, from)| *to = *from).count()
        }
        Place::Host => fill(into, HOST_FUNCTION - address % HOST_FUNCTION),
        Place::HostFunction { module, function } => {
            let functions = u64::from(machine.imported_functions(module));
            let left = functions.saturating_sub(u64::from(function)) * HOST_FUNCTION;
            fill(into, left.saturating_sub(address % HOST_FUNCTION))
        }
        Place::Code { module, pc } => {
            let code = machine.code(module).filter(|code| code.contains(&pc)).ok_or(Fault::Unmapped)?;
            fill(into, u64::from(code.end.0 - pc.0))
        }
        Place::Stack { .. } => frame_image::read(machine, space, address, into)?,
    };
    if count == 0 && !into.is_empty() { Err(Fault::Unmapped) } else { Ok(count) }
}

/// Bytes from the start of a module's file to where nothing is shown any more. Behind the file there is the rest of its
/// last page, and another page: lldb looks for the header of a section in the KiB after the section before.
pub(crate) fn shown_file_length(file: usize) -> u64 {
    wide(file).next_multiple_of(PAGE).saturating_add(PAGE)
}

/// Reads all of `into` at `address`, as if everything began and ended with a page: what of a page is not there, if
/// something of it is, reads as zero. lldb reads lines of 512 bytes to learn of one of them. `for_plugin`: of files of
/// modules, what lldb's Wasm plugin reads.
///
/// # Errors
/// When a page of it is not there, or a value is not known.
pub(crate) fn read_whole(
    machine: &dyn Machine,
    space: &AddressSpace,
    for_plugin: bool,
    address: u64,
    into: &mut [u8],
) -> Result<(), Fault> {
    let Some(Place::Bytecode { module, offset }) = space.place(address) else {
        return read_pages(machine, space, address, into);
    };
    let image = if for_plugin { machine.plugin_image(module) } else { None };
    let file = machine.bytecode(module).ok_or(Fault::Unmapped)?;
    let length = image.as_ref().map_or(file.len(), |image| image.len());
    if u64::from(offset).saturating_add(wide(into.len())) > shown_file_length(length) {
        return Err(Fault::Unmapped);
    }
    let offset = index(u64::from(offset));
    into.fill(0);
    match image {
        Some(image) => image.read(offset, into),
        None => {
            let rest = file.get(offset..).unwrap_or_default();
            into.iter_mut().zip(rest).for_each(|(to, from)| *to = *from);
        }
    }
    Ok(())
}

fn read_pages(
    machine: &dyn Machine,
    space: &AddressSpace,
    address: u64,
    into: &mut [u8],
) -> Result<(), Fault> {
    let mut rest = into;
    let mut at = address;
    while !rest.is_empty() {
        let length = rest.len().min(index(PAGE - at % PAGE));
        let (piece, later) = rest.split_at_mut_checked(length).ok_or(Fault::Unmapped)?;
        read_in_page(machine, space, at, piece)?;
        at = at.saturating_add(wide(length));
        rest = later;
    }
    Ok(())
}

/// Reads what there is in a part of a page, and zeros for the rest.
fn read_in_page(
    machine: &dyn Machine,
    space: &AddressSpace,
    address: u64,
    into: &mut [u8],
) -> Result<(), Fault> {
    into.fill(0);
    let mut is_there = false;
    let mut done = 0;
    while let Some(rest) = into.get_mut(done..).filter(|rest| !rest.is_empty()) {
        match read(machine, space, address.saturating_add(wide(done)), rest) {
            Ok(count) => {
                is_there = true;
                done += count;
            }
            Err(Fault::Unmapped) => done += 1,
            Err(unknown) => return Err(unknown),
        }
    }
    if is_there { Ok(()) } else { Err(Fault::Unmapped) }
}

/// Fills up to `available` bytes with the code filler.
fn fill(into: &mut [u8], available: u64) -> usize {
    let count = into.len().min(index(available));
    into.iter_mut().take(count).for_each(|byte| *byte = CODE_FILLER);
    count
}

/// The value at an address of a global or a table element, how far into its image the address is, and the image's size.
fn value_at(space: &AddressSpace, address: u64) -> Option<(ValuePlace, u64, u64)> {
    match space.place(address)? {
        Place::Global { instance, global, byte } => {
            Some((ValuePlace::Global { instance, index: global }, byte, SLOT))
        }
        Place::Table { instance, table, element, byte } => {
            Some((ValuePlace::Element { instance, table, index: element }, byte, ELEMENT))
        }
        _ => None,
    }
}

fn read_values(
    machine: &dyn Machine,
    space: &AddressSpace,
    address: u64,
    into: &mut [u8],
) -> Result<usize, Fault> {
    let mut done = 0;
    while let Some(rest) = into.get_mut(done..).filter(|rest| !rest.is_empty()) {
        let here = value_at(space, address.saturating_add(wide(done)));
        let Some((place, byte, size)) = here else { break };
        let value = match machine.value(place) {
            Ok(value) => value,
            Err(fault) if done == 0 => return Err(fault),
            Err(_) => break,
        };
        let image = value_bytes::encode(machine, space, value).slot();
        let wanted = image.iter().take(index(size)).skip(index(byte));
        done += rest.iter_mut().zip(wanted).map(|(to, from)| *to = *from).count();
    }
    Ok(done)
}

/// Writes at `address`, all or nothing where that can be known beforehand.
///
/// # Errors
/// When something there does not exist or cannot be written.
pub(crate) fn write(
    machine: &mut dyn Machine,
    space: &AddressSpace,
    address: u64,
    bytes: &[u8],
) -> Result<(), Fault> {
    match space.place(address).ok_or(Fault::Unmapped)? {
        Place::Memory { .. } if wide(bytes.len()) > space.memory_room(address) => Err(Fault::Unmapped),
        Place::Memory { instance, memory, offset } => machine.write_memory(instance, memory, offset, bytes),
        Place::Global { instance, global, byte } => {
            let place = ValuePlace::Global { instance, index: global };
            let old = machine.value(place)?;
            machine.set_value(place, patched(machine, space, old, byte, bytes)?)
        }
        Place::Stack { .. } => frame_image::write(machine, space, address, bytes),
        Place::Table { .. }
        | Place::Bytecode { .. }
        | Place::Host
        | Place::HostFunction { .. }
        | Place::Code { .. } => Err(Fault::Fixed),
    }
}

/// `old` with some of its bytes replaced.
fn patched(
    machine: &dyn Machine,
    space: &AddressSpace,
    old: Value,
    byte: u64,
    bytes: &[u8],
) -> Result<Value, Fault> {
    let mut image = value_bytes::encode(machine, space, old);
    let start = index(byte);
    let end = start.checked_add(bytes.len()).ok_or(Fault::Fixed)?;
    image.get_mut(start..end).ok_or(Fault::Fixed)?.copy_from_slice(bytes);
    value_bytes::decode(old, &image)
}

/// What has to be watched for the `length` bytes from `address`, all of which must be of one memory or of one value.
///
/// # Errors
/// [`Fault::Unmapped`] when that is not so, [`Fault::Fixed`] for what never changes or has no value of its own.
pub(crate) fn watchable(
    machine: &dyn Machine,
    space: &AddressSpace,
    address: u64,
    length: u64,
) -> Result<Watchable, Fault> {
    match space.place(address).ok_or(Fault::Unmapped)? {
        Place::Memory { .. } if length > space.memory_room(address) => Err(Fault::Unmapped),
        Place::Memory { instance, memory, offset } => {
            Ok(Watchable::Memory { instance, memory, offset, length })
        }
        Place::Global { byte, .. } if byte.saturating_add(length) > SLOT => Err(Fault::Unmapped),
        Place::Global { instance, global, .. } => {
            Ok(Watchable::Value(ValuePlace::Global { instance, index: global }))
        }
        Place::Stack { .. } => frame_image::local_at(machine, space, address, length),
        Place::Table { .. }
        | Place::Bytecode { .. }
        | Place::Host
        | Place::HostFunction { .. }
        | Place::Code { .. } => Err(Fault::Fixed),
    }
}

/// Finds `pattern` in the `length` bytes from `address`.
///
/// # Errors
/// When the first byte that has to be looked at cannot be read.
pub(crate) fn search(
    machine: &dyn Machine,
    space: &AddressSpace,
    address: u64,
    length: u64,
    pattern: &[u8],
) -> Result<Option<u64>, Fault> {
    const CHUNK: usize = 0x1_0000;
    if pattern.is_empty() || wide(pattern.len()) > length {
        return Ok(None);
    }
    let last = length - wide(pattern.len());
    let mut window = vec![0; CHUNK + pattern.len()];
    let mut offset = 0;
    while offset <= last {
        let wanted = window.len().min(index(length - offset));
        let Some(part) = window.get_mut(..wanted) else { break };
        let Some(from) = address.checked_add(offset) else { break };
        let count = match read(machine, space, from, part) {
            Ok(count) => count,
            Err(fault) if offset == 0 => return Err(fault),
            Err(_) => break,
        };
        let found = part.get(..count).and_then(|part| part.windows(pattern.len()).position(|w| w == pattern));
        if let Some(position) = found {
            return Ok(from.checked_add(wide(position)));
        }
        // The next window starts where a match could start that this one saw only in part.
        let Some(step) = (count + 1).checked_sub(pattern.len()).filter(|&step| step > 0) else { break };
        offset += wide(step);
    }
    Ok(None)
}

#[cfg(test)]
mod tests;
