//! How long a program waits for the garbage collector: makes short-lived objects while a large tree of others lives.
//!
//! `cargo run --release -p runtime --example pauses [megabytes of living objects]`

use runtime::{Engine, EngineConfig, Instance, Linker, Module, Store, Tiers, Value};
use std::error::Error;
use std::io::Write as _;
use std::time::Instant;

/// `build` keeps a binary tree of some depth, `churn` makes lists of a hundred elements and drops them, and now and
/// then puts a new leaf into the tree.
const PROGRAM: &str = r#"(module
    (type $tree (struct (field $left (mut (ref null $tree))) (field $right (mut (ref null $tree))) (field i64)))
    (global $root (mut (ref null $tree)) (ref.null $tree))
    (func $make (param $depth i32) (result (ref $tree))
      (if (result (ref $tree)) (i32.eqz (local.get $depth))
        (then (struct.new_default $tree))
        (else (struct.new $tree
          (call $make (i32.sub (local.get $depth) (i32.const 1)))
          (call $make (i32.sub (local.get $depth) (i32.const 1))) (i64.const 1)))))
    (func (export "build") (param $depth i32) (global.set $root (call $make (local.get $depth))))
    (func (export "churn") (param $lists i32) (local $list (ref null $tree)) (local $n i32)
      (loop $again
        (local.set $list (ref.null $tree))
        (local.set $n (i32.const 100))
        (loop $longer
          (local.set $list (struct.new $tree (local.get $list) (ref.null $tree) (i64.const 2)))
          (br_if $longer (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
        (struct.set $tree $left (global.get $root)
          (struct.new $tree (struct.get $tree $left (struct.get $tree $left (global.get $root)))
            (local.get $list) (i64.const 3)))
        (br_if $again (local.tee $lists (i32.sub (local.get $lists) (i32.const 1)))))))"#;

fn main() -> Result<(), Box<dyn Error>> {
    let megabytes: u32 = std::env::args().nth(1).map_or(Ok(64), |text| text.parse())?;
    let mut out = std::io::stdout();
    for tier in [Tiers::Run, Tiers::Debug] {
        let engine =
            Engine::new(EngineConfig { tiers: tier, gc_heap_limit: 1 << 30, ..EngineConfig::default() })?;
        let module = Module::new(&engine, PROGRAM.as_bytes(), "pauses")?;
        let mut store = Store::new(&engine)?;
        let instance = Instance::new(&mut store, &module, &Linker::new())?;
        let mut call = |name: &str, arg: u32| -> Result<(), Box<dyn Error>> {
            let function = instance.get_func(&store, name).ok_or("not exported")?;
            function.call(&mut store, &[Value::I32(arg.cast_signed())])?;
            Ok(())
        };
        // A node takes 32 bytes.
        call("build", (megabytes << 20).div_ceil(64).ilog2())?;
        let start = Instant::now();
        call("churn", 200_000)?;
        let elapsed = start.elapsed();
        let incremental = store.heap_statistics();
        store.collect_garbage();
        let whole = store.heap_statistics();
        writeln!(
            out,
            "{tier:?}: {} MiB made in {elapsed:?}, {} collections, {} MiB alive; {} pauses, {:?} on \
             average, {:?} at the longest; a whole collection at once {:?}",
            incremental.allocated >> 20,
            incremental.collections,
            incremental.live >> 20,
            incremental.pauses,
            incremental.collecting / u32::try_from(incremental.pauses)?.max(1),
            incremental.longest_pause,
            whole.collecting - incremental.collecting,
        )?;
    }
    Ok(())
}
