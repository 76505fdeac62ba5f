//! Follows a guest from stop to stop: keeps, for each frame, what its operator is to do, and compares when the frame
//! stops next, when a callee is entered, when the guest traps or returns to the host.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use runtime::{GcRef, Store, TrapCode, Value};

use super::code::Code;
use super::compare::{Comparison, Places};
use super::evaluate;
use super::exception::Flight;
use super::machine::{Machine, Snapshot};
use super::step::{Callee, Expected, Step, Then, Thrown};

/// A frame at its last stop, and what its operator may do.
struct Shadow {
    before: Snapshot,
    steps: Vec<Step>,
    /// Names of objects that are held until the frame stops next, so that the same object has the same name then.
    held: Vec<GcRef>,
}

/// What is known of a guest that is followed.
#[derive(Default)]
pub(crate) struct Follower {
    codes: HashMap<usize, Code>,
    /// The innermost frame last.
    frames: Vec<Shadow>,
    /// Names that are to be released.
    released: Vec<GcRef>,
    /// Operators whose outcome was compared.
    pub(crate) compared: u64,
}

/// How control came to a stop.
enum Arrival {
    /// By the operator before, in the same frame.
    Step(Shadow),
    /// Back from a callee, with its results, if they are known.
    Back(Shadow, Option<Vec<Value>>),
    /// Into a function, by the operator of this frame.
    Call(Shadow),
    /// Nothing is known: the first stop.
    First,
}

impl Follower {
    /// Forgets all frames: the guest runs on unseen, or another call begins.
    pub(crate) fn lose(&mut self) {
        self.released.extend(self.frames.drain(..).flat_map(|shadow| shadow.held));
    }

    /// Releases the names that only comparisons needed which are done.
    pub(crate) fn release(&mut self, store: &Store) {
        for name in self.released.drain(..) {
            store.release(name);
        }
    }

    /// What the bytes of a module say.
    pub(crate) fn code(&mut self, store: &Store, module: usize) -> Result<&Code, String> {
        Ok(match self.codes.entry(module) {
            Entry::Occupied(entry) => entry.into_mut(),
            Entry::Vacant(entry) => {
                let bytes = store.module(module).ok_or("no such module")?.bytes();
                entry.insert(Code::read(bytes)?)
            }
        })
    }

    /// The innermost frame is about to run an operator. The stop may be compared even if nothing was known before.
    pub(crate) fn point(&mut self, store: &Store, places: &dyn Places, now: Snapshot) -> Result<(), String> {
        self.code(store, now.module)?;
        match self.arrival(&now)? {
            Arrival::First => {}
            Arrival::Step(shadow) => {
                self.compare(store, places, &shadow, &now, None)?;
                self.released.extend(shadow.held);
            }
            Arrival::Back(shadow, returned) => {
                self.compare(store, places, &shadow, &now, returned.as_deref())?;
                self.released.extend(shadow.held);
            }
            Arrival::Call(shadow) => {
                entered(store, &shadow, &now)
                    .map_err(|why| format!("{why}, after {}", self.named(&shadow)))?;
                self.compared += 1;
                let returns = |step: &Step| matches!(step.then, Then::Call { .. });
                if shadow.steps.iter().any(returns) {
                    self.frames.push(shadow);
                } else {
                    self.released.extend(shadow.held);
                }
            }
        }
        let code = self.codes.get(&now.module).ok_or("no such module")?;
        let steps = evaluate(&Machine { store, code, at: &now })?;
        let held = held(store, &now, &steps);
        self.frames.push(Shadow { before: now, steps, held });
        self.release(store);
        Ok(())
    }

