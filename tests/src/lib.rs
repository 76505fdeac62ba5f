//! What the tests of this package share: compilers, fixtures, a server process, debuggers at
//! their prompts and as editors drive them, a raw packet client.
//!
//! The helpers panic when a check fails or the other side goes silent: they are called from tests, and a panic is how a
//! test fails. What a machine lacks (a compiler, a debugger, the server's binary) is an error with the line to type.

pub mod clang;
pub mod console;
pub mod dap;
pub mod fixture;
pub mod gdb;
pub mod lldb;
pub mod mi;
pub mod normalise;
pub mod process;
pub mod rsp;
pub mod server;
pub mod toolchain;
