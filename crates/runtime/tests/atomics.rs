//! Atomic operators, shared memories, and threads that wait for each other.

use runtime::{
    DebugEvent, DebugHook, Engine, EngineConfig, Error, Failure, Frame, IndexType, Instance, Linker,
    MemoryType, Module, Resumption, SharedMemory, Store, Tiers, TrapCode, Value,
};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, mpsc};

fn engines() -> [Engine; 2] {
    [Tiers::Debug, Tiers::Run].map(|tier| {
        Engine::new(EngineConfig { tiers: tier, ..EngineConfig::default() })
            .expect("this machine is supported")
    })
}

fn shared_type(minimum: u64, maximum: u64) -> MemoryType {
    MemoryType { shared: true, ..MemoryType::new(minimum, Some(maximum)) }
}

/// A guest with a store of its own, and `memory` as `env.memory`.
struct Guest {
    store: Box<Store>,
    instance: Instance,
}

impl Guest {
    fn new(engine: &Engine, wat: &str, memory: &SharedMemory) -> Self {
        let module = Module::new(engine, wat.as_bytes(), "test").expect("valid");
        let mut store = Store::new(engine).expect("memory for code");
        let mut linker = Linker::new();
        linker.define_shared_memory("env", "memory", memory);
        let instance = Instance::new(&mut store, &module, &linker).expect("instantiates");
        Self { store, instance }
    }

    fn call(&mut self, name: &str, args: &[Value]) -> Result<Vec<Value>, Failure> {
        let function = self.instance.get_func(&self.store, name).expect("exported");
        function.call(&mut self.store, args)
    }
}

/// A store for each tier, for many modules.
struct Both {
    stores: [(Engine, Box<Store>); 2],
}

impl Both {
    fn new() -> Self {
        let store = |engine: Engine| {
            let store = Store::new(&engine).expect("memory for code");
            (engine, store)
        };
        Self { stores: engines().map(store) }
    }

    /// Calls `run` of a module without imports in both tiers; the outcomes must agree.
    fn run(&mut self, wat: &str, args: &[Value]) -> Result<Vec<Value>, Failure> {
        let outcomes = self.stores.each_mut().map(|(engine, store)| {
            let module = Module::new(engine, wat.as_bytes(), "test").expect("valid");
            let instance = Instance::new(store, &module, &Linker::new()).expect("instantiates");
            instance.get_func(store, "run").expect("exported").call(store, args)
        });
        let [debug, run] = outcomes;
        assert_eq!(debug, run);
        debug
    }
}

/// Calls `run` of a module without imports in both tiers; the outcomes must agree.
fn run(wat: &str) -> Result<Vec<Value>, Failure> {
    Both::new().run(wat, &[])
}

/// The operators of one width: the type of their values, the end of their names, bytes in memory.
const WIDTHS: [(&str, &str, u32); 7] = [
    ("i32", "", 4),
    ("i32", "8", 1),
    ("i32", "16", 2),
    ("i64", "", 8),
    ("i64", "8", 1),
    ("i64", "16", 2),
    ("i64", "32", 4),
];

const UPDATES: [&str; 6] = ["add", "sub", "and", "or", "xor", "xchg"];

fn update(name: &str, old: u64, value: u64) -> u64 {
    match name {
        "add" => old.wrapping_add(value),
        "sub" => old.wrapping_sub(value),
        "and" => old & value,
        "or" => old | value,
        "xor" => old ^ value,
        _ => value,
    }
}

/// The names of a width's update operator, load and store.
fn operators(ty: &str, width: &str, op: &str) -> [String; 3] {
    let unsigned = if width.is_empty() { "" } else { "_u" };
    [
        format!("{ty}.atomic.rmw{width}.{op}{unsigned}"),
        format!("{ty}.atomic.load{width}{unsigned}"),
        format!("{ty}.atomic.store{width}"),
    ]
}

fn value(ty: &str, bits: u64) -> Value {
    match ty {
        "i32" => Value::I32(u32::try_from(bits & 0xffff_ffff).expect("masked").cast_signed()),
        _ => Value::I64(bits.cast_signed()),
    }
}

