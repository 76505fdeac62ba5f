//! How the scripts are run.

use std::fmt::{self, Display};

/// One of the three ways.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Mode {
    /// Plain code.
    Plain,
    /// Instrumented code.
    Instrumented,
    /// Instrumented code that stops at every operator.
    Stepped,
    /// Code of both tiers: functions and frames change from one to the other by chance, wherever they can.
    Switched,
}

impl Mode {
    pub(crate) const ALL: [Self; 4] = [Self::Plain, Self::Instrumented, Self::Stepped, Self::Switched];

    /// Whether a hook is told of stops.
    pub(crate) fn is_watched(self) -> bool {
        matches!(self, Self::Instrumented | Self::Stepped)
    }
}

impl Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Plain => "plain",
            Self::Instrumented => "instrumented",
            Self::Stepped => "stepped",
            Self::Switched => "switched",
        })
    }
}
