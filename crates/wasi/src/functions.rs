//! The functions by name and type.
//!
//! wasi-common generates them from the witx files of the two snapshots, with one parameter for each Wasm parameter;
//! only their names and types are said here. The compiler checks the parameters' number and types, and a test that the
//! list is complete.

use crate::context::Context;
use runtime::{Caller, FuncType, HostError, Linker, Value, ValueType};
use std::sync::Arc;
use wasi_common::snapshots::preview_0::wasi_unstable;
use wasi_common::snapshots::preview_1::wasi_snapshot_preview1;

const SNAPSHOTS: [&str; 2] = [stringify!(wasi_snapshot_preview1), stringify!(wasi_unstable)];

/// Defines functions of a snapshot that wasi-common implements as they are.
macro_rules! define {
    ($linker:ident, $context:ident, $snapshot:ident: $($name:ident($($arg:ident: $ty:ident),*);)*) => {$({
        let context = Arc::clone($context);
        let ty = func_type(&[$(ValueType::$ty),*], &[ValueType::I32]);
        $linker.define_func(stringify!($snapshot), stringify!($name), ty, move |caller, args| match *args {
            [$(Value::$ty($arg)),*] => context.call(caller, stringify!($name), async |wasi, memory| {
                $snapshot::$name(wasi, memory, $($arg),*).await
            }),
            _ => Err(wrong_arguments(stringify!($name))),
        });
    })*};
}

/// Defines the functions that both snapshots have.
macro_rules! define_common {
    ($linker:ident, $context:ident, $snapshot:ident) => {
        define! { $linker, $context, $snapshot:
            args_get(argv: I32, buffer: I32);
            args_sizes_get(count: I32, size: I32);
            environ_get(environ: I32, buffer: I32);
            environ_sizes_get(count: I32, size: I32);
            clock_res_get(clock: I32, result: I32);
            clock_time_get(clock: I32, precision: I64, result: I32);
            fd_advise(fd: I32, offset: I64, length: I64, advice: I32);
            fd_allocate(fd: I32, offset: I64, length: I64);
            fd_close(fd: I32);
            fd_datasync(fd: I32);
            fd_fdstat_get(fd: I32, result: I32);
            fd_fdstat_set_flags(fd: I32, flags: I32);
            fd_fdstat_set_rights(fd: I32, base: I64, inheriting: I64);
            fd_filestat_get(fd: I32, result: I32);
            fd_filestat_set_size(fd: I32, size: I64);
            fd_filestat_set_times(fd: I32, accessed: I64, modified: I64, flags: I32);
            fd_prestat_get(fd: I32, result: I32);
            fd_prestat_dir_name(fd: I32, path: I32, length: I32);
            fd_readdir(fd: I32, buffer: I32, length: I32, cookie: I64, result: I32);
            fd_renumber(fd: I32, to: I32);
            fd_seek(fd: I32, offset: I64, whence: I32, result: I32);
            fd_sync(fd: I32);
            fd_tell(fd: I32, result: I32);
            path_create_directory(fd: I32, path: I32, length: I32);
            path_filestat_get(fd: I32, flags: I32, path: I32, length: I32, result: I32);
            path_filestat_set_times(fd: I32, flags: I32, path: I32, length: I32, accessed: I64, modified: I64, set: I32);
            path_link(fd: I32, flags: I32, path: I32, length: I32, new_fd: I32, new_path: I32, new_length: I32);
            path_open(fd: I32, lookup: I32, path: I32, length: I32, open: I32, base: I64, inheriting: I64, flags: I32,
                result: I32);
            path_readlink(fd: I32, path: I32, length: I32, buffer: I32, size: I32, result: I32);
            path_remove_directory(fd: I32, path: I32, length: I32);
            path_rename(fd: I32, path: I32, length: I32, new_fd: I32, new_path: I32, new_length: I32);
            path_symlink(target: I32, target_length: I32, fd: I32, path: I32, length: I32);
            path_unlink_file(fd: I32, path: I32, length: I32);
            proc_raise(signal: I32);
            sched_yield();
            random_get(buffer: I32, length: I32);
            sock_shutdown(fd: I32, how: I32);
        }
    };
}

