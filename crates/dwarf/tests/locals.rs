//! Which locals the debug info names, and where, compared with what `llvm-dwarfdump` prints.

#[expect(dead_code, reason = "each test program uses its part of it")]
mod common;

use std::collections::BTreeSet;
use std::ops::Range;
use std::process::Command;

use bytes::Bytes;
use common::{compile, custom_section, programs, run};
use dwarf::{Function, LocalNames, Module, NamedLocals};
use frame_table::ModulePc;

/// Begin and end as DWARF counts, and the local.
type Named = (u64, u64, u32);

/// An entry of the dump whose children may follow.
struct Entry {
    /// Where its tag stands in the line.
    column: usize,
    is_function: bool,
    ranges: Vec<(u64, u64)>,
    low: Option<u64>,
}

fn number(text: &str) -> Option<u64> {
    let digits: String =
        text.trim().strip_prefix("0x")?.chars().take_while(char::is_ascii_hexdigit).collect();
    u64::from_str_radix(&digits, 16).ok()
}

/// `[0x1, 0x2)` somewhere in a line.
fn range(line: &str) -> Option<(u64, u64)> {
    let (begin, end) = line.split_once('[')?.1.split_once(", ")?;
    Some((number(begin)?, number(end)?))
}

/// All locals that a line's expressions name.
fn locals(line: &str) -> Vec<u32> {
    let operations = line.split("DW_OP_WASM_location 0x0 ").skip(1);
    operations.filter_map(|rest| u32::try_from(number(rest)?).ok()).collect()
}

/// What the dump of a module names.
fn dumped(module: &[u8]) -> BTreeSet<Named> {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("module.wasm");
    std::fs::write(&path, module).unwrap();
    let mut dump = Command::new("llvm-dwarfdump-19");
    let text = run(dump.arg("--debug-info").arg(&path), "apt-get install llvm-19");
    let mut found = BTreeSet::new();
    let mut around: Vec<Entry> = Vec::new();
    let mut in_ranges = false;
    for line in text.lines() {
        if let Some(column) = line.find("DW_TAG_").filter(|_| line.starts_with("0x")) {
            while around.last().is_some_and(|entry| entry.column >= column) {
                around.pop();
            }
            let is_function = line.ends_with("DW_TAG_subprogram");
            around.push(Entry { column, is_function, ranges: Vec::new(), low: None });
        }
        let attribute = line.trim_start().starts_with("DW_AT_");
        in_ranges = if attribute { line.contains("DW_AT_ranges") } else { in_ranges };
        let Some(entry) = around.last_mut() else { continue };
        if in_ranges {
            entry.ranges.extend(range(line));
        }
        let value = line.split_once('(').map_or("", |(_, value)| value);
        if line.contains("DW_AT_low_pc") {
            entry.low = number(value);
        } else if line.contains("DW_AT_high_pc")
            && let (Some(low), Some(high)) = (entry.low, number(value))
        {
            entry.ranges.push((low, high));
        }
        // Behind the unit, which may name all of the code.
        let scope = around.iter().skip(1).rev().find(|entry| entry.is_function || !entry.ranges.is_empty());
        let scope = scope.map(|entry| entry.ranges.clone()).unwrap_or_default();
        if scope.is_empty() {
            continue;
        }
        let ranges = if !in_ranges && range(line).is_some() { Vec::from_iter(range(line)) } else { scope };
        for local in locals(line) {
            found.extend(ranges.iter().map(|(begin, end)| (*begin, *end, local)));
        }
    }
    found
}

/// What we find, as DWARF counts.
fn found(module: &Module<'_>, locals: &NamedLocals) -> BTreeSet<Named> {
    let address = |pc: ModulePc| u64::from(pc.0 - module.code.start);
    let named = locals.named.iter();
    named.map(|(range, local)| (address(range.start), address(range.end), *local)).collect()
}

