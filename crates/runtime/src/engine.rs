//! What all stores of a process share: the target machine, and choices that are compiled into code.

use crate::error::Error;
use crate::value::FuncType;
use cranelift_codegen::isa::OwnedTargetIsa;
use cranelift_codegen::settings::{self, Configurable};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// How functions are compiled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Tier {
    /// Every operator is a program point: it can be stopped at, and the whole state is in the state slot.
    #[default]
    Debug,
    /// Plain code. There is no state slot and nothing to stop at but calls of the host.
    Run,
}

/// Choices for an [`Engine`].
#[derive(Clone, Debug)]
pub struct EngineConfig {
    /// How functions are compiled.
    pub tier: Tier,
    /// Bytes of stack that a guest may use before it traps with [`crate::TrapCode::StackOverflow`]. The thread's own
    /// stack is a limit as well.
    pub max_stack: usize,
    /// Compile for any processor of this architecture instead of the one at hand.
    pub baseline_processor: bool,
}

impl Default for EngineConfig {
    fn default() -> Self {
        Self { tier: Tier::Debug, max_stack: 1 << 20, baseline_processor: false }
    }
}

/// The target machine and the settings of its code. Cheap to clone.
#[derive(Clone)]
pub struct Engine {
    inner: Arc<EngineInner>,
}

struct EngineInner {
    config: EngineConfig,
    isa: OwnedTargetIsa,
    signatures: Mutex<HashMap<FuncType, u32>>,
}

impl Engine {
    /// An engine for the processor that this process runs on.
    ///
    /// # Errors
    /// When the processor is not supported.
    pub fn new(config: EngineConfig) -> Result<Self, Error> {
        let limit = |reason: String| Error::Limit(format!("no code generator for this machine: {reason}"));
        let mut flags = settings::builder();
        for (name, value) in [
            ("preserve_frame_pointers", "true"),
            ("enable_probestack", "true"),
            ("probestack_strategy", "inline"),
            ("enable_verifier", if cfg!(debug_assertions) { "true" } else { "false" }),
            ("opt_level", if config.tier == Tier::Run { "speed" } else { "none" }),
            ("is_pic", "false"),
            ("unwind_info", "false"),
        ] {
            flags.set(name, value).map_err(|error| limit(error.to_string()))?;
        }
        let isa = cranelift_native::builder_with_options(!config.baseline_processor)
            .map_err(|reason| limit(reason.to_owned()))?
            .finish(settings::Flags::new(flags))
            .map_err(|error| limit(error.to_string()))?;
        Ok(Self { inner: Arc::new(EngineInner { config, isa, signatures: Mutex::default() }) })
    }

    /// The choices it was made with.
    #[must_use]
    pub fn config(&self) -> &EngineConfig {
        &self.inner.config
    }

    pub(crate) fn isa(&self) -> &OwnedTargetIsa {
        &self.inner.isa
    }

    /// The number that stands for a function type in compiled code: equal types have equal numbers.
    pub(crate) fn signature_id(&self, ty: &FuncType) -> u32 {
        let mut ids = self.inner.signatures.lock().unwrap_or_else(PoisonError::into_inner);
        let next = crate::module::narrow(ids.len());
        *ids.entry(ty.clone()).or_insert(next)
    }
}
