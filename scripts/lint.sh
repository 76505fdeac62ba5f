#!/bin/sh
# Formatting and lints. A component that rustup has not installed is named and left out.
set -eu
cd "$(dirname "$0")/.."
. scripts/install.sh

have_cargo
if cargo fmt --version >/dev/null 2>&1; then
    cargo fmt --all --check
else
    echo "no rustfmt here (rustup component add rustfmt): formatting is not checked" >&2
fi
if cargo clippy --version >/dev/null 2>&1; then
    cargo clippy --workspace --all-targets -- -D warnings
else
    echo "no clippy here (rustup component add clippy): lints are not checked" >&2
fi
