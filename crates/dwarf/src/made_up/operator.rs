//! One operator in the text format, without its operands.
//!
//! wasmparser lists all operators in a macro. The text of one is its name there with a dot in the right place, and its
//! immediates; few need more than that.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::sync::LazyLock;

use wasmparser::{
    BlockType, BrTable, Catch, HeapType, Ieee32, Ieee64, MemArg, MemArgTarget, Operator, Ordering, RefType,
    ResumeTable, TryTable, V128, ValType,
};

use super::names::Names;

/// What the immediates of a function's operators mean.
pub(super) struct Meaning<'m> {
    pub(super) names: &'m Names,
    /// Ids of the function's parameters and locals.
    pub(super) locals: &'m [String],
    /// Ids of the blocks around the operator, the outermost first; empty for the function itself.
    pub(super) labels: &'m [String],
}

/// Appends the operator in the text format.
pub(super) fn push_text(operator: &Operator<'_>, meaning: &Meaning<'_>, text: &mut String) {
    macro_rules! by_operator {
        ($( @$proposal:ident $op:ident $({ $($arg:ident: $argty:ty),* })? => $visit:ident ($($ann:tt)*))*) => {
            match operator {
                $(
                    Operator::$op $({ $($arg),* })? => {
                        static NAME: LazyLock<String> = LazyLock::new(|| name(stringify!($visit)));
                        text.push_str(&NAME);
                        $( $( $arg.push(stringify!($arg), meaning, text); )* )?
                    }
                )*
                other => push(text, format_args!(";; {other:?}")),
            }
        };
    }
    match special(operator, meaning) {
        Some(special) => text.push_str(&special),
        None => wasmparser::for_each_operator!(by_operator),
    }
}

/// The types and namespaces in front of the dot in the names of operators.
const BEFORE_DOT: [&str; 19] = [
    "i32", "i64", "f32", "f64", "v128", "i8x16", "i16x8", "i32x4", "i64x2", "f32x4", "f64x2", "local",
    "global", "table", "memory", "data", "elem", "struct", "array",
];
const BEFORE_DOT_TOO: [&str; 4] = ["ref", "i31", "any", "extern"];

/// `visit_i32_load8_s` is called `i32.load8_s`.
fn name(visit: &str) -> String {
    let name = visit.strip_prefix("visit_").unwrap_or(visit);
    if let Some((ty, atomic)) = name.split_once("_atomic_") {
        let atomic = atomic.strip_prefix("rmw").map_or_else(
            || atomic.to_owned(),
            |rest| match rest.split_once('_') {
                Some((width, operation)) => format!("rmw{width}.{operation}"),
                None => atomic.to_owned(),
            },
        );
        return format!("{ty}.atomic.{atomic}");
    }
    if name == "atomic_fence" {
        return "atomic.fence".to_owned();
    }
    match name.split_once('_') {
        Some((before, after)) if BEFORE_DOT.contains(&before) || BEFORE_DOT_TOO.contains(&before) => {
            format!("{before}.{after}")
        }
        _ => name.to_owned(),
    }
}

/// The operators whose immediates are in another order, or left out where they are 0.
fn special(operator: &Operator<'_>, meaning: &Meaning<'_>) -> Option<String> {
    let Meaning { names, .. } = meaning;
    let unless_first =
        |index: u32, id: Cow<'_, str>| if index == 0 { String::new() } else { format!(" {id}") };
    let memory = |index: u32| unless_first(index, names.memory(index));
    let table = |index: u32| unless_first(index, names.table(index));
    let heap =
        |nullable, heap: &HeapType| format!("(ref {}{})", nullable_text(nullable), heap_type(*heap, names));
    Some(match operator {
        Operator::CallIndirect { type_index, table_index } => {
            format!("call_indirect{} (type {})", table(*table_index), names.ty(*type_index))
        }
        Operator::ReturnCallIndirect { type_index, table_index } => {
            format!("return_call_indirect{} (type {})", table(*table_index), names.ty(*type_index))
        }
        Operator::MemorySize { mem } => format!("memory.size{}", memory(*mem)),
        Operator::MemoryGrow { mem } => format!("memory.grow{}", memory(*mem)),
        Operator::MemoryFill { mem } => format!("memory.fill{}", memory(*mem)),
        Operator::MemoryInit { data_index, mem } => {
            format!("memory.init{} {}", memory(*mem), names.data(*data_index))
        }
        Operator::MemoryCopy { dst_mem: 0, src_mem: 0 } => "memory.copy".to_owned(),
        Operator::TableInit { elem_index, table: of } => format!("table.init{} {elem_index}", table(*of)),
        Operator::TableCopy { dst_table: 0, src_table: 0 } => "table.copy".to_owned(),
        Operator::TypedSelect { ty } => format!("select (result {})", value_type(*ty, names)),
        Operator::RefTestNonNull { hty } => format!("ref.test {}", heap(false, hty)),
        Operator::RefTestNullable { hty } => format!("ref.test {}", heap(true, hty)),
        Operator::RefCastNonNull { hty } => format!("ref.cast {}", heap(false, hty)),
        Operator::RefCastNullable { hty } => format!("ref.cast {}", heap(true, hty)),
        _ => return None,
    })
}

