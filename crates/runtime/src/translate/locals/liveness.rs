//! Which locals are live where, by going through the events from the function's end.
//!
//! Why several times? What is live at a loop's header is known when the walk comes there, but branches back to it were
//! passed before. Control is structured, so that a loop is entered at its header only, and one walk finds out what is
//! live at the headers of the outermost loops, whatever their back edges say: a local that is live there because of a
//! back edge is live there anyway. The next walk does so for the loops inside of those, and so on; one more walk
//! gives the points their sets.
//!
//! Code that is never reached needs no care: it comes before (in the walk) what does not go on, which forgets it.

use super::outline::{Event, Outline};
use super::{MOST_WORDS, Wanted, words};
use crate::module::Observable;
use frame_table::LocalSet;

/// Loops nested deeper are not taken apart: everything is wanted.
const MOST_WALKS: usize = 10;

/// The most words of sets that may be combined in all: some tenths of a second.
const MOST_WORK: usize = 1 << 28;

/// Where a branch goes.
enum Label {
    /// What is live behind the block.
    Behind(LocalSet),
    /// To the header of a loop.
    Header(u32),
}

/// A block that the walk is in.
struct Block {
    label: Label,
    /// What is live at the beginning of the second arm, once it was passed.
    otherwise: Option<LocalSet>,
}

/// The sets of the points of `outline`; none if all locals are wanted, because there are no events or because it would
/// take too long.
pub(super) fn wanted(outline: &Outline, locals: u32, observable: &Observable) -> Option<Wanted> {
    let events = outline.events.as_deref()?;
    let words = words(locals);
    if outline.loop_count.saturating_mul(words) > MOST_WORDS {
        return None;
    }
    let mut walk = Walk {
        outline,
        words,
        work: 0,
        headers: vec![LocalSet::default(); outline.loop_count],
        is_stable: false,
        live: LocalSet::default(),
        is_new: true,
        blocks: Vec::new(),
        handlers: Vec::new(),
    };
    for _ in 0..outline.loop_depth.min(MOST_WALKS) {
        walk.go(events, &mut |_, _| true)?;
        if walk.is_stable {
            break;
        }
    }
    if outline.loop_depth > MOST_WALKS && !walk.is_stable {
        return None;
    }
    let mut recorded = Recorded::new(outline, observable, words);
    walk.go(events, &mut |walk, point| recorded.record(walk, point))?;
    Some(recorded.finish())
}

struct Walk<'a> {
    outline: &'a Outline,
    /// Length of a set.
    words: usize,
    /// Words combined so far.
    work: usize,
    /// What is live at the header of each loop, as far as it is known.
    headers: Vec<LocalSet>,
    /// Whether the walk has learned nothing new about headers.
    is_stable: bool,
    live: LocalSet,
    /// Whether `live` may have changed since the last point.
    is_new: bool,
    blocks: Vec<Block>,
    /// What is live in the handlers around, those further out included, for each block with handlers.
    handlers: Vec<LocalSet>,
}

