//! C and C++ programs of `tests/fixtures`, compiled when a test asks for them and kept by the hash of what went in.
//!
//! Each compiles for `wasm32-wasi`, and for 32-bit x86 as the standard to compare with: pointers and `long` have the
//! same size there. A line that a test names carries a comment `// BREAK mark` in the source; a line that begins with
//! `// WASM ` or `// NATIVE ` has more options for the compiler, and one that begins with `// PRELOAD ` has the name and the
//! source of a module that our server is to instantiate first.

use std::collections::hash_map::DefaultHasher;
use std::fmt::{self, Display};
use std::hash::{Hash as _, Hasher as _};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;

use anyhow::{Context as _, Result, bail};

use crate::toolchain;

/// What a fixture is compiled for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Machine {
    /// `wasm32-wasi`, which is served by our server.
    Wasm,
    /// `wasm64` without a library, which is served by our server.
    Wasm64,
    /// Static i386 Linux, which is served by gdbserver.
    Native,
}

/// How a fixture is compiled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Build {
    /// The target.
    pub machine: Machine,
    /// The digit of `-O`.
    pub optimisation: u8,
    /// The version of DWARF.
    pub dwarf: u8,
}

impl Build {
    /// For `wasm32-wasi`.
    #[must_use]
    pub const fn wasm(optimisation: u8, dwarf: u8) -> Self {
        Self { machine: Machine::Wasm, optimisation, dwarf }
    }

    /// What lines begin with in which a source has more options.
    fn own_options(self) -> &'static str {
        match self.machine {
            Machine::Wasm | Machine::Wasm64 => "// WASM ",
            Machine::Native => "// NATIVE ",
        }
    }

    /// The standard that ours is compared with.
    pub const NATIVE: Self = Self { machine: Machine::Native, optimisation: 0, dwarf: 4 };

    /// For `wasm64`, of which there is no library: the program is a `_start`.
    pub const WASM64: Self = Self { machine: Machine::Wasm64, optimisation: 0, dwarf: 4 };

    fn flags(self) -> Vec<String> {
        let mut flags: Vec<String> = match self.machine {
            Machine::Wasm => vec!["--target=wasm32-wasi".into()],
            Machine::Wasm64 => vec!["--target=wasm64".into(), "-nostdlib".into()],
            Machine::Native => vec!["-m32".into(), "-static".into()],
        };
        flags.extend([format!("-O{}", self.optimisation), format!("-gdwarf-{}", self.dwarf), "-Wall".into()]);
        flags
    }
}

impl Display for Build {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.machine {
            Machine::Wasm => write!(f, "O{}.dwarf{}", self.optimisation, self.dwarf),
            Machine::Wasm64 => write!(f, "wasm64"),
            Machine::Native => write!(f, "native"),
        }
    }
}

/// A compiled program.
#[derive(Clone, Debug)]
pub struct Fixture {
    /// The program, an absolute path.
    pub program: PathBuf,
    /// The source, an absolute path.
    pub source: PathBuf,
    /// Name and program of each module that the server is to instantiate first.
    pub preloads: Vec<(String, Fixture)>,
    /// Name and text of each source that can have marks.
    texts: Vec<(String, String)>,
}

impl Fixture {
    /// Compiles `fixtures/NAME.c` or `fixtures/NAME.cc`, unless that was done before. `NAME` of another language has the
    /// ending of its source; beside it is what a recipe made of it, `NAME.wasm`. `fixtures/NAME.go` is compiled by Go. `fixtures/NAME.wat` is
    /// left as it is, and so is `fixtures/NAME/NAME.wasm`, beside which is how it was made.
    ///
    /// # Errors
    /// If there is no such source, no compiler, or the compiler complains.
    pub fn build(name: &str, build: Build) -> Result<Self> {
        let folder = toolchain::tests_folder().join("fixtures");
        let program = folder.join(format!("{name}.wasm"));
        if program.is_file() {
            // Several compilers' programs may be of one source: then a name has one more ending.
            let source = Some(folder.join(name)).filter(|source| source.is_file());
            let source = source.unwrap_or_else(|| folder.join(name).with_extension(""));
            return Self::of_sources(program, &[source]);
        }
        let go = folder.join(format!("{name}.go"));
        if go.is_file() {
            return Self::compile_go(&go);
        }
        let source = folder.join(format!("{name}.c"));
        let others = ["c", "cc", "wat"].map(|extension| source.with_extension(extension));
        let compiled = folder.join(name).join(format!("{name}.wasm"));
        let source = others.into_iter().find(|source| source.is_file()).unwrap_or(compiled);
        Self::compile(&source, build)
    }