#[test]
fn updates_return_the_old_value_and_leave_the_new_one() {
    let mut tiers = Both::new();
    let (old, operand) = (0xf0e1_d2c3_b4a5_9687_u64, 0x1122_3344_5566_7788_u64);
    for (ty, width, bytes) in WIDTHS {
        let mask = u64::MAX >> (64 - 8 * bytes);
        for op in UPDATES {
            let [rmw, load, store] = operators(ty, width, op);
            let wide = |bits: u64| if ty == "i32" { bits & 0xffff_ffff } else { bits };
            let wat = format!(
                "(module (memory 1 1 shared)
                  (func (export \"run\") (result {ty} {ty})
                    ({store} offset=16 (i32.const 8) ({ty}.const {}))
                    ({rmw} offset=8 (i32.const 16) ({ty}.const {}))
                    ({load} (i32.const 24))))",
                wide(old),
                wide(operand)
            );
            let new = update(op, old, operand) & mask;
            assert_eq!(tiers.run(&wat, &[]), Ok(vec![value(ty, old & mask), value(ty, new)]), "{rmw}");
        }
    }
}

#[test]
fn a_compare_and_exchange_writes_only_if_the_value_was_as_expected() {
    let mut tiers = Both::new();
    for (ty, width, bytes) in WIDTHS {
        let mask = u64::MAX >> (64 - 8 * bytes);
        let [cmpxchg, load, store] = operators(ty, width, "cmpxchg");
        let wat = format!(
            "(module (memory 1 1 shared)
              (func (export \"run\") (result {ty} {ty} {ty} {ty})
                ({store} (i32.const 8) ({ty}.const 0x7a))
                ({cmpxchg} (i32.const 8) ({ty}.const 0x55) ({ty}.const -1))
                ({load} (i32.const 8))
                ({cmpxchg} (i32.const 8) ({ty}.const 0x7a) ({ty}.const -1))
                ({load} (i32.const 8))))"
        );
        let expected = [0x7a, 0x7a, 0x7a, mask].map(|bits| value(ty, bits));
        assert_eq!(tiers.run(&wat, &[]), Ok(expected.to_vec()), "{cmpxchg}");
    }
}

#[test]
fn accesses_that_are_not_aligned_or_outside_trap() {
    let mut tiers = Both::new();
    for (ty, width, bytes) in WIDTHS {
        let names = UPDATES.into_iter().map(|op| operators(ty, width, op)[0].clone());
        let [cmpxchg, load, store] = operators(ty, width, "cmpxchg");
        let updates = names.chain([store.clone()]).map(|name| (name, format!("({ty}.const 1)")));
        let exchange = (cmpxchg, format!("({ty}.const 1) ({ty}.const 1)"));
        for (name, operands) in updates.chain([exchange, (load, String::new())]) {
            let dropped = if name == store { "" } else { "drop" };
            for (memory, index) in [("1 1 shared", "i32"), ("1", "i32"), ("i64 1 1 shared", "i64")] {
                let mut at = |at: u32, offset: u32| {
                    let wat = format!(
                        "(module (memory {memory}) (func (export \"run\")
                          ({name} offset={offset} ({index}.const {at}) {operands}) {dropped}))"
                    );
                    tiers.run(&wat, &[])
                };
                let trap = |code| Err(Failure::Trap(code));
                assert_eq!(at(65536 - bytes, 0), Ok(Vec::new()), "{name}");
                assert_eq!(at(65536, 0), trap(TrapCode::MemoryOutOfBounds), "{name}");
                assert_eq!(at(65536 - bytes, bytes), trap(TrapCode::MemoryOutOfBounds), "{name}");
                if bytes > 1 {
                    assert_eq!(at(bytes / 2, 0), trap(TrapCode::UnalignedAtomic), "{name}");
                    assert_eq!(at(0, bytes + 1), trap(TrapCode::UnalignedAtomic), "{name}");
                }
            }
        }
    }
}

