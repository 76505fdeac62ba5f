//! Several threads in a session: modules in the text format, whose threads share what their host functions share.

#[path = "threads/fixture.rs"]
mod fixture;

use debugger::{
    Error, Event, Exit, Frame, Others, Resume, Stop, ThreadId, TrapCode, Value, WatchAccess, WatchTarget,
    WatchedValue,
};
use fixture::{Fixture, MAIN, breakpoint, stopped, thread};

/// `run` starts `count` threads and waits until all have called `add`; each runs `thread`.
const WORKERS: &str = r#"(module
  (import "env" "spawn" (func $spawn (param i32) (result i32)))
  (import "env" "add" (func $add (param i32)))
  (import "env" "wait_for" (func $wait_for (param i32)))
  (func (export "run") (param $count i32) (local $i i32)
    (loop $again
      (drop (call $spawn (local.get $i)))
      (local.set $i (i32.add (local.get $i) (i32.const 1)))
      (br_if $again (i32.lt_u (local.get $i) (local.get $count))))
    (call $wait_for (local.get $count)))
  (func (export "thread") (param $arg i32)
    (call $work (i32.mul (local.get $arg) (i32.const 10)))
    (call $add (i32.const 1)))
  (func $work (param $x i32)
    nop))"#;

/// Function indices in [`WORKERS`].
const RUN: u32 = 3;
const THREAD: u32 = 4;
const WORK: u32 = 5;

#[test]
fn a_breakpoint_in_any_thread_stops_all_and_each_can_be_looked_at() {
    let mut fixture = Fixture::new(WORKERS, "run", &[Value::I32(1)]);
    assert_eq!(fixture.event(), stopped(MAIN, Stop::Start));
    let pc = fixture.pc(WORK, 0);
    fixture.break_at(pc);
    assert_eq!(fixture.resume(Resume::Continue), Event::ThreadStarted(thread(2)));
    assert_eq!(fixture.event(), stopped(thread(2), breakpoint(pc)));
    let threads: Vec<_> = fixture.session.threads();
    assert_eq!(
        threads.iter().map(|thread| (thread.id.0, thread.ordinal)).collect::<Vec<_>>(),
        [(1, 0), (2, 1)]
    );
    assert!(threads.iter().all(|thread| thread.is_stopped));
    assert_eq!(fixture.session.current_thread(), thread(2));
    assert_eq!(fixture.functions(thread(2)), [WORK, THREAD]);
    assert_eq!(fixture.local(thread(2), 0), Value::I32(0));
    // The main thread is wherever it was: in `run`, or waiting in the host for the other one.
    assert_eq!(fixture.functions(MAIN), [RUN]);
    assert_eq!(fixture.local(MAIN, 0), Value::I32(1));
    // Thread 2 ends, or is ended because the main thread returned first.
    fixture.session.resume(Resume::Continue).expect("stopped");
    assert_eq!(fixture.exit(), Exit::Values(Vec::new()));
}

#[test]
fn no_breakpoint_is_lost_however_many_threads_hit_it_at_once() {
    const THREADS: i32 = 6;
    let mut fixture = Fixture::new(WORKERS, "run", &[Value::I32(THREADS)]);
    fixture.event();
    let pc = fixture.pc(WORK, 0);
    fixture.break_at(pc);
    fixture.session.resume(Resume::Continue).expect("stopped");
    let mut seen = Vec::new();
    loop {
        match fixture.event() {
            Event::Stopped { thread, stop } => {
                assert_eq!(stop, breakpoint(pc));
                let x = fixture.local(thread, 0);
                seen.push((thread.0, x));
                fixture.session.resume(Resume::Continue).expect("stopped");
            }
            Event::Exited(exit) => {
                assert_eq!(exit, Exit::Values(Vec::new()));
                break;
            }
            Event::ThreadStarted(_) | Event::ThreadEnded(_) => {}
        }
    }
    seen.sort_by_key(|(thread, _)| *thread);
    let expected = (0..THREADS).map(|i| (2 + i.cast_unsigned(), Value::I32(10 * i))).collect::<Vec<_>>();
    assert_eq!(seen, expected);
}

