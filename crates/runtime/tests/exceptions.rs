//! Exceptions through the public API, in both tiers: every clause, nesting, instances, hosts, and the older form.

use runtime::{
    DebugEvent, DebugHook, Engine, EngineConfig, Failure, FuncType, HostError, Instance, Linker, Module,
    Resumption, Store, Tiers, TrapCode, Value, ValueType,
};
use std::sync::{Arc, Mutex, PoisonError};

const TIERS: [Tiers; 2] = [Tiers::Debug, Tiers::Run];

fn store(tier: Tiers) -> (Engine, Box<Store>) {
    // With a collection at every chance: what code still needs of an exception has to be found.
    let config = EngineConfig { tiers: tier, gc_stress: true, ..EngineConfig::default() };
    let engine = Engine::new(config).expect("a supported machine");
    let store = Store::new(&engine).expect("memory for code");
    (engine, store)
}

fn instantiate(engine: &Engine, store: &mut Store, linker: &Linker, wat: &str) -> Instance {
    let module = Module::new(engine, wat.as_bytes(), "test").expect("a valid module");
    Instance::new(store, &module, linker).expect("it instantiates")
}

fn call(store: &mut Store, instance: Instance, name: &str, args: &[Value]) -> Result<Vec<Value>, Failure> {
    let function = instance.get_func(store, name).expect("exported");
    function.call(store, args)
}

/// Runs `run` of a module with each argument, in both tiers, and compares its one result.
#[track_caller]
fn check(wat: &str, cases: &[(i32, i32)]) {
    for tier in TIERS {
        let (engine, mut store) = store(tier);
        let instance = instantiate(&engine, &mut store, &Linker::new(), wat);
        for (argument, result) in cases {
            let found = call(&mut store, instance, "run", &[Value::I32(*argument)]);
            assert_eq!(found, Ok(vec![Value::I32(*result)]), "{tier:?}, argument {argument}");
        }
    }
}

/// `$throw n` throws $a(n) for even n, $b(n, 2.5) for odd ones, and returns for 100.
const THROWS: &str = r#"
    (tag $a (param i32)) (tag $b (param i32 f64)) (tag $empty)
    (func $throw (param i32)
        (if (i32.eq (local.get 0) (i32.const 100)) (then return))
        (if (i32.and (local.get 0) (i32.const 1))
            (then (throw $b (local.get 0) (f64.const 2.5))))
        (throw $a (local.get 0)))
"#;

#[test]
fn each_clause_of_try_table_catches_what_it_names() {
    check(
        &format!(
            r#"(module {THROWS}
            (func (export "run") (param i32) (result i32) (local $keep i64)
                (local.set $keep (i64.const 7))
                (i32.const 1000)
                (block $on_b (result i32 f64)
                    (block $on_a (result i32)
                        (try_table (catch $a $on_a) (catch $b $on_b) (call $throw (local.get 0)))
                        (return (i32.const -1)))
                    ;; n + 7
                    (return (i32.add (i32.wrap_i64 (local.get $keep)))))
                ;; 1000 + n + 2.5 * 10
                (f64.mul (f64.const 10)) i32.trunc_f64_s
                i32.add i32.add))"#
        ),
        &[(4, 11), (5, 1030), (100, -1)],
    );
}

#[test]
fn catch_all_and_references_catch_and_throw_again() {
    check(
        &format!(
            r#"(module {THROWS}
            (global $last (mut exnref) (ref.null exn))
            (table $kept 2 exnref)
            (func $again (param exnref) (throw_ref (local.get 0)))
            (func (export "run") (param i32) (result i32) (local $caught exnref)
                (block $any
                    (try_table (catch_all $any)
                        (block $all (result exnref)
                            (try_table (catch_all_ref $all) (call $throw (local.get 0)))
                            (return (i32.const -1)))
                        (local.set $caught)
                        (global.set $last (local.get $caught))
                        (table.set $kept (i32.const 1) (global.get $last))
                        (call $again (table.get $kept (i32.const 1)))))
                (if (ref.is_null (local.get $caught)) (then (return (i32.const -2))))
                ;; The same exception again, with its value and itself.
                (block $on_a (result i32 exnref)
                    (block $other
                        (try_table (catch_ref $a $on_a) (catch_all $other) (throw_ref (global.get $last)))
                        (unreachable))
                    (return (i32.const 77)))
                (drop)))"#
        ),
        &[(6, 6), (7, 77), (100, -1)],
    );
}

