//! A run as JSON. The names of the keys are promised to users (docs/users.md).

use serde_json::{Map, Value, json};

use super::{End, Entry, Run, WasmLocal};

impl Run {
    /// The run as a JSON document.
    #[must_use]
    pub(crate) fn to_json(&self) -> String {
        let mut run = Map::new();
        let mut put = |key: &str, value: Value| run.insert(key.to_owned(), value);
        put("program", json!(self.program));
        put("arguments", json!(self.arguments));
        put("status", json!(self.status));
        put("end", json!(self.end.name()));
        put("seconds", json!(self.time));
        match &self.end {
            End::Exit(code) => put("exit_code", json!(code)),
            End::Returned(results) => put("results", json!(results)),
            End::Crash(_, message) | End::Error(message) => put("message", json!(message)),
        };
        if let Some(report) = &self.report {
            put("thread", json!(report.thread));
            put("frames", report.frames.iter().map(entry).collect());
            if let Some(omitted) = report.omitted {
                put("omitted_frames", json!({ "after": omitted.after, "count": omitted.count }));
            }
        }
        format!("{:#}\n", Value::Object(run))
    }
}

fn entry(entry: &Entry) -> Value {
    let mut frame = Map::new();
    let mut put = |key: &str, value: Value| frame.insert(key.to_owned(), value);
    put("number", json!(entry.number));
    put("function", json!(entry.function));
    let Some(pc) = entry.pc else {
        put("host", json!(true));
        return Value::Object(frame);
    };
    put("pc", json!(pc.0));
    if let Some(module) = &entry.module {
        put("module", json!(module));
    }
    if let Some(position) = &entry.position {
        put("file", json!(position.file));
        if position.line > 0 {
            put("line", json!(position.line));
        }
    }
    put("arguments", entry.arguments.iter().map(variable).collect());
    put("locals", entry.locals.iter().map(variable).collect());
    if !entry.wasm_locals.is_empty() {
        put("wasm_locals", entry.wasm_locals.iter().map(wasm_local).collect());
    }
    Value::Object(frame)
}

fn variable((name, value): &(String, String)) -> Value {
    json!({ "name": name, "value": value })
}

fn wasm_local(local: &WasmLocal) -> Value {
    json!({ "index": local.index, "name": local.name, "type": local.ty, "value": local.value })
}