    /// Compiles any C or C++ source; C++ with exceptions and without a library.
    ///
    /// # Errors
    /// As [`Fixture::build`].
    pub fn compile(source: &Path, build: Build) -> Result<Self> {
        let text = std::fs::read(source).with_context(|| format!("no source {}", source.display()))?;
        let text = String::from_utf8_lossy(&text).into_owned();
        let named = text.lines().filter_map(|line| line.strip_prefix("// PRELOAD ")?.split_once(' '));
        let preload = |(name, file): (&str, &str)| {
            Ok((name.to_owned(), Self::compile(&source.with_file_name(file), build)?))
        };
        let preloads: Result<Vec<_>> =
            if build.machine == Machine::Native { Ok(Vec::new()) } else { named.map(preload).collect() };
        let preloads = preloads?;
        let _guard = COMPILING.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if source.extension().is_some_and(|extension| extension == "wat" || extension == "wasm") {
            let (program, source) = (source.to_path_buf(), source.to_path_buf());
            return Ok(Self { program, texts: texts(&source, text), source, preloads: Vec::new() });
        }
        let compiler = toolchain::find("clang-19")?;
        let stem = source.file_stem().context("a source has a name")?.to_string_lossy();
        let mut hasher = DefaultHasher::new();
        let own = text.lines().filter_map(|line| line.strip_prefix(build.own_options()));
        let options: Vec<&str> = own.flat_map(str::split_whitespace).collect();
        // gdb complains of sources that are younger than the program.
        let times = (modified(&compiler), modified(source));
        (&text, headers(source, &text), build.flags(), times).hash(&mut hasher);
        let folder = toolchain::cache_folder()?.join("fixtures").join(format!("{:016x}", hasher.finish()));
        let program = folder.join(match build.machine {
            Machine::Wasm | Machine::Wasm64 => format!("{stem}.wasm"),
            Machine::Native => stem.into_owned(),
        });
        if !program.is_file() {
            std::fs::create_dir_all(&folder)?;
            run_compiler(&compiler, source, build, &options, &program)?;
        }
        Ok(Self { program, texts: texts(source, text), source: source.to_path_buf(), preloads })
    }

    /// Compiles a program in Go for WASI.
    fn compile_go(source: &Path) -> Result<Self> {
        let _guard = COMPILING.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let text = std::fs::read_to_string(source)?;
        let mut hasher = DefaultHasher::new();
        text.hash(&mut hasher);
        let folder = toolchain::cache_folder()?.join("fixtures").join(format!("{:016x}", hasher.finish()));
        let program = folder.join(source.file_stem().context("a source has a name")?).with_extension("wasm");
        if !program.is_file() {
            std::fs::create_dir_all(&folder)?;
            let unfinished = program.with_extension(format!("{}.part", std::process::id()));
            let mut go = toolchain::go()?;
            go.args(["build", "-trimpath", "-o"]).arg(&unfinished).arg(source);
            let output = go.output().with_context(|| format!("cannot run {go:?}"))?;
            if !output.status.success() {
                bail!("{go:?}: {}\n{}", output.status, String::from_utf8_lossy(&output.stderr));
            }
            std::fs::rename(&unfinished, &program)?;
        }
        Ok(Self { program, texts: texts(source, text), source: source.to_path_buf(), preloads: Vec::new() })
    }

    /// A program that was made of some sources elsewhere. Any of them can have marks.
    ///
    /// # Errors
    /// If there is no source, or one cannot be read.
    pub fn of_sources(program: PathBuf, sources: &[PathBuf]) -> Result<Self> {
        let source = sources.first().context("a program has a source")?.clone();
        let mut all = Vec::new();
        for source in sources {
            all.extend(texts(source, std::fs::read_to_string(source)?));
        }
        Ok(Self { program, source, preloads: Vec::new(), texts: all })
    }

    /// Options of our server for the modules that it is to instantiate first.
    #[must_use]
    pub fn options(&self) -> Vec<String> {
        let option = |(name, module): &(String, Self)| {
            ["--preload".to_owned(), format!("{name}={}", module.program.display())]
        };
        self.preloads.iter().flat_map(option).collect()
    }

