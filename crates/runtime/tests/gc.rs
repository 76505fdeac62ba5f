//! The garbage-collected heap: objects that the program can reach survive collections at every program point, in both
//! tiers, and nothing else does; what the host and a debugger see of objects.
//!
//! Everything runs in stress mode unless it says otherwise: a collection at every place where one may happen, and
//! memory that is freed is spoiled, so that a lost reference is seen.

use runtime::{
    DebugEvent, DebugHook, Engine, EngineConfig, Failure, FuncType, GcRef, HeapType, Instance, Linker,
    Module, ObjectError, ObjectKind, RefType, Reference, Resumption, Store, Tier, TrapCode, Value, ValueType,
};
use std::sync::{Arc, Mutex, PoisonError};

const ANY: ValueType = ValueType::Ref(RefType::nullable(HeapType::Any));

/// How a program is run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    /// Plain code.
    Run,
    /// Instrumented code.
    Debug,
    /// Instrumented code that stops, and so collects, at every operator.
    Stepped,
}

const MODES: [Mode; 3] = [Mode::Run, Mode::Debug, Mode::Stepped];

fn engine(mode: Mode, gc_heap_limit: usize, gc_stress: bool) -> Engine {
    let tier = if mode == Mode::Run { Tier::Run } else { Tier::Debug };
    Engine::new(EngineConfig { tier, gc_heap_limit, gc_stress, ..EngineConfig::default() })
        .expect("this machine is supported")
}

/// Stops at every operator, and looks at all of every frame.
struct Look;

impl DebugHook for Look {
    fn event(&self, store: &mut Store, _: DebugEvent) -> Resumption {
        for frame in store.frames() {
            let runtime::Frame::Wasm(frame) = frame else { continue };
            let locals = (0..).take(frame.locals().len()).map(|index| frame.local(store, index));
            let operands = (0..).take(frame.operands().len()).map(|height| frame.operand(store, height));
            for value in locals.chain(operands) {
                let object = value.expect("known in the debug tier").object();
                let opened = object.map(|object| store.object(object));
                assert!(opened.is_none_or(|opened| opened.is_ok()), "an object that is gone");
            }
        }
        Resumption::Continue
    }
}

/// A program in a store of its own.
struct Program {
    store: Box<Store>,
    instance: Instance,
}

impl Program {
    fn new(engine: &Engine, mode: Mode, wat: &str, linker: &Linker) -> Self {
        let module = Module::new(engine, wat.as_bytes(), "test").expect("valid");
        let mut store = Store::new(engine).expect("memory for code");
        let instance = Instance::new(&mut store, &module, linker).expect("instantiates");
        if mode == Mode::Stepped {
            store.set_debug_hook(Some(Arc::new(Look)));
            store.set_stepping(true);
        }
        Self { store, instance }
    }

    fn call(&mut self, name: &str, args: &[Value]) -> Result<Vec<Value>, Failure> {
        let function = self.instance.get_func(&self.store, name).expect("exported");
        function.call(&mut self.store, args)
    }
}

/// Calls `run` in all modes, in stress mode; the outcomes must agree.
fn run_with(wat: &str, linker: &Linker, args: &[Value]) -> Result<Vec<Value>, Failure> {
    let [plain, debug, stepped] =
        MODES.map(|mode| Program::new(&engine(mode, 1 << 20, true), mode, wat, linker).call("run", args));
    assert_eq!(plain, debug);
    assert_eq!(plain, stepped);
    plain
}

fn run(wat: &str) -> Result<Vec<Value>, Failure> {
    run_with(wat, &Linker::new(), &[])
}

fn i32s(values: &[i32]) -> Result<Vec<Value>, Failure> {
    Ok(values.iter().copied().map(Value::I32).collect())
}

/// Types and helpers that the programs share. `$waste` makes garbage, and so collects.
const PRELUDE: &str = r#"
    (type $box (struct (field $value (mut i32))))
    (type $pair (struct (field $left (mut eqref)) (field $right (mut eqref))))
    (type $row (array (mut eqref)))
    (func $box (param i32) (result (ref $box)) (struct.new $box (local.get 0)))
    (func $waste (local i32)
      (loop $again
        (drop (struct.new $box (i32.const -1)))
        (drop (array.new_default $row (i32.const 3)))
        (br_if $again (i32.lt_u (local.tee 0 (i32.add (local.get 0) (i32.const 1))) (i32.const 20)))))
    (func $open (param eqref) (result i32) (struct.get $box $value (ref.cast (ref $box) (local.get 0))))
"#;

