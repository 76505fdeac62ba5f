//! Wasm DWARF in, a native ELF symbol image out. Bytes to bytes: no engine, no file, no socket.
//!
//! A stock debugger knows no Wasm. It does know ELF files, so this crate makes one from a module: the functions
//! as symbols, the code as filler bytes, one unwind rule, and the module's DWARF with addresses and variable
//! locations changed to what a persona shows ([`Layout`]). Variables and the functions in the table are symbols too.
//!
//! ```text
//!   module.wasm ──> Module ──────────────┬──> elf ──> SymbolImage
//!   (debug file) ─> DWARF ──> convert ───┘
//! ```
//!
//! What this is not: a lookup of source positions (read the image with `addr2line`), or a server of the image.
#![forbid(unsafe_code)]
#![warn(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod convert;
mod data;
mod elf;
mod error;
mod frame_info;
mod function;
mod image;
mod index;
mod layout;
mod made_up;
mod memory;
mod module;
mod name;
mod naming;
mod parallel;
mod report;
mod returns;
mod sections;
mod signature;
mod source_files;
mod split;
mod vtable;

pub use convert::{LocalNames, NamedLocals, named_locals};
pub use elf::CodeBytes;
pub use error::Error;
pub use function::Function;
pub use image::{ImageOptions, SymbolImage, symbol_image, write_symbol_image};
pub use layout::{Layout, Machine, Symbol};
pub use made_up::own_text::OwnText;
pub use made_up::{MadeUp, MadeUpSections, Text, TextFolder, WatLines, made_up_sections};
pub use module::{Module, ValueType};
pub use name::FunctionName;
pub use report::{Drop, Report};
pub use returns::{FunctionReturn, RegisterClass, ReturnPlace};
pub use signature::{Parameter, Signature, Signatures};
pub use source_files::{PathMap, SourceExists, Sources};
pub use split::{SplitFile, split_files};
