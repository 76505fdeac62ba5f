//! A report for people.
//!
//! ```text
//!   wasm trap: integer divide by zero
//!      at traps.c:31
//!       29    int half = a / 2;
//!       30    if (half > 0)
//!   ->  31      return half / b;
//!       32    return 0;
//!   #0 0x4d1 in divide (a=84, b=0) at traps.c:31
//!          half = 42
//!   #1 0x5a0 in main (argc=2, argv=0x11b8c) at traps.c:88
//!   #2 0x2f3 in _start ()
//!          wasm locals: 0: i32 = 1
//! ```
//!
//! A frame without debug info shows its Wasm locals, which always are there.

use std::fmt::Write as _;
use std::path::Path;

use super::{Entry, Report, WasmLocal};
use crate::debug_info::Position;
use crate::sources::Excerpt;

/// Why the guest cannot go on, and the lines of the source around the innermost position whose source is there.
#[must_use]
pub(crate) fn reason_and_source(report: &Report, module: &Path) -> String {
    let mut out = format!("{}\n", report.reason);
    let position = report.frames.iter().find_map(|entry| entry.position.as_ref());
    let Some(position) = position.filter(|position| position.line > 0) else { return out };
    if let Some(excerpt) = Excerpt::find(position, module) {
        line(&mut out, format_args!("   at {}:{}", position.file, position.line));
        for (number, text) in excerpt.lines() {
            let arrow = if number == position.line { "->" } else { "  " };
            let numbered = format!("{arrow}{number:5}\t{text}");
            line(&mut out, format_args!("{}", numbered.trim_end()));
        }
    }
    out
}

/// The frames, with what is left out between them.
#[must_use]
pub(crate) fn frames(report: &Report) -> String {
    let mut out = String::new();
    for (index, entry) in report.frames.iter().enumerate() {
        if let Some(omitted) = report.omitted.filter(|omitted| omitted.after == index) {
            line(&mut out, format_args!("... {} more frames ...", omitted.count));
        }
        add(&mut out, entry);
    }
    out
}

fn add(out: &mut String, entry: &Entry) {
    let Entry { number, function, .. } = entry;
    let Some(pc) = entry.pc else {
        line(out, format_args!("#{number} {function} ()"));
        return;
    };
    let list: Vec<String> = entry.arguments.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let place = match &entry.position {
        Some(Position { file, line: 0, .. }) => format!(" at {file}"),
        Some(Position { file, line, .. }) => format!(" at {file}:{line}"),
        None => String::new(),
    };
    line(out, format_args!("#{number} {pc} in {function} ({}){place}", list.join(", ")));
    for (name, value) in &entry.locals {
        line(out, format_args!("       {name} = {value}"));
    }
    let locals: Vec<String> = entry.wasm_locals.iter().map(wasm_local).collect();
    if !locals.is_empty() {
        line(out, format_args!("       wasm locals: {}", locals.join(", ")));
    }
}

fn wasm_local(local: &WasmLocal) -> String {
    let name = local.name.as_ref().map(|name| format!(" ${name}")).unwrap_or_default();
    format!("{}{name}: {} = {}", local.index, local.ty, local.value)
}

/// Appends a line. A string takes everything.
fn line(out: &mut String, text: std::fmt::Arguments<'_>) {
    let _written = writeln!(out, "{text}");
}
