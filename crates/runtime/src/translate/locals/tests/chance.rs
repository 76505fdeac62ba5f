//! Structured bodies by chance, whose liveness is computed in the plainest way: over the graph of all operators.

use super::super::LocalUses;
use super::operators;
use crate::Error;
use crate::access::Accesses;
use crate::module::ObservableLocals;
use frame_table::ModulePc;
use std::collections::BTreeSet;
use wasmparser::{BinaryReader, Catch, FunctionBody, Operator};

/// Locals of each body.
const LOCALS: u32 = 70;
/// The ones that are used: in two words of a set.
const USED: [u8; 5] = [0, 1, 63, 64, 69];

/// Marsaglia's xorshift.
struct Chance(u64);

impl Chance {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }

    fn byte(&mut self, bound: u64) -> u8 {
        u8::try_from(self.below(bound)).unwrap_or_default()
    }

    fn local(&mut self) -> u8 {
        USED[usize::from(self.byte(5))]
    }
}

/// Appends some operators, in `depth` blocks with the function's own.
fn operators_by_chance(chance: &mut Chance, body: &mut Vec<u8>, depth: u8) {
    let most = if depth < 4 { 12 } else { 6 };
    for _ in 0..chance.below(most) {
        let label = chance.byte(u64::from(depth));
        match chance.below(24) {
            // Read, write, call.
            0..=2 => body.extend([0x20, chance.local(), 0x1a]),
            3..=4 => body.extend([0x41, 0, 0x21, chance.local()]),
            5..=9 => body.extend([0x10, 0]),
            // br_if, then what does not go on, seldom: br, br_table, return, unreachable, throw.
            10..=15 => body.extend([0x41, 0, 0x0d, label]),
            16..=19 if chance.below(3) > 0 => body.push(0x01),
            16 => body.extend([0x0c, label]),
            17 => body.extend([0x41, 0, 0x0e, 2, label, 0, chance.byte(u64::from(depth))]),
            18 => body.push([0x0f, 0x00][usize::from(chance.byte(2))]),
            19 => body.extend([0x08, 0]),
            _ if depth > 8 => {}
            kind => {
                match kind {
                    20 => body.extend([0x02, 0x40]),
                    21 => body.extend([0x03, 0x40]),
                    22 => body.extend([0x41, 0, 0x04, 0x40]),
                    _ => body.extend([0x1f, 0x40, 2, 2, label, 0, 0, chance.byte(u64::from(depth))]),
                }
                operators_by_chance(chance, body, depth + 1);
                if kind == 22 && chance.below(2) == 0 {
                    body.push(0x05);
                    operators_by_chance(chance, body, depth + 1);
                }
                if kind == 21 {
                    // Most loops are: they end with br or br_if, or with neither.
                    body.extend([&[0x0c, 0][..], &[0x41, 0, 0x0d, 0], &[]][usize::from(chance.byte(3))]);
                }
                body.push(0x0b);
            }
        }
    }
}

/// An open block, by numbers of operators.
#[derive(Clone)]
struct Open {
    /// Where branches to it go.
    target: usize,
    handlers: Vec<usize>,
}

