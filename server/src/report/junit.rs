//! A run as JUnit's XML, one test case that passed, failed (it crashed, or has an exit code other than 0) or could not be
//! started (an error).

use std::fmt::Write as _;

use std::path::Path;

use super::{End, Report, Run, frames_as_text, reason_and_source};

impl Run {
    /// The run as a JUnit document, with what a person is told of a crash.
    #[must_use]
    pub(crate) fn to_junit(&self) -> String {
        let (failures, errors) = match self.end {
            End::Error(_) => (0, 1),
            _ => (u8::from(self.status != 0), 0),
        };
        let name = std::iter::once(&self.program).chain(&self.arguments);
        let name = escaped(&name.map(String::as_str).collect::<Vec<_>>().join(" "));
        let counts =
            format!("tests=\"1\" failures=\"{failures}\" errors=\"{errors}\" time=\"{:.3}\"", self.time);
        let mut out = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
        line(&mut out, format_args!("<testsuites {counts}>"));
        line(&mut out, format_args!("  <testsuite name=\"wasm-gdbserver run\" {counts}>"));
        let case = format!(
            "    <testcase classname=\"{}\" name=\"{name}\" time=\"{:.3}\"",
            escaped(&self.program),
            self.time
        );
        match self.failure() {
            None => line(&mut out, format_args!("{case}/>")),
            Some((tag, message)) => {
                let kind = self.end.name();
                let all = |report: &Report| {
                    reason_and_source(report, Path::new(&self.program)) + &frames_as_text(report)
                };
                let text = escaped(&self.report.as_ref().map_or_else(|| format!("{message}\n"), all));
                let message = escaped(&message);
                line(&mut out, format_args!("{case}>"));
                line(
                    &mut out,
                    format_args!("      <{tag} type=\"{kind}\" message=\"{message}\">{text}</{tag}>"),
                );
                line(&mut out, format_args!("    </testcase>"));
            }
        }
        out.push_str("  </testsuite>\n</testsuites>\n");
        out
    }

    /// The element that says why it did not pass, and its message.
    fn failure(&self) -> Option<(&'static str, String)> {
        match &self.end {
            End::Error(message) => Some(("error", message.clone())),
            End::Crash(_, message) => Some(("failure", message.clone())),
            End::Exit(code) if self.status != 0 => Some(("failure", format!("exit code {code}"))),
            End::Exit(_) | End::Returned(_) => None,
        }
    }
}

/// Text for XML 1.0, in which most control characters cannot be.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\n' | '\t' => out.push(character),
            '\0'..='\x1f' | '\u{fffe}' | '\u{ffff}' => out.push('\u{fffd}'),
            _ => out.push(character),
        }
    }
    out
}

/// Appends a line. A string takes everything.
fn line(out: &mut String, text: std::fmt::Arguments<'_>) {
    let _written = writeln!(out, "{text}");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::{Entry, Kind, Report};

    fn run(status: u8, end: End, report: Option<Report>) -> Run {
        let (program, arguments) = ("a&b.wasm".to_owned(), vec!["<x>".to_owned()]);
        Run { program, arguments, status, end, time: 0.5, report }
    }

    #[test]
    fn a_crash_is_a_failure_with_its_frames() {
        let frame = Entry { function: "f<int>".to_owned(), ..Entry::default() };
        let reason = "wasm trap: \"why\"\u{1}".to_owned();
        let report = Report {
            kind: Kind::Trap,
            reason: reason.clone(),
            thread: 1,
            frames: vec![frame],
            omitted: None,
        };
        let text = run(134, End::Crash(Kind::Trap, reason), Some(report)).to_junit();
        assert!(text.contains("name=\"a&amp;b.wasm &lt;x&gt;\""), "{text}");
        assert!(text.contains("failures=\"1\" errors=\"0\" time=\"0.500\""), "{text}");
        assert!(
            text.contains("<failure type=\"trap\" message=\"wasm trap: &quot;why&quot;\u{fffd}\">"),
            "{text}"
        );
        assert!(text.contains("\n#0 f&lt;int&gt; ()\n</failure>"), "{text}");
    }

    #[test]
    fn an_exit_code_is_a_failure_unless_it_is_0() {
        assert!(run(0, End::Exit(0), None).to_junit().contains("time=\"0.500\"/>\n"));
        assert!(run(0, End::Returned(Vec::new()), None).to_junit().contains("failures=\"0\""));
        let failed = run(3, End::Exit(3), None).to_junit();
        assert!(failed.contains("<failure type=\"exit\" message=\"exit code 3\">"), "{failed}");
        let error = run(1, End::Error("no import".to_owned()), None).to_junit();
        assert!(error.contains("<error type=\"error\" message=\"no import\">"), "{error}");
        assert!(error.contains("failures=\"0\" errors=\"1\""), "{error}");
    }
}
