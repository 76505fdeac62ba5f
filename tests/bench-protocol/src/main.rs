//! The protocol benchmark: `bench-protocol SERVER SPIN LARGE LLDB-SCRIPT` prints a table of rates, in Markdown.
//!
//! SERVER is `wasm-gdbserver`, SPIN a module that calls a function for ever, LARGE one of 10 MB, and LLDB-SCRIPT what
//! drives lldb through its Python API; without the latter those rows are left out. `just bench-protocol` builds all of it.
//!
//! Every rate is taken in several windows; the best one counts, since nothing makes a server faster than it is, and the
//! median says how much the rest of the machine disturbed.

mod client;
mod server;
mod table;

use client::{Client, expect, framed};
use server::Server;
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};
use table::{Row, Unit};

const USAGE: &str = "usage: bench-protocol SERVER SPIN LARGE [LLDB-SCRIPT]";

/// How many windows a rate is taken in, and how long each is.
const WINDOWS: usize = 200;
const WINDOW: Duration = Duration::from_millis(15);

/// How often lldb is connected.
const CONNECTIONS: usize = 5;

/// How many interrupts are measured.
const INTERRUPTS: usize = 40;

fn main() -> ExitCode {
    match measured() {
        Ok(table) => {
            println!("{table}");
            ExitCode::SUCCESS
        }
        Err(message) => {
            eprintln!("bench-protocol: {message}");
            ExitCode::FAILURE
        }
    }
}

fn measured() -> Result<String, String> {
    let arguments: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    let (program, spin, large, script) = match &arguments[..] {
        [program, spin, large] => (program, spin, large, None),
        [program, spin, large, script] => (program, spin, large, Some(script)),
        _ => return Err(USAGE.into()),
    };
    let echo = Row::new("bare round trip over loopback", Unit::PerSecond, echo()?);
    let rate = echo.best;
    let mut rows = vec![echo];
    rows.extend(raw(program, spin)?);
    if let Some(script) = script {
        rows.extend(lldb(script, program, spin, large)?);
    }
    Ok(table::render(&rows, rate))
}

/// Repeats something for a window, several times; the rates.
fn rates(mut once: impl FnMut() -> Result<(), String>) -> Result<Vec<f64>, String> {
    let mut rates = Vec::new();
    for _ in 0..WINDOWS {
        let began = Instant::now();
        let mut count = 0.0;
        while began.elapsed() < WINDOW {
            for _ in 0..8 {
                once()?;
            }
            count += 8.0;
        }
        rates.push(count / began.elapsed().as_secs_f64());
    }
    Ok(rates)
}

fn echo() -> Result<Vec<f64>, String> {
    let failed = |error: std::io::Error| format!("no loopback: {error}");
    let mut stream = server::echo().map_err(failed)?;
    let packet = framed("vCont;s:1");
    let mut answer = vec![0; packet.len()];
    rates(|| stream.write_all(&packet).and_then(|()| stream.read_exact(&mut answer)).map_err(failed))
}