/// For each block operator, `else` and the function (at the end) the number of the `end`; for each `if` where it goes
/// if its condition does not hold.
fn structure(operators: &[(ModulePc, Operator<'_>)]) -> (Vec<usize>, Vec<usize>) {
    let (mut ends, mut otherwise) = (vec![0; operators.len() + 1], vec![0; operators.len()]);
    let mut open = vec![(operators.len(), None)];
    for (at, (_, operator)) in operators.iter().enumerate() {
        match operator {
            Operator::Block { .. }
            | Operator::Loop { .. }
            | Operator::If { .. }
            | Operator::TryTable { .. } => open.push((at, None)),
            Operator::Else => {
                if let Some(last) = open.last_mut() {
                    last.1 = Some(at);
                }
            }
            Operator::End => {
                let Some((start, middle)) = open.pop() else { continue };
                ends[start] = at;
                if let Some(of_if) = otherwise.get_mut(start) {
                    *of_if = middle.map_or(at, |middle: usize| middle + 1);
                }
                if let Some(middle) = middle {
                    ends[middle] = at;
                }
            }
            _ => {}
        }
    }
    (ends, otherwise)
}

/// The operators to which each one may go on.
fn successors(operators: &[(ModulePc, Operator<'_>)]) -> Vec<Vec<usize>> {
    let (ends, otherwise) = structure(operators);
    let mut open = vec![Open { target: ends[operators.len()], handlers: Vec::new() }];
    let mut all = Vec::new();
    for (at, (_, operator)) in operators.iter().enumerate() {
        let label = |depth: u32| open[open.len() - 1 - depth as usize].target;
        let thrown = || open.iter().flat_map(|block| block.handlers.clone()).collect::<Vec<_>>();
        let next = vec![at + 1];
        all.push(match operator {
            Operator::If { .. } => vec![at + 1, otherwise[at]],
            Operator::Else => vec![ends[at]],
            Operator::Br { relative_depth } => vec![label(*relative_depth)],
            Operator::BrIf { relative_depth } => vec![at + 1, label(*relative_depth)],
            Operator::BrTable { targets } => {
                targets.targets().flatten().chain([targets.default()]).map(label).collect()
            }
            Operator::Return | Operator::Unreachable => Vec::new(),
            Operator::Throw { .. } => thrown(),
            Operator::Call { .. } => next.into_iter().chain(thrown()).collect(),
            Operator::End if at + 1 == operators.len() => Vec::new(),
            _ => next,
        });
        let handlers = match operator {
            Operator::TryTable { try_table } => {
                let target = |catch: &Catch| match catch {
                    Catch::All { label: depth } | Catch::One { label: depth, .. } => label(*depth),
                    _ => 0,
                };
                try_table.catches.iter().map(target).collect()
            }
            _ => Vec::new(),
        };
        match operator {
            Operator::Loop { .. } => open.push(Open { target: at, handlers }),
            Operator::Block { .. } | Operator::If { .. } | Operator::TryTable { .. } => {
                open.push(Open { target: ends[at], handlers });
            }
            Operator::End => {
                open.pop();
            }
            _ => {}
        }
    }
    all
}

/// What is live before each operator.
fn live(operators: &[(ModulePc, Operator<'_>)], successors: &[Vec<usize>]) -> Vec<BTreeSet<u32>> {
    let mut live = vec![BTreeSet::new(); operators.len()];
    loop {
        let mut changed = false;
        for at in (0..operators.len()).rev() {
            let mut now: BTreeSet<u32> = successors[at].iter().flat_map(|next| live[*next].clone()).collect();
            match operators[at].1 {
                Operator::LocalGet { local_index } => now.insert(local_index),
                Operator::LocalSet { local_index } => now.remove(&local_index),
                _ => false,
            };
            changed |= now != live[at];
            live[at] = now;
        }
        if !changed {
            return live;
        }
    }
}

fn reached(successors: &[Vec<usize>]) -> BTreeSet<usize> {
    let mut found = BTreeSet::new();
    let mut waiting = vec![0];
    while let Some(at) = waiting.pop() {
        if found.insert(at) {
            waiting.extend(&successors[at]);
        }
    }
    found
}

#[test]
fn liveness_is_that_of_the_graph_of_all_operators() -> Result<(), Error> {
    let mut chance = Chance(0x9e37_79b9_7f4a_7c15);
    let (mut points, mut nested) = (0, 0);
    for _ in 0..3000 {
        // No local declarations: parameters are locals as well.
        let mut bytes = vec![0];
        operators_by_chance(&mut chance, &mut bytes, 1);
        bytes.push(0x0b);
        let body = FunctionBody::new(BinaryReader::new(&bytes, 0));
        let all = ObservableLocals::default().of_function(&(ModulePc(0)..ModulePc(u32::MAX)));
        let uses = LocalUses::analyse(&body, LOCALS, all.as_ref(), Accesses::NONE)?;
        let operators = operators(&body)?;
        let successors = successors(&operators);
        let live = live(&operators, &successors);
        for at in reached(&successors) {
            let (pc, operator) = &operators[at];
            let found = uses.wanted(*pc).map(|set| set.iter().collect::<BTreeSet<_>>());
            let must_be_known = at == 0 || matches!(operator, Operator::Call { .. } | Operator::Loop { .. });
            assert!(found.is_some() || !must_be_known, "{operator:?} at {pc} of {operators:?}");
            if let Some(found) = found {
                assert_eq!(found, live[at], "{operator:?} at {pc} of {operators:?}");
                points += 1;
            }
        }
        let loops = |body: &[(ModulePc, Operator<'_>)]| {
            body.iter().filter(|(_, operator)| matches!(operator, Operator::Loop { .. })).count()
        };
        nested += usize::from(loops(&operators) > 3);
    }
    assert!(points > 10_000 && nested > 200, "{points} points, {nested} bodies with many loops");
    Ok(())
}