    /// Takes off the frames that are gone, and the one that is at hand.
    fn arrival(&mut self, now: &Snapshot) -> Result<Arrival, String> {
        let Some(last) = self.frames.pop() else { return Ok(Arrival::First) };
        let address = last.before.address;
        let goes = |wanted: fn(&Then) -> bool| last.steps.iter().any(|step| wanted(&step.then));
        let tail_calls = goes(|then| matches!(then, Then::TailCall { callee: Callee::Wasm(..), .. }));
        let returns =
            goes(|then| matches!(then, Then::Return(_) | Then::TailCall { callee: Callee::Host, .. }));
        if tail_calls || now.address < address {
            return Ok(Arrival::Call(last));
        }
        if now.address == address {
            let calls = goes(|then| matches!(then, Then::Call { .. }));
            return Ok(if calls { Arrival::Back(last, None) } else { Arrival::Step(last) });
        }
        if !returns {
            return Err(format!("the frame is left, after {}", self.named(&last)));
        }
        match self.frames.pop() {
            // The host was between: another call of it.
            None => Ok(Arrival::First),
            Some(caller) if caller.before.address == now.address => {
                let known = results_of(&last);
                self.released.extend(last.held);
                Ok(Arrival::Back(caller, known))
            }
            Some(_) => Err(format!("control comes back to another frame, after {}", self.named(&last))),
        }
    }

    fn compare(
        &mut self,
        store: &Store,
        places: &dyn Places,
        shadow: &Shadow,
        now: &Snapshot,
        returned: Option<&[Value]>,
    ) -> Result<(), String> {
        let code = self.codes.get(&shadow.before.module).ok_or("no such module")?;
        let (_, next) = code.operator(shadow.before.pc).ok_or("no such operator")?;
        let comparison = Comparison { store, places, next };
        let mut complaint = Ok(());
        for step in &shadow.steps {
            let outcome = comparison.stop(&shadow.before, step, now, returned);
            if outcome.is_ok() {
                self.compared += 1;
                return Ok(());
            }
            complaint = complaint.and(outcome);
        }
        complaint.map_err(|why| format!("{why}, after {}", self.named(shadow)))
    }

    /// The innermost frame traps; `now` is what the event shows of it.
    pub(crate) fn trap(&mut self, code: TrapCode, now: Option<&Snapshot>) -> Result<(), String> {
        let Some(last) = self.frames.pop() else { return Ok(()) };
        self.lose();
        self.released.extend_from_slice(&last.held);
        let calls = |step: &Step| matches!(step.then, Then::Call { .. } | Then::TailCall { .. });
        if code == TrapCode::StackOverflow && last.steps.iter().any(calls) {
            return Ok(());
        }
        let due = |step: &Step| matches!(step.then, Then::Trap(due) if due == code);
        if !last.steps.iter().any(due) {
            return Err(format!("it traps with {code:?}, after {}", self.named(&last)));
        }
        if now != Some(&last.before) {
            return Err(format!("the trap shows {now:?}, after {}", self.named(&last)));
        }
        self.compared += 1;
        Ok(())
    }

    /// The innermost frame throws; `now` is what the event shows of it, `caught` whether it says that a frame catches.
    /// If `whole`, all frames of the guest are known.
    pub(crate) fn exception(
        &mut self,
        store: &Store,
        exception: GcRef,
        caught: bool,
        now: &Snapshot,
        whole: bool,
    ) -> Result<(), String> {
        let Some(last) = self.frames.last() else { return Ok(()) };
        let tag = store.exception_tag(exception).ok_or("the exception has no tag")?;
        let values = store.exception_values(exception).ok_or("the exception has no values")?;
        let due = |step: &Step| match &step.then {
            Then::Throw(Thrown::New { tag: due, values: all }) => *due == tag && *all == values,
            Then::Throw(Thrown::Again(due)) => *due == exception,
            Then::Throw(Thrown::Caught) => true,
            // The host throws.
            Then::Call { callee, .. } | Then::TailCall { callee, .. } => *callee == Callee::Host,
            _ => false,
        };
        if !last.steps.iter().any(due) {
            return Err(format!("it throws {values:?}, after {}", self.named(last)));
        }
        if *now != last.before {
            return Err(format!("the throw shows {now:?}, after {}", self.named(last)));
        }
        self.compared += 1;
        let flight = Flight { store, exception, tag, values };
        while let Some(mut shadow) = self.frames.pop() {
            self.released.append(&mut shadow.held);
            let code = self.codes.get(&shadow.before.module).ok_or("no such module")?;
            if let Some(step) = flight.caught_by(code, &shadow.before) {
                let steps = vec![step];
                let held = held(store, &shadow.before, &steps);
                self.frames.push(Shadow { before: shadow.before, steps, held });
                break;
            }
        }
        let found = !self.frames.is_empty();
        if found == caught || (caught && !whole) {
            Ok(())
        } else {
            self.lose();
            Err(format!("an exception is caught: {caught}, where it is to be: {found}"))
        }
    }

