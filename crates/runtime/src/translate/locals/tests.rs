//! Bodies written by hand with what is wanted in them, and bodies by chance whose liveness is computed another way.

mod chance;

use super::LocalUses;
use crate::Error;
use crate::access::Accesses;
use crate::module::ObservableLocals;
use frame_table::ModulePc;
use std::ops::Range;
use wasmparser::{FunctionBody, Operator, Parser, Payload};

/// What is wanted at a point: the operator's name, and the locals; none for all.
type Known = (String, Option<Vec<u32>>);

/// The body of the first function of a module in the text format.
fn with_body<T>(text: &str, test: impl FnOnce(&FunctionBody<'_>) -> Result<T, Error>) -> Result<T, Error> {
    let bytes = wat::parse_str(text).map_err(|error| Error::Text(error.to_string()))?;
    for payload in Parser::new(0).parse_all(&bytes) {
        if let Payload::CodeSectionEntry(body) = payload? {
            return test(&body);
        }
    }
    Err(Error::Text("there is no function".into()))
}

/// A body's operators with their PCs.
fn operators<'a>(body: &FunctionBody<'a>) -> Result<Vec<(ModulePc, Operator<'a>)>, Error> {
    let mut found = Vec::new();
    for read in body.get_operators_reader()?.into_iter_with_offsets() {
        let (operator, offset) = read?;
        found.push((ModulePc(u32::try_from(offset).unwrap_or(u32::MAX)), operator));
    }
    Ok(found)
}

fn name(operator: &Operator<'_>) -> String {
    let debug = format!("{operator:?}");
    debug.split([' ', '{']).next().unwrap_or_default().to_owned()
}

fn pcs(range: Range<u32>) -> Range<ModulePc> {
    ModulePc(range.start)..ModulePc(range.end)
}

/// What is wanted at the known points of a function with ten locals; `named` gives what the debug info names, by
/// operators' numbers.
fn wanted(body: &str, named: &[(Range<usize>, u32)]) -> Result<Vec<Known>, Error> {
    let text = format!(
        "(module (type $void (func)) (import \"m\" \"f\" (func $f)) (tag $e) (memory 1) (table $t 1 funcref)
         (func (local i32 i32 i32 i32 i32 i32 i32 i32 i32 i32) {body}))"
    );
    with_body(&text, |body| {
        let operators = operators(body)?;
        let end = ModulePc(u32::try_from(body.range().end).unwrap_or(u32::MAX));
        let start = ModulePc(u32::try_from(body.range().start).unwrap_or(u32::MAX));
        let pc = |number: usize| operators.get(number).map_or(end, |known| known.0);
        let named = named.iter().map(|(range, local)| (pc(range.start)..pc(range.end), *local));
        let all = ObservableLocals::new(named, [], []);
        let uses = LocalUses::analyse(body, 10, all.of_function(&(start..end)).as_ref(), Accesses::NONE)?;
        let known = |pc: ModulePc| uses.wanted(pc).map(|set| set.iter().collect());
        let is_point =
            |pc| uses.wanted.as_ref().is_none_or(|wanted| wanted.points.iter().any(|point| point.0 == pc));
        let points = operators.iter().filter(|(pc, _)| is_point(*pc));
        Ok(points.map(|(pc, operator)| (name(operator), known(*pc))).collect())
    })
}

fn check(body: &str, expected: &[(&str, &[u32])]) -> Result<(), Error> {
    let found = wanted(body, &[])?;
    let found: Vec<_> = found.iter().map(|(name, locals)| (name.as_str(), locals.as_deref())).collect();
    let expected: Vec<_> = expected.iter().map(|(name, locals)| (*name, Some(*locals))).collect();
    assert_eq!(found, expected, "{body}");
    Ok(())
}

#[test]
fn what_is_read_later_and_not_written_before_is_wanted() -> Result<(), Error> {
    check(
        "call $f (drop (local.get 1)) call $f (local.set 2 (i32.const 0)) call $f (drop (local.get 2)) call $f",
        &[("Call", &[1]), ("Call", &[]), ("Call", &[2]), ("Call", &[])],
    )
}

