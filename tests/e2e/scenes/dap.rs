//! `lldb-dap` as VS Code drives it, with the two configurations of `docs/users.md`: it launches our server, or attaches to it.

use anyhow::{Context as _, Result};
use serde_json::{Value, json};
use tests::dap::Dap;
use tests::fixture::{Build, Fixture, Machine};
use tests::lldb::launch_settings;
use tests::server::Server;

use super::Scene;

pub(crate) const SCENES: &[Scene] = &[
    Scene { name: "dap_launch", native: true, play: launch },
    Scene { name: "dap_attach", native: false, play: attach },
    Scene { name: "dap_leave", native: false, play: leave },
];

/// An lldb-dap that has been told the breakpoints of an editor: `main`, and the line of `add-first`.
fn configure(fixture: &Fixture, request: &str, configuration: &Value) -> Result<Dap> {
    let mut dap = Dap::start()?;
    let client = json!({"adapterID": "lldb-dap", "linesStartAt1": true, "columnsStartAt1": true, "pathFormat": "path"});
    dap.ask("initialize", &client);
    let number = dap.begin(request, configuration);
    dap.event("initialized");
    let source = json!({"path": fixture.source});
    let lines = json!([{"line": fixture.line("add-first")}]);
    let set = dap.ask("setBreakpoints", &json!({"source": source, "breakpoints": lines}));
    assert_eq!(set["breakpoints"].as_array().map(Vec::len), Some(1), "{set}");
    dap.ask("setFunctionBreakpoints", &json!({"breakpoints": [{"name": "main"}]}));
    dap.ask("configurationDone", &json!({}));
    dap.answer(number);
    Ok(dap)
}

/// Waits for a stop: its thread, and the frames of the program's own functions.
fn stopped(dap: &mut Dap, reason: &str) -> Result<(Value, Vec<Value>)> {
    let stop = dap.event("stopped");
    assert_eq!(stop["reason"], reason, "{stop}\nafter\n{}", dap.log());
    let thread = stop["threadId"].clone();
    let stack = dap.ask("stackTrace", &json!({"threadId": thread, "startFrame": 0, "levels": 20}));
    let frames = stack["stackFrames"].as_array().context("a stack has frames")?;
    let own = frames.iter().filter(|frame| frame["source"]["name"] == "steps.c").cloned().collect();
    Ok((thread, own))
}

/// The frames are these functions at these lines, and the innermost is the first.
fn check_frames(frames: &[Value], expected: &[(&str, usize)]) {
    // lldb shows the name that clang gives `main` for Wasm.
    let name_of =
        |frame: &Value| frame["name"].as_str().unwrap_or_default().replace("__main_argc_argv", "main");
    let shown: Vec<(String, u64)> =
        frames.iter().map(|frame| (name_of(frame), frame["line"].as_u64().unwrap_or_default())).collect();
    let expected: Vec<(String, u64)> =
        expected.iter().map(|&(name, line)| (name.to_owned(), line as u64)).collect();
    assert_eq!(shown, expected);
}

/// The variables of a scope of a frame, as `name = value` of the types.
fn variables(dap: &mut Dap, frame: &Value, scope: &str) -> Result<Vec<String>> {
    let scopes = dap.ask("scopes", &json!({"frameId": frame["id"]}));
    let scopes = scopes["scopes"].as_array().context("a frame has scopes")?;
    let scope = scopes.iter().find(|it| it["name"] == scope).context("no such scope")?;
    let reply = dap.ask("variables", &json!({"variablesReference": scope["variablesReference"]}));
    let variables = reply["variables"].as_array().context("a scope has variables")?;
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    Ok(variables
        .iter()
        .map(|it| format!("{} {} = {}", text(&it["type"]), text(&it["name"]), text(&it["value"])))
        .collect())
}

fn evaluate(dap: &mut Dap, frame: &Value, expression: &str) -> Value {
    let asked = json!({"expression": expression, "frameId": frame["id"], "context": "watch"});
    dap.ask("evaluate", &asked)["result"].clone()
}

