//! Validating the bodies of functions: by far the most of a module, so all processors help, and it is done when somebody wants to
//! know. Before that, each that is to be compiled is validated alone.

use std::num::NonZero;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread;

use bytes::Bytes;
use wasmparser::{
    BinaryReader, FuncToValidate, FuncValidatorAllocations, FunctionBody, ValidatorResources, WasmFeatures,
};

use crate::error::Error;

/// Bytes of bodies that a thread takes at a time, about. A thread is not worth less.
const SHARE: usize = 64 << 10;

/// A body in the module's file, and what it takes to validate it.
type Body = (FuncToValidate<ValidatorResources>, Range<usize>);

/// The bodies of a module in their order, until they are validated.
#[derive(Default)]
pub(super) struct Bodies {
    all: Vec<Body>,
    /// Indices into `all` at which shares begin.
    shares: Vec<usize>,
    /// Of the last share.
    bytes: usize,
}

/// Whether all bodies are valid: known when somebody has waited for it.
#[derive(Clone)]
pub(super) struct Validity(Arc<Work>);

impl Default for Validity {
    /// That of a module without bodies.
    fn default() -> Self {
        Self(Arc::new(Work { done: OnceLock::from(Ok(())), ..Work::default() }))
    }
}

/// What is wrong with a module.
#[derive(Clone, Debug)]
struct Invalid {
    offset: usize,
    reason: String,
}

/// What the threads share.
#[derive(Default)]
struct Work {
    bytes: Bytes,
    /// What all bodies are validated with.
    resources: Option<(ValidatorResources, WasmFeatures)>,
    /// Each with the index of its first body.
    parts: Vec<Mutex<(usize, Vec<Body>)>>,
    next: AtomicUsize,
    /// Whether other threads have begun.
    is_started: AtomicBool,
    /// How many parts are not done.
    left: AtomicUsize,
    /// The first body that is not valid: its index and why.
    found: Mutex<Option<(usize, Invalid)>>,
    done: OnceLock<Result<(), Invalid>>,
}

impl Bodies {
    pub(super) fn add(&mut self, function: FuncToValidate<ValidatorResources>, body: Range<usize>) {
        if self.shares.is_empty() || self.bytes >= SHARE {
            self.shares.push(self.all.len());
            self.bytes = 0;
        }
        self.bytes += body.len();
        self.all.push((function, body));
    }

    /// Gets ready to validate all bodies of the module in `bytes`.
    pub(super) fn validate(self, bytes: &Bytes) -> Validity {
        let Self { all, shares, .. } = self;
        let resources = all.first().map(|(function, _)| (function.resources.clone(), function.features));
        let mut rest = all;
        // From the last to the first, so that each is taken off the end.
        let mut parts: Vec<_> =
            shares.iter().rev().map(|&start| Mutex::new((start, rest.split_off(start)))).collect();
        parts.reverse();
        let work = Arc::new(Work {
            bytes: bytes.clone(),
            resources,
            left: AtomicUsize::new(parts.len()),
            parts,
            ..Work::default()
        });
        if work.parts.is_empty() {
            work.finish();
        }
        Validity(work)
    }
}

impl Validity {
    /// Waits until it is known. The first to do so has all processors begin.
    ///
    /// # Errors
    /// What is wrong with the first body that is not valid.
    pub(super) fn wait(&self) -> Result<(), Error> {
        let Self(work) = self;
        if work.done.get().is_none() {
            work.start_others();
            work.run();
        }
        work.done.wait().clone().map_err(|Invalid { offset, reason }| Error::Invalid { offset, reason })
    }
}

impl Validity {
    /// Validates one body, with the function's index and type index, unless all have been.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(super) fn check(&self, index: u32, ty: u32, body: Range<usize>) -> Result<(), Error> {
        let Self(work) = self;
        if work.done.get().is_some() {
            return self.wait();
        }
        let Some((resources, features)) = work.resources.clone() else { return self.wait() };
        let function = FuncToValidate { resources, index, ty, features };
        function.into_validator(FuncValidatorAllocations::default()).validate(&work.body(body))?;
        Ok(())
    }
}

impl Work {
    fn body(&self, range: Range<usize>) -> FunctionBody<'_> {
        let code = self.bytes.get(range.clone()).unwrap_or_default();
        FunctionBody::new(BinaryReader::new(code, range.start as u64))
    }

    /// Has other threads help, once.
    fn start_others(self: &Arc<Self>) {
        if self.is_started.swap(true, Ordering::Relaxed) {
            return;
        }
        let workers = thread::available_parallelism().map_or(1, NonZero::get).min(self.parts.len());
        for _ in 1..workers {
            let work = Arc::clone(self);
            let spawned = thread::Builder::new().name("validation".to_owned()).spawn(move || work.run());
            if let Err(error) = spawned {
                tracing::debug!(%error, "fewer threads validate the module");
            }
        }
    }

    /// Validates parts until none is left to take.
    fn run(&self) {
        let mut allocations = FuncValidatorAllocations::default();
        while let Some(part) = self.parts.get(self.next.fetch_add(1, Ordering::Relaxed)) {
            let (start, bodies) = std::mem::take(&mut *part.lock().unwrap_or_else(PoisonError::into_inner));
            let mut ending = Ending { work: self, part: start, is_done: false };
            for (index, (function, body)) in (start..).zip(bodies) {
                // What is behind a mistake does not matter any more.
                if self.has_found_before(index) {
                    break;
                }
                let mut checker = function.into_validator(allocations);
                let checked = checker.validate(&self.body(body));
                allocations = checker.into_allocations();
                if let Err(error) = checked {
                    let offset = usize::try_from(error.offset()).unwrap_or(usize::MAX);
                    self.found(index, Invalid { offset, reason: error.message().to_owned() });
                    break;
                }
            }
            ending.is_done = true;
        }
    }

    fn found(&self, index: usize, invalid: Invalid) {
        let mut found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        if found.as_ref().is_none_or(|(first, _)| index < *first) {
            *found = Some((index, invalid));
        }
    }

    fn has_found_before(&self, index: usize) -> bool {
        let found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        found.as_ref().is_some_and(|(first, _)| *first < index)
    }

    /// All parts are done.
    fn finish(&self) {
        let found = self.found.lock().unwrap_or_else(PoisonError::into_inner).take();
        let _first = self.done.set(found.map_or(Ok(()), |(_, invalid)| Err(invalid)));
    }
}

/// Counts a part that comes to its end, whatever that is.
struct Ending<'w> {
    work: &'w Work,
    part: usize,
    is_done: bool,
}

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        if !self.is_done {
            let reason = "the validator has failed".to_owned();
            self.work.found(self.part, Invalid { offset: 0, reason });
        }
        if self.work.left.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.work.finish();
        }
    }
}