impl Walk<'_> {
    /// Goes through all events, and calls `at_point` at points. None when it takes too long, or `at_point` says so.
    fn go(&mut self, events: &[Event], at_point: &mut impl FnMut(&mut Self, u32) -> bool) -> Option<()> {
        self.is_stable = true;
        self.live = LocalSet::default();
        self.blocks.clear();
        self.handlers.clear();
        for event in events.iter().rev() {
            match *event {
                Event::Point(point) => at_point(self, point).then_some(())?,
                Event::Read(local) => self.is_new |= self.live.insert(local),
                Event::Write(local) => self.is_new |= self.live.remove(local),
                other => {
                    self.is_new = true;
                    self.work += self.words;
                    self.control(other);
                    let kept = self.blocks.len() + self.handlers.len();
                    if self.work > MOST_WORK || kept.saturating_mul(self.words) > MOST_WORDS {
                        return None;
                    }
                }
            }
        }
        Some(())
    }

    fn control(&mut self, event: Event) {
        match event {
            Event::Point(_) | Event::Read(_) | Event::Write(_) => {}
            Event::Branch(depth) => {
                let mut live = std::mem::take(&mut self.live);
                self.add_label(&mut live, depth);
                self.live = live;
            }
            Event::Throws => {
                if let Some(handlers) = self.handlers.last() {
                    self.live.add_all(handlers);
                }
            }
            Event::Leave => self.live = LocalSet::default(),
            Event::End => self.enter(Label::Behind(self.live.clone())),
            Event::EndLoop(index) => self.enter(Label::Header(index)),
            Event::EndTry(index) => {
                let mut caught = self.handlers.last().cloned().unwrap_or_default();
                for depth in self.outline.handlers.get(index as usize).into_iter().flatten() {
                    self.work += self.words;
                    self.add_label(&mut caught, *depth);
                }
                self.handlers.push(caught);
                self.enter(Label::Behind(self.live.clone()));
            }
            Event::Block => {
                self.blocks.pop();
            }
            Event::Try => {
                self.blocks.pop();
                self.handlers.pop();
            }
            Event::Loop(index) => {
                self.blocks.pop();
                if let Some(known) = self.headers.get_mut(index as usize)
                    && *known != self.live
                {
                    known.clone_from(&self.live);
                    self.is_stable = false;
                }
            }
            Event::Else => {
                if let Some(Block { label: Label::Behind(behind), otherwise }) = self.blocks.last_mut() {
                    *otherwise = Some(std::mem::replace(&mut self.live, behind.clone()));
                }
            }
            Event::If => {
                if let Some(Block { label: Label::Behind(behind), otherwise }) = self.blocks.pop() {
                    self.live.add_all(&otherwise.unwrap_or(behind));
                }
            }
        }
    }

    fn enter(&mut self, label: Label) {
        self.blocks.push(Block { label, otherwise: None });
    }

    /// Adds what is live at the label that is `depth` blocks out.
    fn add_label(&self, set: &mut LocalSet, depth: u32) {
        let block =
            self.blocks.len().checked_sub(1 + depth as usize).and_then(|index| self.blocks.get(index));
        match block.map(|block| &block.label) {
            Some(Label::Behind(live)) => set.add_all(live),
            Some(Label::Header(index)) => set.add_all(&self.headers[*index as usize]),
            None => {}
        }
    }
}

/// The sets of the points, from the last one on.
struct Recorded<'a> {
    outline: &'a Outline,
    words: usize,
    /// The index of each point's set.
    of_point: Vec<u32>,
    sets: Vec<LocalSet>,
    /// What the debug info names at the point, and behind it.
    named_at: crate::module::NamedLocals<'a>,
    named_behind: crate::module::NamedLocals<'a>,
}

impl<'a> Recorded<'a> {
    fn new(outline: &'a Outline, observable: &'a Observable, words: usize) -> Self {
        Self {
            outline,
            words,
            of_point: vec![0; outline.points.len()],
            sets: Vec::new(),
            named_at: observable.backwards(),
            named_behind: observable.backwards(),
        }
    }

    /// False if these are too many.
    fn record(&mut self, walk: &mut Walk<'_>, point: u32) -> bool {
        let (pc, next_pc) = self.outline.points[point as usize];
        let moved_at = self.named_at.go_to(pc);
        let moved_behind = self.named_behind.go_to(next_pc);
        if moved_at || moved_behind || walk.is_new || self.sets.is_empty() {
            walk.is_new = false;
            walk.work += self.words;
            let mut set = walk.live.clone();
            set.add_all(self.named_at.named());
            set.add_all(self.named_behind.named());
            if self.sets.last() != Some(&set) {
                self.sets.push(set);
            }
        }
        self.of_point[point as usize] = crate::module::narrow(self.sets.len() - 1);
        self.sets.len().saturating_mul(self.words) <= MOST_WORDS
    }

    fn finish(self) -> Wanted {
        let points = self.outline.points.iter().map(|point| point.0).zip(self.of_point).collect();
        Wanted { points, sets: self.sets }
    }
}
