#!/bin/sh
# A session of stock gdb with a server: symbols, breakpoints, stack, values, steps, the program's end.
# usage: sh gdb.sh SERVER [OPTIONS]...      as in `sh gdb.sh wasm-gdbserver`
# PROGRAM is the module of demo.c (in this repository, server/demo); GDB is the debugger. Exits 0, or says what is wrong.
set -eu
[ $# -gt 0 ] || { sed -n '3s/^# //p' "$0" >&2; exit 2; }
program=${PROGRAM:-$(dirname "$0")/../../server/demo/demo.wasm}
room=$(mktemp -d)
: >"$room/server"
server=
trap '[ -z "$server" ] || kill "$server" 2>/dev/null || true; rm -rf "$room"' EXIT

fail() {
    echo "gdb: $1" >&2
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

timeout 60 "${GDB:-gdb}" -nx -batch -ex 'set width 0' -ex "target remote :$port" \
    -ex 'break apply' -ex continue -ex bt -ex 'print entry->cents' -ex 'print account->owner' -ex next -ex next -ex 'print *account' \
    -ex finish -ex 'delete' -ex 'break after if years == 0' -ex continue -ex 'print balance' -ex 'delete' -ex continue \
    >"$room/said" 2>&1 </dev/null || fail "gdb ended with status $?"

# expect WHAT TEXT: TEXT is in what gdb said.
expect() {
    grep -qF -- "$2" "$room/said" || fail "$1: \"$2\" was not said"
}
expect 'breakpoint by name' 'Breakpoint 1, apply (account=0x'
expect 'backtrace' 'in main () at demo.c:44'
expect 'member of a structure' '$1 = 125000'
expect 'string' '"Ada"'
expect 'step' 'balance = 125000'
expect 'return value' 'Value returned is '
expect 'breakpoint with a condition' 'years=0) at demo.c:'
expect 'value in a recursion' '= 126018'
expect 'end of the program' 'exited normally]'
wait "$server" || fail "the server ended with status $?"
server=
grep -q 'in 3 years' "$room/printed" || fail 'the program has not printed its last line'
echo 'gdb: ok'