#[test]
fn a_breakpoint_that_was_removed_is_not_reported_any_more() {
    let mut fixture = Fixture::new(WORKERS, "run", &[Value::I32(4)]);
    fixture.event();
    let pc = fixture.pc(WORK, 0);
    fixture.break_at(pc);
    fixture.session.resume(Resume::Continue).expect("stopped");
    let (first, stop) = fixture.stop();
    assert_eq!(stop, breakpoint(pc));
    fixture.session.inspect_thread(first, |paused| paused.clear_breakpoints()).expect("stopped");
    fixture.session.resume(Resume::Continue).expect("stopped");
    assert_eq!(fixture.exit(), Exit::Values(Vec::new()));
}

#[test]
fn a_thread_that_is_started_while_others_are_held_waits_at_its_beginning() {
    let mut fixture = Fixture::new(WORKERS, "run", &[Value::I32(1)]);
    fixture.event();
    let after_spawn = fixture.pc(RUN, 3);
    fixture.break_at(after_spawn);
    fixture.session.resume_threads(&[(MAIN, Resume::Continue)], Others::Hold).expect("stopped");
    assert_eq!(fixture.event(), Event::ThreadStarted(thread(2)));
    assert_eq!(fixture.event(), stopped(MAIN, breakpoint(after_spawn)));
    assert_eq!(fixture.functions(thread(2)), [THREAD]);
    let start = fixture.module.body_range(THREAD).expect("defined").start;
    assert_eq!(fixture.pcs(thread(2)), [start]);
    // It stays there while the main thread steps.
    for _ in 0..5 {
        fixture.session.resume_threads(&[(MAIN, Resume::StepInstruction)], Others::Hold).expect("stopped");
        assert_eq!(fixture.event(), stopped(MAIN, Stop::Step));
        assert_eq!(fixture.pcs(thread(2)), [start]);
    }
    fixture.session.resume(Resume::Continue).expect("stopped");
    assert_eq!(fixture.exit(), Exit::Values(Vec::new()));
}

#[test]
fn one_thread_steps_while_others_run_or_stay() {
    let mut fixture = Fixture::new(WORKERS, "run", &[Value::I32(1)]);
    fixture.event();
    let at_wait = fixture.call_pc(RUN, 1);
    fixture.break_at(at_wait);
    let in_work = fixture.pc(WORK, 0);
    fixture.break_at(in_work);
    // Both get to their breakpoints, in any order.
    fixture.session.resume(Resume::Continue).expect("stopped");
    let first = fixture.stop().0;
    fixture.session.resume_threads(&[], Others::Run).expect("stopped");
    let second = fixture.stop().0;
    assert_ne!(first, second);
    let range = || Resume::StepRange {
        module: debugger::ModuleId(0),
        range: at_wait..frame_table::ModulePc(at_wait.0 + 1),
    };
    // The main thread waits for the other one, which stays. An interrupt may come before it does.
    loop {
        fixture.session.resume_threads(&[(MAIN, range())], Others::Hold).expect("stopped");
        fixture.session.interrupt();
        match fixture.event() {
            Event::Stopped { thread: MAIN, stop: Stop::Interrupt { in_host_call: false } } => {}
            other => {
                assert_eq!(other, stopped(MAIN, Stop::Interrupt { in_host_call: true }));
                break;
            }
        }
    }
    assert_eq!(fixture.functions(thread(2)), [WORK, THREAD]);
    // Now the other one runs, so that the step over the call is completed.
    fixture.session.resume_threads(&[(MAIN, range())], Others::Run).expect("stopped");
    loop {
        match fixture.event() {
            Event::ThreadEnded(ended) => assert_eq!(ended, thread(2)),
            other => {
                assert_eq!(other, stopped(MAIN, Stop::Step));
                break;
            }
        }
    }
    assert!(fixture.pcs(MAIN)[0] > at_wait);
}

