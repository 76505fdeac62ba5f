//! What runs a program.

use anyhow::{Context as _, Result};

/// What runs a program, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Engine {
    /// Wasmtime as it comes.
    Wasmtime,
    /// Wasmtime's guest debugging, with nobody who debugs.
    WasmtimeDebug,
    /// Wasmtime that inlines callees. Only when it is asked for: it says what inlining would be worth.
    WasmtimeInlining,
    /// Our run tier alone, which keeps nothing for a debugger.
    Ours,
    /// The server, with a debugger that has let the program run.
    Attached,
    /// The same with a breakpoint in a function that is not called.
    Cold,
    /// The same with a breakpoint in the program's hottest function, whose condition is false.
    False,
    /// The same with a watchpoint on memory that the program does not touch.
    Watch,
    /// The server with everything in the debug tier, `--precise-traps`.
    AllDebug,
}

impl Engine {
    /// In the order of the table's columns. The first one is what the others are compared with.
    pub(crate) const ALL: [Self; 9] = [
        Self::Wasmtime,
        Self::WasmtimeDebug,
        Self::WasmtimeInlining,
        Self::Ours,
        Self::Attached,
        Self::Cold,
        Self::False,
        Self::Watch,
        Self::AllDebug,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Wasmtime => "wasmtime",
            Self::WasmtimeDebug => "wasmtime-debug",
            Self::WasmtimeInlining => "wasmtime-inlining",
            Self::Ours => "ours",
            Self::Attached => "attached",
            Self::Cold => "cold",
            Self::False => "false",
            Self::Watch => "watch",
            Self::AllDebug => "all-debug",
        }
    }

    pub(crate) fn from_name(name: &str) -> Result<Self> {
        let known = Self::ALL.into_iter().find(|engine| engine.name() == name);
        known.with_context(|| format!("no engine {name}"))
    }

    /// Whether it is one of those that are compared if nobody says which.
    pub(crate) fn is_usual(self) -> bool {
        self != Self::WasmtimeInlining
    }

    pub(crate) fn is_wasmtime(self) -> bool {
        matches!(self, Self::Wasmtime | Self::WasmtimeDebug | Self::WasmtimeInlining)
    }

    /// Whether programs are run by the server, with a debugger.
    pub(crate) fn is_served(self) -> bool {
        !self.is_wasmtime() && self != Self::Ours
    }

    /// Whether its code differs from that of the others when the program begins.
    pub(crate) fn has_own_code(self) -> bool {
        !matches!(self, Self::Cold | Self::False | Self::Watch)
    }
}