fn with_prelude(body: &str) -> String {
    format!("(module {PRELUDE} {body})")
}

#[test]
fn locals_and_parameters_hold_objects() {
    let wat = with_prelude(
        r#"(func $later (param (ref $box) i32) (result i32)
             (call $waste) (i32.add (struct.get $box $value (local.get 0)) (local.get 1)))
           (func (export "run") (result i32 i32) (local $mine (ref null $box))
             (local.set $mine (call $box (i32.const 7)))
             (call $waste)
             (struct.get $box $value (local.get $mine))
             (call $later (call $box (i32.const 30)) (i32.const 5)))"#,
    );
    assert_eq!(run(&wat), i32s(&[7, 35]));
}

#[test]
fn operands_hold_objects_over_calls_blocks_and_loops() {
    let wat = with_prelude(
        r#"(func (export "run") (result i32) (local $n i32) (local $sum i32)
             (call $box (i32.const 1))
             (call $waste)
             (block (param (ref $box)) (result (ref $box)) (call $waste))
             (loop $again (param (ref $box)) (result (ref $box))
               (struct.get $box $value)
               (local.set $sum (i32.add (local.get $sum)))
               (call $box (local.tee $n (i32.add (local.get $n) (i32.const 10))))
               (call $waste)
               (br_if $again (i32.lt_u (local.get $n) (i32.const 30))))
             (if (param (ref $box)) (result (ref $box)) (local.get $n)
               (then (call $waste)) (else (drop) (call $box (i32.const 0))))
             (struct.get $box $value) (i32.add (local.get $sum)))"#,
    );
    assert_eq!(run(&wat), i32s(&[31 + 30]));
}

#[test]
fn an_object_can_be_reached_through_others() {
    let wat = with_prelude(
        r#"(func (export "run") (result i32 i32) (local $root (ref null $pair)) (local $row (ref null $row))
             (local.set $root (struct.new $pair
               (struct.new $pair (call $box (i32.const 3)) (ref.null eq))
               (array.new $row (call $box (i32.const 4)) (i32.const 5))))
             (call $waste)
             (local.set $row (ref.cast (ref $row) (struct.get $pair $right (local.get $root))))
             (struct.set $pair $right (local.get $root) (ref.null eq))
             (call $waste)
             (call $open (struct.get $pair $left (ref.cast (ref $pair) (struct.get $pair $left (local.get $root)))))
             (call $open (array.get $row (local.get $row) (i32.const 4))))"#,
    );
    assert_eq!(run(&wat), i32s(&[3, 4]));
}

#[test]
fn operands_of_an_allocation_survive_it() {
    let wat = with_prelude(
        r#"(func (export "run") (result i32 i32 i32) (local $pair (ref null $pair)) (local $row (ref null $row))
             (local.set $pair (struct.new $pair (call $box (i32.const 1)) (call $box (i32.const 2))))
             (local.set $row (array.new_fixed $row 2 (call $box (i32.const 3)) (call $box (i32.const 4))))
             (call $open (struct.get $pair $left (local.get $pair)))
             (call $open (array.get $row (local.get $row) (i32.const 1)))
             (call $open (array.get $row (array.new $row (call $box (i32.const 5)) (i32.const 2)) (i32.const 1))))"#,
    );
    assert_eq!(run(&wat), i32s(&[1, 4, 5]));
}

#[test]
fn globals_tables_and_segments_hold_objects() {
    let wat = with_prelude(
        r#"(global $made (mut eqref) (struct.new $box (i32.const 11)))
           (global $nested eqref (struct.new $pair (struct.new $box (i32.const 12)) (array.new_fixed $row 1 (ref.i31 (i32.const 5)))))
           (table $table 4 eqref (struct.new $box (i32.const 13)))
           (global $fixed eqref (struct.new $box (i32.const 15)))
           (elem $segment eqref (item (struct.new $box (i32.const 14))) (item (global.get $fixed)))
           (func (export "run") (result i32 i32 i32 i32 i32 i32) (local $row (ref null $row))
             (call $waste)
             (call $open (global.get $made))
             (call $open (struct.get $pair $left (ref.cast (ref $pair) (global.get $nested))))
             (call $open (table.get $table (i32.const 2)))
             (global.set $made (call $box (i32.const 21)))
             (table.set $table (i32.const 1) (call $box (i32.const 22)))
             (call $waste)
             (call $open (global.get $made))
             (call $open (table.get $table (i32.const 1)))
             (local.set $row (array.new_elem $row $segment (i32.const 0) (i32.const 2)))
             (elem.drop $segment)
             (call $waste)
             (i32.add (i32.mul (i32.const 100) (call $open (array.get $row (local.get $row) (i32.const 0))))
                      (call $open (array.get $row (local.get $row) (i32.const 1)))))"#,
    );
    assert_eq!(run(&wat), i32s(&[11, 12, 13, 21, 22, 1415]));
}