#[test]
fn the_first_operator_is_a_point_whatever_it_is() -> Result<(), Error> {
    check("local.get 3 local.set 4 (drop (local.get 4))", &[("LocalGet", &[3])])
}

#[test]
fn operators_that_trap_or_call_the_runtime_are_points() -> Result<(), Error> {
    check(
        "nop (drop (i32.div_s (local.get 0) (local.get 1)))
         (drop (i32.trunc_f32_s (f32.const 0))) (drop (i32.trunc_sat_f32_s (f32.const 0)))
         (drop (memory.grow (i32.const 0))) (i32.store (i32.const 0) (i32.load (i32.const 0)))
         (memory.fill (i32.const 0) (i32.const 0) (i32.const 0)) (drop (table.get $t (i32.const 0)))
         (call_indirect $t (type $void) (local.get 2)) (drop (i32.add (i32.const 0) (i32.const 1)))
         unreachable",
        &[
            ("Nop", &[0, 1, 2]),
            ("I32DivS", &[2]),
            ("I32TruncF32S", &[2]),
            ("MemoryGrow", &[2]),
            ("MemoryFill", &[2]),
            ("TableGet", &[2]),
            ("CallIndirect", &[]),
            ("Unreachable", &[]),
        ],
    )
}

#[test]
fn what_the_next_round_of_a_loop_reads_is_wanted() -> Result<(), Error> {
    check(
        "loop (drop (local.get 1)) call $f (local.set 2 (i32.const 0)) (br_if 0 (local.get 3)) end",
        &[("Loop", &[1, 3]), ("Call", &[1, 3])],
    )?;
    // Local 2 is written in every round before it is read.
    check(
        "loop (local.set 2 (i32.const 0)) call $f (drop (local.get 2)) call $f (br_if 0 (i32.const 1)) end",
        &[("Loop", &[]), ("Call", &[2]), ("Call", &[])],
    )
}

#[test]
fn an_inner_loop_keeps_what_the_next_round_of_an_outer_one_reads() -> Result<(), Error> {
    check(
        "loop (drop (local.get 1))
           loop call $f
             loop call $f (br_if 0 (local.get 2)) (br_if 1 (local.get 3)) end
             (local.set 4 (i32.const 0))
             call $f (br_if 1 (i32.const 0)) end
         end",
        &[
            ("Loop", &[1, 2, 3]),
            ("Loop", &[1, 2, 3]),
            ("Call", &[1, 2, 3]),
            ("Loop", &[1, 2, 3]),
            ("Call", &[1, 2, 3]),
            ("Call", &[1, 2, 3]),
        ],
    )
}

#[test]
fn what_is_reached_by_two_back_edges_is_wanted() -> Result<(), Error> {
    // From the last call, only over the inner loop's header and then the outer one's.
    check(
        "loop (drop (local.get 1)) loop call $f (br_if 1 (i32.const 0)) call $f br 0 end end",
        &[("Loop", &[1]), ("Loop", &[1]), ("Call", &[1]), ("Call", &[1])],
    )
}

#[test]
fn each_target_of_a_table_counts() -> Result<(), Error> {
    check(
        "block block block call $f (br_table 0 2 1 (i32.const 0)) end
           (drop (local.get 1)) return end
         (drop (local.get 2)) return end
         (drop (local.get 3))",
        &[("Block", &[1, 2, 3]), ("Call", &[1, 2, 3])],
    )
}

#[test]
fn an_if_without_an_else_may_be_passed_by() -> Result<(), Error> {
    check(
        "call $f (if (i32.const 1) (then (local.set 1 (i32.const 0)))) call $f (drop (local.get 1))",
        &[("Call", &[1]), ("Call", &[1])],
    )?;
    check(
        "call $f
         (if (i32.const 1) (then call $f (local.set 1 (i32.const 0))) (else call $f (local.set 1 (local.get 2))))
         call $f (drop (local.get 1))",
        &[("Call", &[2]), ("Call", &[]), ("Call", &[2]), ("Call", &[1])],
    )
}

