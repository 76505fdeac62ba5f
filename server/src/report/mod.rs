//! What is known of a guest that cannot go on, as data: why, and its frames with their variables.
//!
//! `backtrace` finds it out; here it is written down: as text for people, as JSON and as JUnit's XML for machines.

mod json;
mod junit;
mod text;

use frame_table::ModulePc;

use crate::debug_info::Position;

pub(crate) use text::{frames as frames_as_text, reason_and_source};

/// Why a guest cannot go on, and where it is.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Report {
    /// What kind of end it is.
    pub(crate) kind: Kind,
    /// The same in words, on one line.
    pub(crate) reason: String,
    /// The number of the thread; 1 is the main thread.
    pub(crate) thread: u32,
    /// Innermost first. Of very many, the first and the last.
    pub(crate) frames: Vec<Entry>,
    /// The frames that are left out, if any are.
    pub(crate) omitted: Option<Omitted>,
}

/// A kind of end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Trap,
    Exception,
    HostError,
    /// It could go on.
    Other,
}

/// Frames that are left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Omitted {
    /// How many entries come before them.
    pub(crate) after: usize,
    /// How many there are.
    pub(crate) count: usize,
}

/// A function on the stack. Inlined ones have entries of their own.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Entry {
    /// Counts from 0, the innermost.
    pub(crate) number: usize,
    /// Its name in the source, or in the module, or in the host.
    pub(crate) function: String,
    /// Where in its module it is. None of a function of the host.
    pub(crate) pc: Option<ModulePc>,
    /// The module that it is of, if there are several.
    pub(crate) module: Option<String>,
    /// Where it is in the source.
    pub(crate) position: Option<Position>,
    /// Names and values.
    pub(crate) arguments: Vec<(String, String)>,
    /// Names and values.
    pub(crate) locals: Vec<(String, String)>,
    /// If nothing is known of its variables: what Wasm has instead.
    pub(crate) wasm_locals: Vec<WasmLocal>,
}

/// A local of a Wasm function.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct WasmLocal {
    /// Its index.
    pub(crate) index: u32,
    /// Its name in the module.
    pub(crate) name: Option<String>,
    /// Its type.
    pub(crate) ty: String,
    /// Its value, or why there is none.
    pub(crate) value: String,
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Run {
    /// The program as the user named it.
    pub(crate) program: String,
    /// Its arguments.
    pub(crate) arguments: Vec<String>,
    /// The exit status of `wasm-gdbserver run`.
    pub(crate) status: u8,
    /// How it ended.
    pub(crate) end: End,
    /// In seconds.
    pub(crate) time: f64,
    /// Why it could not go on, if it could not.
    pub(crate) report: Option<Report>,
}

/// How a program ended.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum End {
    /// With an exit code.
    Exit(i32),
    /// The function that was called returned; its results as they are printed.
    Returned(Vec<String>),
    /// It could not go on, for a reason in words.
    Crash(Kind, String),
    /// It could not be started, for a reason in words.
    Error(String),
}

impl Kind {
    /// What machines read.
    fn name(self) -> &'static str {
        match self {
            Self::Trap => "trap",
            Self::Exception => "exception",
            Self::HostError => "host-error",
            Self::Other => "stop",
        }
    }
}

impl End {
    /// What machines read.
    fn name(&self) -> &'static str {
        match self {
            Self::Exit(_) => "exit",
            Self::Returned(_) => "returned",
            Self::Crash(kind, _) => kind.name(),
            Self::Error(_) => "error",
        }
    }
}
