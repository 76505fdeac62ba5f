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
# The targets that have first inputs of their own put them there, and remove nothing.
case $target in agent | coredump | packets) FUZZ_SEEDS=$PWD/$corpus && export FUZZ_SEEDS ;; esac
words=
[ ! -e "tests/fuzz/$target.dict" ] || words=-dict=$target.dict
cd tests/fuzz
RUSTC_BOOTSTRAP=1 exec cargo fuzz run --fuzz-dir . --sanitizer none "$target" -- $words -max_total_time="$seconds" -timeout=60 -rss_limit_mb=4096
