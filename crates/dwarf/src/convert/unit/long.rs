//! Numbers of 16 bytes: names of their types by which gdb knows them, and results, which gdb would not find. Functions return
//! those in a structure of ours, which is long enough for memory (`returns.rs`).

use gimli::{AttributeValue, constants as dw};

use super::UnitConverter;
use crate::Machine;
use crate::convert::attribute::AttributeConverter;
use crate::convert::entry::Current;
use crate::returns::lost_size;

impl<'a> UnitConverter<'_, 'a> {
    /// Has a function return a structure with its result in it, if gdb finds that nowhere by itself.
    pub(super) fn wrap_result(&mut self, current: &Current<'_, 'a>) {
        let Some(AttributeValue::UnitRef(ty)) = current.value(dw::DW_AT_type) else { return };
        if self.shared.layout.machine == Machine::I386 || !self.attributes.out.has(dw::DW_AT_type) {
            return;
        }
        let Some(size) = lost_size(self.unit, ty) else { return };
        let known = self.wrapped.iter().position(|(wrapped, _)| *wrapped == ty);
        let number = known.unwrap_or(self.wrapped.len()) + 1;
        if known.is_none() {
            self.wrapped.push((ty, size));
        }
        // Behind the place of the long double.
        let place = self.end() + number;
        self.attributes.out.remove(dw::DW_AT_type);
        self.attributes.out.reference(dw::DW_AT_type, place);
    }

    /// Writes the structures of `wrap_result`, which are long enough for memory.
    pub(super) fn write_wrapped(&mut self) {
        const LONG: u64 = 32;
        for (number, (ty, size)) in (1..).zip(std::mem::take(&mut self.wrapped)) {
            let AttributeConverter { out, waiting, .. } = &mut self.attributes;
            out.number(dw::DW_AT_byte_size, size.max(LONG));
            let (place, _) = self.output.entry(dw::DW_TAG_structure_type, true, out, waiting);
            self.places.set(self.end() + number, place.saturating_sub(self.start));
            let AttributeConverter { out, waiting, .. } = &mut self.attributes;
            out.string(dw::DW_AT_name, b"value");
            out.reference(dw::DW_AT_type, ty.0);
            out.number(dw::DW_AT_data_member_location, 0);
            self.output.entry(dw::DW_TAG_member, false, out, waiting);
            self.output.sections.debug_info.bytes.push(0);
        }
    }

    /// Makes a name for the type that gdb knows as an IEEE number of 16 bytes.
    pub(super) fn name_long_double(&mut self) {
        self.has_long_double = true;
        let end = self.end();
        let out = &mut self.attributes.out;
        for name in [dw::DW_AT_encoding, dw::DW_AT_byte_size, dw::DW_AT_type] {
            out.remove(name);
        }
        out.reference(dw::DW_AT_type, end);
    }
}
