//! Sessions driven from outside, on modules in the text format.

use debugger::{
    Entry, Error, Event, Events, Exit, Frame, Guest, ModuleId, Resume, Session, Spawner, Stop, ThreadId,
    TrapCode, Value,
};
use frame_table::ModulePc;
use runtime::{Engine, EngineConfig, Linker, Module};

struct Fixture {
    session: Session,
    events: Events,
    module: Module,
}

impl Fixture {
    fn new(wat: &str, export: &str, arguments: &[Value]) -> Self {
        let engine = Engine::new(EngineConfig::default()).expect("this machine is supported");
        let module = Module::new(&engine, wat.as_bytes(), "test.wat").expect("valid");
        let entry = Entry::Invoke { export: export.to_owned(), arguments: arguments.to_vec() };
        let guest = Guest {
            engine,
            module: module.clone(),
            linker: Linker::new(),
            preloads: Vec::new(),
            entry,
            run_at_once: false,
            spawner: Spawner::new(),
        };
        let (session, events) = Session::launch(guest).expect("a thread");
        Self { session, events, module }
    }

    fn event(&mut self) -> Event {
        self.events.blocking_recv().expect("the session lives")
    }

    fn resume(&mut self, how: Resume) -> Event {
        self.session.resume(how).expect("it is stopped");
        self.event()
    }

    /// The byte offset of the `n`th operator of a function's body.
    fn pc(&self, function: u32, n: usize) -> ModulePc {
        let range = self.module.body_range(function).expect("it is defined");
        let (start, end) = (range.start.0 as usize, range.end.0 as usize);
        let mut reader = wasmparser::BinaryReader::new(&self.module.bytes()[start..end], start as u64);
        let body = wasmparser::FunctionBody::new(reader.clone());
        let operators = body.get_operators_reader().expect("it is valid");
        let offset = operators.into_iter_with_offsets().nth(n).expect("it has so many").expect("valid").1;
        reader.read_bytes(0).expect("nothing");
        ModulePc(u32::try_from(offset).expect("small"))
    }

    /// Function index, operator number's PC, and locals of each frame.
    fn stack(&self) -> Vec<(u32, ModulePc, Vec<Value>)> {
        let describe = |paused: &mut debugger::Paused<'_>| {
            let frames = paused.frames().to_vec();
            let wasm = frames.iter().enumerate().filter_map(|(index, frame)| match frame {
                Frame::Wasm(wasm) => Some((index, wasm)),
                Frame::Host(_) => None,
            });
            wasm.map(|(index, wasm)| {
                let locals = (0..).zip(wasm.locals.iter());
                let locals = locals.map(|(i, _)| paused.local(index, i).expect("known")).collect();
                (wasm.function, wasm.pc, locals)
            })
            .collect()
        };
        self.session.inspect(describe).expect("it is stopped")
    }

    fn operands(&self) -> Vec<Value> {
        let operands = |paused: &mut debugger::Paused<'_>| {
            let Some(Frame::Wasm(frame)) = paused.frames().first().cloned() else { return Vec::new() };
            let count = u32::try_from(frame.operands.len()).expect("few");
            (0..count).map(|i| paused.operand(0, i).expect("known")).collect()
        };
        self.session.inspect(operands).expect("it is stopped")
    }

    fn break_at(&self, pc: ModulePc) {
        self.session
            .inspect(move |paused| paused.add_breakpoint(ModuleId(0), pc))
            .expect("stopped")
            .expect("code");
    }
}

/// A stop of the only thread.
fn stopped(stop: Stop) -> Event {
    Event::Stopped { thread: ThreadId::MAIN, stop }
}

const FIB: &str = r#"(module (func $fib (export "fib") (param i32) (result i32)
    local.get 0 i32.const 2 i32.lt_s
    if local.get 0 return end
    local.get 0 i32.const 1 i32.sub call $fib
    local.get 0 i32.const 2 i32.sub call $fib
    i32.add))"#;

#[test]
fn a_guest_stops_before_its_first_operator_and_runs_to_its_end() {
    let mut fixture = Fixture::new(FIB, "fib", &[Value::I32(10)]);
    assert_eq!(fixture.event(), stopped(Stop::Start));
    // The body's start, which debug info knows, and not the operator behind the local declarations.
    let start = fixture.module.body_range(0).expect("defined").start;
    assert!(start < fixture.pc(0, 0));
    assert_eq!(fixture.stack(), [(0, start, vec![Value::I32(10)])]);
    assert_eq!(fixture.resume(Resume::Continue), Event::Exited(Exit::Values(vec![Value::I32(55)])));
    assert!(matches!(fixture.session.inspect(|_| ()), Err(Error::Exited)));
}