#[test]
fn callers_hold_objects_however_deep() {
    let wat = with_prelude(
        r#"(func $deep (param $n i32) (param $mine (ref $box)) (result i32)
             (if (result i32) (i32.eqz (local.get $n))
               (then (call $waste) (struct.get $box $value (local.get $mine)))
               (else (i32.add
                 (call $deep (i32.sub (local.get $n) (i32.const 1)) (call $box (local.get $n)))
                 (struct.get $box $value (local.get $mine))))))
           (func (export "run") (result i32) (call $deep (i32.const 10) (call $box (i32.const 1000))))"#,
    );
    assert_eq!(run(&wat), i32s(&[1055]));
}

/// A host function that makes garbage in the guest, and gives its argument back.
fn linker_with_host() -> Linker {
    let mut linker = Linker::new();
    linker.define_func("host", "pass", FuncType::new([ANY], [ANY]), |caller, args| {
        let store = caller.store();
        let instance = store.instances().next().expect("the caller's");
        let waste = instance.get_func(store, "waste").expect("exported");
        waste.call(store, &[]).map_err(|failure| runtime::HostError::Message(failure.to_string()))?;
        store.collect_garbage();
        Ok(args.to_vec())
    });
    linker
}

#[test]
fn the_arguments_of_a_host_function_live_until_it_returns_and_no_longer() {
    let wat = r#"(module (import "host" "pass" (func $pass (param anyref) (result anyref)))
        (type $box (struct (field i32)))
        (func $waste (export "waste") (drop (struct.new $box (i32.const 0))))
        (func (export "run") (result i32)
          (struct.get $box 0 (ref.cast (ref $box) (call $pass (struct.new $box (i32.const 9)))))))"#;
    let linker = linker_with_host();
    assert_eq!(run_with(wat, &linker, &[]), i32s(&[9]));

    // Without stress: after many calls nothing of the arguments is left.
    for mode in [Mode::Run, Mode::Debug] {
        let mut program = Program::new(&engine(mode, 1 << 20, false), mode, wat, &linker);
        for _ in 0..100 {
            assert_eq!(program.call("run", &[]), i32s(&[9]));
        }
        program.store.collect_garbage();
        assert_eq!(program.store.heap_statistics().live, 0);
    }
}

/// Makes an object for the host, and opens one of the host's.
const FOR_HOST: &str = r#"(func (export "make") (param i32) (result eqref)
        (struct.new $pair (call $box (local.get 0)) (ref.i31 (i32.const 77))))
    (func (export "waste") (call $waste))
    (func (export "first") (param anyref) (result i32)
        (call $open (struct.get $pair $left (ref.cast (ref $pair) (local.get 0)))))"#;

fn object_of(value: Value) -> GcRef {
    value.object().expect("a reference to an object")
}

#[test]
fn what_the_host_holds_lives_until_it_is_released() {
    for mode in MODES {
        let wat = with_prelude(FOR_HOST);
        let mut program = Program::new(&engine(mode, 1 << 20, true), mode, &wat, &Linker::new());
        let made = program.call("make", &[Value::I32(5)]).expect("it returns")[0];
        program.call("waste", &[]).expect("it returns");
        assert_eq!(program.call("first", &[made]), i32s(&[5]));
        program.store.collect_garbage();
        assert_eq!(program.store.heap_statistics().live, 24 + 12);
        program.store.release(object_of(made));
        assert_eq!(program.store.object(object_of(made)), Err(ObjectError::Stale));
        assert_eq!(program.call("first", &[made]), Err(Failure::Arguments("[anyref] -> [i32]".into())));
        program.store.collect_garbage();
        assert_eq!(program.store.heap_statistics().live, 0);
    }
}