#[test]
fn when_the_last_thread_that_may_run_ends_the_others_stand() {
    let mut fixture = Fixture::new(WORKERS, "run", &[Value::I32(1)]);
    fixture.event();
    let pc = fixture.pc(WORK, 0);
    fixture.break_at(pc);
    fixture.session.resume(Resume::Continue).expect("stopped");
    assert_eq!(fixture.stop(), (thread(2), breakpoint(pc)));
    fixture.session.resume_threads(&[(thread(2), Resume::Continue)], Others::Hold).expect("stopped");
    assert_eq!(fixture.event(), Event::ThreadEnded(thread(2)));
    assert_eq!(fixture.event(), stopped(MAIN, Stop::NoneRuns));
    assert_eq!(fixture.functions(MAIN), [RUN]);
    let gone = fixture.session.resume_threads(&[(thread(2), Resume::Continue)], Others::Hold);
    assert!(matches!(gone, Err(Error::NoThread(ThreadId(2)))));
    assert!(matches!(fixture.session.inspect_thread(thread(2), |_| ()), Err(Error::NoThread(ThreadId(2)))));
    fixture.session.resume(Resume::Continue).expect("stopped");
    assert_eq!(fixture.exit(), Exit::Values(Vec::new()));
}

/// All threads run for ever.
const ENDLESS: &str = r#"(module
  (import "env" "spawn" (func $spawn (param i32) (result i32)))
  (import "env" "add" (func $add (param i32)))
  (func (export "run")
    (drop (call $spawn (i32.const 1)))
    (drop (call $spawn (i32.const 2)))
    (call $forever (i32.const 0)))
  (func (export "thread") (param $arg i32)
    (call $forever (local.get $arg)))
  (func $forever (param $x i32)
    (call $add (i32.const 1))
    (loop $again (br $again))))"#;

#[test]
fn an_interrupt_stops_all_threads_and_is_the_main_threads() {
    let mut fixture = Fixture::new(ENDLESS, "run", &[]);
    fixture.event();
    fixture.session.resume(Resume::Continue).expect("stopped");
    fixture.wait_until(3);
    for _ in 0..20 {
        fixture.session.interrupt();
        assert_eq!(fixture.stop(), (MAIN, Stop::Interrupt { in_host_call: false }));
        for (id, x) in [(MAIN, 0), (thread(2), 1), (thread(3), 2)] {
            assert_eq!(fixture.functions(id)[0], 4);
            assert_eq!(fixture.local(id, 0), Value::I32(x));
        }
        fixture.session.resume(Resume::Continue).expect("stopped");
    }
    fixture.session.kill();
    assert_eq!(fixture.exit(), Exit::Killed);
    assert_eq!(fixture.session.threads(), []);
}

#[test]
fn steps_of_one_thread_are_not_cut_short_by_those_that_run() {
    let mut fixture = Fixture::new(ENDLESS, "run", &[]);
    fixture.event();
    fixture.session.resume(Resume::Continue).expect("stopped");
    fixture.wait_until(3);
    fixture.session.interrupt();
    fixture.stop();
    for round in 0..50 {
        let id = thread(1 + round % 3);
        fixture.session.resume_threads(&[(id, Resume::StepInstruction)], Others::Run).expect("stopped");
        assert_eq!(fixture.event(), stopped(id, Stop::Step));
    }
    fixture.session.kill();
    assert_eq!(fixture.exit(), Exit::Killed);
}

#[test]
fn a_stopped_guest_with_threads_is_killed() {
    let mut fixture = Fixture::new(ENDLESS, "run", &[]);
    fixture.event();
    fixture.session.resume(Resume::Continue).expect("stopped");
    fixture.wait_until(3);
    fixture.session.interrupt();
    fixture.stop();
    fixture.session.kill();
    assert_eq!(fixture.exit(), Exit::Killed);
    assert!(fixture.session.is_exited());
}

