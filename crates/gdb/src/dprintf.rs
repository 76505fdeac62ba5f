//! `monitor dprintf`: text that is printed where the program passes a place, without stopping it. For clients that send no
//! bytecode with their breakpoints, as lldb.

use std::sync::Arc;

use debugger::{Condition, Paused};

use crate::agent::Format;
use crate::condition::Shown;
use crate::output::Output;
use crate::paused::View;
use crate::persona::Persona;
use crate::sources::Values;
use crate::symbols::Symbols;

/// What a user wants: `PLACE,"FORMAT",VALUE,... if CONDITION`.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Wanted<'a> {
    pub(crate) place: &'a str,
    /// With C's escapes still in it.
    pub(crate) format: &'a str,
    pub(crate) values: &'a str,
    pub(crate) condition: Option<&'a str>,
}

impl<'a> Wanted<'a> {
    /// Takes it apart. None if it is not of this form.
    pub(crate) fn parse(text: &'a str) -> Option<Self> {
        let (place, rest) = text.split_once('"')?;
        let place = place.trim_end().strip_suffix(',')?.trim();
        let mut is_escaped = false;
        let end = rest.find(|character| {
            let ends = character == '"' && !is_escaped;
            is_escaped = character == '\\' && !is_escaped;
            ends
        })?;
        let (format, rest) = (rest.get(..end)?, rest.get(end + 1..)?);
        let (values, condition) = match rest.split_once(" if ") {
            Some((values, condition)) => (values.trim(), Some(condition.trim())),
            None => (rest.trim(), None),
        };
        let values = if values.is_empty() { values } else { values.strip_prefix(',')?.trim() };
        (!place.is_empty()).then_some(Self { place, format, values, condition })
    }
}

/// Prints where the guest passes, which goes on.
#[derive(Debug)]
pub(crate) struct Prints {
    pub(crate) format: Format,
    /// As many as the format has conversions.
    pub(crate) values: Arc<dyn Values>,
    pub(crate) condition: Option<Arc<dyn Condition>>,
    /// Where it is, for what cannot be printed.
    pub(crate) place: String,
    pub(crate) persona: &'static dyn Persona,
    pub(crate) symbols: Arc<Symbols>,
    pub(crate) output: Arc<Output>,
}

impl Condition for Prints {
    fn holds(&self, paused: &mut Paused<'_>) -> bool {
        if self.condition.as_ref().is_some_and(|condition| !condition.holds(paused)) {
            return false;
        }
        let text = match self.values.values(paused) {
            Ok(values) => {
                let machine = &View::new(paused, &self.symbols);
                let facts = Shown { machine, persona: self.persona, output: None };
                self.format.print(&values, &facts)
            }
            Err(why) => format!("Nothing is printed for {}: {why}.\n", self.place),
        };
        self.output.say(&text);
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wanted_is_taken_apart() {
        let wanted = |place, format, values, condition| Some(Wanted { place, format, values, condition });
        assert_eq!(Wanted::parse(r#"fib,"n=%d\n",n"#), wanted("fib", r"n=%d\n", "n", None));
        assert_eq!(
            Wanted::parse(r#"steps.c:12, "a \"%s\", %d" , p->name, list[2] if n > 2"#),
            wanted("steps.c:12", r#"a \"%s\", %d"#, "p->name, list[2]", Some("n > 2"))
        );
        assert_eq!(Wanted::parse(r#"a<b, c>::d,"here\\""#), wanted("a<b, c>::d", r"here\\", "", None));
        assert_eq!(Wanted::parse(r#"f,"x" if n"#), wanted("f", "x", "", Some("n")));
        for wrong in ["", "fib", r#"fib "x""#, r#","x""#, r#"fib,"x"#, r#"fib,"x\""#, r#"fib,"x" n"#] {
            assert_eq!(Wanted::parse(wrong), None, "{wrong}");
        }
    }
}
