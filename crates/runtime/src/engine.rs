//! What all stores of a process share: the target machine, and choices that are compiled into code.

use crate::error::Error;
use crate::types::{Composite, Member, TypeDef, TypeRegistry};
use crate::value::{FuncType, ValueType};
use cranelift_codegen::isa::OwnedTargetIsa;
use cranelift_codegen::settings::{self, Configurable};
use frame_table::{RefType, TypeId};
use serde::{Deserialize, Serialize};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Which tiers functions are compiled in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Tiers {
    /// The debug tier only: functions can be stopped at every operator, and at every stop and trap the whole state is in the
    /// state slot.
    #[default]
    Debug,
    /// The run tier only: optimized code. Functions can be stopped in at calls and loops, not at breakpoints.
    Run,
    /// The run tier, and the debug tier for functions that have breakpoints or are stepped through, as long as they do.
    Automatic,
}

/// How a function is compiled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) enum Tier {
    Debug,
    Run,
}

/// Choices for an [`Engine`].
#[derive(Clone, Debug)]
pub struct EngineConfig {
    /// Which tiers functions are compiled in.
    pub tiers: Tiers,
    /// Bytes of stack that a guest may use before it traps with [`crate::TrapCode::StackOverflow`]. The thread's own
    /// stack is a limit as well.
    pub max_stack: usize,
    /// Bytes that one linear memory may have. `memory.grow` beyond returns -1. Address space for all of them is
    /// reserved for each memory with 64-bit addresses.
    pub max_memory: u64,
    /// Elements that one table may have. `table.grow` beyond returns -1.
    pub max_table: u64,
    /// Instances that one store may have.
    pub max_instances: u32,
    /// Bytes that the garbage-collected heap of a store may take, after which the guest traps with
    /// [`crate::TrapCode::HeapExhausted`].
    pub gc_heap_limit: usize,
    /// Compile all functions of a module when it is instantiated, on all processors, instead of each when it is first called.
    pub compile_ahead: bool,
    /// Collect garbage wherever it may happen, and spoil what is freed: finds references that the collector does not
    /// know of. Slow.
    pub gc_stress: bool,
    /// With [`Tiers::Automatic`]: functions change their tiers by chance, beginning with this seed, wherever they can.
    /// Finds switches that change what the program does. Slow.
    pub tier_stress: Option<u64>,
    /// Compile for any processor of this architecture instead of the one at hand.
    pub baseline_processor: bool,
}

impl Default for EngineConfig {
    fn default() -> Self {
        Self {
            tiers: Tiers::Debug,
            max_stack: 1 << 20,
            max_memory: 16 << 30,
            max_table: 10_000_000,
            max_instances: 10_000,
            gc_heap_limit: 256 << 20,
            compile_ahead: false,
            gc_stress: false,
            tier_stress: None,
            baseline_processor: false,
        }
    }
}

/// The target machine and the settings of its code. Cheap to clone.
#[derive(Clone)]
pub struct Engine {
    inner: Arc<EngineInner>,
}

struct EngineInner {
    config: EngineConfig,
    debug_isa: OwnedTargetIsa,
    run_isa: OwnedTargetIsa,
    types: Mutex<TypeRegistry>,
}

impl Engine {
    /// An engine for the processor that this process runs on.
    ///
    /// # Errors
    /// When the processor is not supported.
    pub fn new(config: EngineConfig) -> Result<Self, Error> {
        let debug_isa = isa_of(Tier::Debug, config.baseline_processor)?;
        let run_isa = isa_of(Tier::Run, config.baseline_processor)?;
        Ok(Self { inner: Arc::new(EngineInner { config, debug_isa, run_isa, types: Mutex::default() }) })
    }

    /// The choices it was made with.
    #[must_use]
    pub fn config(&self) -> &EngineConfig {
        &self.inner.config
    }

    pub(crate) fn isa(&self, tier: Tier) -> &OwnedTargetIsa {
        match tier {
            Tier::Debug => &self.inner.debug_isa,
            Tier::Run => &self.inner.run_isa,
        }
    }

    /// What code depends on: the processor and the settings of the code generators, in words.
    pub(crate) fn target(&self) -> String {
        let words = |isa: &OwnedTargetIsa| {
            let own: Vec<String> = isa.isa_flags().iter().map(ToString::to_string).collect();
            format!("{} {} {own:?}", isa.triple(), isa.flags())
        };
        [&self.inner.debug_isa, &self.inner.run_isa].map(words).concat()
    }

    fn types(&self) -> MutexGuard<'_, TypeRegistry> {
        self.inner.types.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The types of a recursion group.
    pub(crate) fn add_types(&self, group: Vec<Member>) -> Vec<Arc<TypeDef>> {
        self.types().add(group)
    }

    /// All types from a number on.
    pub(crate) fn types_from(&self, first: usize) -> Vec<Arc<TypeDef>> {
        self.types().from(first)
    }

    /// The defined type that a host function of this type has: final, and alone in its group.
    pub(crate) fn type_of_host(&self, ty: &FuncType) -> TypeId {
        let member = Member { composite: Composite::Func(ty.clone()), supertype: None, is_final: true };
        self.add_types(vec![member]).first().map_or(TypeId(u32::MAX), |ty| ty.id)
    }

    /// Whether a defined type is another one, or declares it as one of its supertypes.
    pub(crate) fn extends(&self, one: TypeId, other: TypeId) -> bool {
        one == other || self.types().get(one).is_some_and(|ty| ty.extends(other))
    }

    /// Whether all references of type `one` are of type `other` (the specification's "matches").
    pub(crate) fn ref_matches(&self, one: RefType, other: RefType) -> bool {
        (other.nullable || !one.nullable) && one.heap.matches(other.heap, |a, b| self.extends(a, b))
    }

    /// Whether all values of type `one` are of type `other`.
    pub(crate) fn matches(&self, one: ValueType, other: ValueType) -> bool {
        match (one, other) {
            (ValueType::Ref(one), ValueType::Ref(other)) => self.ref_matches(one, other),
            _ => one == other,
        }
    }
}

/// The code generator of a tier.
fn isa_of(tier: Tier, baseline: bool) -> Result<OwnedTargetIsa, Error> {
    let limit = |reason: String| Error::Limit(format!("no code generator for this machine: {reason}"));
    let mut flags = settings::builder();
    for (name, value) in [
        ("preserve_frame_pointers", "true"),
        ("enable_probestack", "true"),
        ("probestack_strategy", "inline"),
        ("enable_verifier", if cfg!(debug_assertions) { "true" } else { "false" }),
        ("opt_level", if tier == Tier::Run { "speed" } else { "none" }),
        ("is_pic", "false"),
        // Says which registers a function saves where; it changes no code.
        ("unwind_info", "true"),
        // Results that do not fit in registers go to memory of the caller's.
        ("enable_multi_ret_implicit_sret", "true"),
    ] {
        flags.set(name, value).map_err(|error| limit(error.to_string()))?;
    }
    cranelift_native::builder_with_options(!baseline)
        .map_err(|reason| limit(reason.to_owned()))?
        .finish(settings::Flags::new(flags))
        .map_err(|error| limit(error.to_string()))
}
