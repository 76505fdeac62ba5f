//! One program of units in C, C++, Rust and Zig, in all the ways in which toolchains leave debug info: gdb shows the same,
//! whether it is in the module, beside it in one file or in many, or packed.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, Result, bail, ensure};
use expect_test::expect_file;
use tests::console::{Step, golden};
use tests::fixture::{Build, Fixture};
use tests::gdb::Gdb;
use tests::server::{Server, Setting};
use tests::toolchain;

use super::{Scene, own_folder};

pub(crate) const SCENES: &[Scene] = &[
    Scene { name: "debug_files_inside", native: false, play: inside },
    Scene { name: "debug_files_beside", native: false, play: beside },
    Scene { name: "debug_files_missing", native: false, play: missing },
    Scene { name: "debug_files_stripped", native: false, play: stripped },
];

/// The units that clang compiles, and the objects that other compilers made (`fixtures/mixed/build.sh`).
const UNITS: [&str; 3] = ["main.c", "point.c", "boxes.cc"];
const OBJECTS: [&str; 2] = ["ring.o", "tally.o"];
const SOURCES: [&str; 5] = ["main.c", "point.c", "boxes.cc", "ring.rs", "tally.zig"];

/// How a program is built.
struct How {
    name: &'static str,
    compile: &'static [&'static str],
    link: &'static [&'static str],
    /// What is done with it then. Returns options of the server.
    then: fn(&Program) -> Result<Vec<String>>,
}

/// A program that is linked.
struct Program {
    /// Where it is, with its objects.
    folder: PathBuf,
    module: PathBuf,
}

const PLAIN: How = How { name: "plain", compile: &["-gdwarf-4"], link: &[], then: nothing };

const LTO: &[&str] = &["-flto", "-Wl,--lto-O0"];

/// What is in the module itself.
const INSIDE: &[How] = &[
    How { name: "dwarf-5", compile: &["-gdwarf-5"], ..PLAIN },
    How { name: "dwarf-3", compile: &["-gdwarf-3"], ..PLAIN },
    How { name: "dwarf-2", compile: &["-gdwarf-2"], ..PLAIN },
    // Wasm has no form of compressed sections: clang makes the same as without, and so for units of types.
    How { name: "compressed", compile: &["-gdwarf-5", "-gz"], ..PLAIN },
    How { name: "types", compile: &["-gdwarf-5", "-fdebug-types-section"], ..PLAIN },
    // One table of abbreviations for all units, and units that refer to each other.
    How { name: "lto", compile: &["-gdwarf-4", "-flto"], link: LTO, ..PLAIN },
    How { name: "lto-dwarf-5", compile: &["-gdwarf-5", "-flto"], link: LTO, ..PLAIN },
    How { name: "relocations", link: &["-Wl,--emit-relocs"], ..PLAIN },
    How { name: "sections", compile: &["-gdwarf-4", "-ffunction-sections", "-fdata-sections"], ..PLAIN },
];

/// What is in other files.
const BESIDE: &[How] = &[
    How { name: "split", compile: &["-gdwarf-4", "-gsplit-dwarf"], ..PLAIN },
    How { name: "split-dwarf-5", compile: &["-gdwarf-5", "-gsplit-dwarf"], ..PLAIN },
    How { name: "moved", compile: &["-gdwarf-5", "-gsplit-dwarf"], then: move_objects, ..PLAIN },
    How { name: "packed", compile: &["-gdwarf-4", "-gsplit-dwarf"], then: pack, ..PLAIN },
    How { name: "packed-dwarf-5", compile: &["-gdwarf-5", "-gsplit-dwarf"], then: pack, ..PLAIN },
    How { name: "named", then: name_full_file, ..PLAIN },
    How { name: "external", then: keep_externally, ..PLAIN },
    How { name: "external-split", compile: &["-gdwarf-5", "-gsplit-dwarf"], then: keep_externally, ..PLAIN },
];

fn nothing(_: &Program) -> Result<Vec<String>> {
    Ok(Vec::new())
}

