//! The tables: a row for each program, and geometric means, in Markdown.

use crate::embedded::Code;
use crate::engine::Engine;
use std::fmt::Write as _;
use std::time::Duration;

/// What was measured of one program.
pub(crate) struct Row {
    /// Ends in the level of optimisation.
    pub(crate) name: String,
    /// Bytes of the module.
    pub(crate) size: u64,
    /// One for each engine, in the order that `render` is given: the least time of a turn, if the engine can do it.
    pub(crate) times: Vec<Option<Duration>>,
    /// And what its code took, if it is another than the one before it.
    pub(crate) codes: Vec<Option<Code>>,
}

/// One table: what the first engine's figure is in, and all figures of a row.
struct Quantity {
    title: &'static str,
    unit: &'static str,
    of: fn(&Row) -> Vec<Option<f64>>,
}

const QUANTITIES: [Quantity; 3] = [
    Quantity {
        title: "run time",
        unit: "ms",
        of: |row| row.times.iter().map(|time| time.map(milliseconds)).collect(),
    },
    Quantity {
        title: "compile time",
        unit: "ms",
        of: |row| row.codes.iter().map(|code| code.map(|code| milliseconds(code.time))).collect(),
    },
    Quantity {
        title: "code size",
        unit: "kB",
        of: |row| row.codes.iter().map(|code| code.map(|code| code.size as f64 / 1e3)).collect(),
    },
];

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

/// A table for each quantity: the first engine's figures, and the ratios of the others to them.
pub(crate) fn render(rows: &[Row], engines: &[Engine]) -> String {
    let mut text = String::new();
    for quantity in &QUANTITIES {
        // Writing to a string does not fail.
        let _ = render_quantity(&mut text, quantity, rows, engines);
    }
    text
}

fn render_quantity(
    text: &mut String,
    quantity: &Quantity,
    rows: &[Row],
    engines: &[Engine],
) -> std::fmt::Result {
    let shown: Vec<usize> = (1..engines.len())
        .filter(|index| rows.iter().any(|row| (quantity.of)(row).get(*index).is_some_and(Option::is_some)))
        .collect();
    write!(text, "| {} | wasm kB | {} {} |", quantity.title, engines[0].name(), quantity.unit)?;
    for index in &shown {
        write!(text, " {} |", engines[*index].name())?;
    }
    writeln!(text, "\n|---|--:|--:|{}", "--:|".repeat(shown.len()))?;
    for row in rows {
        let figures = (quantity.of)(row);
        let first = figures.first().copied().flatten();
        write!(text, "| {} | {:.0} | {:.1} |", row.name, row.size as f64 / 1e3, first.unwrap_or(f64::NAN))?;
        for index in &shown {
            write!(
                text,
                " {} |",
                shown_ratio(figures[*index].zip(first).map(|(figure, first)| figure / first))
            )?;
        }
        writeln!(text)?;
    }
    for level in ["O2", "O0"] {
        let of_level = || rows.iter().filter(|row| row.name.ends_with(level));
        if of_level().next().is_none() {
            continue;
        }
        write!(text, "| **geometric mean, {level}** | | |")?;
        for index in &shown {
            let ratios =
                of_level().map(|row| (quantity.of)(row)).filter_map(|row| Some(row[*index]? / row[0]?));
            write!(text, " **{}** |", shown_ratio(geometric_mean(ratios)))?;
        }
        writeln!(text)?;
    }
    writeln!(text)
}

fn geometric_mean(ratios: impl Iterator<Item = f64>) -> Option<f64> {
    let logarithms: Vec<f64> = ratios.map(f64::ln).collect();
    (!logarithms.is_empty()).then(|| (logarithms.iter().sum::<f64>() / logarithms.len() as f64).exp())
}

fn shown_ratio(ratio: Option<f64>) -> String {
    ratio.map_or_else(|| "-".to_owned(), |ratio| format!("{ratio:.2}"))
}

/// One line about a program that has just been measured.
pub(crate) fn progress(row: &Row, engines: &[Engine]) -> String {
    let first = row.times.first().copied().flatten().unwrap_or_default();
    let mut text = format!("{}: {:.1} ms", row.name, milliseconds(first));
    for (engine, time) in engines.iter().zip(&row.times).skip(1) {
        let ratio = shown_ratio(time.map(|time| time.as_secs_f64() / first.as_secs_f64()));
        // Writing to a string does not fail.
        let _ = write!(text, ", {} {ratio}", engine.name());
    }
    text
}
