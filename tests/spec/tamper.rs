//! Shows that the comparison sees wrong states: the states of a program that runs are falsified one at a time before
//! they are compared, and each lie must be found. Honest states must pass.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::{Context as _, Result, ensure};
use libtest_mimic::{Failed, Trial};
use runtime::{
    DebugEvent, DebugHook, Engine, EngineConfig, GcRef, Instance, Linker, Module, Resumption, Store, Tiers,
    TrapCode, Value,
};
use wasmparser::Operator;

use crate::reference::compare::Places;
use crate::reference::follow::Follower;
use crate::reference::machine::Snapshot;
use crate::watcher;

/// A program in which every lie has a place.
const PROGRAM: &str = r#"(module
    (type $pair (struct (field (mut i32)) (field i32)))
    (memory 1 2)
    (table 2 funcref)
    (global $g (mut i64) (i64.const 5))
    (func $callee (param i32 f64) (result i64)
        (local $unused i64)
        (i64.extend_i32_u (local.get 0)))
    (elem declare func $callee)
    (func (export "main") (param $p i32) (result i64)
        (local $l i32)
        (i32.const 40)
        (local.set $l (i32.add (local.get $p) (i32.const 2)))
        (block (br_if 0 (local.get $l)) (unreachable))
        (i32.store offset=100 (i32.const 8) (local.get $l))
        (global.set $g (i64.const 77))
        (table.set (i32.const 1) (ref.func $callee))
        (drop (f32.div (f32.const 0) (f32.const 0)))
        (drop (i32x4.add (v128.const i32x4 1 2 3 4) (v128.const i32x4 5 6 7 8)))
        (struct.set $pair 0 (struct.new $pair (i32.const 1) (i32.const 2)) (i32.const 3))
        (drop (memory.grow (i32.const 1)))
        (drop)
        (i64.const 9)
        (call $callee (local.get $l) (f64.const 2.5))
        (i64.add))
    (func (export "trap") (param $p i32) (result i32)
        (i32.div_u (local.get $p) (i32.const 0))))"#;

/// What is said that is not so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Lie {
    Nothing,
    /// A local that nobody writes has changed.
    LocalChanged,
    /// `local.set` has not written.
    LocalNotWritten,
    /// An operand that an operator does not touch has changed.
    OperandBelow,
    /// A sum is off by one.
    Result,
    OperandMissing,
    OperandAdded,
    OperandOfOtherType,
    /// A branch that is taken was not.
    Pc,
    /// A NaN with a payload that the operator cannot make.
    NanPayload,
    VectorLane,
    Parameter,
    /// A local of a function that is entered is not zero.
    LocalNotZero,
    CalleeEntered,
    CalleeResult,
    OperandKeptOverCall,
    OtherFunction,
    MemoryByte,
    MemoryByteBeside,
    GlobalNotWritten,
    TableElement,
    Field,
    MemoryNotGrown,
    TrapCode,
    TrapState,
    ResultForHost,
}

impl Lie {
    const ALL: [Self; 26] = [
        Self::Nothing,
        Self::LocalChanged,
        Self::LocalNotWritten,
        Self::OperandBelow,
        Self::Result,
        Self::OperandMissing,
        Self::OperandAdded,
        Self::OperandOfOtherType,
        Self::Pc,
        Self::NanPayload,
        Self::VectorLane,
        Self::Parameter,
        Self::LocalNotZero,
        Self::CalleeEntered,
        Self::CalleeResult,
        Self::OperandKeptOverCall,
        Self::OtherFunction,
        Self::MemoryByte,
        Self::MemoryByteBeside,
        Self::GlobalNotWritten,
        Self::TableElement,
        Self::Field,
        Self::MemoryNotGrown,
        Self::TrapCode,
        Self::TrapState,
        Self::ResultForHost,
    ];

