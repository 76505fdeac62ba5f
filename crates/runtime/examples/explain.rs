//! Prints what compiling a function gives: `explain MODULE FUNCTION`.
use runtime::{Engine, EngineConfig, Module};
use std::io::Write as _;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut args = std::env::args().skip(1);
    let (Some(path), Some(function)) = (args.next(), args.next()) else {
        return Err("usage: explain MODULE FUNCTION".into());
    };
    let engine = Engine::new(EngineConfig::default())?;
    let module = Module::new(&engine, &std::fs::read(&path)?, &path)?;
    std::io::stdout().write_all(module.explain(&engine, function.parse()?)?.as_bytes())?;
    Ok(())
}