/// What all units name; asked for one function after the other, it must be the same.
fn named_locals(bytes: &[u8], debug_files: &[Bytes]) -> Result<Option<NamedLocals>, dwarf::Error> {
    let all = dwarf::named_locals(bytes, debug_files)?;
    let alone = LocalNames::new(Bytes::copy_from_slice(bytes), debug_files.to_vec())?;
    let Some(all) = all else { return Ok(None) };
    let alone = alone.expect("there is debug info");
    for function in Module::parse(bytes)?.defined_functions() {
        let body = body(function);
        let sorted = |list: &[(Range<ModulePc>, u32)]| {
            let own = list.iter().filter(|(range, _)| body.contains(&range.start));
            let mut own: Vec<_> = own.map(|(range, local)| (range.start, range.end, *local)).collect();
            own.sort_unstable();
            own
        };
        let found = alone.of_function(&body);
        let expected =
            (!all.whole.contains(&body.start)).then(|| (sorted(&all.named), sorted(&all.frame_bases)));
        let found = found.map(|found| (sorted(&found.named), sorted(&found.frame_bases)));
        assert_eq!(found, expected, "{}", function.name);
    }
    Ok(Some(all))
}

fn function<'m>(module: &'m Module<'_>, name: &str) -> &'m Function {
    module.functions.iter().find(|function| function.name == name).unwrap_or_else(|| panic!("no {name}"))
}

fn body(function: &Function) -> Range<ModulePc> {
    ModulePc(function.body.start)..ModulePc(function.body.end)
}

fn is_pointer_to_result(module: &Module<'_>, (begin, end, local): Named) -> bool {
    let start = u64::from(module.code.start);
    let is_it = |function: &&Function| u64::from(function.body.start) == start + begin;
    let function = module.functions.iter().find(is_it);
    local == 0
        && function
            .is_some_and(|found| found.results().is_empty() && u64::from(found.body.end) == start + end)
}

#[test]
fn named_is_what_the_locations_and_frame_bases_name() {
    let directory = tempfile::tempdir().unwrap();
    let mut results = 0;
    for flags in [["-O0", "-gdwarf-4"], ["-O0", "-gdwarf-5"], ["-O2", "-gdwarf-4"], ["-O2", "-gdwarf-5"]] {
        let bytes = compile(directory.path(), "calls.c", &flags);
        let module = Module::parse(&bytes).unwrap();
        let locals = named_locals(&bytes, &[]).unwrap().unwrap();
        let (ours, theirs) = (found(&module, &locals), dumped(&bytes));
        assert!(theirs.len() > 300, "{flags:?}: {}", theirs.len());
        let missing: Vec<_> = theirs.difference(&ours).collect();
        // Where a function puts what it returns: `make_big` and others have no result in Wasm.
        let (pointers, invented): (Vec<Named>, Vec<Named>) =
            ours.difference(&theirs).copied().partition(|named| is_pointer_to_result(&module, *named));
        results += pointers.len();
        assert!(missing.is_empty() && invented.is_empty(), "{flags:?}: not {missing:x?}, but {invented:x?}");
    }
    assert!(results > 0, "they return structures");
}

#[test]
fn unoptimised_functions_name_their_frame_base_everywhere_and_nothing_else() {
    let directory = tempfile::tempdir().unwrap();
    let bytes = compile(directory.path(), "calls.c", &["-O0", "-g"]);
    let module = Module::parse(&bytes).unwrap();
    let locals = named_locals(&bytes, &[]).unwrap().unwrap();
    for name in ["leaf", "middle", "make_int"] {
        let body = body(function(&module, name));
        let own: Vec<_> = locals.named.iter().filter(|(range, _)| body.contains(&range.start)).collect();
        assert!(matches!(own[..], [(range, _)] if *range == body), "{name}: {own:?}");
        assert!(locals.frame_bases.contains(own[0]), "{name}: {:?}", locals.frame_bases);
    }
}

#[test]
fn functions_without_debug_info_are_whole() {
    let directory = tempfile::tempdir().unwrap();
    let bytes = compile(directory.path(), "calls.c", &["-O2", "-g", "-Wl,--export=__wasm_call_ctors"]);
    let module = Module::parse(&bytes).unwrap();
    let locals = named_locals(&bytes, &[]).unwrap().unwrap();
    // The linker made the one, the compiler the other.
    let start = |name| body(function(&module, name)).start;
    assert!(locals.whole.contains(&start("__wasm_call_ctors")), "{:?}", locals.whole);
    assert!(!locals.whole.contains(&start("middle")), "{:?}", locals.whole);
    let stripped = directory.path().join("stripped.wasm");
    let mut copy = Command::new("llvm-objcopy-19");
    run(
        copy.arg("--strip-debug").arg(directory.path().join("out.wasm")).arg(&stripped),
        "apt-get install llvm-19",
    );
    let stripped = std::fs::read(stripped).unwrap();
    assert_eq!(named_locals(&stripped, &[]).unwrap(), None);
    // The debug info is in a file of its own.
    assert!(named_locals(&stripped, &[bytes.clone().into()]).unwrap() == Some(locals));
}

