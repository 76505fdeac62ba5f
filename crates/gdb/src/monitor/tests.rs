//! What the user may type. What a real guest answers is tested in `tests/`.

use super::*;

#[test]
fn commands_have_arguments_and_short_names() {
    assert_eq!(Command::parse("why"), Ok(Command::Why));
    assert_eq!(Command::parse(""), Ok(Command::Help));
    assert_eq!(Command::parse(" stack  3 "), Ok(Command::Stack(3)));
    assert_eq!(Command::parse("dis"), Ok(Command::Disassemble(0)));
    assert_eq!(Command::parse("l 1"), Ok(Command::Locals(1)));
}

#[test]
fn catch_takes_one_of_its_words() {
    assert_eq!(Command::parse("catch throw"), Ok(Command::Catch(Catch::Throw)));
    assert_eq!(Command::parse("catch off"), Ok(Command::Catch(Catch::Off)));
    for wrong in ["catch", "catch me", "catch all off"] {
        assert_eq!(Command::parse(wrong), Err("Usage: monitor catch WHICH\n".to_owned()));
    }
}

#[test]
fn a_core_dump_has_a_name() {
    assert_eq!(Command::parse("coredump a.core"), Ok(Command::CoreDump("a.core".to_owned())));
    assert_eq!(Command::parse("core"), Err("Usage: monitor coredump FILE\n".to_owned()));
}

#[test]
fn wrong_commands_are_explained() {
    let unknown = "Unknown monitor command `frobnicate`; `monitor help` lists them all.\n";
    assert_eq!(Command::parse("frobnicate"), Err(unknown.to_owned()));
    assert_eq!(Command::parse("stack x"), Err("Usage: monitor stack [FRAME]\n".to_owned()));
    assert_eq!(Command::parse("why 1"), Err("Usage: monitor why \n".to_owned()));
}

#[test]
fn help_names_every_command() {
    for (name, ..) in COMMANDS {
        assert!(help().contains(&format!("\n  {name} ")), "{name}");
    }
}