/// Thread 2 ends the guest, in the way that the argument says.
const ENDS: &str = r#"(module
  (import "env" "spawn" (func $spawn (param i32) (result i32)))
  (import "env" "wait_for" (func $wait_for (param i32)))
  (import "env" "exit" (func $exit (param i32)))
  (func (export "run") (param $how i32)
    (drop (call $spawn (local.get $how)))
    (if (i32.eq (local.get $how) (i32.const 2)) (then return))
    (call $wait_for (i32.const 100)))
  (func (export "thread") (param $how i32)
    (if (i32.eq (local.get $how) (i32.const 0)) (then unreachable))
    (if (i32.eq (local.get $how) (i32.const 1)) (then (call $exit (i32.const 3))))
    (loop $again (br $again))))"#;

#[test]
fn a_trap_in_any_thread_ends_the_guest() {
    let mut fixture = Fixture::new(ENDS, "run", &[Value::I32(0)]);
    fixture.event();
    fixture.session.resume(Resume::Continue).expect("stopped");
    let (id, stop) = fixture.stop();
    assert_eq!(id, thread(2));
    assert!(matches!(stop, Stop::Trap { code: TrapCode::Unreachable, .. }), "{stop:?}");
    assert_eq!(fixture.functions(thread(2)), [4]);
    assert_eq!(fixture.functions(MAIN), [3]);
    fixture.session.resume(Resume::Continue).expect("stopped");
    let exit = fixture.exit();
    assert!(matches!(exit, Exit::Trapped { code: TrapCode::Unreachable, .. }), "{exit:?}");
}

#[test]
fn an_exit_in_any_thread_ends_the_guest() {
    let mut fixture = Fixture::new(ENDS, "run", &[Value::I32(1)]);
    fixture.event();
    fixture.session.resume(Resume::Continue).expect("stopped");
    assert_eq!(fixture.exit(), Exit::Code(3));
    assert_eq!(fixture.session.threads(), []);
}

#[test]
fn the_main_threads_return_ends_the_guest() {
    let mut fixture = Fixture::new(ENDS, "run", &[Value::I32(2)]);
    fixture.event();
    fixture.session.resume(Resume::Continue).expect("stopped");
    assert_eq!(fixture.exit(), Exit::Values(Vec::new()));
    assert_eq!(fixture.session.threads(), []);
}

#[test]
fn an_exit_ends_threads_that_are_held() {
    let mut fixture = Fixture::new(ENDS, "run", &[Value::I32(1)]);
    fixture.event();
    let pc = fixture.pc(4, 0);
    fixture.break_at(pc);
    fixture.session.resume(Resume::Continue).expect("stopped");
    assert_eq!(fixture.stop(), (thread(2), breakpoint(pc)));
    fixture.session.resume_threads(&[(thread(2), Resume::Continue)], Others::Hold).expect("stopped");
    assert_eq!(fixture.exit(), Exit::Code(3));
}

/// Thread 2 is in a host function that nothing interrupts.
const BLOCKS: &str = r#"(module
  (import "env" "spawn" (func $spawn (param i32) (result i32)))
  (import "env" "wait_for" (func $wait_for (param i32)))
  (import "env" "block" (func $block))
  (func (export "run")
    (drop (call $spawn (i32.const 1)))
    (call $wait_for (i32.const 1))
    nop
    nop)
  (func (export "thread") (param $arg i32)
    (call $block)
    (loop $again (br $again))))"#;