#[test]
fn waiting_and_notifying_check_their_address() {
    let wait = |memory: &str, operator: &str| {
        run(&format!("(module (memory {memory}) (func (export \"run\") (result i32) {operator}))"))
    };
    let trap = |code| Err(Failure::Trap(code));
    let wait32 = "(memory.atomic.wait32 (i32.const 0) (i32.const 0) (i64.const 0))";
    assert_eq!(wait("1 1 shared", wait32), Ok(vec![Value::I32(2)]), "timed out");
    assert_eq!(wait("1", wait32), trap(TrapCode::ExpectedSharedMemory));
    let other = "(memory.atomic.wait64 (i32.const 8) (i64.const 1) (i64.const -1))";
    assert_eq!(wait("1 1 shared", other), Ok(vec![Value::I32(1)]), "another value");
    let unaligned = "(memory.atomic.wait64 offset=4 (i32.const 8) (i64.const 1) (i64.const -1))";
    assert_eq!(wait("1 1 shared", unaligned), trap(TrapCode::UnalignedAtomic));
    let outside = "(memory.atomic.notify offset=0xffffffff (i32.const 1) (i32.const 1))";
    assert_eq!(wait("1 1 shared", outside), trap(TrapCode::MemoryOutOfBounds));
    let outside = "(memory.atomic.notify offset=0xffffffffffffffff (i64.const 1) (i32.const 1))";
    assert_eq!(wait("i64 1 1 shared", outside), trap(TrapCode::MemoryOutOfBounds));
    let nobody = "(memory.atomic.notify (i32.const 4) (i32.const 1))";
    assert_eq!(wait("1", nobody), Ok(vec![Value::I32(0)]), "nobody can wait there");
}

const COUNTER: &str = r#"(module (import "env" "memory" (memory 1 4 shared))
    (func (export "count") (param $times i32)
      (loop $again
        (drop (i32.atomic.rmw.add (i32.const 64) (i32.const 1)))
        (br_if $again (local.tee $times (i32.sub (local.get $times) (i32.const 1))))))
    (func (export "grow") (result i32) (memory.grow (i32.const 1)))
    (func (export "last") (result i32)
      (i32.load8_u (i32.sub (i32.mul (memory.size) (i32.const 65536)) (i32.const 1))))
    (func (export "size") (result i32) (memory.size)))"#;

#[test]
fn threads_with_stores_of_their_own_share_a_memory() {
    for engine in engines() {
        let memory = SharedMemory::new(&engine, shared_type(1, 4)).expect("address space");
        std::thread::scope(|scope| {
            for _ in 0..4 {
                let (engine, memory) = (&engine, memory.clone());
                scope.spawn(move || {
                    let mut guest = Guest::new(engine, COUNTER, &memory);
                    assert_eq!(guest.call("count", &[Value::I32(1000)]), Ok(Vec::new()));
                });
            }
        });
        let mut count = [0; 4];
        assert!(memory.read(64, &mut count));
        assert_eq!(u32::from_le_bytes(count), 4000);
    }
}

#[test]
fn a_shared_memory_that_grows_has_grown_for_everybody() {
    for engine in engines() {
        let memory = SharedMemory::new(&engine, shared_type(1, 4)).expect("address space");
        let mut guests = [0; 2].map(|_| Guest::new(&engine, COUNTER, &memory));
        assert_eq!(guests[0].call("grow", &[]), Ok(vec![Value::I32(1)]));
        assert_eq!(memory.size(), 2 << 16);
        assert_eq!(guests[1].call("size", &[]), Ok(vec![Value::I32(2)]));
        assert!(memory.write((2 << 16) - 1, &[42]));
        assert_eq!(guests[1].call("last", &[]), Ok(vec![Value::I32(42)]));
        // Four threads ask for a page each, and there is room for two.
        let grown = AtomicU32::new(0);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    let mut guest = Guest::new(&engine, COUNTER, &memory);
                    if guest.call("grow", &[]) != Ok(vec![Value::I32(-1)]) {
                        grown.fetch_add(1, Ordering::SeqCst);
                    }
                });
            }
        });
        assert_eq!((grown.into_inner(), memory.ty().minimum), (2, 4));
    }
}