/// Defines all functions of both snapshots.
pub(crate) fn define(linker: &mut Linker, context: &Arc<Context>) {
    define_common!(linker, context, wasi_snapshot_preview1);
    define_common!(linker, context, wasi_unstable);
    define! { linker, context, wasi_unstable: poll_oneoff(subscriptions: I32, events: I32, count: I32, result: I32); }
    let [new, _old] = SNAPSHOTS;
    define_own(linker, context, new, "poll_oneoff", Context::poll);
    define_own(linker, context, new, "sock_accept", Context::accept);
    for snapshot in SNAPSHOTS {
        define_own(linker, context, snapshot, "fd_read", Context::read);
        define_own(linker, context, snapshot, "fd_write", Context::write);
        define_at(linker, context, snapshot, "fd_pread", Context::read_at);
        define_at(linker, context, snapshot, "fd_pwrite", Context::write_at);
        define_own(linker, context, snapshot, "sock_recv", Context::receive);
        define_own(linker, context, snapshot, "sock_send", Context::send);
        define_exit(linker, snapshot);
    }
}

/// Defines a function that we have more to do for, and whose parameters are all of one type.
fn define_own<const COUNT: usize>(
    linker: &mut Linker,
    context: &Arc<Context>,
    snapshot: &str,
    name: &'static str,
    method: impl Fn(&Context, &mut Caller<'_>, [i32; COUNT]) -> Result<Vec<Value>, HostError>
    + Send
    + Sync
    + 'static,
) {
    let context = Arc::clone(context);
    let ty = func_type(&[ValueType::I32; COUNT], &[ValueType::I32]);
    linker.define_func(snapshot, name, ty, move |caller, args| {
        let mut numbers = [0; COUNT];
        for (number, arg) in numbers.iter_mut().zip(args) {
            let Value::I32(arg) = *arg else { return Err(wrong_arguments(name)) };
            *number = arg;
        }
        method(&context, caller, numbers)
    });
}

/// Defines `fd_pread` or `fd_pwrite`, which have an offset before their last parameter.
fn define_at(
    linker: &mut Linker,
    context: &Arc<Context>,
    snapshot: &str,
    name: &'static str,
    method: impl Fn(&Context, &mut Caller<'_>, [i32; 4], i64) -> Result<Vec<Value>, HostError>
    + Send
    + Sync
    + 'static,
) {
    const I32: ValueType = ValueType::I32;
    let context = Arc::clone(context);
    let ty = func_type(&[I32, I32, I32, ValueType::I64, I32], &[I32]);
    linker.define_func(snapshot, name, ty, move |caller, args| match *args {
        [Value::I32(fd), Value::I32(vectors), Value::I32(count), Value::I64(offset), Value::I32(result)] => {
            method(&context, caller, [fd, vectors, count, result], offset)
        }
        _ => Err(wrong_arguments(name)),
    });
}

/// `proc_exit`. wasi-common would refuse codes from 126 on, which `exit(-1)` and shells use.
fn define_exit(linker: &mut Linker, snapshot: &str) {
    linker.define_func(
        snapshot,
        "proc_exit",
        func_type(&[ValueType::I32], &[]),
        |_caller, args| match *args {
            [Value::I32(code)] => Err(HostError::Exit(code)),
            _ => Err(wrong_arguments("proc_exit")),
        },
    );
}

fn func_type(params: &[ValueType], results: &[ValueType]) -> FuncType {
    FuncType::new(params, results)
}

/// The runtime passes what the function's type says, so nobody will read this.
fn wrong_arguments(name: &str) -> HostError {
    HostError::Message(format!("{name} was called with arguments of other types than its own"))
}
