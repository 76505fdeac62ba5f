#!/bin/sh
# The protocol benchmark: how fast the server answers, to a bare client and to lldb-22. Prints a table in Markdown.
# usage: sh scripts/bench-protocol.sh [--no-lldb]
# What is built stays in tests/bench-protocol/target and in target.
set -eu
cd "$(dirname "$0")/.."
. scripts/install.sh

script=tests/bench-protocol/lldb_rates.py
[ "${1:-}" != --no-lldb ] || script=
need_compilers
[ -z "$script" ] || need /usr/lib/python3/dist-packages/lldb/__init__.py python3-lldb-22
install_missing
have_cargo

bench=tests/bench-protocol
built=$bench/target/programs
mkdir -p "$built"
clang='clang-19 --target=wasm32-wasi -O0 -g'
[ "$built/spin.wasm" -nt $bench/programs/spin.c ] || $clang $bench/programs/spin.c -o "$built/spin.wasm"

# A module of 10 MB and more: thousands of functions, with debug info for all of them.
[ -e "$built/large.wasm" ] || {
    awk 'BEGIN {
        for (i = 0; i < 18000; i++) {
            printf "struct record_%d { int first_of_%d; unsigned char second_of_%d[%d]; };\n", i, i, i, i % 61 + 1;
            printf "int function_number_%d(struct record_%d *record, int amount)\n{\n", i, i;
            printf "  int sum = amount;\n  for (int at = 0; at < %d; at++)\n", i % 61 + 1;
            printf "    sum = sum * %d + record->second_of_%d[at];\n", i + 3, i;
            printf "  record->first_of_%d = sum;\n  return sum;\n}\n", i;
        }
        print "static int (*const all[])(void *, int) = {";
        for (i = 0; i < 18000; i++) printf "  (int (*)(void *, int))function_number_%d,\n", i;
        print "};\nint main(int argc, char **argv)\n{\n  char bytes[128] = { 0 };\n  return all[argc & 1](bytes, argc) & 1;\n}";
    }' > "$built/large.c"
    $clang -w "$built/large.c" -o "$built/large.wasm"
}
cargo build --release --workspace --bins
cargo build --release --manifest-path $bench/Cargo.toml
# shellcheck disable=SC2086 # no script is no word
exec $bench/target/release/bench-protocol target/release/wasm-gdbserver "$built/spin.wasm" "$built/large.wasm" $script