#[test]
fn a_shared_memory_can_be_taken_from_an_instance() {
    for engine in engines() {
        let wat = r#"(module (memory (export "memory") 1 2 shared) (memory (export "own") 1)
            (data (i32.const 100) "hello"))"#;
        let module = Module::new(&engine, wat.as_bytes(), "test").expect("valid");
        let mut store = Store::new(&engine).expect("memory for code");
        let instance = Instance::new(&mut store, &module, &Linker::new()).expect("instantiates");
        assert!(instance.get_shared_memory(&store, "own").is_none());
        let memory = instance.get_shared_memory(&store, "memory").expect("shared");
        drop(store);
        let mut bytes = [0; 5];
        assert!(memory.read(100, &mut bytes));
        assert_eq!(&bytes, b"hello");
        assert!(!memory.read(65532, &mut bytes), "beyond the end");
        assert!(!memory.write(u64::MAX, &bytes), "beyond all memories");
    }
}

#[test]
fn types_of_shared_memories_must_fit() {
    let [engine, _] = engines();
    assert!(matches!(SharedMemory::new(&engine, MemoryType::new(1, Some(1))), Err(Error::Limit(_))));
    let memory = SharedMemory::new(&engine, shared_type(1, 4)).expect("address space");
    let mut linker = Linker::new();
    linker.define_shared_memory("env", "memory", &memory);
    for (wanted, fits) in [
        ("1 4 shared", true),
        ("1 3 shared", false),
        ("2 4 shared", false),
        ("1 4", false),
        ("i64 1 4 shared", false),
    ] {
        let wat = format!("(module (import \"env\" \"memory\" (memory {wanted})))");
        let module = Module::new(&engine, wat.as_bytes(), "test").expect("valid");
        let mut store = Store::new(&engine).expect("memory for code");
        let instance = Instance::new(&mut store, &module, &linker);
        assert_eq!(instance.is_ok(), fits, "{wanted}");
    }
    assert_eq!(memory.ty().index, IndexType::I32);
}

#[test]
fn bulk_operators_work_on_shared_memories() {
    // Lengths and places that are no multiples of a word, and copies that overlap in both directions.
    let wat = r#"(module (memory 2 2 shared) (memory $own 1) (data $data "abcdefghijklmnopqrstuvwxyz")
        (func $sum (param $from i32) (param $to i32) (result i32) (local $sum i32)
          (loop $again
            (local.set $sum (i32.add (i32.mul (local.get $sum) (i32.const 31))
                                     (i32.load8_u (local.get $from))))
            (local.set $from (i32.add (local.get $from) (i32.const 1)))
            (br_if $again (i32.lt_u (local.get $from) (local.get $to))))
          (local.get $sum))
        (func (export "run") (result i32 i32 i32 i32)
          (memory.init $data (i32.const 3) (i32.const 1) (i32.const 25))
          (call $sum (i32.const 3) (i32.const 28))
          (memory.fill (i32.const 9001) (i32.const 7) (i32.const 10007))
          (memory.copy (i32.const 13) (i32.const 3) (i32.const 19003))
          (memory.copy (i32.const 5) (i32.const 13) (i32.const 19003))
          (call $sum (i32.const 5) (i32.const 19008))
          (memory.copy $own 0 (i32.const 1) (i32.const 5) (i32.const 19003))
          (memory.copy 0 $own (i32.const 70000) (i32.const 1) (i32.const 19003))
          (call $sum (i32.const 70000) (i32.const 89003))
          (i32.load8_u $own (i32.const 19004))))"#;
    let plain = wat.replace("2 2 shared", "2 2");
    assert_eq!(run(wat), run(&plain));
    let Ok(values) = run(wat) else { panic!("no trap") };
    assert_eq!(values[1], values[2]);
}

const WAITER: &str = r#"(module (import "env" "memory" (memory 1 1 shared))
    (func (export "wait32") (param i32) (param i64) (result i32)
      (memory.atomic.wait32 (local.get 0) (i32.const 0) (local.get 1)))
    (func (export "wait64") (param i32) (param i64) (result i32)
      (memory.atomic.wait64 (local.get 0) (i64.const 0) (local.get 1)))
    (func (export "notify") (param i32 i32) (result i32)
      (memory.atomic.notify (local.get 0) (local.get 1))))"#;

