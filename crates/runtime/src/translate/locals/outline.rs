//! What of a body matters to its locals: a short list of events, read once, gone through several times.

use super::super::effects::just_goes_on;
use super::{MOST_WORDS, words};
use crate::access::{self, Accesses};
use crate::error::Error;
use frame_table::{LocalSet, ModulePc};
use wasmparser::{BrTable, Catch, FunctionBody, Operator};

/// What happens at an operator, or a part of it.
///
/// A branch that is always taken is a [`Event::Branch`] and then [`Event::Leave`]; a table is many of the former.
#[derive(Clone, Copy, Debug)]
pub(super) enum Event {
    /// Somebody may ask here what the locals are: the index of the point.
    Point(u32),
    /// Reads a local.
    Read(u32),
    /// Writes a local.
    Write(u32),
    /// May go to the label that is this many blocks out.
    Branch(u32),
    /// May go to the handlers around it.
    Throws,
    /// Does not go on.
    Leave,
    /// A block.
    Block,
    If,
    Else,
    /// By number.
    Loop(u32),
    /// A block whose handlers are at labels.
    Try,
    /// The end of a block, an `if`, or the function.
    End,
    /// The end of the loop with this number.
    EndLoop(u32),
    /// The end of a block with these handlers.
    EndTry(u32),
}

/// The events of a function, and what they refer to.
#[derive(Default)]
pub(super) struct Outline {
    /// None if only the loops are known: nobody asks for more, or there is a `try`, whose handlers are no labels.
    pub(super) events: Option<Vec<Event>>,
    /// The points' operators: where they start and end. Ascending.
    pub(super) points: Vec<(ModulePc, ModulePc)>,
    /// For each block with handlers the distinct labels, as seen from outside of it.
    pub(super) handlers: Vec<Vec<u32>>,
    /// What each loop writes, by the PC of its operator. None if that is too much.
    pub(super) loops: Option<Vec<(ModulePc, LocalSet)>>,
    pub(super) loop_count: usize,
    /// How many loops are nested at most.
    pub(super) loop_depth: usize,
}

/// An open block.
#[derive(Clone, Copy)]
enum Open {
    Block,
    Loop(u32),
    Try(u32),
}

struct Reading {
    outline: Outline,
    events: Vec<Event>,
    keep_events: bool,
    open: Vec<Open>,
    /// Numbers of the loops around.
    around: Vec<u32>,
    /// How many of the open blocks have handlers.
    tries: usize,
    loops: Vec<(ModulePc, LocalSet)>,
    most_loops: usize,
}

impl Outline {
    /// Reads a body; the events only if `with_events`. Accesses to memory of the kinds in `guarded` are points.
    pub(super) fn read(
        body: &FunctionBody<'_>,
        locals: u32,
        with_events: bool,
        guarded: Accesses,
    ) -> Result<Self, Error> {
        let mut reader = body.get_operators_reader()?;
        let bytes = body.as_bytes();
        let start = body.range().start;
        let mut reading = Reading {
            outline: Self::default(),
            events: Vec::new(),
            keep_events: with_events,
            open: Vec::new(),
            around: Vec::new(),
            tries: 0,
            loops: Vec::new(),
            most_loops: MOST_WORDS / words(locals),
        };
        let mut is_first = true;
        while !reader.eof() {
            let at = reader.original_position();
            let operator = reader.read()?;
            let pc = pc_of(at);
            if reading.keep_events {
                let opcode = usize::try_from(at - start).ok().and_then(|at| bytes.get(at..));
                let is_point = is_first
                    || !opcode.is_some_and(just_goes_on)
                    || matches!(operator, Operator::Loop { .. })
                    || access::on_memory(&operator).meets(guarded);
                if is_point {
                    reading.point(pc, pc_of(reader.original_position()));
                }
            }
            is_first = false;
            reading.operator(pc, &operator);
        }
        Ok(reading.finish())
    }
}

impl Reading {
    fn finish(self) -> Outline {
        let Self { mut outline, events, keep_events, loops, most_loops, .. } = self;
        outline.loop_count = loops.len();
        outline.loops = (loops.len() <= most_loops).then_some(loops);
        outline.events = keep_events.then_some(events);
        outline
    }

    fn point(&mut self, pc: ModulePc, next_pc: ModulePc) {
        self.events.push(Event::Point(number(self.outline.points.len())));
        self.outline.points.push((pc, next_pc));
    }

    fn event(&mut self, event: Event) {
        if self.keep_events {
            self.events.push(event);
        }
    }

