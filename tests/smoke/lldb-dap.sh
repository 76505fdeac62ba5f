#!/bin/sh
# A session of stock lldb-dap (22 or newer) with a server, as an editor has it: it attaches, breakpoints, stack, variables,
# steps, expressions, the program's end.
# usage: sh lldb-dap.sh SERVER [OPTIONS]...      as in `sh lldb-dap.sh wasm-gdbserver`
# PROGRAM is the module of demo.c (in this repository, server/demo); LLDB_DAP is the adapter. Exits 0, or says what is wrong.
# Needs python3, which lldb needs as well.
set -eu
[ $# -gt 0 ] || { sed -n '4s/^# //p' "$0" >&2; exit 2; }
program=${PROGRAM:-$(dirname "$0")/../../server/demo/demo.wasm}
room=$(mktemp -d)
: >"$room/server"
server=
trap '[ -z "$server" ] || kill "$server" 2>/dev/null || true; rm -rf "$room"' EXIT

fail() {
    echo "lldb-dap: $1" >&2
    [ ! -e "$room/said" ] || sed 's/^/  | /' "$room/said" >&2
    sed 's/^/  server: /' "$room/server" >&2
    exit 1
}

"$@" --once :0 "$program" >"$room/printed" 2>"$room/server" &
server=$!
port=
while [ -z "$port" ]; do
    kill -0 "$server" 2>/dev/null || fail 'the server ended before it listened'
    port=$(sed -n 's/^Listening on .*://p' "$room/server")
    [ -n "$port" ] || sleep 0.1
done

cat >"$room/client.py" <<'END'
import json, subprocess, sys

adapter = subprocess.Popen([sys.argv[1], "--no-lldbinit"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
number, answers, events = 0, {}, []

def check(what, right):
    if not right:
        sys.exit("NOT AS IT SHOULD BE: " + what)

def receive():
    length = 0
    while True:
        line = adapter.stdout.readline()
        check("the adapter went away", line)
        if line == b"\r\n":
            break
        length = int(line.split(b":")[1])
    message = json.loads(adapter.stdout.read(length))
    print("<--", json.dumps(message))
    if message["type"] == "response":
        answers[message["request_seq"]] = message
    else:
        events.append(message)

def send(command, **arguments):
    global number
    number += 1
    message = json.dumps({"seq": number, "type": "request", "command": command, "arguments": arguments})
    print("-->", message)
    adapter.stdin.write(f"Content-Length: {len(message)}\r\n\r\n{message}".encode())
    adapter.stdin.flush()
    return number

def answer(number):
    while number not in answers:
        receive()
    check("a request was refused", answers[number]["success"])
    return answers[number].get("body", {})

def ask(command, **arguments):
    return answer(send(command, **arguments))

def event(name):
    while True:
        for it in events:
            if it.get("event") == name:
                events.remove(it)
                return it.get("body", {})
        receive()

def stop(reason):
    told = event("stopped")
    check("the reason of a stop", told["reason"] == reason)
    stack = ask("stackTrace", threadId=told["threadId"], startFrame=0, levels=20)["stackFrames"]
    return told["threadId"], stack

def variables(frame):
    scopes = ask("scopes", frameId=frame["id"])["scopes"]
    locals_ = next(it for it in scopes if it["name"] == "Locals")
    shown = ask("variables", variablesReference=locals_["variablesReference"])["variables"]
    return {it["name"]: it["value"] for it in shown}

ask("initialize", adapterID="lldb-dap", linesStartAt1=True, columnsStartAt1=True, pathFormat="path")
attached = send("attach", attachCommands=[f"process connect --plugin wasm connect://localhost:{sys.argv[2]}"],
                initCommands=["settings set target.language c"])
event("initialized")
ask("setFunctionBreakpoints", breakpoints=[{"name": "apply"}, {"name": "after", "condition": "years == 0"}])
ask("configurationDone")
answer(attached)
thread, stack = stop("breakpoint")
check("the stack", stack[0]["name"] == "apply" and stack[1]["line"] == 44)
ask("next", threadId=thread)
thread, stack = stop("step")
check("a variable", variables(stack[0])["sign"] == "1")
value = ask("evaluate", expression="entry->cents + 1", frameId=stack[0]["id"], context="watch")["result"]
check("an expression", value == "125001")
ask("stepOut", threadId=thread)
thread, stack = stop("step")
check("stepping out", stack[0]["line"] == 44)
ask("setFunctionBreakpoints", breakpoints=[{"name": "after", "condition": "years == 0"}])
ask("continue", threadId=thread)
thread, stack = stop("breakpoint")
check("a breakpoint with a condition", stack[0]["name"] == "after" and variables(stack[0])["balance"] == "126018")
send("continue", threadId=thread)
check("the program's exit code", event("exited")["exitCode"] == 0)
ask("disconnect")
END
timeout 60 python3 "$room/client.py" "${LLDB_DAP:-lldb-dap-22}" "$port" >"$room/said" 2>&1 </dev/null ||
    fail "$(sed -n 's/^NOT AS IT SHOULD BE: //p' "$room/said") (status $?)"
wait "$server" || fail "the server ended with status $?"
server=
grep -q 'in 3 years' "$room/printed" || fail 'the program has not printed its last line'
echo 'lldb-dap: ok'