    /// The source and the line, from 1, that carries the comment `// BREAK mark`, and the line itself.
    fn marked(&self, mark: &str) -> (&str, usize, &str) {
        let comment = format!("// BREAK {mark}");
        let lines = self.texts.iter().flat_map(|(name, text)| {
            let lines = (1..).zip(text.lines()).filter(|(_, line)| line.ends_with(&comment));
            lines.map(move |(number, line)| (name.as_str(), number, line))
        });
        let found: Vec<_> = lines.collect();
        let [line] = *found else {
            panic!("{}: {} lines with `{comment}`", self.source.display(), found.len())
        };
        line
    }

    /// The line, from 1, that carries the comment `// BREAK mark`.
    ///
    /// # Panics
    /// If no line or more than one does.
    #[must_use]
    pub fn line(&self, mark: &str) -> usize {
        self.marked(mark).1
    }

    /// The source line itself.
    ///
    /// # Panics
    /// As [`Fixture::line`].
    #[must_use]
    pub fn text_of(&self, mark: &str) -> &str {
        self.marked(mark).2
    }

    /// `FILE.c:LINE` of a mark, as debuggers take and show it.
    ///
    /// # Panics
    /// As [`Fixture::line`].
    #[must_use]
    pub fn place(&self, mark: &str) -> String {
        let (file, line, _) = self.marked(mark);
        format!("{file}:{line}")
    }

    /// `text` with every `{mark}` replaced by its place. Other braces stay.
    ///
    /// # Panics
    /// As [`Fixture::line`], for a word in braces that has the form of a mark.
    #[must_use]
    pub fn expand(&self, text: &str) -> String {
        let mut expanded = String::new();
        let mut rest = text;
        while let Some(open) = rest.find('{') {
            expanded.push_str(&rest[..open]);
            rest = &rest[open..];
            let close = rest.find('}').unwrap_or(0);
            let mark = rest.get(1..close).unwrap_or_default();
            if !mark.is_empty()
                && mark.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
            {
                expanded.push_str(&self.place(mark));
                rest = &rest[close + 1..];
            } else {
                expanded.push('{');
                rest = &rest[1..];
            }
        }
        expanded + rest
    }
}

/// One compiler at a time: two tests may want the same program.
static COMPILING: Mutex<()> = Mutex::new(());

/// A source's name and text.
fn texts(source: &Path, text: String) -> Vec<(String, String)> {
    vec![(source.file_name().unwrap_or_default().to_string_lossy().into_owned(), text)]
}

/// The text of the headers of ours that a source includes. What is not there, the compiler complains of.
fn headers(source: &Path, text: &str) -> Vec<String> {
    let names = text.lines().filter_map(|line| line.strip_prefix("#include \"")?.strip_suffix('"'));
    names.filter_map(|name| std::fs::read_to_string(source.with_file_name(name)).ok()).collect()
}

/// Where a file is, and when it was written. That stands for a compiler's version: asking it takes longer than compiling.
fn modified(file: &Path) -> Option<(PathBuf, std::time::SystemTime)> {
    let path = std::fs::canonicalize(file).ok()?;
    let time = std::fs::metadata(&path).ok()?.modified().ok()?;
    Some((path, time))
}

fn run_compiler(
    compiler: &Path,
    source: &Path,
    build: Build,
    options: &[&str],
    program: &Path,
) -> Result<()> {
    let unfinished = program.with_extension(format!("{}.part", std::process::id()));
    let mut command = match build.machine {
        Machine::Wasm | Machine::Wasm64 => toolchain::wasm_compiler()?,
        Machine::Native => Command::new(compiler),
    };
    command.current_dir(source.parent().context("a source lies in a folder")?);
    if source.extension().is_some_and(|extension| extension == "cc") && build.machine != Machine::Native {
        command.arg("-fwasm-exceptions");
    }
    command
        .args(build.flags())
        .args(options)
        .arg(source.file_name().context("a source has a name")?)
        .arg("-o")
        .arg(&unfinished);
    let output = command.output().with_context(|| format!("cannot run {}", compiler.display()))?;
    let complaints = String::from_utf8_lossy(&output.stderr);
    if !output.status.success() || !complaints.is_empty() {
        bail!("{command:?}: {}\n{complaints}(packages: see scripts/install.sh)", output.status);
    }
    std::fs::rename(&unfinished, program)?;
    Ok(())
}