fn nullable_text(nullable: bool) -> &'static str {
    if nullable { "null " } else { "" }
}

/// A type in the text format.
pub(super) fn value_type(ty: ValType, names: &Names) -> String {
    match ty {
        ValType::Ref(ty) => ref_type(ty, names),
        other => other.to_string(),
    }
}

fn ref_type(ty: RefType, names: &Names) -> String {
    match ty.heap_type() {
        HeapType::Abstract { .. } => ty.to_string(),
        heap => format!("(ref {}{})", nullable_text(ty.is_nullable()), heap_type(heap, names)),
    }
}

fn heap_type(ty: HeapType, names: &Names) -> String {
    match ty {
        HeapType::Abstract { .. } => {
            // `(ref func)` without what is around the heap type.
            let reference = RefType::new(false, ty).map_or_else(String::new, |ty| ty.to_string());
            reference.trim_start_matches("(ref ").trim_end_matches(')').to_owned()
        }
        HeapType::Concrete(index) => {
            index.as_module_index().map_or_else(String::new, |index| names.ty(index).into_owned())
        }
        HeapType::Exact(index) => {
            index.as_module_index().map_or_else(String::new, |index| format!("(exact {})", names.ty(index)))
        }
    }
}

/// A block's type in the text format, with a space in front if it is not empty.
pub(super) fn block_type(ty: BlockType, names: &Names) -> String {
    match ty {
        BlockType::Empty => String::new(),
        BlockType::Type(ty) => format!(" (result {})", value_type(ty, names)),
        BlockType::FuncType(index) => format!(" (type {})", names.ty(index)),
    }
}

/// The clauses of a `try_table`, each with a space in front.
pub(super) fn catches(table: &TryTable, meaning: &Meaning<'_>) -> String {
    let clause = |catch: &Catch| {
        let label = |label: u32| meaning.label(label);
        match *catch {
            Catch::One { tag, label: to } => format!(" (catch {} {})", meaning.names.tag(tag), label(to)),
            Catch::OneRef { tag, label: to } => {
                format!(" (catch_ref {} {})", meaning.names.tag(tag), label(to))
            }
            Catch::All { label: to } => format!(" (catch_all {})", label(to)),
            Catch::AllRef { label: to } => format!(" (catch_all_ref {})", label(to)),
        }
    };
    table.catches.iter().map(clause).collect()
}

impl Meaning<'_> {
    /// The block that a branch leaves by its depth, or the depth itself if that is the function.
    fn label(&self, depth: u32) -> Cow<'_, str> {
        let from_outside =
            usize::try_from(depth).ok().and_then(|depth| self.labels.len().checked_sub(depth + 1));
        let label = from_outside.and_then(|index| self.labels.get(index)).filter(|label| !label.is_empty());
        label.map_or_else(|| Cow::Owned(depth.to_string()), |label| Cow::Borrowed(label.as_str()))
    }

    fn local(&self, index: u32) -> Cow<'_, str> {
        let local = usize::try_from(index).ok().and_then(|index| self.locals.get(index));
        local.map_or_else(|| Cow::Owned(index.to_string()), |local| Cow::Borrowed(local.as_str()))
    }
}

