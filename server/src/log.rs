//! Logs and messages. Both go to standard error, which the guest shares; `--log` moves the log to a file.

use std::fs::File;
use std::io::Write as _;
use std::str::FromStr as _;
use std::sync::Mutex;

use anyhow::{Context as _, Result};
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::{Directive, EnvFilter};

use crate::args::LogOptions;

/// The crates of the code generator.
const GENERATOR: [&str; 4] = ["cranelift_codegen", "cranelift_frontend", "cranelift_jit", "regalloc2"];

/// Starts logging, once for the process.
///
/// # Errors
/// When the log file cannot be made.
pub(crate) fn start(options: &LogOptions) -> Result<()> {
    let level = match (options.quiet, options.verbose) {
        (true, _) => LevelFilter::ERROR,
        (false, 0) => LevelFilter::WARN,
        (false, 1) => LevelFilter::INFO,
        (false, 2) => LevelFilter::DEBUG,
        (false, _) => LevelFilter::TRACE,
    };
    let filter = EnvFilter::default().add_directive(level.into());
    // The code generator has much to say that is about nothing but itself.
    let filter = GENERATOR.iter().fold(filter, |filter, target| {
        let quiet = Directive::from_str(&format!("{target}=warn"));
        quiet.map_or_else(|_| filter.clone(), |quiet| filter.clone().add_directive(quiet))
    });
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_ansi(false);
    let Some(path) = &options.log else {
        builder.with_writer(std::io::stderr).without_time().with_target(false).init();
        return Ok(());
    };
    let file = File::create(path).with_context(|| format!("cannot write the log {}", path.display()))?;
    builder.with_writer(Mutex::new(file)).init();
    Ok(())
}

/// Prints a line that scripts and people may wait for to standard error. A closed one is nobody's problem.
pub(crate) fn say(line: &str) {
    let mut stderr = std::io::stderr().lock();
    let _unheard = writeln!(stderr, "{line}").and_then(|()| stderr.flush());
}

/// Prints results to standard output, as the guest would.
pub(crate) fn print(text: &str) {
    let mut stdout = std::io::stdout().lock();
    let _unheard = stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush());
}
