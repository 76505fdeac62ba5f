//! What `values.py` writes down in one gdb, read.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

/// All stops of one program.
#[derive(Debug, Default)]
pub(crate) struct Transcript<'t> {
    /// Places at which it can stop: a line, and the functions that share the code, the innermost first.
    pub(crate) places: Vec<(&'t str, &'t str)>,
    pub(crate) stops: Vec<Stop<'t>>,
    /// Whether the program ended, and not the number of stops that were asked for.
    pub(crate) has_ended: bool,
    /// Places that are not what the module's debug info says.
    pub(crate) wrong: Vec<&'t str>,
}

/// One stop: where it is, its frames, and its variables by frame and name.
#[derive(Debug, Default)]
pub(crate) struct Stop<'t> {
    /// The function and line that gdb shows.
    pub(crate) place: &'t str,
    /// Lines whose breakpoints are there.
    pub(crate) asked: Vec<&'t str>,
    /// The functions that share the code.
    pub(crate) functions: &'t str,
    pub(crate) frames: Vec<&'t str>,
    pub(crate) values: BTreeMap<(usize, &'t str), Shown<'t>>,
    /// Frames that are not what the module's debug info says.
    pub(crate) wrong: Vec<&'t str>,
    /// The line that no longer has a breakpoint, because this was the last stop there that was asked for.
    pub(crate) off: Option<&'t str>,
}

/// A value, and what was said of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shown<'t> {
    pub(crate) value: &'t str,
    /// `= PLACE` if it is what the module's own debug info says, `~ PLACE VALUE` if it is left out because gdb does not compute
    /// with so many bits or nothing says with how many, `! PLACE VALUE` if it should be another one.
    pub(crate) own: &'t str,
}

impl<'t> Transcript<'t> {
    pub(crate) fn read(text: &'t str) -> Self {
        let mut read = Self::default();
        // The value that `own` is about.
        let mut last = None;
        for line in text.lines() {
            if let Some(place) = line.strip_prefix("stop ") {
                read.stops.push(Stop { place, ..Stop::default() });
            } else if let Some(place) = line.strip_prefix("place ") {
                read.places.extend(place.split_once(' '));
            } else if let Some(place) = line.strip_prefix("own ! place ") {
                read.wrong.push(place);
            } else if line == "end" {
                read.has_ended = true;
            } else if let Some(stop) = read.stops.last_mut() {
                stop.read(line, &mut last);
            }
        }
        read
    }

    /// Whether the breakpoints at a line are gone before a stop.
    pub(crate) fn is_off(&self, line: &str, stop: usize) -> bool {
        self.stops.iter().take(stop).any(|stop| stop.off == Some(line))
    }
}

impl<'t> Stop<'t> {
    fn read(&mut self, line: &'t str, last: &mut Option<(usize, &'t str)>) {
        if let Some(frame) = line.strip_prefix("frame ") {
            self.frames.push(frame);
        } else if let Some((asked, functions)) = line.strip_prefix("at ").and_then(|at| at.split_once(' ')) {
            self.asked = asked.split(',').filter(|asked| *asked != "-").collect();
            self.functions = functions;
        } else if let Some(off) = line.strip_prefix("off ") {
            self.off = Some(off);
        } else if let Some(own) = line.strip_prefix("own ") {
            if own.starts_with("! frames") {
                self.wrong.push(own);
            } else if let Some(shown) = last.and_then(|key| self.values.get_mut(&key)) {
                shown.own = own;
            }
            *last = None;
        } else if let Some((name, value)) = line.split_once(" = ") {
            // An inner variable hides an outer one of its name and line only in generated code.
            let key = (self.frames.len(), name);
            if let Entry::Vacant(entry) = self.values.entry(key) {
                entry.insert(Shown { value, own: "" });
                *last = Some(key);
            }
        }
    }

    /// The name of the function of a frame.
    pub(crate) fn function(&self, frame: usize) -> &'t str {
        let frame = frame.checked_sub(1).and_then(|index| self.frames.get(index));
        frame.map(|frame| name(frame)).unwrap_or_default()
    }
}

/// The name in `NAME LINE`.
pub(crate) fn name(frame: &str) -> &str {
    frame.split(' ').next().unwrap_or_default()
}
