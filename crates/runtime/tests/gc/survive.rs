//! What the program can reach survives collections: each kind of root, one by one.

use crate::{i32s, run, with_prelude};

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
