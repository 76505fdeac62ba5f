//! Wasm core dumps: what a program was like when it crashed, as a file. Bytes to data and back.
//!
//! The format is that of WebAssembly's tool conventions (`Coredump.md`), as `wasm-encoder` writes it and Wasmtime with it:
//! a module with sections `core`, `coremodules`, `coreinstances`, one `corestack` for each thread, and the memories and
//! globals in their usual sections. What it has no room for is in a section of our own, which others pass over:
//!
//! ```text
//!   wasm-gdbserver ::= version:1 reason crashed:u32
//!                      vec(size:u64 hash:u64le)                        for each module
//!                      vec(global:u32 v)                               for those with references
//!                      vec(vec(vec(element)))                          for each instance its tables
//!                      vec(id:u32 first:u32 count:u32 vec(frame))      for each thread, with its instances
//!   reason         ::= kind:byte code:name message:name                kinds: 0 none, 1 trap, 2 exception, 3 host, 4 stop
//!   element        ::= 0 | 1 instance:u32 function:u32 | 2             null, a function, something else
//!   frame          ::= 0 activation:u32 next vec(ty) vec(slot:u32 v)   of the corestack, in order
//!                    | 1 name module:u32 function                      a host function between them
//!   next, function ::= 0 | number + 1 : u32
//!   v              ::= 0x7b 16 bytes | 0x70 instance:u32 function:u32 | 0xd0
//! ```
//!
//! A slot is a local, or behind those an operand; `ty` are the operands' types, as bytes of the binary format.
//!
//! What this is not: it knows no store and no debugger. `crates/debugger` makes a dump of a stopped guest, and a guest of
//! a dump.
#![forbid(unsafe_code)]
#![warn(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod extras;
mod read;
mod write;

pub use read::{Error, read};
pub use write::{Piece, pieces, write};

use std::ops::Range;

use bytes::Bytes;

/// A program as it was.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CoreDump {
    /// What the program is called.
    pub name: String,
    /// Why it was written, if that is known.
    pub reason: Option<Reason>,
    /// The program's modules. With [`CoreDump::is_ours`], the program's own is the first.
    pub modules: Vec<Module>,
    /// Instances, in the order in which they were made.
    pub instances: Vec<Instance>,
    /// Memories of all instances.
    pub memories: Vec<Memory>,
    /// Globals of all instances.
    pub globals: Vec<Global>,
    /// Threads.
    pub threads: Vec<Thread>,
    /// The index of the thread because of which it was written.
    pub crashed: usize,
    /// It has what only this program writes.
    pub is_ours: bool,
    /// The file, in which the memories' contents are. Empty for a dump that is to be written.
    pub file: Bytes,
}

/// Why a core dump was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reason {
    /// What kind it is.
    pub kind: ReasonKind,
    /// The trap in the words of the specification's tests; empty for others.
    pub code: String,
    /// In words.
    pub message: String,
}

/// A kind of reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReasonKind {
    /// The program trapped.
    Trap,
    /// It threw what nothing catches.
    Exception,
    /// A function of the host failed.
    Host,
    /// It only stopped.
    Stop,
}

/// A module by its name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Module {
    /// Its path, or its own name.
    pub name: String,
    /// What tells it from others, if that is known.
    pub content: Option<Content>,
}

/// What tells a file from others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Content {
    /// In bytes.
    pub size: u64,
    /// FNV-1a of the bytes: it tells builds from each other, and is no defence against anybody.
    pub hash: u64,
}

impl Content {
    /// That of a file.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        const BASIS: u64 = 0xcbf2_9ce4_8422_2325;
        const PRIME: u64 = 0x0100_0000_01b3;
        let hash = bytes.iter().fold(BASIS, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(PRIME));
        Self { size: wide(bytes.len()), hash }
    }
}

/// An instance of a module.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Instance {
    /// Index of the module.
    pub module: u32,
    /// Indices of its memories, imported ones included.
    pub memories: Vec<u32>,
    /// Indices of its globals, imported ones included.
    pub globals: Vec<u32>,
    /// Its tables, if they are known.
    pub tables: Option<Vec<Vec<Element>>>,
}

/// An element of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Element {
    /// Nothing.
    Null,
    /// A function of an instance.
    Function {
        /// Index of the instance.
        instance: u32,
        /// Its index there.
        function: u32,
    },
    /// Something that has no name here.
    Unknown,
}

/// A memory.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Memory {
    /// Its size in pages of 64 KiB.
    pub pages: u64,
    /// Whether its addresses have 64 bits.
    pub is_wide: bool,
    /// Whether threads share it.
    pub is_shared: bool,
    /// The size beyond which it cannot grow, in pages.
    pub maximum: Option<u64>,
    /// Where its contents are in the file. Everything else is zero.
    pub segments: Vec<Segment>,
}

/// Bytes of a memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segment {
    /// Its first address.
    pub address: u64,
    /// Where the bytes are in the file.
    pub bytes: Range<usize>,
}

/// A global.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Global {
    /// Its value.
    pub value: Value,
    /// Whether it can be written.
    pub is_mutable: bool,
}

/// A value, as far as it can be kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Value {
    /// It is not known.
    Missing,
    /// An `i32`.
    I32(i32),
    /// An `i64`.
    I64(i64),
    /// The bits of an `f32`.
    F32(u32),
    /// The bits of an `f64`.
    F64(u64),
    /// The bits of a `v128`.
    V128(u128),
    /// A function of an instance.
    Function {
        /// Index of the instance.
        instance: u32,
        /// Its index there.
        function: u32,
    },
    /// A reference to nothing.
    Null,
}

/// A thread.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Thread {
    /// What it is called.
    pub name: String,
    /// Its number, if it is known.
    pub id: Option<u32>,
    /// The indices of the instances that it has. All of them, if that is not known.
    pub instances: Range<u32>,
    /// Its frames, innermost first.
    pub frames: Vec<Frame>,
}

/// A frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Frame {
    /// Of a Wasm function.
    Wasm(WasmFrame),
    /// Of a function of the host.
    Host {
        /// `module.name` as it is imported.
        name: String,
        /// Index of the module that imports it.
        module: u32,
        /// Index of the import among that module's functions.
        function: Option<u32>,
    },
}

/// A frame of a Wasm function.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WasmFrame {
    /// Index of the instance.
    pub instance: u32,
    /// Index of the function.
    pub function: u32,
    /// From the start of the function's body: the operator that is about to run or trapped, or the call that it waits in.
    pub offset: u32,
    /// From the start of the body: if it waits in a call, the operator behind that. None also if this is not known.
    pub next: Option<u32>,
    /// Number of the activation; 0 is the outermost.
    pub activation: u32,
    /// As many as are known, parameters first.
    pub locals: Vec<Value>,
    /// Bottom first.
    pub operands: Vec<Value>,
    /// The operands' types as bytes of the binary format; empty if they are not known.
    pub operand_types: Vec<u8>,
}

fn wide(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}
