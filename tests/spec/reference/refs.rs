//! References: null, functions, 31-bit integers, casts between hierarchies.

use runtime::{Reference, TrapCode, Value};
use wasmparser::{AbstractHeapType, HeapType, Operator};

use super::machine::Machine;
use super::step::Step;

/// Whether a reference is null.
pub(super) fn is_null(value: Value) -> bool {
    matches!(value, Value::FuncRef(None) | Value::ExternRef(None) | Value::AnyRef(None) | Value::ExnRef(None))
}

/// The operators of this family; none if it is of another.
pub(super) fn evaluate(machine: &Machine<'_>, operator: &Operator<'_>) -> Option<Vec<Step>> {
    Some(vec![match operator {
        Operator::RefNull { hty } => Step::push(0, null_of(machine, *hty)?),
        Operator::RefIsNull => Step::push(1, Value::I32(i32::from(is_null(machine.top(0)?)))),
        Operator::RefFunc { function_index } => {
            Step::push(0, Value::FuncRef(Some(machine.function(*function_index)?)))
        }
        Operator::RefAsNonNull => match machine.top(0)? {
            null if is_null(null) => Step::trap(TrapCode::NullReference),
            value => Step::push(1, value),
        },
        Operator::RefI31 => {
            let Value::I32(number) = machine.top(0)? else { return None };
            Step::push(1, Value::AnyRef(Some(Reference::I31(number.cast_unsigned() & 0x7fff_ffff))))
        }
        Operator::I31GetS | Operator::I31GetU => match machine.top(0)? {
            Value::AnyRef(Some(Reference::I31(number))) => {
                let number = number.cast_signed();
                let signed = matches!(operator, Operator::I31GetS);
                Step::push(1, Value::I32(if signed { number << 1 >> 1 } else { number }))
            }
            _ => Step::trap(TrapCode::NullI31),
        },
        Operator::RefEq => {
            let (a, b) = (machine.top(1)?, machine.top(0)?);
            Step::push(2, Value::I32(i32::from(a == b)))
        }
        Operator::AnyConvertExtern => match machine.top(0)? {
            Value::ExternRef(reference) => Step::push(1, Value::AnyRef(reference)),
            _ => return None,
        },
        Operator::ExternConvertAny => match machine.top(0)? {
            Value::AnyRef(reference) => Step::push(1, Value::ExternRef(reference)),
            _ => return None,
        },
        _ => return None,
    }])
}

/// The null of a type's hierarchy.
pub(super) fn null_of(machine: &Machine<'_>, ty: HeapType) -> Option<Value> {
    heap_of(machine, ty).map(Value::null)
}

/// A heap type of the module, as the runtime names it.
pub(super) fn heap_of(machine: &Machine<'_>, ty: HeapType) -> Option<runtime::HeapType> {
    use AbstractHeapType as A;
    use runtime::HeapType as H;
    Some(match ty {
        HeapType::Abstract { ty, .. } => match ty {
            A::Func => H::Func,
            A::NoFunc => H::NoFunc,
            A::Extern => H::Extern,
            A::NoExtern => H::NoExtern,
            A::Any => H::Any,
            A::Eq => H::Eq,
            A::I31 => H::I31,
            A::Struct => H::Struct,
            A::Array => H::Array,
            A::None => H::None,
            A::Exn => H::Exn,
            A::NoExn => H::NoExn,
            A::Cont | A::NoCont => return None,
        },
        HeapType::Concrete(index) | HeapType::Exact(index) => {
            machine.store.module(machine.at.module)?.defined_type(index.as_module_index()?)?
        }
    })
}