    /// Falsifies a stop, if this is the one to falsify; `operator` is the one that ran before it.
    fn tell(self, operator: &Operator<'_>, before: &Snapshot, now: &mut Snapshot) -> bool {
        let called = matches!(operator, Operator::Call { .. });
        let entered = called && now.function != before.function;
        let back = matches!(operator, Operator::End) && now.function != before.function;
        let sum = matches!(operator, Operator::I32Add);
        let at = match self {
            Self::LocalChanged => now.locals.first_mut().filter(|_| sum).map(change),
            Self::LocalNotWritten if matches!(operator, Operator::LocalSet { .. }) => {
                now.locals.clone_from(&before.locals);
                Some(())
            }
            Self::OperandBelow => now.operands.first_mut().filter(|_| sum).map(change),
            Self::Result => now.operands.last_mut().filter(|_| sum).map(change),
            Self::OperandMissing if sum => now.operands.pop().map(drop),
            Self::OperandAdded if sum => {
                now.operands.push(Value::I32(0));
                Some(())
            }
            Self::OperandOfOtherType if sum => now.operands.last_mut().map(|value| *value = Value::I64(3)),
            Self::Pc if matches!(operator, Operator::BrIf { .. }) => {
                now.pc = before.pc + 2;
                Some(())
            }
            Self::NanPayload if matches!(operator, Operator::F32Div) => {
                now.operands.last_mut().map(|value| *value = Value::F32(0x7fc0_0001))
            }
            Self::VectorLane => {
                let added = matches!(operator, Operator::I32x4Add);
                now.operands.last_mut().filter(|_| added).map(change)
            }
            Self::Parameter if entered => now.locals.first_mut().map(change),
            Self::LocalNotZero if entered => now.locals.last_mut().map(change),
            Self::CalleeEntered if entered => {
                now.function = before.function;
                Some(())
            }
            Self::CalleeResult if back => now.operands.last_mut().map(change),
            Self::OperandKeptOverCall if back => now.operands.first_mut().map(change),
            Self::OtherFunction if sum => {
                now.function += 1;
                Some(())
            }
            _ => None,
        };
        at.is_some()
    }
}

/// Another value of the same type.
fn change(value: &mut Value) {
    *value = match *value {
        Value::I32(number) => Value::I32(number ^ 1),
        Value::I64(number) => Value::I64(number ^ 1),
        Value::F32(bits) => Value::F32(bits ^ 1),
        Value::F64(bits) => Value::F64(bits ^ 1),
        Value::V128(bits) => Value::V128(bits ^ 1 << 70),
        other => other,
    };
}

/// Places that may not say what they hold.
struct Lying<'a> {
    store: &'a Store,
    lie: Lie,
}

impl Places for Lying<'_> {
    fn bytes(&self, instance: Instance, memory: u32, at: u64, length: usize) -> Option<Vec<u8>> {
        let mut bytes = self.store.bytes(instance, memory, at, length)?;
        let byte = match self.lie {
            Lie::MemoryByte => bytes.get_mut(108 - usize::try_from(at).ok()?),
            Lie::MemoryByteBeside => bytes.first_mut(),
            _ => None,
        };
        if let Some(byte) = byte {
            *byte ^= 1;
        }
        Some(bytes)
    }

    fn global(&self, instance: Instance, index: u32) -> Option<Value> {
        if self.lie == Lie::GlobalNotWritten {
            Some(Value::I64(5))
        } else {
            self.store.global(instance, index)
        }
    }

    fn element(&self, instance: Instance, table: u32, index: u64) -> Option<Value> {
        let found = Places::element(self.store, instance, table, index);
        if self.lie == Lie::TableElement { Some(Value::FuncRef(None)) } else { found }
    }

    fn field(&self, object: GcRef, index: u32) -> Option<Value> {
        let found = Places::field(self.store, object, index);
        if self.lie == Lie::Field { Some(Value::I32(0)) } else { found }
    }

    fn memory_size(&self, instance: Instance, memory: u32) -> Option<u64> {
        if self.lie == Lie::MemoryNotGrown { Some(1 << 16) } else { self.store.memory_size(instance, memory) }
    }

    fn table_size(&self, instance: Instance, table: u32) -> Option<u64> {
        self.store.table_size(instance, table)
    }
}

