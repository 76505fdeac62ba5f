#!/bin/sh
# A debug session with stock gdb, on a program that ships with the server. At a terminal you get the prompt.
# usage: sh scripts/demo.sh [arguments of `wasm-gdbserver demo`]
set -eu
cd "$(dirname "$0")/.."
. scripts/install.sh

need gdb gdb
need_compilers
install_missing
have_cargo
# The development profile: the dependencies are optimised in it, and it is the one that the tests build as well.
cargo build -p wasm-gdbserver
exec "${CARGO_TARGET_DIR:-target}/debug/wasm-gdbserver" demo "$@"
