#!/bin/sh
# LLDB's own API tests, with our server as the runtime of the programs, which are built for WASI. Prints the score.
# usage: sh scripts/lldb-suite.sh [--again | --failed] [--timeout SECONDS] [WORD...]
#        sh scripts/lldb-suite.sh summary [--failures] [WORD...]
# A WORD is a part of a test file's path. What has been run is not run again, unless --again says so, or --failed for the files with
# a failure. JOBS=N runs N files at a time, SERVER=PATH takes another server than the release build. LLDB's sources and the results
# stay in tests/lldb-suite/target.
set -eu
cd "$(dirname "$0")/.."
. scripts/install.sh

need_compilers
need_lldb
need clang-22 clang-22
need wasm-ld-22 lld-22
need /usr/lib/llvm-22/bin/yaml2obj llvm-22
need /usr/lib/llvm-22/bin/FileCheck llvm-22-tools
need /usr/lib/llvm-22/lib/clang/22/lib/wasi/libclang_rt.builtins-wasm32.a libclang-rt-22-dev-wasm32
need /usr/lib/wasm32-wasi/libc++.a libc++-22-dev-wasm32
need /usr/lib/wasm32-wasi/libc++abi.a libc++abi-22-dev-wasm32
need make make
need dpkg-source dpkg-dev
need /usr/lib/python3/dist-packages/packaging python3-packaging
need /usr/lib/python3/dist-packages/pexpect python3-pexpect
need /usr/lib/python3/dist-packages/psutil python3-psutil
install_missing

suite=$PWD/tests/lldb-suite
sources=$suite/target/sources
mkdir -p "$sources"

# fetch: LLDB's tests of the installed lldb's version, from Debian's sources of it. Debian's unstable has them also when the mirror
# has no sources of the security archive, from which lldb-22 is.
fetch() {
    [ -e "$sources/fetched" ] && return 0
    version=$(dpkg-query -W -f '${source:Upstream-Version}' lldb-22)
    version=${version#*:}
    archive=llvm-toolchain-22_$version.orig.tar.xz
    (
        cd "$sources"
        mkdir -p apt/lists/partial apt/cache/archives/partial
        key='[signed-by=/usr/share/keyrings/debian-archive-keyring.gpg]'
        printf 'deb-src %s http://deb.debian.org/debian %s main\n' "$key" unstable > apt/sources.list
        apt_get() {
            apt-get -q -o Dir::Etc::sourcelist="$PWD/apt/sources.list" -o Dir::Etc::sourceparts=- \
                -o Dir::State::lists="$PWD/apt/lists" -o Dir::Cache="$PWD/apt/cache" -o APT::Sandbox::User= "$@" >&2
        }
        if [ ! -e "$archive" ]; then
            apt_get update
            apt_get --download-only source llvm-toolchain-22
        fi
        [ -e "$archive" ] || {
            echo "Debian's unstable has other sources than those of the installed lldb-22, $version: put $archive into $sources" >&2
            exit 1
        }
        echo "Unpacking LLDB's tests" >&2
        tar -xJf "$archive" --wildcards --strip-components=1 '*/lldb/use_lldb_suite_root.py' '*/lldb/test/API' \
            '*/lldb/packages' '*/lldb/include' '*/lldb/examples'
        rm -f "$archive"
        touch fetched
    ) || exit 1
}
fetch

lldb=$sources/lldb
if [ "${1:-}" = summary ]; then
    shift
    exec /usr/bin/python3 "$suite/suite.py" summary "$lldb" "$@"
fi

mkdir -p "$suite/target/libraries"
"$suite/bin/clang" -O1 -c "$suite/throw.c" -o "$suite/target/libraries/throw.o"
"$suite/bin/clang" -O1 -c "$suite/main3.c" -o "$suite/target/libraries/main3.o"
llvm-ar-22 rcs "$suite/target/libraries/libthrow.a" "$suite/target/libraries/throw.o"

if [ -z "${SERVER:-}" ]; then
    have_cargo
    cargo build --release -p wasm-gdbserver
    SERVER=$PWD/target/release/wasm-gdbserver
fi
/usr/bin/python3 "$suite/suite.py" run "$SERVER" "$lldb" --jobs "${JOBS:-$(nproc)}" "$@"
/usr/bin/python3 "$suite/suite.py" summary "$lldb"