#[test]
fn the_innermost_matching_handler_wins_and_the_first_clause_among_equals() {
    check(
        &format!(
            r#"(module {THROWS}
            (func (export "run") (param i32) (result i32)
                (block $outer (result i32)
                    (try_table (catch $a $outer)
                        (block $inner (result i32 f64)
                            (block $rest
                                (try_table (catch $empty $rest) (catch $b $inner) (catch_all $rest)
                                        (catch $b $inner)
                                    (try_table (catch $empty $rest) (call $throw (local.get 0)))))
                            (return (i32.const 9)))
                        (drop) (i32.add (i32.const 500)) (return))
                    (unreachable))))"#
        ),
        &[(3, 503), (2, 9), (100, 9)],
    );
}

#[test]
fn loops_catch_again_and_again() {
    check(
        &format!(
            r#"(module {THROWS}
            (func (export "run") (param i32) (result i32) (local $sum i32) (local $i i32)
                (loop $next
                    (block $caught (result i32)
                        (try_table (catch $a $caught)
                            (call $throw (i32.mul (local.get $i) (i32.const 2))))
                        (i32.const 0))
                    (local.set $sum (i32.add (local.get $sum)))
                    (local.set $i (i32.add (local.get $i) (i32.const 1)))
                    (br_if $next (i32.lt_u (local.get $i) (local.get 0))))
                (local.get $sum)))"#
        ),
        &[(1, 0), (10, 90), (50, 2450)],
    );
}

#[test]
fn a_handler_may_be_a_loop_that_takes_the_values() {
    check(
        &format!(
            r#"(module {THROWS}
            (func (export "run") (param i32) (result i32) (local $rounds i32)
                (local.get 0)
                (loop $again (param i32) (result i32)
                    (local.set 0)
                    (local.set $rounds (i32.add (local.get $rounds) (i32.const 1)))
                    (if (i32.lt_u (local.get $rounds) (i32.const 10))
                        (then (try_table (catch $a $again)
                            (call $throw (i32.add (local.get 0) (i32.const 2))))))
                    (local.get 0))))"#
        ),
        &[(0, 18), (98, 98)],
    );
}

#[test]
fn throws_in_the_handling_function_itself_are_caught() {
    check(
        &format!(
            r#"(module {THROWS}
            (func (export "run") (param i32) (result i32)
                (i32.add (i32.const 1)
                    (block $h (result i32)
                        (try_table (result i32) (catch $a $h)
                            (if (result i32) (local.get 0)
                                (then (throw $a (i32.add (local.get 0) (i32.const 1))))
                                (else (i32.const 40))))))))"#
        ),
        &[(0, 41), (5, 7)],
    );
}

#[test]
fn all_kinds_of_values_are_carried() {
    check(
        r#"(module
            (type $f (func (result i32)))
            (tag $t (param i32 i64 f32 f64 v128 funcref externref (ref null $f)))
            (func $seven (type $f) (i32.const 7))
            (elem declare func $seven)
            (func $throw (param i32)
                (throw $t (local.get 0) (i64.const 0x1_0000_0000) (f32.const 1.5) (f64.const 2.5)
                    (v128.const i32x4 1 2 3 4) (ref.func $seven) (ref.null extern) (ref.func $seven)))
            (func (export "run") (param i32) (result i32)
                (local $sum i64) (local $v v128) (local $f (ref null $f))
                (block $h (result i32 i64 f32 f64 v128 funcref externref (ref null $f))
                    (try_table (catch $t $h) (call $throw (local.get 0)))
                    (return (i32.const 0)))
                (local.set $f)
                (if (i32.eqz (ref.is_null)) (then unreachable))
                (if (ref.is_null) (then unreachable))
                local.set $v
                i64.trunc_f64_s
                local.set $sum
                i64.trunc_f32_s
                (i64.add (local.get $sum))
                local.set $sum
                (i64.shr_u (i64.const 32))
                (i64.add (local.get $sum))
                i32.wrap_i64
                i32.add
                (i32.add (i32x4.extract_lane 3 (local.get $v)))
                (i32.add (call_ref $f (local.get $f)))))"#,
        // n + 2 + 1 + 1 + 4 + 7
        &[(10, 25)],
    );
}

#[test]
fn exceptions_pass_through_deep_recursion() {
    check(
        &format!(
            r#"(module {THROWS}
            (func $down (param $depth i32) (param $value i32) (result i32) (local $mine i64)
                (local.set $mine (i64.extend_i32_u (local.get $depth)))
                (if (i32.eqz (local.get $depth)) (then (call $throw (local.get $value))))
                (i32.add (i32.const 1)
                    (call $down (i32.sub (local.get $depth) (i32.const 1)) (local.get $value))))
            (func (export "run") (param i32) (result i32) (local $mark i32)
                (local.set $mark (i32.const 5))
                (block $h (result i32)
                    (try_table (result i32) (catch $a $h) (call $down (local.get 0) (i32.const 12))))
                (i32.add (local.get $mark))))"#
        ),
        &[(1, 17), (4000, 17)],
    );
}

