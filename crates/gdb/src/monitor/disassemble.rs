//! Some lines of WAT around a PC. wasmprinter prints whole modules only, so it prints into a sink that keeps a window
//! of one function's lines and stops it after that.

use std::collections::VecDeque;
use std::io;
use std::ops::Range;

use frame_table::ModulePc;
use wasmprinter::{Config, Print};

/// Lines before and after the marked one.
const CONTEXT: usize = 8;

/// The operators around `pc` in the function whose body is `body`, the one at `pc` marked with `=>`.
pub(super) fn around(module: &[u8], body: Range<ModulePc>, pc: ModulePc) -> String {
    let mut window =
        Window { body, pc, lines: VecDeque::new(), offset: None, line: String::new(), left: None };
    // The sink ends the printing with an error as soon as it has what it wants.
    let outcome = Config::new().print(module, &mut window);
    window.end_line();
    if window.lines.is_empty() {
        let reason = outcome.err().map_or_else(String::new, |error| format!(": {error}"));
        return format!("  no operator found at {pc}{reason}\n");
    }
    window.lines.into_iter().collect()
}

struct Window {
    body: Range<ModulePc>,
    pc: ModulePc,
    lines: VecDeque<String>,
    /// Where the current line's operator is, if it lies in the function.
    offset: Option<ModulePc>,
    /// The current line so far.
    line: String,
    /// How many more lines are wanted, once the marked one was seen.
    left: Option<usize>,
}

impl Window {
    /// Keeps the current line, if it shows an operator of the function.
    fn end_line(&mut self) {
        let line = std::mem::take(&mut self.line);
        let Some(offset) = self.offset.take() else { return };
        if self.left == Some(0) {
            return;
        }
        let is_marked = offset == self.pc;
        let mark = if is_marked { "=>" } else { "  " };
        self.lines.push_back(format!("{mark} {:#07x}  {}\n", offset.0, line.trim_end()));
        match &mut self.left {
            Some(left) => *left -= 1,
            None if is_marked => self.left = Some(CONTEXT),
            None if self.lines.len() > CONTEXT => {
                self.lines.pop_front();
            }
            None => {}
        }
    }
}

impl Print for Window {
    fn write_str(&mut self, text: &str) -> io::Result<()> {
        if self.left == Some(0) {
            return Err(io::Error::other("enough"));
        }
        if self.offset.is_some() {
            self.line.push_str(text);
        }
        Ok(())
    }

    fn newline(&mut self) -> io::Result<()> {
        self.end_line();
        Ok(())
    }

    fn start_line(&mut self, offset: Option<u64>) {
        self.end_line();
        let offset = offset.and_then(|offset| u32::try_from(offset).ok()).map(ModulePc);
        self.offset = offset.filter(|offset| self.body.contains(offset));
    }
}
