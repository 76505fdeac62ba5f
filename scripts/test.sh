#!/bin/sh
# All tests: format, lints, unit, golden, API, packets, spec, and stock gdb and lldb end to end. Installs what they need.
# usage: sh scripts/test.sh [arguments of `cargo test`]
set -eu
cd "$(dirname "$0")/.."
. scripts/install.sh
. scripts/old-lldb.sh

need gdb gdb
need gdbserver gdbserver
need_lldb
need_old_lldb
need_compilers
# Looks at what `crates/dwarf` writes.
need llvm-dwarfdump-19 llvm-19
# Programs by chance.
need csmith csmith
need /usr/include/csmith/csmith.h libcsmith-dev
# Fixtures in C++.
need /usr/lib/wasm32-wasi/libc++.a 'libc++-19-dev-wasm32 libc++abi-19-dev-wasm32'
# The fixtures' native twins are 32-bit, as Wasm is.
need /usr/lib32/libc.a gcc-multilib
install_missing
have_rust_printers target/tmp/rust-gdb
have_libcxx_printers target/tmp/libcxx-gdb
sh scripts/go.sh
unpack_old_lldb
have_cargo
[ -n "${SKIP_LINT:-}" ] || sh scripts/lint.sh
# The end-to-end tests run the server's binary, which cargo only builds when it is asked for by name.
cargo build --workspace --bins
[ $# -gt 0 ] || set -- --workspace --no-fail-fast
# A person at a terminal sees it as it goes. A record may keep only the end, so what failed is said once more there.
[ ! -t 1 ] || exec cargo test "$@"
log=target/tmp/test.log
mkdir -p target/tmp
rm -f "$log.status"
{ cargo test "$@" 2>&1 || echo $? >"$log.status"; } | tee "$log"
[ -e "$log.status" ] || exit 0
echo
echo "What failed, once more (all of it: $log):"
awk '/^failures:$/ { shown = 1 } shown || /^error/; /^test result: FAILED/ { shown = 0 }' "$log"
exit "$(cat "$log.status")"
