//! The versions of one function's code.

use crate::engine::Tier;
use crate::jit::FunctionCode;
use crate::translate::Version;
use std::sync::Arc;

/// The code of a function.
#[derive(Clone, Default)]
pub(crate) struct Versions {
    codes: Vec<Arc<FunctionCode>>,
    /// What callers know.
    known: Option<Arc<FunctionCode>>,
    /// What they come to.
    current: Option<Version>,
    pinned: Option<bool>,
}

impl Versions {
    /// All of them.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Arc<FunctionCode>> {
        self.codes.iter()
    }

    /// The code that callers know; none while they have a stub.
    pub(crate) fn known(&self) -> Option<&Arc<FunctionCode>> {
        self.known.as_ref()
    }

    /// The version that callers come to.
    pub(super) fn current(&self) -> Option<Version> {
        self.current
    }

    pub(super) fn set_current(&mut self, version: Version) {
        self.current = Some(version);
    }

    /// A version, if it was compiled.
    pub(crate) fn get(&self, version: Version) -> Option<&Arc<FunctionCode>> {
        self.codes.iter().find(|code| code.version == version)
    }

    /// Those of the debug tier.
    pub(crate) fn of_debug_tier(&self) -> impl Iterator<Item = &Arc<FunctionCode>> {
        self.codes.iter().filter(|code| code.version.tier() == Tier::Debug)
    }

    pub(crate) fn is_pinned(&self) -> bool {
        self.pinned == Some(true)
    }

    /// Whether the function always runs landing code: `find_out` says so when it is first asked.
    pub(crate) fn pin_if(&mut self, find_out: impl FnOnce() -> bool) {
        self.pinned.get_or_insert_with(find_out);
    }

    pub(crate) fn add(&mut self, code: Arc<FunctionCode>) {
        self.codes.push(code);
    }

    /// Callers know `code` now, and come to it.
    pub(crate) fn set_known(&mut self, code: &Arc<FunctionCode>) {
        self.known = Some(Arc::clone(code));
        self.current = Some(code.version);
    }
}