#[test]
fn objects_are_opened_field_by_field() {
    let wat = r#"(module
        (type $bytes (array (mut i8)))
        (type $all (struct (field i8) (field (mut i16)) (field i32) (field (mut i64)) (field f32) (field f64)
                           (field v128) (field (mut funcref)) (field externref) (field (mut (ref null $bytes)))))
        (func $f (export "f"))
        (func (export "make") (param externref) (result anyref)
          (struct.new $all (i32.const -1) (i32.const -2) (i32.const -3) (i64.const -4) (f32.const 1.5) (f64.const 2.5)
            (v128.const i64x2 1 2) (ref.func $f) (local.get 0) (array.new $bytes (i32.const 250) (i32.const 3))))
        (func (export "halfword") (param anyref) (result i32)
          (struct.get_s $all 1 (ref.cast (ref $all) (local.get 0))))
        (func (export "byte") (param anyref i32) (result i32)
          (array.get_s $bytes (struct.get $all 9 (ref.cast (ref $all) (local.get 0))) (local.get 1))))"#;
    for mode in MODES {
        let mut program = Program::new(&engine(mode, 1 << 20, true), mode, wat, &Linker::new());
        let host = Value::ExternRef(Some(Reference::Host(8)));
        let made = program.call("make", &[host]).expect("it returns")[0];
        let object = object_of(made);
        let store = &mut program.store;
        let ObjectKind::Struct(fields) = store.object(object).expect("alive").kind else {
            panic!("a structure")
        };
        assert_eq!(fields.len(), 10);
        let function = program.instance.get_func(store, "f");
        let wanted = [
            Value::I32(255),
            Value::I32(0xfffe),
            Value::I32(-3),
            Value::I64(-4),
            Value::F32(1.5f32.to_bits()),
            Value::F64(2.5f64.to_bits()),
            Value::V128(1 | 2 << 64),
            Value::FuncRef(function),
            host,
        ];
        for (index, wanted) in (0..).zip(wanted) {
            assert_eq!(store.field(object, index), Ok(wanted));
        }
        assert_eq!(store.field(object, 10), Err(ObjectError::NoSuchField));
        let bytes = object_of(store.field(object, 9).expect("a field"));
        let opened = store.object(bytes).expect("alive");
        assert!(matches!(opened.kind, ObjectKind::Array { length: 3, .. }));
        assert_eq!(store.field(bytes, 2), Ok(Value::I32(250)));
        assert_eq!(store.field(bytes, 3), Err(ObjectError::NoSuchField));

        // The program uses what is written.
        store.set_field(object, 1, Value::I32(0x1_8000)).expect("a halfword");
        store.set_field(bytes, 1, Value::I32(-128)).expect("a byte");
        assert_eq!(store.set_field(object, 3, Value::I32(1)), Err(ObjectError::Type(ValueType::I64)));
        assert!(matches!(store.set_field(object, 9, made), Err(ObjectError::Type(_))));
        assert_eq!(program.call("halfword", &[made]), i32s(&[-0x8000]));
        assert_eq!(program.call("byte", &[made, Value::I32(1)]), i32s(&[-128]));
        program.store.set_field(object, 9, Value::AnyRef(None)).expect("null");
        let outcome = program.call("byte", &[made, Value::I32(1)]);
        assert_eq!(outcome, Err(Failure::Trap(TrapCode::NullArray)));
    }
}

#[test]
fn an_object_fits_its_own_type_and_what_that_extends() {
    let wat = r#"(module (type $base (sub (struct))) (type $leaf (sub final $base (struct (field i32))))
        (type $other (struct (field i64)))
        (func (export "make") (result anyref) (struct.new_default $leaf))
        (func (export "base") (param (ref $base))) (func (export "leaf") (param (ref $leaf)))
        (func (export "other") (param (ref $other))) (func (export "array") (param arrayref))
        (func (export "struct") (param structref)) (func (export "i31") (param i31ref)))"#;
    let mut program = Program::new(&engine(Mode::Debug, 1 << 20, true), Mode::Debug, wat, &Linker::new());
    let made = program.call("make", &[]).expect("it returns")[0];
    let mut fits = |name: &str| program.call(name, &[made]).is_ok();
    assert_eq!(["base", "leaf", "struct"].map(&mut fits), [true; 3]);
    assert_eq!(["other", "array", "i31"].map(&mut fits), [false; 3]);
}