/// An immediate.
trait Immediate {
    /// Appends it in the text format, with a space in front. `field` is what wasmparser calls it.
    fn push(&self, field: &str, meaning: &Meaning<'_>, text: &mut String);
}

/// Appends a word; writing to a string does not fail.
fn push(text: &mut String, word: impl std::fmt::Display) {
    let written = write!(text, " {word}");
    debug_assert!(written.is_ok(), "a string takes all text");
}

impl Immediate for u32 {
    fn push(&self, field: &str, meaning: &Meaning<'_>, text: &mut String) {
        let names = meaning.names;
        match field {
            "function_index" => push(text, names.function(*self)),
            "local_index" => push(text, meaning.local(*self)),
            "global_index" => push(text, names.global(*self)),
            "relative_depth" => push(text, meaning.label(*self)),
            "tag_index" => push(text, names.tag(*self)),
            "table" | "table_index" | "dst_table" | "src_table" => push(text, names.table(*self)),
            "mem" | "dst_mem" | "src_mem" => push(text, names.memory(*self)),
            "data_index" | "array_data_index" => push(text, names.data(*self)),
            "type_index"
            | "struct_type_index"
            | "array_type_index"
            | "array_type_index_dst"
            | "array_type_index_src"
            | "cont_type_index" => push(text, names.ty(*self)),
            _ => push(text, self),
        }
    }
}

impl Immediate for u8 {
    fn push(&self, _: &str, _: &Meaning<'_>, text: &mut String) {
        push(text, self);
    }
}

impl Immediate for i32 {
    fn push(&self, _: &str, _: &Meaning<'_>, text: &mut String) {
        push(text, self);
    }
}

impl Immediate for i64 {
    fn push(&self, _: &str, _: &Meaning<'_>, text: &mut String) {
        push(text, self);
    }
}

impl Immediate for Ieee32 {
    fn push(&self, _: &str, _: &Meaning<'_>, text: &mut String) {
        let value = f32::from_bits(self.bits());
        push(text, float(value.into(), u64::from(self.bits() & 0x7f_ffff), 1 << 22, value.to_string()));
    }
}

impl Immediate for Ieee64 {
    fn push(&self, _: &str, _: &Meaning<'_>, text: &mut String) {
        let value = f64::from_bits(self.bits());
        push(text, float(value, self.bits() & ((1 << 52) - 1), 1 << 51, value.to_string()));
    }
}

/// A float by its shortest decimal digits; a NaN by its payload, unless that is the usual one.
fn float(value: f64, payload: u64, usual: u64, digits: String) -> String {
    let sign = if value.is_sign_negative() { "-" } else { "" };
    match (value.is_nan(), value.is_infinite()) {
        (true, _) if payload == usual => format!("{sign}nan"),
        (true, _) => format!("{sign}nan:{payload:#x}"),
        (_, true) => format!("{sign}inf"),
        _ => digits,
    }
}

impl Immediate for V128 {
    fn push(&self, _: &str, _: &Meaning<'_>, text: &mut String) {
        push(text, "i32x4");
        for lane in self.bytes().as_chunks::<4>().0 {
            push(text, format_args!("{:#010x}", u32::from_le_bytes(*lane)));
        }
    }
}

impl Immediate for [u8; 16] {
    fn push(&self, _: &str, _: &Meaning<'_>, text: &mut String) {
        for lane in self {
            push(text, lane);
        }
    }
}

impl Immediate for MemArg {
    fn push(&self, _: &str, meaning: &Meaning<'_>, text: &mut String) {
        match self.target {
            MemArgTarget::Memory(0) => {}
            MemArgTarget::Memory(index) => push(text, meaning.names.memory(index)),
            MemArgTarget::Array(index) => push(text, format_args!("(type {})", meaning.names.ty(index))),
        }
        if self.offset != 0 {
            push(text, format_args!("offset={}", self.offset));
        }
        if self.align != self.max_align {
            push(text, format_args!("align={}", 1_u64 << (self.align & 63)));
        }
    }
}

impl Immediate for BrTable<'_> {
    fn push(&self, _: &str, meaning: &Meaning<'_>, text: &mut String) {
        for target in self.targets().map_while(Result::ok) {
            push(text, meaning.label(target));
        }
        push(text, meaning.label(self.default()));
    }
}

impl Immediate for BlockType {
    fn push(&self, _: &str, meaning: &Meaning<'_>, text: &mut String) {
        text.push_str(&block_type(*self, meaning.names));
    }
}

impl Immediate for TryTable {
    fn push(&self, _: &str, meaning: &Meaning<'_>, text: &mut String) {
        text.push_str(&block_type(self.ty, meaning.names));
        text.push_str(&catches(self, meaning));
    }
}

impl Immediate for HeapType {
    fn push(&self, _: &str, meaning: &Meaning<'_>, text: &mut String) {
        push(text, heap_type(*self, meaning.names));
    }
}

impl Immediate for RefType {
    fn push(&self, _: &str, meaning: &Meaning<'_>, text: &mut String) {
        push(text, ref_type(*self, meaning.names));
    }
}

impl Immediate for ValType {
    fn push(&self, _: &str, meaning: &Meaning<'_>, text: &mut String) {
        push(text, value_type(*self, meaning.names));
    }
}

impl Immediate for Vec<ValType> {
    fn push(&self, _: &str, meaning: &Meaning<'_>, text: &mut String) {
        for ty in self {
            push(text, format_args!("(result {})", value_type(*ty, meaning.names)));
        }
    }
}

impl Immediate for Ordering {
    fn push(&self, _: &str, _: &Meaning<'_>, text: &mut String) {
        // `seq_cst` is what is meant where nothing is said.
        if *self == Self::AcqRel {
            push(text, "acq_rel");
        }
    }
}

impl Immediate for ResumeTable {
    fn push(&self, _: &str, _: &Meaning<'_>, text: &mut String) {
        push(text, format_args!("(; {} handlers ;)", self.handlers.len()));
    }
}
