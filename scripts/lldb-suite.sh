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
# has no sources of the security archive, from which lldb-22 is. With them, libc++'s sources; and wasi-libc's of Debian 13, the first
# that has threads.
fetch() {
    [ -e "$sources/fetched" ] && [ -e "$sources/llvm/libcxx" ] && [ -e "$sources/wasi-libc" ] && return 0
    version=$(dpkg-query -W -f '${source:Upstream-Version}' lldb-22)
    version=${version#*:}
    llvm=llvm-toolchain-22_$version.orig.tar.xz
    wasi_libc=wasi-libc_0.0~git20241209.574b88d.orig.tar.xz
    (
        cd "$sources"
        apt_source unstable llvm-toolchain-22 "$llvm"
        apt_source trixie wasi-libc "$wasi_libc"
        echo "Unpacking LLDB's tests, libc++ and wasi-libc" >&2
        tar -xJf "$llvm" --wildcards --strip-components=1 '*/lldb/use_lldb_suite_root.py' '*/lldb/test/API' \
            '*/lldb/packages' '*/lldb/include' '*/lldb/examples'
        mkdir -p llvm wasi-libc
        tar -xJf "$llvm" -C llvm --wildcards --strip-components=1 --exclude='*/test/*' '*/libcxx/*' '*/libcxxabi/*' '*/libunwind/*' '*/libc/*'
        tar -xJf "$wasi_libc" -C wasi-libc --strip-components=1
        rm -f "$llvm" "$wasi_libc"
        touch fetched
    ) || exit 1
}
fetch

# libraries: Debian's wasi-libc and libc++ of clang-22, which apt would not install beside those of clang-19; what programs are linked
# with in place of what these have not; and the libraries for threads and exceptions.
libraries() {
    [ -e "$suite/target/debian/usr" ] || (
        mkdir -p "$suite/target/debs"
        cd "$suite/target/debs"
        apt-get -q -o APT::Sandbox::User= download wasi-libc libc++-22-dev-wasm32 libc++abi-22-dev-wasm32 >&2
        for package in *.deb; do
            dpkg -x "$package" ../debian
        done
        rm -rf ../debs
    ) || exit 1
    SUITE_TARGET=$suite/target
    export SUITE_TARGET
    mkdir -p "$suite/target/libraries"
    "$suite/bin/clang" -O1 -c "$suite/throw.c" -o "$suite/target/libraries/throw.o"
    "$suite/bin/clang" -O1 -c "$suite/main3.c" -o "$suite/target/libraries/main3.o"
    llvm-ar-22 rcs "$suite/target/libraries/libthrow.a" "$suite/target/libraries/throw.o"
    if [ ! -e "$suite/target/sysroot/lib/wasm32-wasip1-threads/libc++abi.a" ]; then
        echo "Building wasi-libc and libc++ with threads and exceptions" >&2
        sh "$suite/sysroot.sh" "$sources/wasi-libc" "$sources/llvm" "$suite/target/sysroot"
    fi
}

lldb=$sources/lldb
if [ "${1:-}" = summary ]; then
    shift
    exec /usr/bin/python3 "$suite/suite.py" summary "$lldb" "$@"
fi

libraries
if [ -z "${SERVER:-}" ]; then
    have_cargo
    cargo build --release -p wasm-gdbserver
    SERVER=$PWD/target/release/wasm-gdbserver
fi
/usr/bin/python3 "$suite/suite.py" run "$SERVER" "$lldb" --jobs "${JOBS:-$(nproc)}" "$@"
/usr/bin/python3 "$suite/suite.py" summary "$lldb"
