//! The state that a program's WASI functions share, and the one way to call them.

use crate::failure::{Outcome, outcome};
use crate::wait::{Began, now};
use cap_std::time::Instant;
use runtime::{Caller, HostError, MemoryBytes, Value};
use std::sync::{Mutex, PoisonError};
use wasi_common::WasiCtx;
use wiggle::GuestMemory;
use wiggle::error::Error as CallError;

/// What the functions of one run share.
pub(crate) struct Context {
    /// Locked for one attempt at a time. Not while a debugger has the guest: it may call functions of the guest that
    /// call functions of ours. And not while a thread waits: others go on meanwhile.
    wasi: Mutex<WasiCtx>,
    began: Began,
}

impl Context {
    pub(crate) fn new(wasi: WasiCtx, began: Began) -> Self {
        Self { wasi: Mutex::new(wasi), began }
    }

    /// Calls a function, as often as it takes until it has waited for what it waits for.
    ///
    /// # Errors
    /// When the guest is to end.
    pub(crate) fn call(
        &self,
        caller: &mut Caller<'_>,
        name: &str,
        function: impl AsyncFn(&mut WasiCtx, &mut GuestMemory<'_>) -> Result<i32, CallError>,
    ) -> Result<Vec<Value>, HostError> {
        let began = now();
        loop {
            let memory = memory_of(caller, name)?;
            match outcome(name, self.attempt(began, memory, &function))? {
                Outcome::Done(errno) => return Ok(vec![Value::I32(errno)]),
                Outcome::StillWaiting(waiting) => {
                    waiting.wait_a_slice();
                    caller.stop_if_interrupted()?;
                }
            }
        }
    }

    /// As [`Context::call`], on memory of ours.
    ///
    /// # Errors
    /// When the guest is to end.
    pub(crate) fn call_aside(
        &self,
        caller: &mut Caller<'_>,
        name: &str,
        memory: &mut [u8],
        function: impl AsyncFn(&mut WasiCtx, &mut GuestMemory<'_>) -> Result<i32, CallError>,
    ) -> Result<i32, HostError> {
        let began = now();
        loop {
            match outcome(name, self.attempt(began, GuestMemory::Unshared(memory), &function))? {
                Outcome::Done(errno) => return Ok(errno),
                Outcome::StillWaiting(waiting) => {
                    waiting.wait_a_slice();
                    caller.stop_if_interrupted()?;
                }
            }
        }
    }

    /// Calls a function once, on this memory. `began` is when the guest called it.
    pub(crate) fn attempt<T>(
        &self,
        began: Instant,
        mut memory: GuestMemory<'_>,
        function: impl AsyncFnOnce(&mut WasiCtx, &mut GuestMemory<'_>) -> Result<T, CallError>,
    ) -> Result<T, CallError> {
        let mut wasi = self.wasi.lock().unwrap_or_else(PoisonError::into_inner);
        self.began.set(Some(began));
        // wasi-common's functions are asynchronous by their types only: nothing in them is ever pending.
        let result = wiggle::run_in_dummy_executor(function(&mut wasi, &mut memory));
        self.began.set(None);
        result?
    }
}

/// The caller's memory.
///
/// # Errors
/// When it has none.
pub(crate) fn memory_of<'a>(caller: &'a mut Caller<'_>, name: &str) -> Result<GuestMemory<'a>, HostError> {
    let words = || HostError::Message(format!("{name} was called by an instance that has no memory"));
    match caller.memory().ok_or_else(words)? {
        MemoryBytes::Own(bytes) => Ok(GuestMemory::Unshared(bytes)),
        MemoryBytes::Shared(cells) => Ok(GuestMemory::Shared(cells)),
    }
}
