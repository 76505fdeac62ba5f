//! The types of Wasm values, as debuggers know types.

use std::collections::HashMap;

use gimli::constants as dw;
use gimli::write::{AttributeValue as Value, Unit, UnitEntryId};
use wasmparser::{CompositeInnerType, HeapType, RefType, ValType};

use super::outline::Outline;
use super::unit::text;

/// The types of a unit, each added when it is first needed.
pub(super) struct Types<'t, 'a> {
    outline: &'t Outline<'a>,
    address_size: u8,
    known: HashMap<ValType, UnitEntryId>,
    character: Option<UnitEntryId>,
}

/// The ways to look at a vector: name of the element's type, how it is encoded, its size, how many there are.
const LANES: [(&str, dw::DwAte, u8, u8); 6] = [
    ("i8", dw::DW_ATE_signed, 1, 16),
    ("i16", dw::DW_ATE_signed, 2, 8),
    ("i32", dw::DW_ATE_signed, 4, 4),
    ("i64", dw::DW_ATE_signed, 8, 2),
    ("f32", dw::DW_ATE_float, 4, 4),
    ("f64", dw::DW_ATE_float, 8, 2),
];

impl<'t, 'a> Types<'t, 'a> {
    pub(super) fn new(outline: &'t Outline<'a>, address_size: u8) -> Self {
        Self { outline, address_size, known: HashMap::new(), character: None }
    }

    /// The entry of a type.
    pub(super) fn of(&mut self, unit: &mut Unit, ty: ValType) -> UnitEntryId {
        if let Some(known) = self.known.get(&ty) {
            return *known;
        }
        let id = match ty {
            ValType::I32 => base(unit, "i32", dw::DW_ATE_signed, 4),
            ValType::I64 => base(unit, "i64", dw::DW_ATE_signed, 8),
            ValType::F32 => base(unit, "f32", dw::DW_ATE_float, 4),
            ValType::F64 => base(unit, "f64", dw::DW_ATE_float, 8),
            ValType::V128 => self.vector(unit),
            ValType::Ref(ty) => self.reference(unit, ty),
        };
        self.known.insert(ty, id);
        id
    }

    /// So many characters.
    pub(super) fn bytes(&mut self, unit: &mut Unit, count: u64) -> UnitEntryId {
        let character = *self.character.get_or_insert_with(|| base(unit, "char", dw::DW_ATE_signed_char, 1));
        let array = unit.add(unit.root(), dw::DW_TAG_array_type);
        unit.get_mut(array).set(dw::DW_AT_type, Value::UnitRef(character));
        let range = unit.add(array, dw::DW_TAG_subrange_type);
        unit.get_mut(range).set(dw::DW_AT_count, Value::Udata(count));
        array
    }

    /// A union of vectors, as debuggers show vector registers.
    fn vector(&mut self, unit: &mut Unit) -> UnitEntryId {
        let root = unit.root();
        let id = unit.add(root, dw::DW_TAG_union_type);
        unit.get_mut(id).set(dw::DW_AT_name, text("v128"));
        unit.get_mut(id).set(dw::DW_AT_byte_size, Value::Udata(16));
        for (name, encoding, size, count) in LANES {
            let element = match name {
                "i32" => self.of(unit, ValType::I32),
                "i64" => self.of(unit, ValType::I64),
                "f32" => self.of(unit, ValType::F32),
                "f64" => self.of(unit, ValType::F64),
                _ => base(unit, name, encoding, size),
            };
            let array = unit.add(root, dw::DW_TAG_array_type);
            unit.get_mut(array).set(dw::DW_AT_GNU_vector, Value::Flag(true));
            unit.get_mut(array).set(dw::DW_AT_type, Value::UnitRef(element));
            let range = unit.add(array, dw::DW_TAG_subrange_type);
            unit.get_mut(range).set(dw::DW_AT_count, Value::Udata(count.into()));
            let member = unit.add(id, dw::DW_TAG_member);
            let entry = unit.get_mut(member);
            entry.set(dw::DW_AT_name, text(&format!("{name}x{count}")));
            entry.set(dw::DW_AT_type, Value::UnitRef(array));
            entry.set(dw::DW_AT_data_member_location, Value::Udata(0));
        }
        id
    }

    /// A pointer: to a function for those of functions, to nothing that is known for others, which are handles.
    fn reference(&self, unit: &mut Unit, ty: RefType) -> UnitEntryId {
        let root = unit.root();
        let pointer = unit.add(root, dw::DW_TAG_pointer_type);
        unit.get_mut(pointer).set(dw::DW_AT_byte_size, Value::Udata(self.address_size.into()));
        if self.is_function(ty) {
            let function = unit.add(root, dw::DW_TAG_subroutine_type);
            unit.get_mut(pointer).set(dw::DW_AT_type, Value::UnitRef(function));
        }
        let id = unit.add(root, dw::DW_TAG_typedef);
        let entry = unit.get_mut(id);
        entry
            .set(dw::DW_AT_name, text(&super::operator::value_type(ValType::Ref(ty), &super::Names::none())));
        entry.set(dw::DW_AT_type, Value::UnitRef(pointer));
        id
    }

    fn is_function(&self, ty: RefType) -> bool {
        match ty.heap_type() {
            HeapType::Abstract { ty, .. } => {
                matches!(ty, wasmparser::AbstractHeapType::Func | wasmparser::AbstractHeapType::NoFunc)
            }
            HeapType::Concrete(index) | HeapType::Exact(index) => {
                let index = index.as_module_index().and_then(|index| usize::try_from(index).ok());
                let ty = index.and_then(|index| self.outline.types.get(index));
                ty.is_some_and(|ty| matches!(ty.composite_type.inner, CompositeInnerType::Func(_)))
            }
        }
    }
}

fn base(unit: &mut Unit, name: &str, encoding: dw::DwAte, size: u8) -> UnitEntryId {
    let id = unit.add(unit.root(), dw::DW_TAG_base_type);
    let entry = unit.get_mut(id);
    entry.set(dw::DW_AT_name, text(name));
    entry.set(dw::DW_AT_encoding, Value::Encoding(encoding));
    entry.set(dw::DW_AT_byte_size, Value::Udata(size.into()));
    id
}
