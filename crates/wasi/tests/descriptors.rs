//! That runs leave no descriptors behind. The only test of its process, so that nothing else opens any.

mod common;

use common::{Guest, program};
use runtime::Failure;
use wasi::WasiBuilder;

#[test]
fn a_run_leaves_no_descriptors_behind() {
    let module = program("world.c");
    let out = tempfile::tempfile().expect("a temporary file");
    let run_once = || {
        let mut builder = WasiBuilder::new();
        builder.dir("/", "/").stdout(out.try_clone().expect("a second descriptor"));
        builder.stderr(out.try_clone().expect("a second descriptor"));
        let (mut guest, _ready) = Guest::new(&module, &builder).expect("links");
        guest.start()
    };
    let count = || std::fs::read_dir("/proc/self/fd").expect("Linux").count();
    assert_eq!(run_once(), Err(Failure::Exit(200)));
    let before = count();
    assert_eq!(run_once(), Err(Failure::Exit(200)));
    assert_eq!(count(), before);
}