/// From `main`: breakpoints, stack, scopes, variables, steps, expressions, changes.
fn walk(dap: &mut Dap, fixture: &Fixture) -> Result<()> {
    let (thread, frames) = stopped(dap, "breakpoint")?;
    check_frames(&frames, &[("main", fixture.line("main-first"))]);
    let listed = dap.ask("threads", &json!({}));
    assert_eq!(listed["threads"].as_array().map(Vec::len), Some(1), "{listed}");
    let of_thread = json!({"threadId": thread});
    dap.ask("next", &of_thread);
    let (_, frames) = stopped(dap, "step")?;
    check_frames(&frames, &[("main", fixture.line("main-fib"))]);
    dap.ask("continue", &of_thread);
    let (_, frames) = stopped(dap, "breakpoint")?;
    let calls = [("add", "add-first"), ("apply", "apply-call"), ("main", "main-apply")];
    let calls = calls.map(|(name, mark)| (name, fixture.line(mark)));
    check_frames(&frames, &calls);
    dap.ask("next", &of_thread);
    let (_, frames) = stopped(dap, "step")?;
    assert_eq!(variables(dap, &frames[0], "Locals")?, ["int a = 3", "int b = 4", "int sum = 7"]);
    assert!(variables(dap, &frames[2], "Locals")?.contains(&"int f = 3".to_owned()));
    assert!(
        variables(dap, &frames[0], "Globals")?
            .iter()
            .any(|it| it.starts_with("int ") && it.contains("calls = "))
    );
    assert_eq!(evaluate(dap, &frames[0], "a * 10 + b"), "34");
    assert_eq!(evaluate(dap, &frames[2], "f + 1"), "4");
    let scopes = dap.ask("scopes", &json!({"frameId": frames[0]["id"]}));
    let locals = scopes["scopes"][0]["variablesReference"].clone();
    let set = dap.ask("setVariable", &json!({"variablesReference": locals, "name": "sum", "value": "8"}));
    assert_eq!(set["value"], "8");
    dap.ask("stepOut", &of_thread);
    let (_, frames) = stopped(dap, "step")?;
    check_frames(&frames, &calls[1..]);
    dap.ask("next", &of_thread);
    let (_, frames) = stopped(dap, "step")?;
    assert_eq!(evaluate(dap, &frames[0], "result"), "8");
    let code = json!({"memoryReference": frames[0]["instructionPointerReference"], "instructionCount": 4});
    let code = dap.ask("disassemble", &code);
    assert_eq!(code["instructions"].as_array().map(Vec::len), Some(4), "{code}");
    Ok(())
}

/// Lets the program run to its end, of which the product tells what was changed.
fn run_to_end(dap: &mut Dap) {
    dap.begin("continue", &json!({"threadId": 1}));
    let end = dap.event("exited");
    assert_eq!(end["exitCode"], 1, "{}", dap.log());
    dap.event("terminated");
}

/// `"request": "launch"`: lldb starts our server, as its settings say.
fn launch(build: Build) -> Result<()> {
    let fixture = Fixture::build("steps", build)?;
    let settings = if build.machine == Machine::Native { Vec::new() } else { launch_settings()?.to_vec() };
    let configuration = json!({"program": fixture.program, "args": ["4"], "initCommands": settings});
    let mut dap = configure(&fixture, "launch", &configuration)?;
    walk(&mut dap, &fixture)?;
    run_to_end(&mut dap);
    dap.disconnect(true);
    Ok(())
}

/// `"request": "attach"`: the server runs.
fn attached(build: Build) -> Result<(Fixture, Server, Dap)> {
    let fixture = Fixture::build("steps", build)?;
    let server = Server::start(&fixture, build, &["--once"], &["4"])?;
    let connect = format!("process connect --plugin wasm connect://localhost:{}", server.port);
    let configuration = json!({"attachCommands": [connect], "stopOnEntry": false});
    let dap = configure(&fixture, "attach", &configuration)?;
    Ok((fixture, server, dap))
}

fn attach(build: Build) -> Result<()> {
    let (fixture, server, mut dap) = attached(build)?;
    walk(&mut dap, &fixture)?;
    run_to_end(&mut dap);
    dap.disconnect(false);
    let ended = server.finish()?;
    assert_eq!(ended.stdout, "fib = 3\nsum = 15\nproduct = 120\nwalk = 8\n");
    assert_eq!(ended.status.code(), Some(1), "{}", ended.stderr);
    Ok(())
}

/// Leaving lets the program run on.
fn leave(build: Build) -> Result<()> {
    let (fixture, server, mut dap) = attached(build)?;
    let (_, frames) = stopped(&mut dap, "breakpoint")?;
    check_frames(&frames, &[("main", fixture.line("main-first"))]);
    dap.disconnect(false);
    let ended = server.finish()?;
    assert_eq!(ended.stdout, "fib = 3\nsum = 15\nproduct = 105\nwalk = 8\n");
    assert_eq!(ended.status.code(), Some(0), "{}", ended.stderr);
    Ok(())
}
