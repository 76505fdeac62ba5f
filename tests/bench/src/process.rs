//! A program that runs in an engine, in a process of its own, and works when it is told to.

use crate::client::Client;
use crate::engine::Engine;
use anyhow::{Context as _, Result, bail, ensure};
use std::collections::HashMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

/// The function of every program that is never called.
const COLD: &str = "never";

/// The variable of every program that is never read or written. It has whole pages of its own around its middle.
const UNTOUCHED: &str = "untouched";

/// How far into it.
const MIDDLE: u64 = 1 << 16;

/// `*(int *)($rbp - 16) == 0x7ffffff1`, a function's first local, as gdb's bytecode: the number of `rbp`, 16, the
/// difference, four bytes there, with their sign, the number, whether they are equal.
const NEVER_TRUE: &str = "26000622100319162024 7ffffff11327";

/// A program to measure.
pub(crate) struct Program {
    pub(crate) module: PathBuf,
    /// The function that most of its time is spent in.
    pub(crate) hottest: String,
    /// Addresses of functions and variables, as the server says.
    addresses: HashMap<String, u64>,
}

impl Program {
    /// The module `text`, `MODULE:FUNCTION`.
    pub(crate) fn new(text: &str, server: &Path) -> Result<Self> {
        let (module, hottest) = text.rsplit_once(':').with_context(|| format!("no function in {text}"))?;
        let module = PathBuf::from(module);
        let image = module.with_extension("elf");
        let status = Command::new(server).arg("symbols").arg(&module).arg("-o").arg(&image).status();
        ensure!(status.context("cannot run the server")?.success(), "no symbols of {}", module.display());
        let addresses = addresses(&std::fs::read(&image)?)?;
        std::fs::remove_file(&image)?;
        Ok(Self { module, hottest: hottest.to_owned(), addresses })
    }

    fn address(&self, name: &str) -> Result<u64> {
        let found = self.addresses.get(name);
        found.copied().with_context(|| format!("no {name} in {}", self.module.display()))
    }
}

fn addresses(elf: &[u8]) -> Result<HashMap<String, u64>> {
    use object::{Object as _, ObjectSymbol as _};
    let file = object::File::parse(elf)?;
    let is_wanted = |kind| matches!(kind, object::SymbolKind::Text | object::SymbolKind::Data);
    let symbols = file.symbols().filter(|symbol| is_wanted(symbol.kind()));
    Ok(symbols
        .map(|symbol| Ok((symbol.name()?.to_owned(), symbol.address())))
        .collect::<Result<_, object::Error>>()?)
}

/// A program that waits for its next turn. It ends with its owner.
pub(crate) struct Process {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    /// Debuggers stay as long as the program runs.
    _client: Option<Client>,
}

impl Process {
    /// Starts `program` and waits until it is ready to work. Nothing if the engine cannot do what is asked of it.
    pub(crate) fn start(engine: Engine, program: &Program, server: &Path) -> Result<Option<Self>> {
        let mut command = if engine.is_served() {
            let mut command = Command::new(server);
            command.args((engine == Engine::AllDebug).then_some("--precise-traps"));
            command.args(["--once", ":0"]).stderr(Stdio::piped());
            command
        } else {
            let mut command = Command::new(std::env::current_exe()?);
            command.args([crate::RUN, engine.name()]);
            command
        };
        command.arg(&program.module).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().context("cannot start a process")?;
        let pipes = child.stdin.take().zip(child.stdout.take());
        let stderr = child.stderr.take();
        let (input, output) = pipes.context("both are piped")?;
        let mut process = Self { child, input, output: BufReader::new(output), _client: None };
        if let Some(stderr) = stderr {
            let mut lines = BufReader::new(stderr).lines().map_while(Result::ok);
            let port =
                lines.find_map(|line| line.strip_prefix("Listening on 127.0.0.1:")?.trim().parse().ok());
            // A pipe that nobody reads would block the server in the end.
            std::thread::spawn(move || lines.for_each(|line| eprintln!("server: {line}")));
            let mut client = Client::connect(port.context("the server does not listen")?)?;
            if !debug(engine, program, &mut client)? {
                return Ok(None);
            }
            process._client = Some(client);
        }
        ensure!(
            process.line()? == "ready",
            "{} in {} does not begin",
            program.module.display(),
            engine.name()
        );
        Ok(Some(process))
    }

    /// Lets the program work once. Returns the processor time that this took, of all of the process's threads, and
    /// what the program printed.
    pub(crate) fn work(&mut self) -> Result<(Duration, String)> {
        let before = self.processor_time()?;
        self.input.write_all(b"\n").context("the program has ended")?;
        let printed = self.line()?;
        Ok((self.processor_time()?.saturating_sub(before), printed))
    }

    fn line(&mut self) -> Result<String> {
        let mut line = String::new();
        if self.output.read_line(&mut line)? == 0 {
            bail!("the program has ended: {}", self.child.wait()?);
        }
        Ok(line.trim_end().to_owned())
    }

    fn processor_time(&self) -> Result<Duration> {
        let mut sum = 0;
        for thread in std::fs::read_dir(format!("/proc/{}/task", self.child.id()))? {
            // A thread may end in between; the program's own does not.
            let Ok(text) = std::fs::read_to_string(thread?.path().join("schedstat")) else { continue };
            let time = text.split(' ').next().context("an empty schedstat")?;
            sum += time.parse::<u64>().with_context(|| format!("not a schedstat: {text}"))?;
        }
        Ok(Duration::from_nanos(sum))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Both fail only for a child that has ended already.
        let _ended = self.child.kill();
        let _waited = self.child.wait();
    }
}

/// What the debugger does. Whether the server can do that.
fn debug(engine: Engine, program: &Program, client: &mut Client) -> Result<bool> {
    let request = match engine {
        Engine::Watch => format!("Z2,{:x},4", program.address(UNTOUCHED)? + MIDDLE),
        Engine::Cold => format!("Z0,{:x},1", program.address(COLD)?),
        Engine::False if !client.has_conditions => return Ok(false),
        Engine::False => {
            let condition = NEVER_TRUE.replace(' ', "");
            let address = program.address(&program.hottest)?;
            format!("Z0,{address:x},1;X{:x},{condition}", condition.len() / 2)
        }
        _ => String::new(),
    };
    if !request.is_empty() {
        ensure!(client.ask(&request)? == "OK", "the server refuses {request}");
    }
    client.send("vCont;c")?;
    Ok(true)
}
