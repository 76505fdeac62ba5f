//! What the tests share: compiling C, and running a module with WASI.

#![expect(dead_code, reason = "each file of tests uses some of it")]

#[expect(unreachable_pub, reason = "it is a public module of another package")]
#[path = "../../../../tests/src/clang.rs"]
mod compiler;

use runtime::{
    DebugEvent, DebugHook, Engine, EngineConfig, Error, Failure, FuncType, Instance, InterruptHandle, Linker,
    Module, Resumption, Store, Tiers, Value,
};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use wasi::WasiBuilder;

/// Compiles C to a module with clang-19.
pub(crate) fn compile(source: &Path) -> Vec<u8> {
    let folder = tempfile::tempdir().expect("a temporary directory");
    let module = folder.path().join("out.wasm");
    let mut clang =
        compiler::clang(Path::new(env!("CARGO_TARGET_TMPDIR"))).expect("apt-get install clang-19 lld-19");
    clang.args(["--target=wasm32-wasi", "-O1", "-g", "-o"]).arg(&module).arg(source);
    let install = "apt-get install clang-19 lld-19 wasi-libc libclang-rt-19-dev-wasm32";
    let output = clang.output().unwrap_or_else(|error| panic!("clang-19: {error}; try: {install}"));
    assert!(output.status.success(), "{}\ntry: {install}", String::from_utf8_lossy(&output.stderr));
    std::fs::read(module).expect("clang wrote its output")
}

/// A C program of these tests.
pub(crate) fn program(name: &str) -> Vec<u8> {
    compile(&PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/programs").join(name))
}

/// A module that can be run.
pub(crate) struct Guest {
    store: Box<Store>,
    instance: Instance,
}

impl Guest {
    /// Instantiates a module; `test.ready`, which it may import, sends on the receiver.
    pub(crate) fn new(module: &[u8], builder: &WasiBuilder) -> Result<(Self, Receiver<()>), Error> {
        Self::new_in(Tiers::default(), module, builder)
    }

    /// The same, compiled in this tier.
    pub(crate) fn new_in(
        tier: Tiers,
        module: &[u8],
        builder: &WasiBuilder,
    ) -> Result<(Self, Receiver<()>), Error> {
        let config = EngineConfig { tiers: tier, ..EngineConfig::default() };
        let engine = Engine::new(config).expect("this machine is supported");
        let module = Module::new(&engine, module, "test")?;
        let mut store = Store::new(&engine).expect("memory for code");
        let mut linker = Linker::new();
        builder.build().expect("all is there").add_to_linker(&mut linker);
        let (sender, receiver) = channel();
        linker.define_func("test", "ready", FuncType::new([], []), move |_, _| {
            // Nobody needs to listen.
            let _ = sender.send(());
            Ok(Vec::new())
        });
        let instance = Instance::new(&mut store, &module, &linker)?;
        Ok((Self { store, instance }, receiver))
    }

    /// Calls `_start`.
    pub(crate) fn start(&mut self) -> Result<Vec<Value>, Failure> {
        self.call("_start", &[])
    }

    /// Calls an exported function.
    pub(crate) fn call(&mut self, name: &str, args: &[Value]) -> Result<Vec<Value>, Failure> {
        let function = self.instance.get_func(&self.store, name).expect("exported");
        function.call(&mut self.store, args)
    }

    /// Bytes of the memory, after the program.
    pub(crate) fn memory(&self, at: u64, length: usize) -> Vec<u8> {
        let mut bytes = vec![0; length];
        assert_eq!(self.store.read_memory(self.instance, 0, at, &mut bytes), Some(length));
        bytes
    }

    /// Sets all of the memory.
    pub(crate) fn set_memory(&mut self, bytes: &[u8]) {
        assert!(self.store.write_memory(self.instance, 0, 0, bytes));
    }

    pub(crate) fn interrupt_handle(&self) -> InterruptHandle {
        self.store.interrupt_handle()
    }

    /// Has a function told of the stops in host functions; the guest goes on from all others.
    pub(crate) fn on_stop_in_host(&mut self, act: impl Fn() -> Resumption + Send + Sync + 'static) {
        self.store.set_debug_hook(Some(Arc::new(Hook(act))));
    }
}

struct Hook<F>(F);

impl<F: Fn() -> Resumption + Send + Sync> DebugHook for Hook<F> {
    fn event(&self, _store: &mut Store, event: DebugEvent) -> Resumption {
        if event == DebugEvent::InterruptedInHost { (self.0)() } else { Resumption::Continue }
    }
}

/// Runs a module from its start to its end.
pub(crate) fn run(module: &[u8], builder: &WasiBuilder) -> Result<Vec<Value>, Failure> {
    let (mut guest, _) = Guest::new(module, builder).expect("links");
    guest.start()
}