#[test]
fn a_debugger_reads_and_writes_objects_in_frames() {
    let wat = with_prelude(
        r#"(func (export "run") (result i32) (local $pair (ref null $pair))
             (local.set $pair (struct.new $pair (call $box (i32.const 1)) (call $box (i32.const 2))))
             (nop)
             (call $waste)
             (call $open (struct.get $pair $left (local.get $pair))))"#,
    );
    struct Swap(Mutex<u32>);
    impl DebugHook for Swap {
        fn event(&self, store: &mut Store, event: DebugEvent) -> Resumption {
            let DebugEvent::Point { .. } = event else { return Resumption::Continue };
            let frame = store.innermost_frame().expect("at a point");
            let Ok(Value::AnyRef(Some(Reference::Object(pair)))) = frame.local(store, 0) else {
                return Resumption::Continue;
            };
            let mut swapped = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            if *swapped == 0 {
                let right = store.field(pair, 1).expect("a field");
                store.set_field(pair, 0, right).expect("fits");
                store.set_field(pair, 1, Value::AnyRef(None)).expect("null");
                *swapped = 1;
            }
            Resumption::Continue
        }
    }
    let engine = engine(Mode::Stepped, 1 << 20, true);
    let mut program = Program::new(&engine, Mode::Debug, &wat, &Linker::new());
    program.store.set_debug_hook(Some(Arc::new(Swap(Mutex::new(0)))));
    program.store.set_stepping(true);
    assert_eq!(program.call("run", &[]), i32s(&[2]));
}

#[test]
fn references_that_a_hook_did_not_keep_are_stale_after_it() {
    let wat =
        with_prelude(r#"(func (export "run") (local eqref) (local.set 0 (call $box (i32.const 3))) (nop))"#);
    struct Collect(Mutex<Vec<GcRef>>);
    impl DebugHook for Collect {
        fn event(&self, store: &mut Store, _: DebugEvent) -> Resumption {
            let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            let local = store.innermost_frame().and_then(|frame| frame.local(store, 0).ok());
            if let Some(object) = local.and_then(|value| value.object()) {
                if seen.is_empty() {
                    assert!(store.keep(object));
                }
                seen.push(object);
            }
            Resumption::Continue
        }
    }
    for keep in [true, false] {
        let mut program =
            Program::new(&engine(Mode::Debug, 1 << 20, true), Mode::Debug, &wat, &Linker::new());
        let hook = Arc::new(Collect(Mutex::new(Vec::new())));
        program.store.set_debug_hook(Some(Arc::<Collect>::clone(&hook)));
        program.store.set_stepping(true);
        program.call("run", &[]).expect("it returns");
        let seen = hook.0.lock().unwrap_or_else(PoisonError::into_inner);
        assert!(seen.len() > 1 && seen.iter().all(|object| *object == seen[0]), "one object, one name");
        if !keep {
            program.store.release(seen[0]);
        }
        assert_eq!(program.store.object(seen[0]).is_ok(), keep);
    }
}

#[test]
fn memory_is_bounded_while_garbage_is_made_cycles_included() {
    let wat = with_prelude(
        r#"(global $kept (mut eqref) (ref.null eq))
           (func (export "run") (param i32) (local $a (ref null $pair))
             (global.set $kept (call $box (i32.const 42)))
             (loop $again
               (local.set $a (struct.new $pair (ref.null eq) (ref.null eq)))
               (struct.set $pair $left (local.get $a)
                 (struct.new $pair (local.get $a) (array.new $row (local.get $a) (i32.const 10))))
               (br_if $again (local.tee 0 (i32.sub (local.get 0) (i32.const 1))))))
           (func (export "kept") (result i32) (call $open (global.get $kept)))"#,
    );
    for mode in [Mode::Run, Mode::Debug] {
        let mut program = Program::new(&engine(mode, 32 << 20, false), mode, &wat, &Linker::new());
        assert_eq!(program.call("run", &[Value::I32(200_000)]), Ok(vec![]));
        let statistics = program.store.heap_statistics();
        assert!(statistics.allocated > 25 << 20, "{statistics:?}");
        assert!(statistics.collections > 3 && statistics.used < 4 << 20, "{statistics:?}");
        assert_eq!(program.call("kept", &[]), i32s(&[42]));
        program.store.collect_garbage();
        assert_eq!(program.store.heap_statistics().live, 12);
    }
}

/// Moves boxes one by one from the end of a long array, where the collector has not been, to its start, where it has:
/// meanwhile only a local has them, which the collector does not look at again. `$clear` overwrites the place that a
/// box was taken from.
const MOVER: &str = r#"
    (global $half i32 (i32.const 20000))
    (func $fill (local $i i32)
      (loop $again
        (call $put (i32.add (local.get $i) (global.get $half)) (struct.new $box (local.get $i)))
        (br_if $again (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (global.get $half)))))
    (func $move (param $from i32) (param $to i32) (local $box (ref null $box)) (local $n i32)
      (local.set $box (call $get (local.get $from)))
      (call $clear (local.get $from))
      (loop $again
        (drop (struct.new $box (i32.const -1)))
        (br_if $again (i32.lt_u (local.tee $n (i32.add (local.get $n) (i32.const 1))) (i32.const 8))))
      (call $put (local.get $to) (local.get $box)))
    (func (export "run") (result i32) (local $i i32) (local $round i32) (local $sum i32)
      (call $fill)
      (loop $rounds
        (local.set $i (i32.const 0))
        (loop $again
          (call $move (i32.sub (i32.sub (i32.mul (global.get $half) (i32.const 2)) (local.get $i)) (i32.const 1)) (local.get $i))
          (br_if $again (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (global.get $half))))
        (loop $back
          (local.set $i (i32.sub (local.get $i) (i32.const 1)))
          (call $put (i32.add (local.get $i) (global.get $half)) (call $get (local.get $i)))
          (call $clear (local.get $i))
          (br_if $back (local.get $i)))
        (br_if $rounds (i32.lt_u (local.tee $round (i32.add (local.get $round) (i32.const 1))) (i32.const 3))))
      (loop $add
        (local.set $sum (i32.add (local.get $sum)
          (struct.get $box $value (call $get (i32.add (local.get $i) (global.get $half))))))
        (br_if $add (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (global.get $half))))
      (local.get $sum))"#;

/// Boxes are in an array, and are overwritten by this operator.
fn moves_in_an_array(clear: &str) -> String {
    format!(
        r#"(module (type $box (struct (field $value i32))) (type $row (array (mut (ref null $box))))
        (elem $null (ref null $box) (ref.null $box))
        (global $row (mut (ref $row)) (array.new_default $row (i32.const 40000)))
        (global $nulls (ref $row) (array.new_default $row (i32.const 1)))
        (func $get (param i32) (result (ref null $box)) (array.get $row (global.get $row) (local.get 0)))
        (func $put (param i32 (ref null $box)) (array.set $row (global.get $row) (local.get 0) (local.get 1)))
        (func $clear (param i32) {clear}) {MOVER})"#
    )
}

