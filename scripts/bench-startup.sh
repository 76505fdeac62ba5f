#!/bin/sh
# The start-up benchmark: from starting the server to the first stop, at a breakpoint at main, with gdb and lldb-22, for modules of about
# 1, 10 and 50 MB with debug info; and what native gdb takes for the same program. Prints a table in Markdown.
# usage: sh scripts/bench-startup.sh [--rounds N] [1] [10] [50]
# What is built stays in tests/bench-protocol/target and in target.
set -eu
cd "$(dirname "$0")/.."
. scripts/install.sh
. scripts/programs.sh

rounds=7
[ "${1:-}" != --rounds ] || { rounds=$2 && shift 2; }
need_compilers
need gdb gdb
need lldb-22 lldb-22
install_missing
have_cargo

built=$PWD/tests/bench-protocol/target/startup
mkdir -p "$built"

[ $# -gt 0 ] || set -- 1 10 50
for megabytes in "$@"; do
    build_units "$megabytes"
done
cargo build --release --workspace --bins
exec python3 tests/bench-protocol/startup.py target/release/wasm-gdbserver "$rounds" "$built" "$@"
