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

# Small modules of several compilers, with real debug info.
seed_dwarf() {
    . scripts/install.sh
    need_compilers
    install_missing
    for source in data.c data.cpp index.cpp pointers.c tiny.c; do
        for options in "-O0 -gdwarf-4" "-O2 -gdwarf-5" "-O1 -gdwarf-5 -fdebug-types-section"; do
            # shellcheck disable=SC2086
            clang-19 -w --target=wasm32 -nostdlib -Wl,--no-entry,--export-all,--allow-undefined $options \
                "crates/dwarf/tests/programs/$source" -o "$corpus/seed-$source$(echo "$options" | tr -d ' ')"
        done
    done
    for module in parts.zig shapes.rs shapes.rs.current; do cp "tests/fixtures/$module.wasm" "$corpus/seed-$module.wasm"; done
}
# The targets that have first inputs of their own put them there, and remove nothing.
case $target in
    agent | coredump | packets) FUZZ_SEEDS=$PWD/$corpus && export FUZZ_SEEDS ;;
    dwarf) seed_dwarf ;;
esac
words=
[ ! -e "tests/fuzz/$target.dict" ] || words=-dict=$target.dict
cd tests/fuzz
RUSTC_BOOTSTRAP=1 exec cargo fuzz run --fuzz-dir . --sanitizer none "$target" -- $words -max_total_time="$seconds" -timeout=60 -rss_limit_mb=4096