/// Boxes are in structures, which an array has.
fn moves_in_structures() -> String {
    format!(
        r#"(module (type $box (struct (field $value i32))) (type $cell (struct (field $box (mut (ref null $box)))))
        (type $row (array (mut (ref null $cell))))
        (global $row (mut (ref $row)) (array.new_default $row (i32.const 40000)))
        (func $cells (local $i i32) (loop $again
          (array.set $row (global.get $row) (local.get $i) (struct.new_default $cell))
          (br_if $again (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 40000)))))
        (start $cells)
        (func $cell (param i32) (result (ref null $cell)) (array.get $row (global.get $row) (local.get 0)))
        (func $get (param i32) (result (ref null $box)) (struct.get $cell $box (call $cell (local.get 0))))
        (func $put (param i32 (ref null $box)) (struct.set $cell $box (call $cell (local.get 0)) (local.get 1)))
        (func $clear (param i32) (struct.set $cell $box (call $cell (local.get 0)) (ref.null $box))) {MOVER})"#
    )
}

#[test]
fn a_reference_that_is_moved_while_the_collector_marks_is_not_lost() {
    let programs = [
        moves_in_structures(),
        moves_in_an_array("(array.set $row (global.get $row) (local.get 0) (ref.null $box))"),
        moves_in_an_array("(array.fill $row (global.get $row) (local.get 0) (ref.null $box) (i32.const 1))"),
        moves_in_an_array(
            "(array.copy $row $row (global.get $row) (local.get 0) (global.get $nulls) (i32.const 0) (i32.const 1))",
        ),
        moves_in_an_array(
            "(array.init_elem $row $null (global.get $row) (local.get 0) (i32.const 0) (i32.const 1))",
        ),
    ];
    for wat in programs {
        for mode in [Mode::Run, Mode::Debug] {
            let mut program = Program::new(&engine(mode, 64 << 20, false), mode, &wat, &Linker::new());
            assert_eq!(program.call("run", &[]), i32s(&[(0..20_000).sum()]));
            let statistics = program.store.heap_statistics();
            assert!(statistics.collections > 2, "{statistics:?}");
        }
    }
}

