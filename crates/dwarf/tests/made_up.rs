//! Debug info that is made up: the text of modules, and the lines in it.

#[expect(dead_code, reason = "each test program uses its part of it")]
mod common;

use std::path::{Path, PathBuf};

use common::layout;
use dwarf::{OwnText, SymbolImage, TextFolder, WatLines};

fn folder() -> TextFolder {
    TextFolder {
        path: "/texts".into(),
        name: "module".to_owned(),
        beside: "/work".into(),
        wat: WatLines::Auto,
        own_text: None,
        source_map: None,
    }
}

fn image(module: &[u8], folder: &TextFolder) -> SymbolImage {
    let options = dwarf::ImageOptions {
        source_exists: Some(&Path::is_file),
        folder: Some(folder),
        ..dwarf::ImageOptions::default()
    };
    dwarf::write_symbol_image(module, &[], &layout(module), &options, Vec::new()).unwrap()
}

#[test]
fn a_text_has_the_lines_of_its_own_file() {
    let text = "(module\n  (func $f (param i32)\n    nop\n    local.get 0\n    drop))";
    let path = Path::new("/work/f.wat");
    let module = wat::parse_str(text).unwrap();
    let mut parser = wat::Parser::new();
    let assembled = parser.generate_dwarf(wat::GenerateDwarf::Lines).parse_str(Some(path), text).unwrap();
    let own_text = OwnText::new(path.to_owned(), &module, &assembled);
    let image = image(&module, &TextFolder { own_text, ..folder() });
    assert_eq!(image.report.made_up.wat, Some(PathBuf::from("/work/f.wat")));
    assert_eq!(image.report.made_up.lines, 4, "where the function starts, and three lines");
    assert_eq!(image.texts, []);
}

/// The text as the assembler of the text format understands it.
fn assembled(image: &SymbolImage) -> Vec<u8> {
    let [text] = image.texts.as_slice() else { panic!("there is one text: {:?}", image.texts) };
    assert_eq!(text.path, Path::new("/texts/module.wat"));
    wat::parse_bytes(&text.contents).unwrap_or_else(|error| panic!("{error}")).into_owned()
}

/// The code of a module, without how long its numbers are.
fn operators(module: &[u8]) -> Vec<String> {
    let mut operators = Vec::new();
    for payload in wasmparser::Parser::new(0).parse_all(module) {
        if let wasmparser::Payload::CodeSectionEntry(body) = payload.unwrap() {
            operators.push("function".to_owned());
            for local in body.get_locals_reader().unwrap() {
                let (count, ty) = local.unwrap();
                operators.extend((0..count).map(|_| format!("local {ty}")));
            }
            let all = body.get_operators_reader().unwrap().into_iter();
            operators.extend(all.map(|operator| format!("{:?}", operator.unwrap())));
        }
    }
    operators
}

#[test]
fn the_text_means_what_the_module_does() {
    let directory = tempfile::tempdir().unwrap();
    for flags in [["-O0", "-Wl,--strip-debug"], ["-O2", "-Wl,--strip-debug"], ["-O2", "-Wl,--strip-all"]] {
        let module = common::compile(directory.path(), "data.c", &flags);
        let image = image(&module, &folder());
        assert_eq!(operators(&assembled(&image)), operators(&module), "{flags:?}");
        assert!(image.report.made_up.lines > 100, "{}", image.report.made_up.lines);
    }
}

#[test]
fn operators_of_all_kinds_mean_what_they_do() {
    let text = include_str!("programs/operators.wat");
    let module = wat::parse_str(text).unwrap();
    assert_eq!(operators(&assembled(&image(&module, &folder()))), operators(&module));
}

/// Lines of the text as they are in the file, without their indentation.
fn lines(text: &str) -> Vec<String> {
    let image = image(&wat::parse_str(text).unwrap(), &folder());
    let [text] = image.texts.as_slice() else { panic!("there is one text") };
    let text = String::from_utf8(text.contents.clone()).unwrap();
    let functions = text.lines().skip_while(|line| !line.starts_with("  (func "));
    functions.take_while(|line| *line != ")").map(|line| line.trim_start().to_owned()).collect()
}

#[test]
fn a_line_is_a_statement() {
    let text = "(module (func $f (param $n i32) (result i32) (local i64)
        local.get $n i32.const 1 i32.sub local.set $n
        local.get $n i32.eqz if nop else unreachable end
        block $out loop $again local.get $n br_if $out br $again end end
        local.get $n))";
    assert_eq!(
        lines(text),
        [
            "(func $f (;0;) (type 0) (param $n i32) (result i32)",
            "(local $local1 i64)",
            "(local.set $n (i32.sub (local.get $n) (i32.const 1)))",
            "(if $if1 (i32.eqz (local.get $n)) (then",
            "(nop)",
            ") (else",
            "(unreachable)",
            "))",
            "(block $out",
            "(loop $again",
            "(br_if $out (local.get $n))",
            "(br $again)",
            ")",
            ")",
            "(local.get $n)",
            ")",
        ]
    );
}

#[test]
fn values_that_are_no_operands_keep_their_lines() {
    // The call lies between the constant and who takes it.
    let text = "(module (func $g) (func $f (result i32) i32.const 1 call $g i32.const 2 i32.add))";
    let all = lines(text);
    assert_eq!(all[3..], ["(i32.const 1)", "(call $g)", "(i32.add (i32.const 2))", ")"]);
}

#[test]
fn long_expressions_are_several_lines() {
    let term = "(i32.add ".repeat(40) + "(i32.const 1)" + &" (i32.const 1000000))".repeat(40);
    let all = lines(&format!("(module (func $f (result i32) {term}))"));
    assert!(all.iter().all(|line| line.len() <= 120), "{all:?}");
    assert_eq!(all[2], "(i32.add (i32.const 1000000))", "the other operand is what the line before leaves");
}

#[test]
fn a_few_bytes_do_not_make_much() {
    // A billion locals.
    let module =
        b"\0asm\x01\0\0\0\x01\x04\x01\x60\0\0\x03\x02\x01\0\x0a\x0a\x01\x08\x01\x80\x94\xeb\xdc\x03\x7f\x0b";
    let made_up = image(module, &folder()).report.made_up;
    assert_eq!((made_up.locals, made_up.left_out), (16, 1_000_000_000 - 16));
}

#[test]
fn long_programs_have_no_text_unless_it_is_wanted() {
    let body = "i32.const 1000000 drop ".repeat(1 << 20);
    let module = wat::parse_str(format!("(module (func $f {body}))")).unwrap();
    let long = image(&module, &folder());
    let made_up = long.report.made_up;
    assert!(made_up.is_long && made_up.lines == 0 && made_up.functions == 1, "{made_up:?}");
    assert!(String::from_utf8_lossy(&long.elf).contains("without `--wat always`"), "debuggers say so");
    let made_up = image(&module, &TextFolder { wat: WatLines::Always, ..folder() }).report.made_up;
    assert!(!made_up.is_long && made_up.lines > 1 << 20, "{made_up:?}");
    let small = wat::parse_str("(module (func $f))").unwrap();
    let never = image(&small, &TextFolder { wat: WatLines::Never, ..folder() });
    assert_eq!((never.report.made_up.lines, never.texts.len()), (0, 0));
}
