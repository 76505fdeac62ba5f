//! What an instance has beside its memory: globals, tables, objects of the garbage-collected heap.

use debugger::{Frame, InstanceId, LoadedModule, ObjectKind, Paused, Reference, Value, WasmFrame};

use super::{line, show, shown};
use crate::int::narrow;

/// The most elements of a table or an array that are printed.
const MOST: u64 = 200;

/// Where a reference is: as the user names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Holder {
    Local,
    Operand,
    Global,
}

/// A reference, and the fields to follow from it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Path {
    holder: Holder,
    index: u32,
    fields: Vec<u32>,
}

impl Path {
    /// `local 3 0 1`: of the third local the field 0, of that the field 1.
    pub(crate) fn parse(words: &[&str]) -> Option<Self> {
        let (holder, rest) = words.split_first()?;
        let holder = match *holder {
            "local" => Holder::Local,
            "operand" => Holder::Operand,
            "global" => Holder::Global,
            _ => return None,
        };
        let numbers: Option<Vec<u32>> = rest.iter().map(|word| word.parse().ok()).collect();
        let (index, fields) =
            numbers.as_deref().and_then(<[u32]>::split_first).map(|(i, f)| (*i, f.to_vec()))?;
        Some(Self { holder, index, fields })
    }
}

/// The innermost Wasm frame, with its number, or the program's own instance if there is none.
fn place(paused: &Paused<'_>) -> Option<(Option<usize>, InstanceId)> {
    let wasm = |(number, frame): (usize, &Frame)| match frame {
        Frame::Wasm(WasmFrame { instance, .. }) => Some((Some(number), *instance)),
        Frame::Host(_) => None,
    };
    let innermost = paused.near().iter().enumerate().find_map(wasm);
    innermost.or_else(|| Some((None, *paused.modules().first()?.instances.first()?)))
}

fn module_of(paused: &Paused<'_>, instance: InstanceId) -> Option<LoadedModule> {
    paused.modules().into_iter().find(|loaded| loaded.instances.contains(&instance))
}

/// `monitor globals`.
pub(super) fn globals(paused: &Paused<'_>) -> String {
    let mut text = String::new();
    let Some((_, instance)) = place(paused) else { return "Nothing is instantiated yet.\n".to_owned() };
    let Some(loaded) = module_of(paused, instance) else { return text };
    line(&mut text, format_args!("globals of {}", loaded.name));
    for (index, ty) in (0..).zip(loaded.module.globals()) {
        let name = loaded.module.global_name(index).map_or_else(String::new, |name| format!(" ${name}"));
        let mutable = if ty.mutable { "" } else { "constant " };
        let value = shown(paused.global(instance, index));
        line(&mut text, format_args!("  {index}{name} {mutable}{}: {value}", ty.content));
    }
    text
}

/// `monitor table N`.
pub(super) fn table(paused: &Paused<'_>, table: u32) -> String {
    let mut text = String::new();
    let Some((_, instance)) = place(paused) else { return "Nothing is instantiated yet.\n".to_owned() };
    let Ok(size) = paused.table_size(instance, table) else { return format!("There is no table {table}.\n") };
    line(&mut text, format_args!("table {table}, {size} elements; those that are not null:"));
    let mut printed = 0;
    for index in 0..size {
        let Ok(value) = paused.table_element(instance, table, index) else { break };
        if matches!(
            value,
            Value::FuncRef(None) | Value::ExternRef(None) | Value::AnyRef(None) | Value::ExnRef(None)
        ) {
            continue;
        }
        if printed == MOST {
            line(&mut text, format_args!("  ..."));
            break;
        }
        printed += 1;
        line(&mut text, format_args!("  [{index}] {}", reference(paused, value)));
    }
    text
}

/// A function by its name, any other value as it is.
fn reference(paused: &Paused<'_>, value: Value) -> String {
    let Value::FuncRef(Some(handle)) = value else { return show(value) };
    let Some((instance, function)) = paused.function_of(handle) else {
        return "a function of the host".to_owned();
    };
    let module = module_of(paused, instance);
    let name = module.and_then(|loaded| loaded.module.function_name(function));
    format!("func[{function}]{}", name.map_or_else(String::new, |name| format!(" ${name}")))
}