#[test]
fn breakpoints_show_every_frame_of_a_recursion() {
    let mut fixture = Fixture::new(FIB, "fib", &[Value::I32(3)]);
    fixture.event();
    let pc = fixture.pc(0, 4);
    fixture.break_at(pc);
    assert_eq!(fixture.resume(Resume::Continue), stopped(Stop::Breakpoint { module: ModuleId(0), pc }));
    let after_first_call = fixture.pc(0, 11);
    let locals: Vec<_> = fixture.stack();
    assert_eq!(
        locals,
        [
            (0, pc, vec![Value::I32(1)]),
            (0, after_first_call, vec![Value::I32(2)]),
            (0, after_first_call, vec![Value::I32(3)]),
        ]
    );
    fixture.session.inspect(|paused| paused.clear_breakpoints()).expect("stopped");
    assert_eq!(fixture.resume(Resume::Continue), Event::Exited(Exit::Values(vec![Value::I32(2)])));
}

#[test]
fn a_breakpoint_between_operators_slips_and_is_reported_where_it_was_asked_for() {
    let mut fixture = Fixture::new(FIB, "fib", &[Value::I32(1)]);
    fixture.event();
    let pc = ModulePc(fixture.pc(0, 1).0 + 1);
    fixture.break_at(pc);
    assert_eq!(fixture.resume(Resume::Continue), stopped(Stop::Breakpoint { module: ModuleId(0), pc }));
    assert_eq!(fixture.operands(), [Value::I32(1), Value::I32(2)]);
}

#[test]
fn stepping_goes_through_every_operator_into_calls_and_back() {
    let mut fixture = Fixture::new(FIB, "fib", &[Value::I32(2)]);
    fixture.event();
    let mut seen = Vec::new();
    let last = loop {
        let stack = fixture.stack();
        seen.push((stack.len(), stack[0].1, fixture.operands()));
        match fixture.resume(Resume::StepInstruction) {
            Event::Stopped { stop: Stop::Step, .. } => {}
            other => break other,
        }
    };
    assert_eq!(last, Event::Exited(Exit::Values(vec![Value::I32(1)])));
    let depths: Vec<usize> = seen.iter().map(|step| step.0).collect();
    assert_eq!(depths, [1, 1, 1, 1, 1, 1, 1, 1, 2, 2, 2, 2, 2, 2, 1, 1, 1, 1, 2, 2, 2, 2, 2, 2, 1, 1]);
    let before_the_end = &seen[seen.len() - 2];
    assert_eq!(before_the_end.2, [Value::I32(1), Value::I32(0)]);
}

#[test]
fn a_range_step_stays_in_its_range_and_in_its_frame() {
    let mut fixture = Fixture::new(FIB, "fib", &[Value::I32(3)]);
    fixture.event();
    let range = fixture.pc(0, 0)..ModulePc(fixture.module.body_range(0).expect("defined").end.0);
    let step = Resume::StepRange { module: ModuleId(0), range };
    assert_eq!(fixture.resume(step), stopped(Stop::Step));
    assert_eq!(fixture.stack().len(), 2);
    assert_eq!(fixture.resume(Resume::StepOut), stopped(Stop::Step));
    assert_eq!(fixture.stack().len(), 1);
    assert_eq!(fixture.operands(), [Value::I32(1)]);
}

#[test]
fn values_that_are_changed_at_a_stop_are_what_the_program_uses() {
    let mut fixture = Fixture::new(FIB, "fib", &[Value::I32(3)]);
    fixture.event();
    fixture.break_at(fixture.pc(0, 13));
    fixture.resume(Resume::Continue);
    // Innermost is fib(2), with fib(1) on its operand stack and 2 and the constant above.
    assert_eq!(fixture.operands(), [Value::I32(1), Value::I32(2), Value::I32(2)]);
    let edit = |paused: &mut debugger::Paused<'_>| {
        paused.clear_breakpoints();
        paused.set_operand(0, 0, Value::I32(100))?;
        assert!(paused.set_operand(0, 2, Value::I32(5)).is_err(), "a constant cannot be changed");
        assert!(paused.set_local(0, 0, Value::I64(5)).is_err(), "of another type");
        paused.set_local(1, 0, Value::I32(12))
    };
    fixture.session.inspect(edit).expect("stopped").expect("writable");
    // fib(2) = 100 + fib(0); the caller goes on as if it were fib(12): 100 + 0 + fib(10).
    assert_eq!(fixture.resume(Resume::Continue), Event::Exited(Exit::Values(vec![Value::I32(155)])));
}

