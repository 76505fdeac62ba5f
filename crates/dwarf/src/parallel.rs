//! Work on all processors.

use std::num::NonZero;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

/// Does `work` for each number below `count`, on all processors. The results are in the order of the numbers.
pub(crate) fn map<T: Send>(count: usize, work: impl Fn(usize) -> T + Sync) -> Vec<T> {
    map_while(count, || (), |(), number| Some(work(number)))
}

/// The same with something that each processor has for itself, until `work` has no result: then only those of the numbers before it
/// are sure to be there.
pub(crate) fn map_while<S, T: Send>(
    count: usize,
    own: impl Fn() -> S + Sync,
    work: impl Fn(&mut S, usize) -> Option<T> + Sync,
) -> Vec<T> {
    let workers = thread::available_parallelism().map_or(1, NonZero::get).min(count);
    let next = AtomicUsize::new(0);
    let some = || {
        let (mut done, mut own) = (Vec::new(), own());
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= count {
                return done;
            }
            let Some(result) = work(&mut own, number) else { return done };
            done.push((number, result));
        }
    };
    let mut results = thread::scope(|scope| {
        let others: Vec<_> = (1..workers).map(|_| scope.spawn(some)).collect();
        let mut results = some();
        for other in others {
            match other.join() {
                Ok(done) => results.extend(done),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        results
    });
    results.sort_by_key(|(number, _)| *number);
    results.into_iter().map(|(_, result)| result).collect()
}

#[cfg(test)]
mod tests {
    #[test]
    fn results_are_in_order() {
        let squares = super::map(1000, |number| number * number);
        assert_eq!(squares, (0..1000).map(|number| number * number).collect::<Vec<_>>());
        assert!(super::map(0, |number| number).is_empty());
    }
}
