#!/bin/sh
# What kept code is worth (`--cache`): programs of the benchmark without it, with an empty folder, and with what that start has
# kept. Prints a table in Markdown.
# usage: sh scripts/bench-cache.sh [--rounds N] [PROGRAM.LEVEL...]   such as lua.O2, which scripts/bench.sh has built
set -eu
cd "$(dirname "$0")/.."
. scripts/install.sh

rounds=7
[ "${1:-}" != --rounds ] || { rounds=$2 && shift 2; }
have_cargo

built=tests/bench/target/programs
[ $# -gt 0 ] || set -- hash.O2 lua.O2 lua.O0 sqlite.O2 sqlite.O0 zstd.O0
modules=
for program in "$@"; do
    module=$built/$program.wasm
    [ -e "$module" ] || { echo "$module is missing: run scripts/bench.sh --quick --only $program" >&2 && exit 1; }
    modules="$modules $module"
done
cargo build --release --workspace --bins
# shellcheck disable=SC2086 # a list of words
exec python3 tests/bench-protocol/kept.py target/release/wasm-gdbserver "$rounds" $modules
