#!/bin/sh
# The start-up benchmark: from starting the server to the first stop, at a breakpoint at main, with gdb and lldb-22, for modules of about
# 1, 10 and 50 MB with debug info; and what native gdb takes for the same program. Prints a table in Markdown.
# usage: sh scripts/bench-startup.sh [--rounds N] [1] [10] [50]
# What is built stays in tests/bench-protocol/target and in target.
set -eu
cd "$(dirname "$0")/.."
. scripts/install.sh

rounds=7
[ "${1:-}" != --rounds ] || { rounds=$2 && shift 2; }
need_compilers
need gdb gdb
need lldb-22 lldb-22
install_missing
have_cargo

built=$PWD/tests/bench-protocol/target/startup
mkdir -p "$built"

# build MEGABYTES: a program of many units, compiled without optimisation for Wasm and for this machine.
build() {
    [ -e "$built/$1.wasm" ] && [ -e "$built/$1" ] && return 0
    sources=$built/sources-$1
    mkdir -p "$sources"
    awk -v folder="$sources" -v units=$((11 * $1 + $1 / 2)) -f tests/bench-protocol/programs/units.awk
    (
        cd "$sources"
        for object in *.c; do printf '%s\n' "${object%.c}"; done | xargs -P "$(nproc)" -I{} sh -c \
            'clang-19 --target=wasm32-wasi -O0 -g -c {}.c -o {}.wasm.o && clang-19 -O0 -g -c {}.c -o {}.native.o'
        clang-19 --target=wasm32-wasi -- *.wasm.o -o "$built/$1.wasm"
        clang-19 -- *.native.o -o "$built/$1"
    )
    rm -r "$sources"
}

[ $# -gt 0 ] || set -- 1 10 50
for megabytes in "$@"; do
    build "$megabytes"
done
cargo build --release --workspace --bins
exec python3 tests/bench-protocol/startup.py target/release/wasm-gdbserver "$rounds" "$built" "$@"