    fn operator(&mut self, pc: ModulePc, operator: &Operator<'_>) {
        match operator {
            Operator::LocalGet { local_index } => self.event(Event::Read(*local_index)),
            Operator::LocalSet { local_index } | Operator::LocalTee { local_index } => {
                self.event(Event::Write(*local_index));
                self.written(*local_index);
            }
            Operator::Block { .. } => self.open(Open::Block, Event::Block),
            Operator::If { .. } => self.open(Open::Block, Event::If),
            Operator::Else => self.event(Event::Else),
            Operator::Loop { .. } => self.open_loop(pc),
            Operator::TryTable { try_table } => self.open_try(&try_table.catches),
            Operator::Try { .. } => {
                self.keep_events = false;
                self.open(Open::Block, Event::Block);
            }
            Operator::End | Operator::Delegate { .. } => self.end(),
            Operator::BrIf { relative_depth: depth }
            | Operator::BrOnNull { relative_depth: depth }
            | Operator::BrOnNonNull { relative_depth: depth }
            | Operator::BrOnCast { relative_depth: depth, .. }
            | Operator::BrOnCastFail { relative_depth: depth, .. } => self.event(Event::Branch(*depth)),
            Operator::Br { relative_depth } => {
                self.event(Event::Branch(*relative_depth));
                self.event(Event::Leave);
            }
            Operator::BrTable { targets } => self.table(targets),
            Operator::Call { .. } | Operator::CallIndirect { .. } | Operator::CallRef { .. } => self.throws(),
            Operator::Throw { .. } | Operator::ThrowRef => {
                self.throws();
                self.event(Event::Leave);
            }
            Operator::Return
            | Operator::ReturnCall { .. }
            | Operator::ReturnCallIndirect { .. }
            | Operator::ReturnCallRef { .. }
            | Operator::Unreachable => self.event(Event::Leave),
            _ => {}
        }
    }

    fn open(&mut self, block: Open, event: Event) {
        self.open.push(block);
        self.event(event);
    }

    fn open_loop(&mut self, pc: ModulePc) {
        let index = number(self.loops.len());
        self.loops.push((pc, LocalSet::default()));
        self.around.push(index);
        self.outline.loop_depth = self.outline.loop_depth.max(self.around.len());
        self.open(Open::Loop(index), Event::Loop(index));
    }

    fn open_try(&mut self, catches: &[Catch]) {
        let mut labels: Vec<u32> = catches.iter().map(label).collect();
        labels.sort_unstable();
        labels.dedup();
        let index = number(self.outline.handlers.len());
        self.outline.handlers.push(labels);
        self.tries += 1;
        self.open(Open::Try(index), Event::Try);
    }

    fn end(&mut self) {
        match self.open.pop() {
            // The function's own end closes no block.
            None | Some(Open::Block) => self.event(Event::End),
            Some(Open::Try(index)) => {
                self.tries -= 1;
                self.event(Event::EndTry(index));
            }
            Some(Open::Loop(index)) => {
                self.event(Event::EndLoop(index));
                self.around.pop();
                if self.keeps_loops()
                    && let Some(outer) = self.around.last()
                {
                    // The outer one's operator came first.
                    let (before, inner) = self.loops.split_at_mut(index as usize);
                    if let (Some(outer), Some(inner)) = (before.get_mut(*outer as usize), inner.first()) {
                        outer.1.add_all(&inner.1);
                    }
                }
            }
        }
    }

    fn written(&mut self, local: u32) {
        if self.keeps_loops()
            && let Some(index) = self.around.last()
            && let Some(innermost) = self.loops.get_mut(*index as usize)
        {
            innermost.1.insert(local);
        }
    }

    /// Whether there are not too many loops so far to know what they write.
    fn keeps_loops(&self) -> bool {
        self.loops.len() <= self.most_loops
    }

    fn table(&mut self, targets: &BrTable<'_>) {
        if !self.keep_events {
            return;
        }
        let mut depths: Vec<u32> = targets.targets().flatten().collect();
        depths.push(targets.default());
        depths.sort_unstable();
        depths.dedup();
        self.events.extend(depths.into_iter().map(Event::Branch));
        self.events.push(Event::Leave);
    }

    fn throws(&mut self) {
        if self.tries > 0 {
            self.event(Event::Throws);
        }
    }
}

fn label(catch: &Catch) -> u32 {
    match catch {
        Catch::One { label, .. } | Catch::OneRef { label, .. } => *label,
        Catch::All { label } | Catch::AllRef { label } => *label,
    }
}

fn pc_of(position: u64) -> ModulePc {
    ModulePc(u32::try_from(position).unwrap_or(u32::MAX))
}

/// An index in lists that a body's length bounds.
fn number(index: usize) -> u32 {
    crate::module::narrow(index)
}
