//! Limits on the command line: beyond one of them is an outcome of the guest or a line of ours, never an abort.

use std::path::PathBuf;
use std::sync::LazyLock;

use anyhow::Result;

use crate::{file, stderr, stdout, text, wasm_gdbserver};

const GROWING: &str = r#"(module (memory 1) (table 1 funcref)
    (func $deep (export "deep") (param i32) (result i32)
      (if (result i32) (i32.eqz (local.get 0)) (then (i32.const 1))
        (else (i32.add (i32.const 1) (call $deep (i32.sub (local.get 0) (i32.const 1)))))))
    (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0)))
    (func (export "grow_table") (param i32) (result i32) (table.grow (ref.null func) (local.get 0))))"#;

/// Runs an export with a parameter; returns the exit status, what it printed, and what we said.
fn invoke(options: &[&str], export: &str, argument: &str) -> Result<(Option<i32>, String, String)> {
    // Written once: all tests run it at the same time.
    static PATH: LazyLock<PathBuf> =
        LazyLock::new(|| file("growing.wat", GROWING.as_bytes()).expect("a file of our own"));
    let mut words = vec!["run"];
    words.extend(options);
    words.extend(["--invoke", export, text(&PATH), argument]);
    let output = wasm_gdbserver(&words)?;
    Ok((output.status.code(), stdout(&output).trim_end().to_owned(), stderr(&output)))
}

#[test]
fn memory_and_tables_grow_to_their_limits() -> Result<()> {
    let grown = |options: &[&str], export, by| Ok::<_, anyhow::Error>(invoke(options, export, by)?.1);
    assert_eq!(grown(&[], "grow", "300")?, "1");
    assert_eq!(grown(&["--max-memory", "20M"], "grow", "300")?, "1");
    assert_eq!(grown(&["--max-memory", "16M"], "grow", "300")?, "-1");
    assert_eq!(grown(&["--max-table=100"], "grow_table", "99")?, "1");
    assert_eq!(grown(&["--max-table=100"], "grow_table", "100")?, "-1");
    Ok(())
}

#[test]
fn a_module_that_wants_more_than_the_limit_is_refused_in_words() -> Result<()> {
    let (status, printed, said) = invoke(&["--max-memory", "4096"], "grow", "0")?;
    assert_eq!((status, printed.as_str()), (Some(1), ""));
    assert!(said.contains("a memory of 1 pages is above the limit of 4096 bytes"), "{said}");
    let (_, _, said) = invoke(&["--max-table", "0"], "grow", "0")?;
    assert!(said.contains("a table of 1 elements is above the limit of 0"), "{said}");
    let (status, _, said) = invoke(&["--max-instances", "0"], "grow", "0")?;
    assert_eq!(status, Some(1));
    assert!(said.contains("there are 0 instances already, which is the limit"), "{said}");
    Ok(())
}

#[test]
fn the_stack_is_as_deep_as_was_asked_for() -> Result<()> {
    let (status, _, said) = invoke(&["--max-stack", "64k"], "deep", "20000")?;
    assert_eq!(status, Some(134), "{said}");
    assert!(said.contains("call stack exhausted"), "{said}");
    let (status, printed, said) = invoke(&["--max-stack", "64M"], "deep", "100000")?;
    assert_eq!((status, printed.as_str()), (Some(0), "100001"), "{said}");
    let (status, _, said) = invoke(&["--max-stack", "99999999G"], "deep", "1")?;
    assert_eq!(status, Some(1), "{said}");
    assert!(!said.contains("panicked"), "{said}");
    Ok(())
}

#[test]
fn the_heap_is_as_large_as_was_asked_for() -> Result<()> {
    let module = r#"(module (type $list (struct (field (ref null $list)) (field i64)))
        (func (export "make") (param i32) (local (ref null $list))
          (loop $again
            (local.set 1 (struct.new $list (local.get 1) (i64.const 1)))
            (br_if $again (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))))"#;
    let path = file("heap.wat", module.as_bytes())?;
    let make = |options: &[&str]| {
        let mut words = vec!["run"];
        words.extend(options);
        words.extend(["--invoke", "make", text(&path), "100000"]);
        wasm_gdbserver(&words)
    };
    let output = make(&[])?;
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let output = make(&["--max-heap", "1M"])?;
    assert_eq!(output.status.code(), Some(134), "{}", stderr(&output));
    assert!(stderr(&output).contains("garbage-collected heap exhausted"), "{}", stderr(&output));
    Ok(())
}

#[test]
fn a_size_that_is_none_is_a_mistake_of_usage() -> Result<()> {
    let (status, _, said) = invoke(&["--max-memory", "lots"], "grow", "0")?;
    assert_eq!(status, Some(2));
    assert!(said.contains("--max-memory") && said.contains("64M"), "{said}");
    Ok(())
}