#[test]
fn a_tail_call_leaves_the_handlers_of_its_frame() {
    check(
        &format!(
            r#"(module {THROWS}
            (func $leaves (param i32) (result i32)
                (block $mine
                    (try_table (catch_all $mine) (return_call $throws (local.get 0))))
                (i32.const 1))
            (func $throws (param i32) (result i32) (call $throw (local.get 0)) (i32.const 2))
            (func (export "run") (param i32) (result i32)
                (block $h (result i32)
                    (try_table (result i32) (catch $a $h) (call $leaves (local.get 0)))
                    (i32.add (i32.const 300)))
                (i32.add (i32.const 1))))"#
        ),
        &[(8, 9), (100, 303)],
    );
}

#[test]
fn many_arguments_and_results_around_a_call_that_throws() {
    // More than fit registers, so that the stack pointer moves at the call.
    let params = "(param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32)";
    let results = "(result i32 i32 i32 i32 i32 i32 i32 i32 i32 i32)";
    let gets: String = (0..10).map(|index| format!("(local.get {index})")).collect();
    let constants: String = (1..10).map(|value| format!("(i32.const {value})")).collect();
    let adds = "(i32.add)".repeat(9);
    check(
        &format!(
            r#"(module {THROWS}
            (func $many {params} {results} (call $throw (local.get 0)) {gets})
            (func (export "run") (param i32) (result i32) (local $sum i32)
                (i32.const 3)
                (block $h (result i32)
                    (try_table (catch $a $h)
                        (call $many (local.get 0) {constants}) {adds} (local.set $sum))
                    (local.get $sum))
                (i32.mul)))"#
        ),
        &[(6, 18), (100, 3 * 145)],
    );
}

#[test]
fn traps_are_not_caught() {
    for tier in TIERS {
        let (engine, mut store) = store(tier);
        let wat = r#"(module
            (func $div (param i32) (result i32) (i32.div_s (i32.const 1) (local.get 0)))
            (func (export "run") (param i32) (result i32)
                (block $h
                    (try_table (catch_all $h) (return (call $div (local.get 0)))))
                (i32.const 5))
            (func (export "null")
                (block $h (try_table (catch_all $h) (throw_ref (ref.null exn))))))"#;
        let instance = instantiate(&engine, &mut store, &Linker::new(), wat);
        let trapped = |code| Err(Failure::Trap(code));
        assert_eq!(
            call(&mut store, instance, "run", &[Value::I32(0)]),
            trapped(TrapCode::IntegerDivisionByZero)
        );
        assert_eq!(call(&mut store, instance, "null", &[]), trapped(TrapCode::NullException));
        assert_eq!(call(&mut store, instance, "run", &[Value::I32(1)]), Ok(vec![Value::I32(1)]));
    }
}

#[test]
fn tags_are_told_apart_by_instance_and_shared_by_import() {
    let library = r#"(module
        (tag $t (export "t") (param i32))
        (func (export "throw") (param i32) (throw $t (local.get 0))))"#;
    let user = r#"(module
        (import "one" "t" (tag $one (param i32)))
        (import "two" "t" (tag $two (param i32)))
        (import "one" "throw" (func $throw_one (param i32)))
        (import "two" "throw" (func $throw_two (param i32)))
        (export "t" (tag $two))
        (func (export "run") (param i32) (result i32)
            (block $on_two (result i32)
                (block $on_one (result i32)
                    (try_table (catch $one $on_one) (catch $two $on_two)
                        (if (local.get 0)
                            (then (call $throw_one (i32.const 10)))
                            (else (call $throw_two (i32.const 20)))))
                    (return (i32.const 0)))
                (i32.add (i32.const 1)) (return))
            (i32.add (i32.const 2))))"#;
    for tier in TIERS {
        let (engine, mut store) = store(tier);
        let mut linker = Linker::new();
        let one = instantiate(&engine, &mut store, &linker, library);
        let two = instantiate(&engine, &mut store, &linker, library);
        linker.define_instance(&store, "one", one);
        linker.define_instance(&store, "two", two);
        let user = instantiate(&engine, &mut store, &linker, user);
        assert_eq!(call(&mut store, user, "run", &[Value::I32(1)]), Ok(vec![Value::I32(11)]));
        assert_eq!(call(&mut store, user, "run", &[Value::I32(0)]), Ok(vec![Value::I32(22)]));
        assert_eq!(user.get_tag(&store, "t"), two.get_tag(&store, "t"));
        assert_ne!(one.get_tag(&store, "t"), two.get_tag(&store, "t"));
    }
}

