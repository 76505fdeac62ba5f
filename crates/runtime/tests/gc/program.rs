//! What the program notices: bounded memory, the collector's barrier, limits, traps, casts.

use crate::{MODES, Mode, Program, engine, i32s, run, with_prelude};
use runtime::{
    Failure, FuncType, HeapType, HostError, Instance, Linker, Module, RefType, Reference, Store, TrapCode,
    Value, ValueType,
};

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
        (import "host" "overwrite" (func $overwrite (param anyref i32)))
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
        // By the host, as a debugger would.
        moves_in_an_array("(call $overwrite (global.get $row) (local.get 0))"),
    ];
    let mut linker = Linker::new();
    let ty = FuncType::new([ValueType::Ref(RefType::nullable(HeapType::Any)), ValueType::I32], []);
    linker.define_func("host", "overwrite", ty, |caller, args| {
        let &[Value::AnyRef(Some(Reference::Object(row))), Value::I32(at)] = args else {
            return Err(HostError::Message("an array and an index".into()));
        };
        let written = caller.store().set_field(row, at.cast_unsigned(), Value::AnyRef(None));
        written.map(|()| Vec::new()).map_err(|error| HostError::Message(error.to_string()))
    });
    for wat in programs {
        for mode in [Mode::Run, Mode::Debug] {
            let mut program = Program::new(&engine(mode, 64 << 20, false), mode, &wat, &linker);
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

/// What a function without any vector operator does with vectors: they take two places on the operand stack.
#[test]
fn vectors_of_objects_are_operands_of_code_that_has_no_vector_operators() {
    let wat = r#"(module (type $box (struct (field $value (mut v128)))) (type $row (array (mut v128)))
        (func $seven (result i64) (i64.const 7))
        (func $move (param $from (ref $box)) (param $to (ref $box))
          local.get $to (struct.get $box $value (local.get $from)) (drop (call $seven)) struct.set $box $value)
        (func $shift (param $row (ref $row))
          local.get $row i32.const 1 (array.get $row (local.get $row) (i32.const 0)) (drop (call $seven))
          array.set $row)
        (func (export "run") (result i64 i64 i64) (local $box (ref null $box)) (local $row (ref null $row))
          (local.set $box (struct.new_default $box))
          (local.set $row (array.new $row (v128.const i64x2 5 6) (i32.const 2)))
          (call $move (struct.new $box (v128.const i64x2 1 2)) (ref.as_non_null (local.get $box)))
          (call $shift (ref.as_non_null (local.get $row)))
          (i64x2.extract_lane 0 (struct.get $box $value (local.get $box)))
          (i64x2.extract_lane 1 (struct.get $box $value (local.get $box)))
          (i64x2.extract_lane 1 (array.get $row (local.get $row) (i32.const 1)))))"#;
    assert_eq!(run(wat), Ok([1, 2, 6].map(Value::I64).to_vec()));
}

/// The operands may be of other types that match it: what is not an object is not to be read as one.
#[test]
fn what_a_select_gives_is_of_the_type_that_it_names() {
    let wat = r#"(module (type $box (struct (field i32)))
        (func $number (param i32) (result i32)
          (ref.test (ref $box) (select (result (ref any))
            (ref.i31 (i32.const 0x3fff_ffff)) (struct.new $box (i32.const 5)) (local.get 0))))
        (func $null (param i32) (result i32)
          (ref.test (ref $box) (select (result anyref)
            (ref.null any) (struct.new $box (i32.const 5)) (local.get 0))))
        (func (export "run") (result i32 i32 i32 i32)
          (call $number (i32.const 0)) (call $number (i32.const 1))
          (call $null (i32.const 0)) (call $null (i32.const 1))))"#;
    assert_eq!(run(wat), i32s(&[1, 0, 1, 0]));
}