/// What a client without a debugger around it can do.
fn raw(program: &Path, spin: &Path) -> Result<Vec<Row>, String> {
    let server = Server::start(program, spin)?;
    let mut client = Client::connect(server.port)?;
    client.ask("?")?;
    let mut delays = Vec::new();
    let mut stop = String::new();
    for _ in 0..INTERRUPTS {
        client.send_raw(&framed("vCont;c"))?;
        // The guest is in its loop by then.
        let ran = Instant::now();
        while ran.elapsed() < Duration::from_millis(5) {
            std::thread::yield_now();
        }
        let began = Instant::now();
        client.send_raw(&[3])?;
        stop = client.receive()?;
        delays.push(began.elapsed().as_secs_f64() * 1e3);
        expect(stop.get(..3).unwrap_or(&stop), "T02")?;
    }
    let worst = delays.iter().copied().fold(0.0, f64::max);
    let stack = register(&stop, 7).ok_or_else(|| format!("no stack pointer in {stop}"))?;
    let breakpoint = register(&stop, 16).ok_or_else(|| format!("no program counter in {stop}"))?;

    let steps = rates(|| stops(client.ask("vCont;s:1"), "T05"))?;
    let memory = rates(|| holds(client.ask("m1000,200"), 512))?;
    let frame = rates(|| holds(client.ask(&format!("m{stack:x},40")), 64))?;
    let registers = rates(|| client.ask("g").map(|_| ()))?;
    expect(&client.ask(&format!("Z0,{breakpoint:x},1"))?, "OK")?;
    let hits = rates(|| stops(client.ask("vCont;c"), "T05"))?;
    let stepped_over = rates(|| {
        expect(&client.ask(&format!("z0,{breakpoint:x},1"))?, "OK")?;
        stops(client.ask("vCont;s:1"), "T05")?;
        expect(&client.ask(&format!("Z0,{breakpoint:x},1"))?, "OK")?;
        stops(client.ask("vCont;c"), "T05")
    })?;
    client.send_raw(&framed("k"))?;
    Ok(vec![
        Row::new("step, `vCont;s`", Unit::PerSecond, steps).goal(20_000.0).wasmtime(4_100.0),
        Row::new("breakpoint and `vCont;c`", Unit::PerSecond, hits).goal(15_000.0).wasmtime(3_675.0),
        Row::new("`z0`, `vCont;s`, `Z0`, `vCont;c`", Unit::PerSecond, stepped_over).wasmtime(565.0),
        Row::new("`m` of 512 bytes", Unit::PerSecond, memory).goal(40_000.0).wasmtime(9_317.0),
        Row::new("`m` of 64 bytes of a frame", Unit::PerSecond, frame),
        Row::new("`g`", Unit::PerSecond, registers),
        Row::new("interrupt to its stop reply", Unit::Milliseconds, delays),
        Row::new("the slowest interrupt", Unit::Milliseconds, vec![worst]).goal(10.0),
    ])
}

fn stops(answer: Result<String, String>, reply: &str) -> Result<(), String> {
    let answer = answer?;
    expect(answer.get(..reply.len()).unwrap_or(&answer), reply)
}

fn holds(answer: Result<String, String>, bytes: usize) -> Result<(), String> {
    let answer = answer?;
    if answer.len() == 2 * bytes { Ok(()) } else { Err(format!("{answer:?} for {bytes} bytes of memory")) }
}

/// A register of the x86-64 machine that gdb sees, from a stop reply.
fn register(stop: &str, number: u8) -> Option<u64> {
    let key = format!("{number:02x}:");
    let value = stop.split(';').find_map(|field| field.strip_prefix(&key).or_else(|| field.get(3..)?.strip_prefix(&key)))?;
    u64::from_str_radix(value, 16).ok().map(u64::swap_bytes)
}

/// What lldb does with the server, through its Python API.
fn lldb(script: &Path, program: &Path, spin: &Path, large: &Path) -> Result<Vec<Row>, String> {
    let server = Server::start(program, spin)?;
    let steps = windows(script, &["rates", &server.port.to_string(), &spin.display().to_string()])?;
    let [steps, hits] = &steps[..] else { return Err(format!("two lines of figures, not {}", steps.len())) };
    drop(server);
    let mut connections = Vec::new();
    for _ in 0..CONNECTIONS {
        let server = Server::start(program, large)?;
        connections.extend(windows(script, &["connect", &server.port.to_string()])?.concat());
    }
    Ok(vec![
        Row::new("lldb: `SBThread.StepInstruction`", Unit::PerSecond, steps.clone()).goal(1_500.0).wasmtime(932.0),
        Row::new("lldb: breakpoint hit, `SBProcess.Continue`", Unit::PerSecond, hits.clone()).goal(800.0).wasmtime(427.0),
        Row::new("lldb: connect to 10 MB without a local copy", Unit::Milliseconds, connections).goal(3_000.0),
    ])
}

/// Runs the script; each line that it prints is a list of figures.
fn windows(script: &Path, arguments: &[&str]) -> Result<Vec<Vec<f64>>, String> {
    let mut command = Command::new("/usr/bin/python3");
    let output = command.arg(script).args(arguments).output().map_err(|error| format!("no python3: {error}"))?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned());
    }
    let line = |line: &str| line.split(' ').map(|word| word.parse().map_err(|_| format!("no figure: {word:?}"))).collect();
    String::from_utf8_lossy(&output.stdout).lines().map(line).collect()
}
