//! Validating the bodies of functions: by far the most of a module, so all processors help.

use std::num::NonZero;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use wasmparser::{
    BinaryReaderError, FuncToValidate, FuncValidatorAllocations, FunctionBody, ValidatorResources,
};

/// Bytes of bodies that a thread takes at a time, about. A thread is not worth less.
const SHARE: usize = 64 << 10;

/// The bodies of a module in their order, until they are validated.
#[derive(Default)]
pub(super) struct Bodies<'a> {
    all: Vec<(FuncToValidate<ValidatorResources>, FunctionBody<'a>)>,
    /// Indices into `all` at which shares begin.
    shares: Vec<usize>,
    /// Of the last share.
    bytes: usize,
}

/// The first body that is not valid: its index and why.
type Invalid = Option<(usize, BinaryReaderError)>;

impl<'a> Bodies<'a> {
    pub(super) fn add(&mut self, function: FuncToValidate<ValidatorResources>, body: FunctionBody<'a>) {
        if self.shares.is_empty() || self.bytes >= SHARE {
            self.shares.push(self.all.len());
            self.bytes = 0;
        }
        self.bytes += body.as_bytes().len();
        self.all.push((function, body));
    }

    /// Validates all bodies.
    ///
    /// # Errors
    /// What is wrong with the first one that is not valid.
    pub(super) fn validate(self) -> Result<(), BinaryReaderError> {
        let Self { all, shares, .. } = self;
        let workers = thread::available_parallelism().map_or(1, NonZero::get).min(shares.len());
        let mut rest = all;
        // From the last to the first, so that each is taken off the end.
        let mut parts: Vec<_> =
            shares.iter().rev().map(|&start| Mutex::new((start, rest.split_off(start)))).collect();
        parts.reverse();
        let next = AtomicUsize::new(0);
        let work = || {
            let mut invalid: Invalid = None;
            let mut allocations = FuncValidatorAllocations::default();
            // A part behind one with a mistake does not matter any more; parts are taken in their order.
            while invalid.is_none()
                && let Some(part) = parts.get(next.fetch_add(1, Ordering::Relaxed))
            {
                let (start, bodies) =
                    std::mem::take(&mut *part.lock().unwrap_or_else(PoisonError::into_inner));
                for (index, (function, body)) in (start..).zip(bodies) {
                    let mut checker = function.into_validator(allocations);
                    let checked = checker.validate(&body);
                    allocations = checker.into_allocations();
                    if let Err(error) = checked {
                        invalid = Some((index, error));
                        break;
                    }
                }
            }
            invalid
        };
        let found = thread::scope(|scope| {
            let others: Vec<_> = (1..workers).map(|_| scope.spawn(work)).collect();
            let mut found: Vec<_> = work().into_iter().collect();
            for other in others {
                match other.join() {
                    Ok(invalid) => found.extend(invalid),
                    Err(panic) => std::panic::resume_unwind(panic),
                }
            }
            found
        });
        match found.into_iter().min_by_key(|(index, _)| *index) {
            Some((_, error)) => Err(error),
            None => Ok(()),
        }
    }
}
