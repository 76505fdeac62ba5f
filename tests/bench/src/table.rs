//! The table: a row for each program, and geometric means.

use crate::measure::{Engine, Measurement};
use std::fmt::Write as _;
use std::time::Duration;

/// What was measured of one program.
pub(crate) struct Row {
    pub(crate) name: String,
    /// Bytes of the module.
    pub(crate) size: u64,
    /// One for each engine, in the order that `render` is given.
    pub(crate) measured: Vec<Measurement>,
}

/// One group of columns.
struct Quantity {
    title: &'static str,
    unit: &'static str,
    of: fn(&Measurement) -> f64,
}

const QUANTITIES: [Quantity; 3] = [
    Quantity { title: "run time", unit: "ms", of: |measured| milliseconds(measured.run) },
    Quantity { title: "compile time", unit: "ms", of: |measured| milliseconds(measured.compile) },
    Quantity { title: "code", unit: "kB", of: |measured| measured.code as f64 / 1e3 },
];

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

/// A table for each quantity; what is beside a figure of ours is its ratio to Wasmtime's.
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
    write!(text, "{:<14}{:>10}", quantity.title, "wasm kB")?;
    for engine in engines {
        let title = format!("{} {}", engine.name(), quantity.unit);
        write!(text, "{title:>13}{:>8}", if *engine == Engine::Wasmtime { "" } else { "ratio" })?;
    }
    writeln!(text)?;
    let reference = engines.iter().position(|engine| *engine == Engine::Wasmtime).unwrap_or_default();
    let mut logarithms = vec![0.0; engines.len()];
    for row in rows {
        write!(text, "{:<14}{:>10.1}", row.name, row.size as f64 / 1e3)?;
        let unit = (quantity.of)(&row.measured[reference]);
        for ((engine, measured), sum) in engines.iter().zip(&row.measured).zip(&mut logarithms) {
            let value = (quantity.of)(measured);
            *sum += (value / unit).ln();
            write!(text, "{value:>13.1}{}", ratio(*engine, value / unit))?;
        }
        writeln!(text)?;
    }
    write!(text, "{:<24}", "geometric mean")?;
    for (engine, sum) in engines.iter().zip(&logarithms) {
        write!(text, "{:13}{}", "", ratio(*engine, (sum / rows.len() as f64).exp()))?;
    }
    writeln!(text, "\n")
}

fn ratio(engine: Engine, ratio: f64) -> String {
    if engine == Engine::Wasmtime { " ".repeat(8) } else { format!("{ratio:>8.2}") }
}
