#!/bin/sh
# A session of stock lldb (22 or newer) with a server: modules, breakpoints, stack, values, steps, the program's end.
# usage: sh lldb.sh SERVER [OPTIONS]...      as in `sh lldb.sh wasm-gdbserver`
# PROGRAM is the module of demo.c (in this repository, server/demo); LLDB is the debugger. Exits 0, or says what is wrong.
set -eu
[ $# -gt 0 ] || { sed -n '3s/^# //p' "$0" >&2; exit 2; }
program=${PROGRAM:-$(dirname "$0")/../../server/demo/demo.wasm}
room=$(mktemp -d)
: >"$room/server"
server=
trap '[ -z "$server" ] || kill "$server" 2>/dev/null || true; rm -rf "$room"' EXIT

fail() {
    echo "lldb: $1" >&2
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

cat >"$room/script" <<END
settings set target.language c
process connect --plugin wasm connect://localhost:$port
breakpoint set --name apply
continue
bt
p entry->cents
p account->owner
next
next
frame variable *account
finish
breakpoint delete --force
breakpoint set --name after --condition 'years == 0'
continue
p balance
breakpoint delete --force
continue
END
timeout 60 "${LLDB:-lldb-22}" --no-lldbinit --no-use-colors --batch --source "$room/script" \
    >"$room/said" 2>&1 </dev/null || fail "lldb ended with status $?"

# expect WHAT TEXT: TEXT is in what lldb said.
expect() {
    grep -qF -- "$2" "$room/said" || fail "$1: \"$2\" was not said"
}
expect 'breakpoint by name' 'stop reason = breakpoint 1.1'
expect 'frame' '`apply(account='
expect 'backtrace' 'at demo.c:44'
expect 'member of a structure' '(const long long) 125000'
expect 'string' '"Ada"'
expect 'step' 'balance = 125000'
expect 'step out' 'stop reason = step out'
expect 'breakpoint with a condition' 'years=0) at demo.c:'
expect 'value in a recursion' '(long long) 126018'
expect 'end of the program' 'exited with status = 0'
wait "$server" || fail "the server ended with status $?"
server=
grep -q 'in 3 years' "$room/printed" || fail 'the program has not printed its last line'
echo 'lldb: ok'