#[test]
fn a_tag_of_another_type_is_not_linked() {
    let (engine, mut store) = store(Tiers::Run);
    let mut linker = Linker::new();
    linker.define_tag(&mut store, "host", "t", [ValueType::I64]);
    let module = Module::new(&engine, br#"(module (import "host" "t" (tag (param i32))))"#, "test");
    let error = Instance::new(&mut store, &module.expect("valid"), &linker).expect_err("other parameters");
    assert_eq!(
        error.to_string(),
        "incompatible import type: host.t is a tag [i64] -> [], the module wants a tag [i32] -> []"
    );
}

#[test]
fn an_uncaught_exception_is_a_failure_that_says_what_was_thrown() {
    for tier in TIERS {
        let (engine, mut store) = store(tier);
        let wat = r#"(module (tag $oops (export "oops") (param i32 i64))
            (func (export "run") (throw $oops (i32.const 1) (i64.const -2))))"#;
        let instance = instantiate(&engine, &mut store, &Linker::new(), wat);
        let Err(Failure::Exception(exception)) = call(&mut store, instance, "run", &[]) else {
            panic!("uncaught")
        };
        assert_eq!(store.exception_tag(exception), instance.get_tag(&store, "oops"));
        assert_eq!(store.exception_values(exception), Some(vec![Value::I32(1), Value::I64(-2)]));
        assert_eq!(store.describe_exception(exception), "oops (i32 1, i64 -2)");
    }
}

/// `host.pass` calls `inner` and passes on how it ends; `host.throw` throws the host's own tag.
fn host(store: &mut Store) -> Linker {
    let mut linker = Linker::new();
    let tag = linker.define_tag(store, "host", "mine", [ValueType::I32]);
    linker.define_func("host", "pass", FuncType::new([ValueType::I32], []), |caller, args| {
        let store = caller.store();
        let instance = store.instances().next().expect("the caller's");
        let inner = instance.get_func(store, "inner").expect("exported");
        let owned = String::from("dropped before frames are given up");
        let outcome = inner.call(store, args).map_err(HostError::from);
        drop(owned);
        outcome
    });
    linker.define_func("host", "throw", FuncType::new([ValueType::I32], []), move |caller, args| {
        let exception = caller.store().new_exception(tag, args).expect("the values fit");
        Err(HostError::Exception(exception))
    });
    linker
}

const HOSTED: &str = r#"(module
    (import "host" "mine" (tag $mine (param i32)))
    (import "host" "pass" (func $pass (param i32)))
    (import "host" "throw" (func $throw_mine (param i32)))
    (tag $t (param i32))
    (func (export "inner") (param i32) (throw $t (local.get 0)))
    (func (export "run") (param i32) (result i32)
        (block $h (result i32)
            (try_table (catch $t $h) (call $pass (local.get 0)))
            (i32.const 0))
        (i32.add (i32.const 100)))
    (func (export "own") (param i32) (result i32)
        (block $h (result i32)
            (try_table (catch $t $h) (catch $mine $h) (call $throw_mine (local.get 0)))
            (i32.const 0))))"#;

#[test]
fn exceptions_cross_host_calls_and_hosts_throw_their_own() {
    for tier in TIERS {
        let (engine, mut store) = store(tier);
        let linker = host(&mut store);
        let instance = instantiate(&engine, &mut store, &linker, HOSTED);
        for round in 0..3 {
            let args = [Value::I32(round)];
            assert_eq!(call(&mut store, instance, "run", &args), Ok(vec![Value::I32(100 + round)]));
            assert_eq!(call(&mut store, instance, "own", &args), Ok(vec![Value::I32(round)]));
        }
    }
}

/// What a hook is told of exceptions: the description, whether caught, whether thrown before, and the innermost frame.
type Heard = Arc<Mutex<Vec<(String, bool, bool, u32)>>>;

struct Ear(Heard);

impl DebugHook for Ear {
    fn event(&self, store: &mut Store, event: DebugEvent) -> Resumption {
        if let DebugEvent::Exception { exception, caught, rethrown } = event {
            let function = store.innermost_frame().map_or(u32::MAX, |frame| frame.function);
            let words = store.describe_exception(exception);
            self.0.lock().unwrap_or_else(PoisonError::into_inner).push((words, caught, rethrown, function));
        }
        Resumption::Continue
    }
}

