#!/bin/sh
# The benchmark of big debug info: from starting the server to gdb's prompt with symbols, beside native gdb, and what the first commands
# take; how fast `wasm-gdbserver symbols` is, and how much memory both need. For SQLite at -O0 and generated programs of about 30 and
# 100 MB. Prints a table in Markdown.
# usage: sh scripts/bench-dwarf.sh [--rounds N] [--keep] [sqlite] [30] [100]
# The generated programs are deleted afterwards, unless --keep is given: they take 350 MB. SQLite's sources stay in tests/bench/target.
set -eu
cd "$(dirname "$0")/.."
. scripts/install.sh
. scripts/programs.sh

rounds=5 keep=
while [ $# -gt 0 ]; do
    case $1 in
        --rounds) rounds=$2 && shift 2 ;;
        --keep) keep=1 && shift ;;
        *) break ;;
    esac
done
need_compilers
need gdb gdb
need dpkg-source dpkg-dev
need make make
need tclsh tcl
install_missing
have_cargo

built=$PWD/tests/bench-protocol/target/dwarf
fetched=$PWD/tests/bench/target/sources
mkdir -p "$built" "$fetched/include"

# Without links to it: the paths have no spaces.
# shellcheck disable=SC2086
build_sqlite() {
    [ -e "$built/sqlite.wasm" ] && [ -e "$built/sqlite" ] && return 0
    fetch_sqlite
    main="-O0 -g -w -Itests/bench/programs $sqlite_flags tests/bench/programs/sqlite_main.c $sqlite/sqlite3.c"
    clang-19 --target=wasm32-wasi $main -lm -o "$built/sqlite.wasm"
    clang-19 $main -lm -o "$built/sqlite"
}

[ $# -gt 0 ] || set -- sqlite 30 100
programs=
for name in "$@"; do
    function=entry_of_unit_1
    case $name in
        sqlite) build_sqlite && function=main ;;
        *) build_units "$name" ;;
    esac
    programs="$programs $name=$built/$name.wasm:$built/$name:$function"
done
cargo build --release --workspace --bins
# shellcheck disable=SC2086 # a list of words
python3 tests/bench-protocol/dwarf.py target/release/wasm-gdbserver "$rounds" $programs
[ -n "$keep" ] || for name in "$@"; do
    [ "$name" = sqlite ] || rm "$built/$name.wasm" "$built/$name"
done