#[test]
fn a_full_heap_traps_and_the_store_goes_on() {
    let wat = r#"(module (type $row (array (mut i64))) (type $list (struct (field (ref null $list)) (field (ref $row))))
        (global $list (mut (ref null $list)) (ref.null $list))
        (func (export "fill") (loop $again
          (global.set $list (struct.new $list (global.get $list) (array.new_default $row (i32.const 100))))
          (br $again)))
        (func (export "clear") (global.set $list (ref.null $list)))
        (func (export "large") (param i32) (result i32)
          (array.len (array.new_default $row (local.get 0)))))"#;
    for mode in [Mode::Run, Mode::Debug] {
        let mut program = Program::new(&engine(mode, 1 << 20, false), mode, wat, &Linker::new());
        let full = Err(Failure::Trap(TrapCode::HeapExhausted));
        for _ in 0..3 {
            assert_eq!(program.call("fill", &[]), full);
            assert_eq!(program.call("large", &[Value::I32(10_000)]), full);
            program.call("clear", &[]).expect("it returns");
            assert_eq!(program.call("large", &[Value::I32(100_000)]), i32s(&[100_000]));
        }
        assert_eq!(program.call("large", &[Value::I32(-1)]), full);
        assert!(program.store.heap_statistics().used <= 1 << 20);
    }
}

#[test]
fn accesses_outside_of_arrays_and_through_null_trap() {
    let wat = r#"(module (type $row (array (mut i16))) (type $box (struct (field i32)))
        (data $data "abcdef") (elem $elem funcref (ref.null func)) (type $functions (array (mut funcref)))
        (func (export "get") (param i32) (drop (array.get_u $row (array.new_default $row (i32.const 3)) (local.get 0))))
        (func (export "fill") (param i32)
          (array.fill $row (array.new_default $row (i32.const 3)) (local.get 0) (i32.const 1) (i32.const 1)))
        (func (export "copy") (param i32) (local $a (ref null $row))
          (local.set $a (array.new_default $row (i32.const 3)))
          (array.copy $row $row (local.get $a) (i32.const 0) (local.get $a) (local.get 0) (i32.const 1)))
        (func (export "data") (param i32) (drop (array.new_data $row $data (local.get 0) (i32.const 2))))
        (func (export "elem") (param i32) (drop (array.new_elem $functions $elem (local.get 0) (i32.const 1))))
        (func (export "null array") (param i32) (drop (array.get_u $row (ref.null $row) (local.get 0))))
        (func (export "null fill") (param i32)
          (array.fill $row (ref.null $row) (local.get 0) (i32.const 1) (i32.const 1)))
        (func (export "null struct") (param i32) (drop (struct.get $box 0 (ref.null $box)))))"#;
    for mode in MODES {
        let mut program = Program::new(&engine(mode, 1 << 20, true), mode, wat, &Linker::new());
        let mut trap = |name: &str, index| match program.call(name, &[Value::I32(index)]) {
            Ok(_) => None,
            Err(Failure::Trap(code)) => Some(code),
            Err(other) => panic!("{other:?}"),
        };
        for name in ["get", "fill", "copy"] {
            let outcomes = [2, 3, -1].map(|index| trap(name, index));
            let outside = Some(TrapCode::ArrayOutOfBounds);
            assert_eq!(outcomes, [None, outside, outside], "{name}");
        }
        assert_eq!([2, 3].map(|at| trap("data", at)), [None, Some(TrapCode::MemoryOutOfBounds)]);
        assert_eq!([0, 1].map(|at| trap("elem", at)), [None, Some(TrapCode::TableOutOfBounds)]);
        assert_eq!(trap("null array", 0), Some(TrapCode::NullArray));
        assert_eq!(trap("null fill", 0), Some(TrapCode::NullArray));
        assert_eq!(trap("null struct", 0), Some(TrapCode::NullStructure));
    }
}

#[test]
fn casts_see_an_objects_own_type() {
    let wat = r#"(module (type $base (sub (struct))) (type $leaf (sub $base (struct (field i32))))
        (type $other (sub (struct (field i64)))) (type $row (array i8))
        (import "host" "number" (global $host externref))
        (func $tests (param $it anyref) (result i32)
          (i32.or (ref.test (ref $base) (local.get $it))
          (i32.or (i32.shl (ref.test (ref $leaf) (local.get $it)) (i32.const 1))
          (i32.or (i32.shl (ref.test (ref null $other) (local.get $it)) (i32.const 2))
          (i32.or (i32.shl (ref.test (ref struct) (local.get $it)) (i32.const 3))
          (i32.or (i32.shl (ref.test (ref array) (local.get $it)) (i32.const 4))
          (i32.or (i32.shl (ref.test (ref i31) (local.get $it)) (i32.const 5))
                  (i32.shl (ref.test (ref eq) (local.get $it)) (i32.const 6)))))))))
        (func (export "run") (result i32 i32 i32 i32 i32 i32 i32)
          (call $tests (struct.new $base))
          (call $tests (struct.new_default $leaf))
          (call $tests (struct.new_default $other))
          (call $tests (array.new_default $row (i32.const 2)))
          (call $tests (ref.i31 (i32.const 4)))
          (call $tests (ref.null none))
          (call $tests (any.convert_extern (global.get $host)))))"#;
    let outcomes = MODES.map(|mode| {
        let engine = engine(mode, 1 << 20, true);
        let mut linker = Linker::new();
        let module = Module::new(&engine, wat.as_bytes(), "test").expect("valid");
        let mut store = Store::new(&engine).expect("memory for code");
        let host = Value::ExternRef(Some(Reference::Host(3)));
        linker.define_global(&mut store, "host", "number", false, host);
        let instance = Instance::new(&mut store, &module, &linker).expect("instantiates");
        instance.get_func(&store, "run").expect("exported").call(&mut store, &[])
    });
    for outcome in outcomes {
        assert_eq!(outcome, i32s(&[0b100_1001, 0b100_1011, 0b100_1100, 0b101_0000, 0b110_0000, 4, 0]));
    }
}

