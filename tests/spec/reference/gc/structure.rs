//! Structures.

use runtime::TrapCode;
use wasmparser::Operator;

use super::super::machine::Machine;
use super::super::step::{Expected, Step, Write};
use super::{default, loaded, made, object, storages, stored};

const NULL: TrapCode = TrapCode::NullStructure;

/// The operators of this family; none if it is of another.
pub(super) fn evaluate(machine: &Machine<'_>, operator: &Operator<'_>) -> Option<Vec<Step>> {
    Some(vec![match operator {
        Operator::StructNew { struct_type_index } => {
            let storages = storages(machine, *struct_type_index)?;
            let count = storages.len();
            let fields = storages.iter().enumerate().map(|(index, storage)| {
                Some(Expected::Exactly(stored(machine.top(count - 1 - index)?, *storage)))
            });
            let object = made(machine, *struct_type_index, fields.collect::<Option<_>>()?)?;
            Step::next(count, vec![object])
        }
        Operator::StructNewDefault { struct_type_index } => {
            let fields = storages(machine, *struct_type_index)?
                .into_iter()
                .map(|storage| Some(Expected::Exactly(default(machine, storage)?)));
            let object = made(machine, *struct_type_index, fields.collect::<Option<_>>()?)?;
            Step::next(0, vec![object])
        }
        Operator::StructGet { struct_type_index, field_index }
        | Operator::StructGetS { struct_type_index, field_index }
        | Operator::StructGetU { struct_type_index, field_index } => {
            let Some(object) = object(machine, 0)? else { return Some(vec![Step::trap(NULL)]) };
            let storage = *storages(machine, *struct_type_index)?.get(*field_index as usize)?;
            let signed = matches!(operator, Operator::StructGetS { .. });
            let value = machine.store.field(object, *field_index).ok()?;
            Step::push(1, loaded(value, storage, signed))
        }
        Operator::StructSet { struct_type_index, field_index } => {
            let Some(object) = object(machine, 1)? else { return Some(vec![Step::trap(NULL)]) };
            let storage = *storages(machine, *struct_type_index)?.get(*field_index as usize)?;
            let count = machine.store.object(object).ok()?.len();
            let mut fields = (0..count)
                .map(|index| machine.store.field(object, index).map(Expected::Exactly))
                .collect::<Result<Vec<_>, _>>()
                .ok()?;
            *fields.get_mut(*field_index as usize)? = Expected::Exactly(stored(machine.top(0)?, storage));
            Step::write(2, Write::Fields { object, at: 0, fields })
        }
        _ => return None,
    }])
}
