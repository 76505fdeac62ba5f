//! Variables with static storage, for the symbol table.

use gimli::{AttributeValue, DebuggingInformationEntry, DwAt, UnitOffset, UnitRef, constants as dw, read};

use super::address::is_data_tombstone;
use super::limits::Budget;
use crate::returns::type_size;
use crate::sections::Reader;
use crate::{Module, Symbol};

/// An entry may say of another one that it says the rest; and that one of a third.
const MAX_ORIGINS: u32 = 3;

type Entry<'a> = DebuggingInformationEntry<Reader<'a>>;

/// A variable at one address of memory 0.
#[derive(Clone, Debug)]
pub(crate) struct StaticVariable {
    /// The variable: its linkage name, else its name. One of a function has no linkage name in the debug info: it is
    /// called as in native programs, `function.variable` in C and `_ZZ` function `E` variable in C++.
    pub(crate) symbol: Symbol,
    /// Whether other units can name it.
    pub(crate) is_external: bool,
}

/// Reads the entry of a variable in the entry of `function`, if it is in one. None if its place is not one address,
/// or it has no name, as string literals. `names` is how many bytes of names can still be read.
pub(crate) fn static_variable<'a>(
    unit: UnitRef<'_, Reader<'a>>,
    entry: &Entry<'a>,
    function: Option<UnitOffset>,
    module: &Module<'_>,
    names: &Budget,
) -> Option<StaticVariable> {
    let address = address(unit, entry, module)?;
    if is_data_tombstone(address, unit.encoding().address_size) {
        return None;
    }
    let text = |entry: &Entry<'a>, name| {
        if names.is_spent() {
            return None;
        }
        let text = unit.attr_string(inherited(unit, entry, name)?).ok()?;
        names.spend(text.len()).then(|| text.to_string_lossy().replace('\0', "\u{fffd}"))
    };
    let name = match text(entry, dw::DW_AT_linkage_name) {
        Some(name) => name,
        None => {
            let name = text(entry, dw::DW_AT_name)?;
            let function = function.and_then(|offset| unit.entry(offset).ok());
            let of_function = |attribute| text(function.as_ref()?, attribute);
            match of_function(dw::DW_AT_linkage_name) {
                Some(mangled) if mangled.starts_with("_Z") => {
                    format!("_ZZ{}E{}{name}", mangled.trim_start_matches("_Z"), name.len())
                }
                _ => {
                    of_function(dw::DW_AT_name).map_or(name.clone(), |function| format!("{function}.{name}"))
                }
            }
        }
    };
    // Of a type that cannot be read, the variable is still there.
    let size = match inherited(unit, entry, dw::DW_AT_type) {
        Some(AttributeValue::UnitRef(ty)) => type_size(unit, ty).unwrap_or(1),
        _ => 1,
    };
    let is_external = inherited(unit, entry, dw::DW_AT_external) == Some(AttributeValue::Flag(true));
    (size > 0).then_some(StaticVariable { symbol: Symbol { name, address, size }, is_external })
}

/// The address of a variable whose location is nothing else.
fn address(unit: UnitRef<'_, Reader<'_>>, entry: &Entry<'_>, module: &Module<'_>) -> Option<u64> {
    let AttributeValue::Exprloc(location) = entry.attr_value(dw::DW_AT_location)? else { return None };
    let mut operations = location.operations(unit.encoding());
    let first = operations.next().ok()??;
    match (first, operations.next().ok()?) {
        (read::Operation::Address { address }, None) => Some(address),
        (read::Operation::AddressIndex { index }, None) => unit.address(index).ok(),
        // Of a program with one thread.
        (read::Operation::UnsignedConstant { value }, Some(read::Operation::TLS)) => {
            (module.tls_base.is_none() && operations.next().ok()?.is_none()).then_some(value)
        }
        _ => None,
    }
}

/// An attribute of an entry, or of the entry that it completes.
pub(crate) fn inherited<'a>(
    unit: UnitRef<'_, Reader<'a>>,
    entry: &Entry<'a>,
    name: DwAt,
) -> Option<AttributeValue<Reader<'a>>> {
    let mut current = entry.clone();
    for _ in 0..MAX_ORIGINS {
        if let Some(value) = current.attr_value(name) {
            return Some(value);
        }
        let origin = current
            .attr_value(dw::DW_AT_specification)
            .or_else(|| current.attr_value(dw::DW_AT_abstract_origin))?;
        let AttributeValue::UnitRef(origin) = origin else { return None };
        current = unit.entry(origin).ok()?;
    }
    None
}
