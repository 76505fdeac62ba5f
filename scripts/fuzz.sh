#!/bin/sh
# Fuzzes one target of tests/fuzz for some seconds; needs cargo-fuzz (`cargo install cargo-fuzz`). Its nightly flags work
# with the toolchain at hand this way. What it finds stays in tests/fuzz/artifacts, the corpus in tests/fuzz/corpus.
# usage: sh scripts/fuzz.sh dwarf|coredump|packets|agent|differential [SECONDS]
set -eu
cd "$(dirname "$0")/.."
target=$1
seconds=${2:-60}
corpus=tests/fuzz/corpus/$target
mkdir -p "$corpus"
if [ "$target" = packets ]; then
    number=1
    for recorded in gdb lldb lldb-elf gdb-tools; do
        # Behind the greeting, which the target sends itself; in pieces, which are quicker to play than whole sessions.
        tail -n +9 "crates/gdb/tests/recorded/$recorded.txt" | split -l 24 - "$corpus/$recorded-"
        for piece in "$corpus/$recorded"-??; do
            { printf %d $number; cat "$piece"; } > "$piece.seed"
            rm "$piece"
        done
        number=$((number + 1))
    done
fi
cd tests/fuzz
RUSTC_BOOTSTRAP=1 exec cargo fuzz run --fuzz-dir . --sanitizer none "$target" -- -max_total_time="$seconds"
