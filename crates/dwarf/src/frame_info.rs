//! The unwind rule. One rule fits all Wasm code, because a persona composes every frame alike.
//!
//! Wasm code and host functions: `CFA = fp + 2 words; fp at CFA - 2 words; return address at CFA - 1 word`. In the
//! `<host>` region the return address is undefined, which ends every backtrace there. That the caller's stack pointer is
//! the CFA, debuggers for x86 know; lldb does not understand the instruction that would say so, nor what follows it.

use gimli::write::{
    Address, CallFrameInstruction, CommonInformationEntry, DebugFrame, EndianVec, FrameDescriptionEntry,
    FrameTable,
};
use gimli::{Encoding, Format, LittleEndian};

use crate::Layout;

/// The contents of `.debug_frame` for code at the given address ranges.
pub(crate) fn debug_frame(layout: &Layout, code: &[(u64, u64)]) -> gimli::write::Result<Vec<u8>> {
    let machine = layout.machine;
    let word = i32::from(machine.word_size());
    let encoding = Encoding { format: Format::Dwarf32, version: 4, address_size: machine.address_size() };
    let cie = || {
        let data_alignment = -i8::try_from(machine.word_size()).unwrap_or(8);
        let mut cie = CommonInformationEntry::new(encoding, 1, data_alignment, machine.return_address());
        cie.add_instruction(CallFrameInstruction::Cfa(machine.frame_pointer(), 2 * word));
        cie.add_instruction(CallFrameInstruction::Offset(machine.frame_pointer(), -2 * word));
        cie
    };
    let mut returning = cie();
    returning.add_instruction(CallFrameInstruction::Offset(machine.return_address(), -word));
    let mut outermost = cie();
    outermost.add_instruction(CallFrameInstruction::Undefined(machine.return_address()));

    let mut table = FrameTable::default();
    let returning = table.add_cie(returning);
    let outermost = table.add_cie(outermost);
    let mut add = |cie, address, size: u64| {
        // A section of 4 GiB or more needs more than one entry: their lengths have 32 bits.
        let (mut address, mut left) = (address, size);
        while left > 0 {
            let length = u32::try_from(left).unwrap_or(u32::MAX);
            table.add_fde(cie, FrameDescriptionEntry::new(Address::Constant(address), length));
            address += u64::from(length);
            left -= u64::from(length);
        }
    };
    for &(address, size) in code {
        add(returning, address, size);
    }
    add(outermost, layout.host.address, layout.host.size);
    let mut section = DebugFrame(EndianVec::new(LittleEndian));
    table.write_debug_frame(&mut section)?;
    Ok(section.0.into_vec())
}