    /// The call that the host made is over, with these results.
    pub(crate) fn returned(&mut self, results: &[Value]) -> Result<(), String> {
        let Some(last) = self.frames.pop() else { return Ok(()) };
        let alone = self.frames.is_empty();
        self.lose();
        self.released.extend_from_slice(&last.held);
        let tail = |step: &Step| matches!(step.then, Then::TailCall { callee: Callee::Host, .. });
        if last.steps.iter().any(tail) {
            return Ok(());
        }
        if !alone || results_of(&last).as_deref() != Some(results) {
            return Err(format!("the call returns {results:?}, after {}", self.named(&last)));
        }
        self.compared += 1;
        Ok(())
    }

    /// An operator and the state before it, for people.
    fn named(&self, shadow: &Shadow) -> String {
        let before = &shadow.before;
        let operator = self.codes.get(&before.module).and_then(|code| Some(code.operator(before.pc)?.0));
        let (function, operands) = (before.function, &before.operands);
        format!("{operator:?} at {:#x} of function {function} with the operands {operands:?}", before.pc)
    }
}

/// Holds all objects that a frame or its next state names; returns them.
fn held(store: &Store, now: &Snapshot, steps: &[Step]) -> Vec<GcRef> {
    let mut names: Vec<GcRef> = now.locals.iter().chain(&now.operands).filter_map(Value::object).collect();
    for step in steps {
        step.pushes.iter().for_each(|expected| expected.objects(&mut names));
        for write in &step.writes {
            write.objects(&mut names);
        }
    }
    names.retain(|name| store.keep(*name));
    names
}

/// The results of a function whose last operator this is, if it returns.
fn results_of(shadow: &Shadow) -> Option<Vec<Value>> {
    shadow.steps.iter().find_map(|step| {
        let Then::Return(count) = step.then else { return None };
        let operands = &shadow.before.operands;
        let mut values = operands.get(..operands.len().checked_sub(step.pops)?)?.to_vec();
        for expected in &step.pushes {
            let Expected::Exactly(value) = expected else { return None };
            values.push(*value);
        }
        Some(values.split_off(values.len().checked_sub(count)?))
    })
}

/// Compares a frame at its first stop with the call that made it.
fn entered(store: &Store, caller: &Shadow, now: &Snapshot) -> Result<(), String> {
    let Some(Step {
        pops,
        pushes,
        then: Then::Call { callee, args, .. } | Then::TailCall { callee, args, .. },
        ..
    }) = caller.steps.first()
    else {
        return Err("a function is entered".to_owned());
    };
    if *callee != Callee::Wasm(now.instance, now.function) {
        return Err(format!("function {} is entered, where {callee:?} is due", now.function));
    }
    let module = store.module(now.module).ok_or("no such module")?;
    if module.entry(now.function).map(|(_, first)| first.0) != Some(now.pc) {
        return Err(format!("a function is entered at {:#x}", now.pc));
    }
    let operands = &caller.before.operands;
    let mut passed: Vec<Expected> =
        operands[..operands.len() - pops].iter().map(|value| Expected::Exactly(*value)).collect();
    passed.extend(pushes.iter().cloned());
    let mut due = passed.split_off(passed.len().saturating_sub(*args));
    // Locals that are no parameters are zero or null, of whatever type.
    due.extend(now.locals.iter().skip(*args).map(|value| Expected::Exactly(zero_like(*value))));
    let comparison = Comparison { store, places: store, next: 0 };
    comparison.values("local", &due, &now.locals)?;
    comparison.values("operand", &[], &now.operands)
}

fn zero_like(value: Value) -> Value {
    Value::zero(value.ty())
}