#[test]
fn a_trap_shows_the_state_before_the_operator_and_then_ends_the_guest() {
    let wat = r#"(module (func (export "run") (param i32) (local i32)
        i32.const 9 local.set 1
        i32.const 100 local.get 0 i32.div_s drop))"#;
    let mut fixture = Fixture::new(wat, "run", &[Value::I32(0)]);
    fixture.event();
    let code = TrapCode::IntegerDivisionByZero;
    let message = "wasm trap: integer divide by zero".to_owned();
    assert_eq!(fixture.resume(Resume::Continue), stopped(Stop::Trap { code, message: message.clone() }));
    assert_eq!(fixture.stack(), [(0, fixture.pc(0, 4), vec![Value::I32(0), Value::I32(9)])]);
    assert_eq!(fixture.operands(), [Value::I32(100), Value::I32(0)]);
    assert_eq!(fixture.resume(Resume::Continue), Event::Exited(Exit::Trapped { code, message }));
}

#[test]
fn a_loop_without_calls_can_be_interrupted_and_killed() {
    let wat = r#"(module (func (export "run") (local i32)
        loop local.get 0 i32.const 1 i32.add local.set 0 br 0 end))"#;
    let mut fixture = Fixture::new(wat, "run", &[]);
    fixture.event();
    for _ in 0..3 {
        fixture.session.resume(Resume::Continue).expect("stopped");
        fixture.session.interrupt();
        assert_eq!(fixture.event(), stopped(Stop::Interrupt { in_host_call: false }));
        assert_eq!(fixture.stack().len(), 1);
    }
    fixture.session.resume(Resume::Continue).expect("stopped");
    fixture.session.kill();
    assert_eq!(fixture.event(), Event::Exited(Exit::Killed));
}

#[test]
fn a_debugger_can_call_functions_and_gets_the_stops_in_them() {
    let mut fixture = Fixture::new(FIB, "fib", &[Value::I32(2)]);
    fixture.event();
    let call = |paused: &mut debugger::Paused<'_>| {
        let instance = paused.modules()[0].instances[0];
        let fib = paused.export(instance, "fib").expect("exported");
        let results = paused.call(fib, &[Value::I32(7)]).expect("returns");
        (results, paused.frames().len(), paused.local(0, 0).expect("not stale"))
    };
    let found = fixture.session.inspect(call).expect("stopped");
    assert_eq!(found, (vec![Value::I32(13)], 1, Value::I32(2)));
}

#[test]
fn frames_near_by_are_found_without_the_others_and_show_the_same() {
    let wat = "(module (func $down (export \"down\") (param i32) (result i32)
        local.get 0 i32.eqz if unreachable end local.get 0 i32.const 1 i32.sub call $down))";
    let mut fixture = Fixture::new(wat, "down", &[Value::I32(99)]);
    fixture.event();
    fixture.resume(Resume::Continue);
    let values = |paused: &mut debugger::Paused<'_>| {
        let near = paused.near().len();
        let locals: Vec<_> = [0, 1, 30, 31, 32, 33, 98, 99]
            .into_iter()
            .map(|frame| {
                paused.local(frame, 0).map(|value| value == Value::I32(i32::try_from(frame).unwrap()))
            })
            .collect();
        let of_all = &paused.frames()[..near];
        let is_same = of_all.iter().zip(paused.near()).all(|(one, other)| one.depth() == other.depth());
        (near, locals.into_iter().all(|is_right| is_right.unwrap()), is_same, paused.frames().len())
    };
    assert_eq!(fixture.session.inspect(values).unwrap(), (32, true, true, 100));
}