/// `monitor gc PATH`.
pub(super) fn object(paused: &Paused<'_>, path: &Path) -> String {
    let Some((frame, instance)) = place(paused) else { return "Nothing is instantiated yet.\n".to_owned() };
    let found = match (path.holder, frame) {
        (Holder::Local, Some(frame)) => paused.local(frame, path.index),
        (Holder::Operand, Some(frame)) => paused.operand(frame, path.index),
        (Holder::Global, _) => paused.global(instance, path.index),
        (_, None) => return "There is no frame.\n".to_owned(),
    };
    let mut value = match found {
        Ok(value) => value,
        Err(error) => return format!("It is not available: {error}.\n"),
    };
    for field in &path.fields {
        let next = value.object().map(|object| paused.field(object, *field));
        value = match next {
            Some(Ok(next)) => next,
            Some(Err(error)) => return format!("Field {field}: {error}.\n"),
            None => return format!("{} has no fields.\n", reference(paused, value)),
        };
    }
    describe(paused, value)
}

fn describe(paused: &Paused<'_>, value: Value) -> String {
    let mut text = String::new();
    let Some(name) = value.object() else {
        line(&mut text, format_args!("{}", reference(paused, value)));
        return text;
    };
    let object = match paused.object(name) {
        Ok(object) => object,
        Err(error) => return format!("{error}\n"),
    };
    let length = object.len();
    match &object.kind {
        ObjectKind::Struct(fields) => {
            line(&mut text, format_args!("a structure of type {} with {} fields", object.ty.0, fields.len()));
        }
        ObjectKind::Array { .. } => {
            line(&mut text, format_args!("an array of type {} with {length} elements", object.ty.0));
        }
        ObjectKind::Exception(values) => {
            line(
                &mut text,
                format_args!("an exception of type {} with {} values", object.ty.0, values.len()),
            );
        }
        _ => line(&mut text, format_args!("an object of type {}", object.ty.0)),
    }
    for index in 0..length.min(narrow(usize::try_from(MOST).unwrap_or_default())) {
        let value = paused.field(name, index);
        let value = value.map_or_else(|error| format!("<{error}>"), |value| field(paused, value));
        line(&mut text, format_args!("  {index}: {value}"));
    }
    if u64::from(length) > MOST {
        line(&mut text, format_args!("  ..."));
    }
    text
}

/// A field, of which another object is only named.
fn field(paused: &Paused<'_>, value: Value) -> String {
    match value {
        Value::ExternRef(Some(Reference::Object(name)))
        | Value::AnyRef(Some(Reference::Object(name)))
        | Value::ExnRef(Some(name)) => match paused.object(name).map(|object| (object.ty.0, object.kind)) {
            Ok((ty, ObjectKind::Struct(_))) => format!("a structure of type {ty}"),
            Ok((ty, ObjectKind::Array { length, .. })) => {
                format!("an array of type {ty} with {length} elements")
            }
            Ok((ty, _)) => format!("an object of type {ty}"),
            Err(error) => format!("<{error}>"),
        },
        other => reference(paused, other),
    }
}

/// `monitor heap`.
pub(super) fn heap(paused: &Paused<'_>) -> String {
    let heap = paused.heap_statistics();
    let mut text = String::new();
    line(
        &mut text,
        format_args!(
            "{} bytes of objects were made in all; the heap takes {} bytes",
            heap.allocated, heap.used
        ),
    );
    line(
        &mut text,
        format_args!("{} collections; the last one found {} bytes alive", heap.collections, heap.live),
    );
    let (longest, all) = (heap.longest_pause.as_secs_f64() * 1e3, heap.collecting.as_secs_f64() * 1e3);
    line(&mut text, format_args!("{} pauses, the longest {longest:.3} ms; {all:.3} ms in all", heap.pauses));
    text
}