#[test]
fn exceptions_hold_objects_and_are_held() {
    let wat = with_prelude(
        r#"(tag $tag (param i32 eqref (ref null $box)))
           (global $kept (mut exnref) (ref.null exn))
           (table $table 2 exnref)
           (func $throw (param i32)
             (throw $tag (local.get 0) (call $box (i32.add (local.get 0) (i32.const 1)))
               (call $box (i32.add (local.get 0) (i32.const 2)))))
           (func $catch (param i32) (result (ref exn)) (local $caught exnref)
             (block $caught (result i32 eqref (ref null $box) (ref exn))
               (try_table (catch_ref $tag $caught) (call $waste) (call $throw (local.get 0)) (call $waste))
               unreachable)
             (call $waste)
             (local.set $caught) (drop) (drop) (drop)
             (ref.as_non_null (local.get $caught)))
           (func $sum (param exnref) (result i32) (local i32)
             (block $caught (result i32 eqref (ref null $box))
               (try_table (catch $tag $caught) (call $waste) (throw_ref (local.get 0)))
               unreachable)
             (call $waste)
             (struct.get $box $value)
             (local.set 1)
             (call $open)
             (i32.mul (i32.const 100))
             (i32.add (local.get 1))
             (local.set 1)
             (i32.mul (i32.const 10000))
             (i32.add (local.get 1)))
           (func (export "run") (result i32 i32 i32) (local $local exnref)
             (local.set $local (call $catch (i32.const 1)))
             (global.set $kept (call $catch (i32.const 2)))
             (table.set $table (i32.const 1) (call $catch (i32.const 3)))
             (call $waste)
             (call $sum (local.get $local))
             (call $sum (global.get $kept))
             (call $sum (table.get $table (i32.const 1))))"#,
    );
    assert_eq!(run(&wat), i32s(&[1_02_03, 2_03_04, 3_04_05]));
}

#[test]
fn an_older_try_keeps_the_exception_that_it_throws_again() {
    let wat = with_prelude(
        r#"(tag $tag (param eqref))
           (func $inner
             try (throw $tag (call $box (i32.const 8)))
             catch $tag (drop) (call $waste) (rethrow 0)
             end)
           (func (export "run") (result i32)
             try (result eqref) (call $inner) (ref.null eq)
             catch $tag (call $waste)
             end
             (call $open))"#,
    );
    assert_eq!(run(&wat), i32s(&[8]));
}

#[test]
fn an_exception_of_the_host_is_opened_like_an_object() {
    let wat = with_prelude(
        r#"(tag $tag (param i32 eqref))
           (func (export "waste") (call $waste))
           (func (export "throw") (throw $tag (i32.const 6) (call $box (i32.const 7))))"#,
    );
    for mode in MODES {
        let mut program = Program::new(&engine(mode, 1 << 20, true), mode, &wat, &Linker::new());
        let Err(Failure::Exception(exception)) = program.call("throw", &[]) else { panic!("it throws") };
        program.call("waste", &[]).expect("it returns");
        let store = &mut program.store;
        let eqref = ValueType::Ref(RefType::nullable(HeapType::Eq));
        let opened = store.object(exception).expect("alive");
        assert_eq!(opened.kind, ObjectKind::Exception(vec![ValueType::I32, eqref]));
        assert_eq!(store.field(exception, 0), Ok(Value::I32(6)));
        let boxed = object_of(store.field(exception, 1).expect("a value"));
        assert_eq!(store.field(boxed, 0), Ok(Value::I32(7)));
        store.release(boxed);
        store.release(exception);
        store.collect_garbage();
        assert_eq!(store.heap_statistics().live, 0);
    }
}