#[test]
fn a_hook_is_told_before_anything_is_unwound() {
    for tier in TIERS {
        let (engine, mut store) = store(tier);
        let linker = host(&mut store);
        let instance = instantiate(&engine, &mut store, &linker, HOSTED);
        let heard = Heard::default();
        store.set_debug_hook(Some(Arc::new(Ear(Arc::clone(&heard)))));
        assert_eq!(call(&mut store, instance, "run", &[Value::I32(4)]), Ok(vec![Value::I32(104)]));
        let heard = std::mem::take(&mut *heard.lock().unwrap_or_else(PoisonError::into_inner));
        let words = "t (i32 4)".to_owned();
        // In `inner` nothing of its activation catches; then in `run`, where the host passes it on.
        assert_eq!(heard, [(words.clone(), false, false, 2), (words, true, true, 3)]);
    }
}

#[test]
fn legacy_try_catches_by_tag_and_by_all() {
    check(
        &format!(
            r#"(module {THROWS}
            (func (export "run") (param i32) (result i32) (local $keep i32)
                (local.set $keep (i32.const 7))
                (i32.const 1000)
                try (result i32)
                    (call $throw (local.get 0)) (i32.const -1)
                catch $a (i32.add (local.get $keep))
                catch $empty (i32.const -3)
                catch_all (i32.const 40)
                end
                (i32.add)))"#
        ),
        &[(4, 1011), (5, 1040), (100, 999)],
    );
}

#[test]
fn legacy_rethrow_throws_what_the_named_handler_caught() {
    check(
        &format!(
            r#"(module {THROWS}
            (func $pass (param i32)
                try (call $throw (local.get 0))
                catch $a (drop)
                    try (call $throw (i32.const 1))
                    catch $b (drop) (drop) (rethrow 1)
                    end
                catch_all (rethrow 0)
                end)
            (func (export "run") (param i32) (result i32)
                try (result i32)
                    (call $pass (local.get 0)) (i32.const -1)
                catch $a
                catch $b (drop) (i32.add (i32.const 200))
                end))"#
        ),
        &[(4, 4), (5, 205), (100, -1)],
    );
}

#[test]
fn legacy_delegate_skips_the_handlers_between() {
    check(
        &format!(
            r#"(module {THROWS}
            (func (export "run") (param i32) (result i32)
                try $outer (result i32)
                    try $between (result i32)
                        try (result i32)
                            (call $throw (local.get 0)) (i32.const -1)
                        delegate $outer
                    catch_all (i32.const 13)
                    end
                catch $a
                catch_all (i32.const 14)
                end))"#
        ),
        &[(4, 4), (5, 14), (100, -1)],
    );
}

#[test]
fn legacy_delegate_to_the_function_leaves_it() {
    check(
        &format!(
            r#"(module {THROWS}
            (func $inner (param i32) (result i32)
                try (result i32)
                    try (result i32) (call $throw (local.get 0)) (i32.const -1) delegate 1
                catch_all (i32.const 13)
                end)
            (func (export "run") (param i32) (result i32)
                try (result i32) (call $inner (local.get 0))
                catch $a
                catch_all (i32.const 2)
                end))"#
        ),
        &[(6, 6), (7, 2), (100, -1)],
    );
}

#[test]
fn legacy_handlers_do_not_catch_what_they_throw() {
    check(
        &format!(
            r#"(module {THROWS}
            (func (export "run") (param i32) (result i32)
                try (result i32)
                    try (result i32)
                        (call $throw (local.get 0)) (i32.const -1)
                    catch $a (call $throw (i32.add (i32.const 1))) (i32.const -2)
                    catch $b (drop) (drop) (i32.const -3)
                    catch_all (i32.const -4)
                    end
                catch $b (drop) (i32.add (i32.const 500))
                end))"#
        ),
        &[(4, 505), (5, -3)],
    );
}

#[test]
fn code_that_cannot_be_reached_may_hold_every_form() {
    check(
        &format!(
            r#"(module {THROWS}
            (func (export "run") (param i32) (result i32)
                try (result i32)
                    (return (local.get 0))
                catch $a (throw $empty)
                catch_all
                    try try delegate 0 catch_all (rethrow 1) end
                    (block $h (try_table (catch_all $h)))
                    (i32.const 1)
                end))"#
        ),
        &[(4, 4)],
    );
}