fn run(command: &mut Command) -> Result<()> {
    let output = command.output().with_context(|| format!("cannot run {command:?}"))?;
    ensure!(output.status.success(), "{command:?}:\n{}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}

fn tool(name: &str) -> Result<Command> {
    Ok(Command::new(toolchain::find(name)?))
}

impl Program {
    fn build(how: &How, scene: &str) -> Result<Self> {
        let sources = toolchain::tests_folder().join("fixtures/mixed");
        let folder = own_folder("mixed")?.join(scene).join(how.name);
        if folder.exists() {
            std::fs::remove_dir_all(&folder)?;
        }
        std::fs::create_dir_all(&folder)?;
        for source in SOURCES.iter().chain(&["mixed.h"]) {
            std::fs::copy(sources.join(source), folder.join(source))?;
        }
        let program = Self { module: folder.join("mixed.wasm"), folder };
        let mut link = toolchain::wasm_compiler()?;
        link.args(["--target=wasm32-wasi", "-O0", "-o"]).arg(&program.module).args(how.link);
        for unit in UNITS {
            let object = program.folder.join(unit).with_extension("o");
            let mut clang = toolchain::wasm_compiler()?;
            clang.args(["--target=wasm32-wasi", "-O0", "-Wall", "-c"]).args(how.compile);
            if unit == "boxes.cc" {
                clang.arg("-fno-rtti");
            }
            // As most build systems do: files are named relative to where the compiler runs.
            clang.arg(unit).arg("-o").arg(object.file_name().context("an object has a name")?);
            run(clang.current_dir(&program.folder))?;
            link.arg(object);
        }
        run(link.args(OBJECTS.map(|object| sources.join(object))))?;
        Ok(program)
    }

    /// The files of this ending.
    fn files(&self, extension: &str) -> Result<Vec<PathBuf>> {
        let mut files = Vec::new();
        for file in std::fs::read_dir(&self.folder)? {
            let file = file?.path();
            if file.extension().is_some_and(|ending| ending == extension) {
                files.push(file);
            }
        }
        files.sort();
        Ok(files)
    }

    fn fixture(&self) -> Result<Fixture> {
        Fixture::of_sources(self.module.clone(), &SOURCES.map(|source| self.folder.join(source)))
    }
}

/// The objects were compiled in another folder than the program is in now.
fn move_objects(program: &Program) -> Result<Vec<String>> {
    let objects = program.folder.join("objects");
    std::fs::create_dir_all(&objects)?;
    for file in program.files("dwo")? {
        std::fs::rename(&file, objects.join(file.file_name().context("a file has a name")?))?;
    }
    let moved = objects.join("mixed.wasm");
    std::fs::rename(&program.module, &moved)?;
    // Where it is looked for.
    std::os::unix::fs::symlink(moved, &program.module)?;
    let main = objects.join("main.dwo");
    Ok(vec!["--debug-file".to_owned(), main.display().to_string()])
}

fn pack(program: &Program) -> Result<Vec<String>> {
    let objects = program.files("dwo")?;
    ensure!(objects.len() == UNITS.len(), "{objects:?}");
    run(tool("llvm-dwp-19")?.args(&objects).arg("-o").arg(program.folder.join("mixed.wasm.dwp")))?;
    for object in objects {
        std::fs::remove_file(object)?;
    }
    Ok(Vec::new())
}

fn name_full_file(program: &Program) -> Result<Vec<String>> {
    let full = program.folder.join("full.wasm");
    std::fs::copy(&program.module, &full)?;
    run(tool("llvm-strip-19")?.arg("--strip-debug").arg(&program.module))?;
    Ok(vec!["--debug-file".to_owned(), full.display().to_string()])
}

/// What emscripten's `-gseparate-dwarf` leaves: a module that names a file with its debug info.
fn keep_externally(program: &Program) -> Result<Vec<String>> {
    let debug = "mixed.debug.wasm";
    let copy = tool("llvm-objcopy-19")?;
    run({ copy }.arg("--only-keep-debug").arg(&program.module).arg(program.folder.join(debug)))?;
    run(tool("llvm-strip-19")?.arg("--strip-debug").arg(&program.module))?;
    let mut module = std::fs::read(&program.module)?;
    let text = |text: &str| [&[u8::try_from(text.len()).unwrap_or(0)], text.as_bytes()].concat();
    let section = [text("external_debug_info"), text(debug)].concat();
    module.extend([0, u8::try_from(section.len())?]);
    module.extend(section);
    std::fs::write(&program.module, module)?;
    Ok(Vec::new())
}

/// What gdb shows of a program.
fn played(how: &How, scene: &str, script: fn(&mut Gdb)) -> Result<(Vec<Step>, Fixture, String)> {
    let program = Program::build(how, scene)?;
    let options = (how.then)(&program)?;
    let options: Vec<&str> = ["--once"].into_iter().chain(options.iter().map(String::as_str)).collect();
    let build = Build::wasm(0, 4);
    let fixture = program.fixture()?;
    let server = Server::start(&fixture, build, &options, &[])?;
    let mut gdb = Gdb::start(&fixture, build, server.port)?;
    script(&mut gdb);
    let steps = gdb.quit();
    let ended = server.finish()?;
    Ok((steps, fixture, ended.stderr))
}

fn text(how: &How, scene: &str) -> Result<String> {
    let (steps, fixture, said) =
        played(how, scene, walk).with_context(|| format!("built as {}", how.name))?;
    ensure!(!said.contains("WARN"), "built as {}: the server said {said}", how.name);
    Ok(golden(&steps, &fixture))
}

/// From unit to unit.
fn walk(gdb: &mut Gdb) {
    // Rust and Zig name another folder than the sources are in.
    let folder = gdb.fixture().source.parent().map(|folder| folder.display().to_string());
    gdb.hidden(&format!("directory {}", folder.unwrap_or_default()));
    gdb.connect();
    for mark in ["move", "shifted", "volume", "pair", "next", "twice", "end"] {
        gdb.go(&format!("break {{{mark}}}")).names(mark);
    }
    gdb.go("info line removed").has("Function \"removed\" not defined.");
    // Link-time optimisation leaves no location, as natively; without it, the linker leaves an address that is none.
    let removed = gdb.hidden("output unused");
    let is_said =
        ["<optimized out>", "Missing ELF symbol \"unused\""].iter().any(|words| removed.contains(words));
    assert!(is_said, "{removed}");
    gdb.go("continue").has("main () at ").at("move");
    gdb.go("print records").has("{{id = 7, name = 0x").has("\"eight\", where = {x = 3, y = 4}}}");
    gdb.go("continue").has("shifted (n=3, by=10) at ").at("shifted");
    gdb.go("bt").has("move (from=..., by=10) at ").has("in main () at ");
    gdb.go("print moves").is("1");
    gdb.go("finish").has("Value returned is $").has(" = 13\n");
    gdb.go("delete 2");
    gdb.go("continue").has("boxes::Box<short>::volume (this=0x").at("volume");
    gdb.go("print *this").has("<boxes::Shape> = {").has("width = 13, height = -6}, depth = 3}");
    gdb.go("print base").is("-78");
    gdb.go("bt").has("in volume_of (width=13, height=-6) at ");
    gdb.go("continue").has("ring::sum (links=...) at ").at("pair");
    gdb.go("info locals").has("total = -4\n");
    gdb.go("continue").has("tally.next (step=0x").at("next");
    gdb.go("print step.by").is("13");
    gdb.go("bt").has("tally.tally_up (first=13, by=13) at ").has("in main () at ");
    gdb.go("continue").has("twice (n=").at("twice");
    gdb.go("up").has("apply (function=0x").at("apply");
    gdb.go("print function").has("<twice>");
    gdb.go("ptype struct record").has("struct point where;");
    gdb.go("info scope {volume}").has("Symbol base is ");
    gdb.go("continue").at("end");
    gdb.go("info locals").has("volume = -234");
    gdb.go("delete");
    gdb.go("continue").has("exited normally]");
}

fn compare_all(ways: &[How], scene: &str) -> Result<()> {
    let plain = text(&PLAIN, scene)?;
    for how in ways {
        let other = text(how, scene)?;
        if other != plain {
            let differs = plain.lines().zip(other.lines()).find(|(plain, other)| plain != other);
            bail!("built as {}, gdb says first {differs:#?}; all of it:\n{other}", how.name);
        }
    }
    Ok(())
}

fn inside(_: Build) -> Result<()> {
    let file = toolchain::tests_folder().join("e2e/golden/mixed.txt");
    expect_file![file].assert_eq(&text(&PLAIN, "golden")?);
    // Where debug info is has nothing to do with how code runs.
    if Setting::current() == Setting::Precise { Ok(()) } else { compare_all(INSIDE, "inside") }
}

fn beside(_: Build) -> Result<()> {
    if Setting::current() == Setting::Precise { Ok(()) } else { compare_all(BESIDE, "beside") }
}

/// The contents of one split unit are not there: the rest is, and the server says which file it is.
fn missing(_: Build) -> Result<()> {
    let split = How { name: "missing", compile: &["-gdwarf-5", "-gsplit-dwarf"], then: forget, ..PLAIN };
    let (_, _, said) = played(&split, "missing", |gdb| {
        gdb.connect();
        // Its lines stayed in the module, and names are known.
        gdb.go("break {shifted}").has("point.c, line 9.");
        gdb.go("break {volume}").names("volume");
        gdb.go("continue").has("shifted").at("shifted");
        gdb.go("bt").has("move").has("in main () at ");
        gdb.go("delete 1");
        gdb.go("continue").has("boxes::Box<short>::volume (this=0x").at("volume");
        gdb.go("monitor debuginfo").has("the contents of a split unit were not given");
        gdb.go("delete");
        gdb.go("continue").has("exited normally]");
    })?;
    ensure!(said.contains("the debug info in point.dwo is not here"), "{said}");
    Ok(())
}

fn forget(program: &Program) -> Result<Vec<String>> {
    std::fs::remove_file(program.folder.join("point.dwo"))?;
    Ok(Vec::new())
}

/// Whatever sections somebody took away, gdb finds its way with the rest.
fn stripped(_: Build) -> Result<()> {
    const STRIPPED: &[&[&str]] = &[
        &[".debug_str"],
        &[".debug_line"],
        &[".debug_abbrev"],
        &[".debug_info"],
        &[".debug_ranges", ".debug_loc"],
        &["name"],
        &["name", ".debug_info"],
    ];
    let program = Program::build(&PLAIN, "stripped")?;
    let fixture = program.fixture()?;
    for sections in STRIPPED {
        let module = program.folder.join(format!("{}.wasm", sections.join("-")));
        let mut copy = tool("llvm-objcopy-19")?;
        copy.args(sections.iter().map(|name| format!("--remove-section={name}")));
        run(copy.arg(&program.module).arg(&module))?;
        let mut fixture = fixture.clone();
        fixture.program = module;
        let build = Build::wasm(0, 4);
        let server = Server::start(&fixture, build, &["--once"], &[])?;
        let mut gdb = Gdb::start(&fixture, build, server.port)?;
        gdb.attach();
        let is_named = !sections.contains(&"name") || !sections.contains(&".debug_info");
        if is_named {
            gdb.go("break twice").has("Breakpoint 1 at 0x");
            gdb.go("continue").has("Breakpoint 1, ").has("twice");
            gdb.go("bt").has("twice").has("apply").has("main");
            gdb.go("finish").has("Run till exit");
            gdb.go("info locals");
        }
        gdb.go("delete");
        gdb.go("stepi");
        gdb.go("continue").has("exited normally]");
        gdb.quit();
        let ended = server.finish()?;
        ensure!(ended.status.success(), "without {sections:?}: {}", ended.stderr);
    }
    Ok(())
}