/// Compares every stop, after it was falsified.
struct Liar {
    lie: Lie,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    follower: Follower,
    before: Option<Snapshot>,
    told: bool,
    complaint: Option<String>,
}

impl Liar {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn point(&self, store: &Store) -> Result<(), String> {
        let mut state = self.state();
        let frame = store.innermost_frame().ok_or("no frame")?;
        let mut now = watcher::read(store, &frame)?;
        if let Some(before) = state.before.take().filter(|_| !state.told) {
            let code = state.follower.code(store, before.module)?;
            let (operator, _) = code.operator(before.pc).ok_or("no operator")?;
            state.told = self.lie.tell(&operator, &before, &mut now);
        }
        state.before = Some(now.clone());
        state.follower.point(store, &Lying { store, lie: self.lie }, now)
    }

    fn trap(&self, store: &Store, code: TrapCode) -> Result<(), String> {
        let frame = store.innermost_frame().ok_or("no frame")?;
        let mut now = watcher::read(store, &frame)?;
        if self.lie == Lie::TrapState {
            now.locals.first_mut().map(change);
        }
        let code = if self.lie == Lie::TrapCode { TrapCode::IntegerOverflow } else { code };
        self.state().follower.trap(code, Some(&now))
    }
}

impl DebugHook for Liar {
    fn event(&self, store: &mut Store, event: DebugEvent) -> Resumption {
        let outcome = match event {
            DebugEvent::Point { .. } => self.point(store),
            DebugEvent::Trap(code) => self.trap(store, code),
            _ => Ok(()),
        };
        if let Err(why) = outcome {
            self.state().complaint.get_or_insert(why);
        }
        Resumption::Continue
    }
}

/// Runs the program with one lie; returns the complaint, and how much was compared.
fn run(lie: Lie) -> Result<(Option<String>, u64)> {
    let engine = Engine::new(EngineConfig { tiers: Tiers::Debug, ..EngineConfig::default() })?;
    let mut store = Store::new(&engine)?;
    let liar = Arc::new(Liar { lie, state: Mutex::default() });
    let hook: Arc<dyn DebugHook> = Arc::<Liar>::clone(&liar);
    store.set_debug_hook(Some(hook));
    store.set_stepping(true);
    let module = Module::new(&engine, PROGRAM.as_bytes(), "tampered")?;
    let instance = Instance::new(&mut store, &module, &Linker::new())?;
    let main = instance.get_func(&store, "main").context("main is exported")?;
    let mut results = main.call(&mut store, &[Value::I32(1)])?;
    ensure!(results == [Value::I64(12)], "the program computes {results:?}");
    if lie == Lie::ResultForHost {
        results.iter_mut().for_each(change);
    }
    let outcome = liar.state().follower.returned(&results);
    if let Err(why) = outcome {
        liar.state().complaint.get_or_insert(why);
    }
    let trap = instance.get_func(&store, "trap").context("trap is exported")?;
    ensure!(trap.call(&mut store, &[Value::I32(1)]).is_err(), "the division by zero does not trap");
    let state = liar.state();
    Ok((state.complaint.clone(), state.follower.compared))
}

/// A trial for each lie.
pub(crate) fn trials() -> impl Iterator<Item = Trial> {
    Lie::ALL.into_iter().map(|lie| {
        Trial::test(format!("tamper::{lie:?}"), move || {
            let (complaint, compared) = run(lie).map_err(|error| error.to_string())?;
            match (lie, complaint) {
                (Lie::Nothing, None) if compared > 40 => Ok(()),
                (Lie::Nothing, None) => Err(Failed::from(format!("only {compared} operators were compared"))),
                (Lie::Nothing, Some(why)) => Err(Failed::from(format!("honest states are refused: {why}"))),
                (_, Some(_)) => Ok(()),
                (_, None) => Err(Failed::from("the lie was not found")),
            }
        })
    })
}