/// Notifies until `count` were woken: the waiters may not be there yet.
fn notify_until(guest: &mut Guest, at: i32, count: i32) {
    let mut woken = 0;
    while woken < count {
        let result = guest.call("notify", &[Value::I32(at), Value::I32(count - woken)]);
        let Ok([Value::I32(more)]) = result.as_deref() else { panic!("a number") };
        woken += more;
        std::thread::yield_now();
    }
}

#[test]
fn notified_threads_go_on() {
    for engine in engines() {
        let memory = SharedMemory::new(&engine, shared_type(1, 1)).expect("address space");
        std::thread::scope(|scope| {
            let threads: Vec<_> = ["wait32", "wait64", "wait32"]
                .into_iter()
                .map(|name| {
                    scope.spawn(|| {
                        let mut guest = Guest::new(&engine, WAITER, &memory);
                        guest.call(name, &[Value::I32(8), Value::I64(-1)])
                    })
                })
                .collect();
            let mut guest = Guest::new(&engine, WAITER, &memory);
            notify_until(&mut guest, 8, 3);
            for thread in threads {
                assert_eq!(thread.join().expect("no panic"), Ok(vec![Value::I32(0)]));
            }
            assert_eq!(guest.call("notify", &[Value::I32(8), Value::I32(-1)]), Ok(vec![Value::I32(0)]));
            let timed_out = guest.call("wait64", &[Value::I32(8), Value::I64(1000)]);
            assert_eq!(timed_out, Ok(vec![Value::I32(2)]));
        });
    }
}

/// Is told of interrupts; looks at the frame that waits.
struct Interrupts {
    seen: mpsc::Sender<String>,
    resumption: Resumption,
}

impl DebugHook for Interrupts {
    fn event(&self, store: &mut Store, event: DebugEvent) -> Resumption {
        if event != DebugEvent::InterruptedInHost {
            // It came before the wait: try again.
            store.interrupt_handle().interrupt();
            return Resumption::Continue;
        }
        let Some(Frame::Wasm(frame)) = store.frames().next() else { panic!("a Wasm frame") };
        let at = frame.local(store, 0);
        let bytes = store.module(frame.module).expect("loaded").bytes();
        let operator =
            bytes.get(usize::try_from(frame.pc.0).expect("fits")..).map(|bytes| bytes[..2].to_vec());
        self.seen.send(format!("{operator:x?} {at:?}")).expect("the test waits");
        self.resumption
    }
}

#[test]
fn an_interrupt_stops_a_thread_that_waits_and_it_goes_on_waiting() {
    let [engine, _] = engines();
    let memory = SharedMemory::new(&engine, shared_type(1, 1)).expect("address space");
    let mut waiting = Guest::new(&engine, WAITER, &memory);
    let (seen, events) = mpsc::channel();
    waiting.store.set_debug_hook(Some(Arc::new(Interrupts { seen, resumption: Resumption::Continue })));
    let interrupt = waiting.store.interrupt_handle();
    std::thread::scope(|scope| {
        let thread = scope.spawn(move || waiting.call("wait32", &[Value::I32(8), Value::I64(-1)]));
        for _ in 0..3 {
            interrupt.interrupt();
            let event = events.recv().expect("a stop");
            assert_eq!(event, "Some([fe, 1]) Ok(I32(8))");
        }
        let mut other = Guest::new(&engine, WAITER, &memory);
        notify_until(&mut other, 8, 1);
        assert_eq!(thread.join().expect("no panic"), Ok(vec![Value::I32(0)]));
        assert_eq!(memory.notify(8, 1), 0, "nobody waits any more");
    });
}

#[test]
fn a_thread_that_waits_can_be_killed() {
    let [engine, _] = engines();
    let memory = SharedMemory::new(&engine, shared_type(1, 1)).expect("address space");
    let mut waiting = Guest::new(&engine, WAITER, &memory);
    let (seen, events) = mpsc::channel();
    waiting.store.set_debug_hook(Some(Arc::new(Interrupts { seen, resumption: Resumption::Kill })));
    waiting.store.interrupt_handle().interrupt();
    assert_eq!(waiting.call("wait64", &[Value::I32(8), Value::I64(-1)]), Err(Failure::Killed));
    assert_eq!(events.try_iter().count(), 1);
    assert_eq!(memory.notify(8, 1), 0, "it left the queue");
}
