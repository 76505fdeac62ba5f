//! Command lines and what becomes of them.

use super::*;

fn parse(line: &str) -> Result<Arguments, clap::Error> {
    Arguments::parse(std::iter::once("wasm-gdbserver").chain(line.split_whitespace()))
}

fn served(line: &str) -> (ListenAddress, ServeOptions, GuestOptions) {
    match parse(line) {
        Ok(Arguments { action: Action::Serve { address, options, guest }, .. }) => (address, options, guest),
        other => panic!("{line}: {other:?}"),
    }
}

fn refused(line: &str) -> String {
    let error = parse(line).expect_err(line);
    assert_eq!(error.exit_code(), 2, "{line}");
    error.to_string()
}

#[test]
fn the_definition_holds_together() {
    CommandLine::command().debug_assert();
}

#[test]
fn all_spellings_of_the_address_mean_the_same() {
    for line in [":1234 m.wasm a", "--listen :1234 m.wasm a", "--listen=:1234 m.wasm a", "-g :1234 m.wasm a"]
    {
        let (address, _, guest) = served(line);
        assert_eq!(address, ListenAddress { host: String::new(), port: 1234 }, "{line}");
        assert_eq!(guest.module, PathBuf::from("m.wasm"));
        assert_eq!(guest.args, ["a"]);
    }
    let (address, _, guest) = served("--port=7 m.wasm a");
    assert_eq!((address.host.as_str(), address.port), ("", 7));
    assert_eq!(guest.args, ["a"]);
    assert_eq!(served("example.org:7 m").0.host, "example.org");
    assert_eq!(served("[::1]:7 m").0.host, "::1");
}

#[test]
fn what_follows_the_module_is_the_guests() {
    let (_, options, guest) = served("--once :0 m.wasm --multi -v --port=1 -- --help");
    assert_eq!(options, ServeOptions { once: true, ..ServeOptions::default() });
    assert_eq!(guest.args, ["--multi", "-v", "--port=1", "--", "--help"]);
    let (_, options, guest) = served("--port=0 m.wasm --multi");
    assert!(!options.multi);
    assert_eq!(guest.args, ["--multi"]);
    let Ok(Arguments { action: Action::Run { guest, .. }, .. }) = parse("run m.wasm --env A=b") else {
        panic!()
    };
    assert_eq!(guest.args, ["--env", "A=b"]);
}

#[test]
fn all_locals_are_kept_if_the_user_says_so() {
    assert!(served("--complete :0 m.wasm").2.complete);
    assert!(!served(":0 m.wasm --complete").2.complete);
    assert!(served("--persona elf :0 m.wasm").2.complete);
}

#[test]
fn nothing_is_kept_for_the_next_time_unless_the_user_says_where() {
    assert_eq!(served(":0 m.wasm").2.cache, None);
    assert_eq!(served("--cache /var/x :0 m.wasm").2.cache, Some(PathBuf::from("/var/x")));
}

#[test]
fn options_may_stand_between_the_address_and_the_module() {
    let (address, options, guest) = served("--env A=1 :5 --env B=2 --no-wait m.wasm --once");
    assert_eq!(address.port, 5);
    assert!(options.no_wait && !options.once);
    let pair = |key: &str, value: &str| (key.to_owned(), value.to_owned());
    assert_eq!(guest.env, [pair("A", "1"), pair("B", "2")]);
    assert_eq!(guest.args, ["--once"]);
}

#[test]
fn a_module_may_be_called_like_a_subcommand() {
    assert_eq!(served(":0 run x").2.module, PathBuf::from("run"));
    assert_eq!(served(":0 demo").2.module, PathBuf::from("demo"));
}

#[test]
fn directories_have_the_guests_name_or_their_own() {
    let (_, _, guest) = served("--dir /a/b::/data --dir . :0 m");
    assert_eq!(
        guest.dirs,
        [(PathBuf::from("/a/b"), "/data".to_owned()), (PathBuf::from("."), ".".to_owned())]
    );
}

#[test]
fn subcommands_have_their_own_options() {
    let Ok(Arguments { action: Action::Run { guest, .. }, log }) =
        parse("-v run --invoke f --dir /x m.wasm 1")
    else {
        panic!()
    };
    assert_eq!(guest.invoke.as_deref(), Some("f"));
    assert_eq!(log.verbose, 1);
    for (line, for_whom) in
        [("symbols m.wasm -o m.elf", Reader::Gdb), ("symbols --for lldb m.wasm -o m.elf", Reader::Lldb)]
    {
        let Ok(Arguments { action: Action::Symbols { module, reader, output, .. }, .. }) = parse(line) else {
            panic!()
        };
        assert_eq!((module, output), (PathBuf::from("m.wasm"), PathBuf::from("m.elf")));
        assert_eq!(reader, for_whom);
    }
    assert!(matches!(parse("demo"), Ok(Arguments { action: Action::Demo, .. })));
}

#[test]
fn mistakes_are_named() {
    for (line, words) in [
        ("", ":1234 app.wasm"),
        (":0", "a module is missing"),
        ("m.wasm", "`m.wasm` is not [HOST]:PORT"),
        (":99999 m.wasm", "`99999` is no port"),
        ("::1:5 m.wasm", "brackets"),
        ("--listen nowhere m.wasm", "there is no `:`"),
        ("--listen :1 --port 2 m.wasm", "cannot be used with"),
        ("--once --multi :0 m.wasm", "cannot be used with"),
        ("--nonsense :0 m.wasm", "--nonsense"),
        ("--env novalue :0 m.wasm", "KEY=VALUE"),
        ("--multi run m.wasm", "go after its name"),
        ("run", "a module is missing"),
        ("symbols m.wasm", "--output"),
        ("--map-path /old :0 m.wasm", "expected OLD=NEW"),
        ("symbols --for me m.wasm -o m.elf", "possible values: gdb, lldb"),
    ] {
        let said = refused(line);
        assert!(said.contains(words), "{line}: {said}");
    }
}