#[test]
fn functions_of_a_malformed_unit_are_whole() {
    let directory = tempfile::tempdir().unwrap();
    let bytes = compile(directory.path(), "calls.c", &["-O0", "-gdwarf-4"]);
    let module = Module::parse(&bytes).unwrap();
    let info = module.custom_section(".debug_info").unwrap();
    let length =
        |at: usize| usize::try_from(u32::from_le_bytes(info[at..at + 4].try_into().unwrap())).unwrap();
    // The first unit is that of the C library's start, the second one the program's.
    let start = length(0) + 4;
    let end = start + 4 + length(start);
    let mut damaged = bytes.clone();
    // Instead of the last end of children, an abbreviation that there is not.
    damaged[info.as_ptr().addr() - bytes.as_ptr().addr() + end - 1] = 0x7f;
    let whole = named_locals(&damaged, &[]).unwrap().unwrap().whole;
    for name in ["leaf", "middle", "make_big"] {
        assert!(whole.contains(&body(function(&module, name)).start), "{name}");
    }
    assert!(!whole.contains(&body(function(&module, "_start")).start));
}

#[test]
fn the_contents_of_split_units_count_and_without_them_functions_are_whole() {
    let directory = tempfile::tempdir().unwrap();
    let source = programs().join("calls.c");
    let mut clang = common::clang();
    clang.args(["-O0", "-gdwarf-5", "-gsplit-dwarf", "-o", "calls.wasm"]).arg(source);
    run(clang.current_dir(directory.path()), "apt-get install clang-19 lld-19 wasi-libc");
    let bytes = std::fs::read(directory.path().join("calls.wasm")).unwrap();
    let module = Module::parse(&bytes).unwrap();
    let middle = body(function(&module, "middle"));
    let alone = named_locals(&bytes, &[]).unwrap().unwrap();
    assert!(alone.whole.contains(&middle.start));
    let is_object = |path: &std::path::PathBuf| path.extension().is_some_and(|extension| extension == "dwo");
    let files = std::fs::read_dir(directory.path()).unwrap();
    let object = files.map(|file| file.unwrap().path()).find(is_object).unwrap();
    let object = std::fs::read(object).unwrap();
    let both = named_locals(&bytes, &[object.into()]).unwrap().unwrap();
    assert!(!both.whole.contains(&middle.start));
    assert!(both.named.iter().any(|(range, _)| *range == middle), "{:?}", both.named);
}

/// A module with one function, and with that many variables that share a long location list.
fn with_variables(count: usize) -> Vec<u8> {
    let mut module = wat::parse_str("(module (func (local i32) nop nop))").unwrap();
    let abbreviations = [
        &[1, 0x11, 1, 0, 0][..],
        &[2, 0x2e, 1, 0x11, 0x01, 0x12, 0x06, 0, 0],
        &[3, 0x34, 0, 0x02, 0x17, 0, 0, 0],
    ]
    .concat();
    let list = [&1_u32.to_le_bytes()[..], &3_u32.to_le_bytes(), &[4, 0, 0xed, 0, 0, 0x9f]].concat();
    let list = [list.repeat(5000), vec![0; 8]].concat();
    let mut unit = vec![4, 0, 0, 0, 0, 0, 4, 1, 2, 2, 0, 0, 0, 5, 0, 0, 0];
    unit.extend([3, 0, 0, 0, 0].repeat(count));
    unit.extend([0, 0]);
    let length = u32::try_from(unit.len()).unwrap().to_le_bytes();
    module.extend(custom_section(".debug_abbrev", &abbreviations));
    module.extend(custom_section(".debug_info", &[&length[..], &unit].concat()));
    module.extend(custom_section(".debug_loc", &list));
    module
}

#[test]
fn too_much_is_none() {
    let known = named_locals(&with_variables(1), &[]).unwrap().unwrap();
    assert!(known.named.len() == 5000 && known.whole.is_empty(), "{known:?}");
    let too_much = with_variables(2000);
    assert_eq!(named_locals(&too_much, &[]).unwrap(), None);
    let names = LocalNames::new(too_much.clone().into(), Vec::new()).unwrap().unwrap();
    assert_eq!(names.of_function(&body(function(&Module::parse(&too_much).unwrap(), "func[0]"))), None);
}
