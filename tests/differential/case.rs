//! From a seed to a module, and what is called in it.

use arbitrary::Unstructured;
use runtime::{Engine, EngineConfig, Module, Value, ValueType};
use wasm_smith::Config;
use wasmparser::{ExternalKind, Parser, Payload};

/// Loop iterations and calls that a module may make in all, after which it traps.
const FUEL: u32 = 1500;

/// How many of the exported functions are called.
const MOST_CALLS: usize = 8;

/// A module and what is done with it.
pub(crate) struct Case {
    pub(crate) seed: u64,
    pub(crate) bytes: Vec<u8>,
    /// Whether the reference engine has all features that were allowed.
    pub(crate) for_reference: bool,
    /// Exported functions and what they are called with, in order.
    pub(crate) calls: Vec<Call>,
    /// Name and index of each exported global, memory and table.
    pub(crate) globals: Vec<(String, u32)>,
    pub(crate) memories: Vec<(String, u32)>,
    pub(crate) tables: Vec<(String, u32)>,
}

/// A call of an export.
pub(crate) struct Call {
    pub(crate) name: String,
    pub(crate) args: Vec<Value>,
}

impl Case {
    /// The case of a seed. None for a seed from which no module can be made.
    pub(crate) fn new(seed: u64) -> Option<Self> {
        let mut chance = Chance::new(seed);
        let length = 512 << chance.below(5u32);
        let bytes: Vec<u8> = (0..length).map(|_| chance.byte()).collect();
        Self::of(seed, &bytes)
    }

    /// The case that a seed (for what is called, and how) and bytes (for the module) stand for.
    pub(crate) fn of(seed: u64, bytes: &[u8]) -> Option<Self> {
        let mut chance = Chance::new(!seed);
        // The reference engine has no garbage collection and no exceptions.
        let for_reference = chance.below(4u64) > 0;
        let config = config(&mut chance, !for_reference);
        let mut module = wasm_smith::Module::new(config, &mut Unstructured::new(bytes)).ok()?;
        module.ensure_termination(FUEL).ok()?;
        let bytes = module.to_bytes();
        let mut case = Self {
            seed,
            calls: calls(&bytes, &mut chance),
            for_reference,
            globals: Vec::new(),
            memories: Vec::new(),
            tables: Vec::new(),
            bytes,
        };
        for payload in Parser::new(0).parse_all(&case.bytes) {
            let Ok(Payload::ExportSection(exports)) = payload else { continue };
            for export in exports.into_iter().flatten() {
                let list = match export.kind {
                    ExternalKind::Global => &mut case.globals,
                    ExternalKind::Memory => &mut case.memories,
                    ExternalKind::Table => &mut case.tables,
                    _ => continue,
                };
                list.push((export.name.to_owned(), export.index));
            }
        }
        Some(case)
    }
}

/// What modules may contain. Everything is exported, nothing imported, and NaNs have one form.
fn config(chance: &mut Chance, objects: bool) -> Config {
    Config {
        max_imports: 0,
        export_everything: true,
        canonicalize_nans: true,
        generate_custom_sections: false,
        min_funcs: 1,
        max_funcs: 12,
        max_types: 20,
        max_globals: 20,
        max_instructions: 50 << chance.below(4u32),
        min_memories: u32::from(chance.below(4u32) > 0),
        max_memories: 1 + chance.small(3),
        max_memory32_bytes: 4 << 16,
        max_memory64_bytes: 4 << 16,
        memory_max_size_required: true,
        memory64_enabled: chance.below(3u32) == 0,
        max_tables: 1 + chance.small(3),
        max_table_elements: 200,
        table_max_size_required: true,
        max_data_segments: 8,
        max_element_segments: 8,
        simd_enabled: chance.below(3u32) > 0,
        tail_call_enabled: true,
        // What the reference engine lacks, or what the specification leaves open.
        relaxed_simd_enabled: false,
        threads_enabled: false,
        exceptions_enabled: objects,
        gc_enabled: objects,
        compact_imports_enabled: false,
        wide_arithmetic_enabled: false,
        ..Config::default()
    }
}

/// What is called: the first exports, with arguments by chance. References are null.
fn calls(bytes: &[u8], chance: &mut Chance) -> Vec<Call> {
    let Ok(engine) = Engine::new(EngineConfig::default()) else { return Vec::new() };
    let Ok(module) = Module::new(&engine, bytes, "case") else { return Vec::new() };
    let mut calls = Vec::new();
    for (name, index) in module.exported_functions().take(MOST_CALLS) {
        let Some(ty) = module.function_type(index) else { continue };
        let args: Option<Vec<Value>> = ty.params().iter().map(|ty| argument(*ty, chance)).collect();
        calls.extend(args.map(|args| Call { name: name.to_owned(), args }));
    }
    calls
}

fn argument(ty: ValueType, chance: &mut Chance) -> Option<Value> {
    const FLOATS: [f32; 10] =
        [0.0, -0.0, 1.0, -1.5, f32::INFINITY, f32::NEG_INFINITY, f32::NAN, f32::MIN_POSITIVE, 3e9, -1e19];
    Some(match ty {
        ValueType::I32 => Value::I32(chance.integer().1),
        ValueType::I64 => Value::I64(chance.integer().0),
        ValueType::F32 => Value::F32(chance.pick(&FLOATS).to_bits()),
        ValueType::F64 => Value::F64(f64::from(chance.pick(&FLOATS)).to_bits()),
        ValueType::V128 => Value::V128(u128::from(chance.next()) << 64 | u128::from(chance.next())),
        ValueType::Ref(ty) if ty.nullable => Value::null(ty.heap),
        ValueType::Ref(_) => return None,
    })
}

/// A generator of numbers (splitmix64).
pub(crate) struct Chance(u64);

impl Chance {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x5eed)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn byte(&mut self) -> u8 {
        self.next().to_le_bytes()[0]
    }

    /// A number below a small one.
    pub(crate) fn below<T: TryFrom<u64> + Into<u64>>(&mut self, limit: T) -> T {
        let number = self.next() % limit.into().max(1);
        T::try_from(number).unwrap_or_else(|_| unreachable!("it is less than the limit"))
    }

    fn small(&mut self, limit: u8) -> usize {
        usize::from(self.below(limit))
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        let index = self.next() % u64::try_from(from.len()).unwrap_or(1);
        from[usize::try_from(index).unwrap_or(0)]
    }

    /// Often one at an edge: as 64 bits, and its low 32.
    fn integer(&mut self) -> (i64, i32) {
        const EDGES: [i64; 9] = [0, 1, -1, 7, 64, i32::MAX as i64, i32::MIN as i64, i64::MAX, i64::MIN];
        let number = if self.below(2u64) == 0 { self.pick(&EDGES) } else { self.next().cast_signed() };
        let [a, b, c, d, ..] = number.to_le_bytes();
        (number, i32::from_le_bytes([a, b, c, d]))
    }
}