#[test]
fn code_that_is_never_reached_reads_nothing() -> Result<(), Error> {
    check(
        "call $f block loop br 1 (drop (local.get 1)) br 0 end (drop (local.get 2)) end
         call $f (drop (local.get 3)) (return) (drop (local.get 4))",
        &[("Call", &[3]), ("Loop", &[3]), ("Call", &[3])],
    )
}

#[test]
fn a_call_that_may_throw_goes_to_the_handlers_around() -> Result<(), Error> {
    check(
        "block $outer
           (try_table (catch_all $outer)
             block $inner
               (try_table (catch $e $inner) call $f (local.set 1 (i32.const 0)) (local.set 3 (i32.const 0))
                 call $f (throw $e))
             end
             (drop (local.get 1)))
           call $f return
         end
         (drop (local.get 2))",
        &[("Block", &[1, 2]), ("Call", &[1, 2]), ("Call", &[1, 2]), ("Throw", &[1, 2]), ("Call", &[])],
    )
}

#[test]
fn around_an_older_try_everything_is_wanted() -> Result<(), Error> {
    let found = wanted("call $f try call $f catch_all end", &[])?;
    assert!(found.iter().all(|(_, locals)| locals.is_none()), "{found:?}");
    Ok(())
}

#[test]
fn what_the_debug_info_names_is_wanted_at_and_right_behind_an_operator() -> Result<(), Error> {
    // Local 5 is named everywhere, local 6 at the loop's first operator only, local 7 nowhere near a point.
    let body = "call $f loop nop call $f nop nop end";
    let found = wanted(body, &[(0..9, 5), (2..3, 6), (5..6, 7)])?;
    let expected: [(&str, &[u32]); 3] = [("Call", &[5]), ("Loop", &[5, 6]), ("Call", &[5])];
    assert_eq!(
        found.iter().map(|(name, locals)| (name.as_str(), locals.as_deref())).collect::<Vec<_>>(),
        expected.map(|(name, locals)| (name, Some(locals)))
    );
    Ok(())
}

#[test]
fn a_loop_is_known_by_what_it_writes_with_the_loops_inside_of_it() -> Result<(), Error> {
    let text = "(module (func (local i32 i32 i32 i32)
        (local.set 0 (i32.const 0))
        loop (local.set 1 (i32.const 0)) loop (drop (local.tee 2 (i32.const 0))) end end
        loop (local.set 3 (i32.const 0)) end))";
    with_body(text, |body| {
        let uses = LocalUses::analyse(body, 4, None, Accesses::NONE)?;
        let operators = operators(body)?;
        let loops = operators.iter().filter(|(_, operator)| name(operator) == "Loop");
        let written: Vec<Vec<u32>> = loops.map(|(pc, _)| uses.written_in(*pc).iter().collect()).collect();
        assert_eq!(written, [vec![1, 2], vec![2], vec![3]]);
        assert!(operators.iter().all(|(pc, _)| uses.wanted(*pc).is_none()));
        Ok(())
    })
}

#[test]
fn of_loops_nested_too_deep_or_too_many_everything_is_assumed() -> Result<(), Error> {
    let nested = |depth: usize| {
        let open = "loop (br_if 0 (local.get 1)) ".repeat(depth);
        wanted(&format!("{open} call $f {}", "end ".repeat(depth)), &[])
    };
    let deep = nested(40)?;
    // What is live at all headers is found out at once here.
    assert!(deep.iter().all(|(_, locals)| locals.as_deref() == Some(&[1]) || locals.as_deref() == Some(&[])));
    let many =
        format!("(module (func (local i32) {}))", "loop (local.set 0 (i32.const 0)) end ".repeat(20_000));
    with_body(&many, |body| {
        let all = ObservableLocals::default();
        let whole = pcs(0..u32::MAX);
        let uses = LocalUses::analyse(body, 50_000, all.of_function(&whole).as_ref(), Accesses::NONE)?;
        let pc = operators(body)?[0].0;
        assert!(uses.wanted(pc).is_none());
        assert_eq!(uses.written_in(pc).iter().count(), 50_000);
        Ok(())
    })
}
