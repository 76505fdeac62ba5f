//! The table: a row for each figure, in Markdown.

/// How a figure is to be read.
#[derive(Clone, Copy)]
pub(crate) enum Unit {
    /// More is better.
    PerSecond,
    /// Less is better.
    Milliseconds,
}

/// A figure, and what it is held against.
pub(crate) struct Row {
    pub(crate) what: &'static str,
    pub(crate) unit: Unit,
    /// Of all windows, the one in which the rest of the machine disturbed least; and the one in the middle.
    pub(crate) best: f64,
    pub(crate) median: f64,
    pub(crate) goal: Option<f64>,
    /// What Wasmtime 48's server was measured to do, on such a machine.
    pub(crate) wasmtime: Option<f64>,
}

impl Row {
    /// From one figure for each window.
    pub(crate) fn new(what: &'static str, unit: Unit, mut figures: Vec<f64>) -> Self {
        figures.sort_by(f64::total_cmp);
        if matches!(unit, Unit::PerSecond) {
            figures.reverse();
        }
        let at = |index: usize| figures.get(index).copied().unwrap_or(f64::NAN);
        Self { what, unit, best: at(0), median: at(figures.len() / 2), goal: None, wasmtime: None }
    }

    pub(crate) fn goal(self, goal: f64) -> Self {
        Self { goal: Some(goal), ..self }
    }

    pub(crate) fn wasmtime(self, figure: f64) -> Self {
        Self { wasmtime: Some(figure), ..self }
    }

    /// How many times as good as `other` the best figure is.
    fn over(&self, other: f64) -> f64 {
        match self.unit {
            Unit::PerSecond => self.best / other,
            Unit::Milliseconds => other / self.best,
        }
    }
}

/// The table. `echo` is the rate of bare round trips.
pub(crate) fn render(rows: &[Row], echo: f64) -> String {
    let mut text = String::from("| | best | median | goal | best : goal | best : Wasmtime | of bare round trips |\n");
    text.push_str("|---|--:|--:|--:|--:|--:|--:|\n");
    for row in rows {
        let unit = if matches!(row.unit, Unit::PerSecond) { "/s" } else { " ms" };
        let ratio = |to: Option<f64>| to.map_or_else(String::new, |to| format!("{:.2}", row.over(to)));
        let share = match row.unit {
            Unit::PerSecond => format!("{:.2}", row.best / echo),
            Unit::Milliseconds => String::new(),
        };
        text.push_str(&format!(
            "| {} | {}{unit} | {}{unit} | {} | {} | {} | {share} |\n",
            row.what,
            figure(row.best),
            figure(row.median),
            row.goal.map_or_else(String::new, |goal| format!("{}{unit}", figure(goal))),
            ratio(row.goal),
            ratio(row.wasmtime),
        ));
    }
    text
}

fn figure(value: f64) -> String {
    if value < 100.0 { format!("{value:.2}") } else { format!("{value:.0}") }
}
