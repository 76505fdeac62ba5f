//! `monitor debuginfo`: what clients know of each module, and where it came from.

use dwarf::{MadeUp, Report};

use super::line;

/// What became of the debug info of a module.
pub(crate) fn describe(name: &str, report: &Report) -> String {
    let mut text = String::new();
    line(&mut text, format_args!("{name}:"));
    dwarf(&mut text, report);
    made_up(&mut text, report);
    let MadeUp { unusable_map, left_out, .. } = &report.made_up;
    if let Some(reason) = unusable_map {
        line(&mut text, format_args!("  the source map is not used: {reason}"));
    }
    if *left_out > 0 {
        line(&mut text, format_args!("  left out: {left_out} locals that no operator can be about"));
    }
    for loss in report.losses() {
        line(&mut text, format_args!("  left out: {loss}"));
    }
    text
}

fn dwarf(text: &mut String, report: &Report) {
    let Report { units, entries, expressions, units_without_lines, dead_functions, .. } = report;
    if *units == 0 {
        line(text, format_args!("  no DWARF"));
        return;
    }
    line(text, format_args!("  DWARF: {units} units, {entries} entries, {expressions} expressions"));
    if *dead_functions > 0 {
        line(text, format_args!("  {dead_functions} functions are described that the linker removed"));
    }
    if *units_without_lines > 0 {
        line(
            text,
            format_args!("  {units_without_lines} units have no lines, because their sources are not here"),
        );
    }
}

fn made_up(text: &mut String, report: &Report) {
    let MadeUp { functions, named, exported, locals, wat, is_long, lines, mapped, .. } = &report.made_up;
    if *functions == 0 {
        return;
    }
    let numbered = functions - named - exported;
    line(
        text,
        format_args!(
            "  made up: {functions} functions ({named} named by the name section, {exported} by an export, \
             {numbered} by their index), {locals} parameters and locals"
        ),
    );
    match wat {
        Some(path) => line(text, format_args!("  lines: {lines} of the module's text in {}", path.display())),
        None if *mapped > 0 => line(text, format_args!("  lines: {mapped} of the source map")),
        None if *is_long => line(
            text,
            format_args!(
                "  no lines: the text of so much code is long; `wasm-gdbserver --wat always` makes it"
            ),
        ),
        None => line(
            text,
            format_args!("  these functions have no lines; `wasm-gdbserver --wat always` makes some"),
        ),
    }
}