#[test]
fn a_panic_while_the_guest_is_looked_at_is_the_askers_error_and_nothing_else_changes() {
    let mut fixture = Fixture::new(
        "(module (func (export \"f\") (param i32) (result i32) local.get 0 i32.const 1 i32.add))",
        "f",
        &[Value::I32(41)],
    );
    assert_eq!(fixture.event(), stopped(Stop::Start));
    for _ in 0..3 {
        let asked = fixture.session.inspect(|paused| -> () { panic!("{} frame", paused.frames().len()) });
        assert!(matches!(&asked, Err(Error::Panicked(words)) if words == "1 frame"), "{asked:?}");
        assert!(fixture.session.is_stopped());
        assert_eq!(fixture.session.inspect(|paused| paused.local(0, 0).ok()).unwrap(), Some(Value::I32(41)));
    }
    assert_eq!(fixture.resume(Resume::StepInstruction), stopped(Stop::Step));
    assert_eq!(fixture.resume(Resume::Continue), Event::Exited(Exit::Values(vec![Value::I32(42)])));
}

#[test]
fn whoever_has_an_answer_may_resume_and_interrupt_at_once() {
    let wat = r#"(module (func (export "run") loop br 0 end))"#;
    let mut fixture = Fixture::new(wat, "run", &[]);
    fixture.event();
    for _ in 0..2000 {
        fixture.session.inspect(|paused| paused.frames().len()).expect("stopped");
        fixture.session.resume(Resume::Continue).expect("stopped");
        fixture.session.interrupt();
        assert!(matches!(fixture.event(), Event::Stopped { stop: Stop::Interrupt { .. }, .. }));
    }
}

/// Calls with this many parameters, direct or through the table, down to a trap.
fn chain(parameters: usize, indirect: bool) -> String {
    let params = "i64 ".repeat(parameters);
    let args = "(i64.const 7) ".repeat(parameters);
    let call = if indirect {
        format!("(call_indirect (type $t) {args} (i32.const 0))")
    } else {
        format!("(call $inner {args})")
    };
    format!(
        "(module (type $t (func (param {params}))) (table 1 funcref) (elem (i32.const 0) $inner)
           (func (export \"run\") {call} nop)
           (func $inner (type $t) unreachable))"
    )
}

#[test]
fn callers_are_found_however_many_arguments_they_pass() {
    for parameters in (0..14).chain([100]) {
        for indirect in [false, true] {
            let mut fixture = Fixture::new(&chain(parameters, indirect), "run", &[]);
            fixture.event();
            assert!(matches!(
                fixture.resume(Resume::Continue),
                Event::Stopped { stop: Stop::Trap { .. }, .. }
            ));
            let functions: Vec<u32> = fixture.stack().iter().map(|frame| frame.0).collect();
            assert_eq!(functions, [1, 0], "{parameters} parameters, indirect: {indirect}");
        }
    }
}

#[test]
fn objects_are_opened_and_written_while_the_guest_is_stopped() {
    let wat = r#"(module (type $pair (struct (field $left (mut i32)) (field $next (mut (ref null $pair)))))
        (func (export "run") (result i32) (local $pair (ref null $pair))
          (local.set $pair (struct.new $pair (i32.const 1) (struct.new $pair (i32.const 2) (ref.null $pair))))
          nop
          (struct.get $pair $left (struct.get $pair $next (local.get $pair)))))"#;
    let mut fixture = Fixture::new(wat, "run", &[]);
    assert!(matches!(fixture.event(), Event::Stopped { .. }));
    // The `nop` is the seventh operator.
    fixture.break_at(fixture.pc(0, 6));
    assert!(matches!(fixture.resume(Resume::Continue), Event::Stopped { .. }));
    let pair = fixture.session.inspect(|paused| paused.local(0, 0).expect("known")).expect("stopped");
    let pair = pair.object().expect("a structure");
    // Between two requests of one stop the reference stays good.
    let seen = fixture.session.inspect(move |paused| {
        let opened = paused.object(pair).expect("alive");
        let next = paused.field(pair, 1).expect("a field").object().expect("not null");
        let values = [paused.field(pair, 0), paused.field(next, 0)].map(|value| value.expect("a field"));
        assert!(paused.set_field(next, 0, Value::I64(7)).is_err(), "of another type");
        paused.set_field(next, 0, Value::I32(7)).expect("an i32");
        (opened.len(), values, paused.field(next, 1).expect("a field"))
    });
    assert_eq!(seen.expect("stopped"), (2, [Value::I32(1), Value::I32(2)], Value::AnyRef(None)));
    assert!(matches!(
        fixture.resume(Resume::Continue),
        Event::Exited(Exit::Values(values)) if values == [Value::I32(7)]
    ));
}