#[test]
fn a_thread_that_cannot_be_stopped_is_said_not_to_be_and_stops_when_it_can() {
    let mut fixture = Fixture::new(BLOCKS, "run", &[]);
    fixture.event();
    let pc = fixture.call_pc(3, 1);
    let after = fixture.pc(3, 5);
    assert!(after > pc);
    fixture.break_at(after);
    fixture.session.resume(Resume::Continue).expect("stopped");
    assert_eq!(fixture.stop(), (MAIN, breakpoint(after)));
    let is_stopped = |fixture: &Fixture| fixture.session.threads()[1].is_stopped;
    assert!(!is_stopped(&fixture));
    assert!(matches!(fixture.session.inspect_thread(thread(2), |_| ()), Err(Error::NotStopped(ThreadId(2)))));
    // The others can be stepped meanwhile, and nobody waits for it again.
    fixture.session.resume_threads(&[(MAIN, Resume::StepInstruction)], Others::Hold).expect("stopped");
    assert_eq!(fixture.event(), stopped(MAIN, Stop::Step));
    fixture.release();
    while !is_stopped(&fixture) {
        std::thread::yield_now();
    }
    assert_eq!(fixture.functions(thread(2)), [4]);
    fixture.session.resume(Resume::Continue).expect("stopped");
    assert_eq!(fixture.exit(), Exit::Values(Vec::new()));
}

#[test]
fn a_call_that_the_debugger_makes_runs_its_thread_alone() {
    let mut fixture = Fixture::new(WORKERS, "run", &[Value::I32(2)]);
    fixture.event();
    let pc = fixture.pc(WORK, 0);
    fixture.break_at(pc);
    fixture.session.resume(Resume::Continue).expect("stopped");
    let (caller, _) = fixture.stop();
    let session = fixture.session.clone();
    let call = std::thread::spawn(move || {
        session.inspect_thread(caller, |paused| {
            let Some(Frame::Wasm(frame)) = paused.frames().first().cloned() else { return None };
            let function = paused.export(frame.instance, "thread")?;
            paused.call(function, &[Value::I32(7)]).ok()
        })
    });
    assert_eq!(fixture.stop(), (caller, breakpoint(pc)));
    assert_eq!(fixture.local(caller, 0), Value::I32(70));
    let others: Vec<_> = fixture.session.threads().into_iter().filter(|other| other.id != caller).collect();
    let before: Vec<_> = others.iter().map(|other| fixture.pcs(other.id)).collect();
    fixture.session.resume(Resume::Continue).expect("stopped");
    assert_eq!(call.join().expect("no panic").expect("stopped"), Some(Vec::new()));
    assert!(fixture.session.is_stopped());
    let after: Vec<_> = others.iter().map(|other| fixture.pcs(other.id)).collect();
    assert_eq!(before, after);
    assert_eq!(fixture.local(caller, 0), if caller == thread(2) { Value::I32(0) } else { Value::I32(10) });
    fixture.session.kill();
    assert_eq!(fixture.exit(), Exit::Killed);
}

#[test]
fn what_is_watched_is_watched_in_every_thread() {
    let wat = WORKERS
        .replace("(func (export \"run\")", "(memory 1) (func (export \"run\")")
        .replace("\n    nop)", "\n    (i32.store (i32.const 8) (i32.const 5)) nop)");
    let mut fixture = Fixture::new(&wat, "run", &[Value::I32(1)]);
    assert_eq!(fixture.event(), stopped(MAIN, Stop::Start));
    let watch = |paused: &mut debugger::Paused<'_>| {
        let instance = paused.modules()[0].instances[0];
        let target = WatchTarget::Memory { instance, memory: 0, start: 8, length: 1 };
        paused.add_watchpoint(target, WatchAccess::Write).expect("it is there")
    };
    let id = fixture.session.inspect(watch).expect("stopped");
    fixture.session.resume(Resume::Continue).expect("stopped");
    let (thread_of_stop, stop) = fixture.stop();
    let Stop::Watchpoint { watched, .. } = stop else { panic!("{stop:?}") };
    assert_eq!((thread_of_stop, watched.len(), watched[0].watchpoint), (thread(2), 1, id));
    assert_eq!(watched[0].access.new, WatchedValue::Bytes(vec![5]));
    assert_eq!(fixture.functions(thread(2)), [WORK, THREAD]);
    fixture.session.resume(Resume::Continue).expect("stopped");
    assert_eq!(fixture.exit(), Exit::Values(Vec::new()));
}
