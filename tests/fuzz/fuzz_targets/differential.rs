//! Any bytes as a module (see `tests/differential`, which makes them by chance): all ways of running it agree.
#![no_main]

#[path = "../../differential/case.rs"]
mod case;
#[path = "../../differential/compare.rs"]
mod compare;
#[path = "../../differential/modes.rs"]
mod modes;
#[path = "../../differential/outcome.rs"]
mod outcome;
#[path = "../../differential/reference.rs"]
mod reference;
#[path = "../../differential/stepper.rs"]
mod stepper;

use libfuzzer_sys::fuzz_target;

/// Bytes of stack for the thread that runs a case: far more than the guest may use.
const THREAD_STACK: usize = 64 << 20;

fuzz_target!(|bytes: &[u8]| {
    let Some((seed, bytes)) = bytes.split_first_chunk() else { return };
    let Some(case) = case::Case::of(u64::from_le_bytes(*seed), bytes) else { return };
    let thread = std::thread::Builder::new().stack_size(THREAD_STACK);
    let run = move || compare::compare(&case, &modes::Runtimes::new(), &mut compare::Tally::default());
    let compared = thread.spawn(run).expect("a thread").join().expect("no panic");
    compared.unwrap_or_else(|difference| panic!("{difference}"));
});
