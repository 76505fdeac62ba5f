#!/bin/sh
# The benchmark against Wasmtime: builds C programs at -O2 and prints how fast they run and compile.
# usage: sh scripts/bench.sh [quick] [--no-debug] [--rounds N]
# Programs of our own are in tests/bench/programs; Lua, zlib, zstd and SQLite come from Debian's source packages. What is
# built stays in tests/bench/target. PROGRAMS='calls lua' takes only those.
set -eu
cd "$(dirname "$0")/.."
. scripts/install.sh

need_compilers
need dpkg-source dpkg-dev
need make make
need tclsh tcl
install_missing
have_cargo

bench=tests/bench
sources=$bench/programs
built=$bench/target/programs
fetched=$bench/target/sources
mkdir -p "$built" "$fetched/include"
ours='calls float hash heap interp memory text vectors'
debian='lua zlib zstd sqlite'
clang='clang-19 --target=wasm32-wasi -O2'

# fetch PACKAGE: unpacks Debian's sources of PACKAGE into $fetched/PACKAGE, and leaves the machine's lists alone.
fetch() {
    [ -d "$fetched/$1" ] && return 0
    (
        cd "$fetched"
        mkdir -p apt/lists/partial apt/cache/archives/partial
        release=$(. /etc/os-release && echo "${VERSION_CODENAME:-bookworm}")
        echo "deb-src [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://deb.debian.org/debian $release main" > apt/sources.list
        apt_get() {
            apt-get -q -o Dir::Etc::sourcelist="$PWD/apt/sources.list" -o Dir::Etc::sourceparts=- \
                -o Dir::State::lists="$PWD/apt/lists" -o Dir::Cache="$PWD/apt/cache" -o APT::Sandbox::User= "$@" >&2
        }
        [ -e apt/updated ] || { apt_get update && touch apt/updated; }
        apt_get --download-only source "$1"
        dpkg-source --no-check -x "$1"_*.dsc "$1" >&2
    )
}

# build PROGRAM: makes $built/PROGRAM.wasm. The paths of Debian's sources have no spaces.
# shellcheck disable=SC2086
build() {
    out=$built/$1.wasm
    case $1 in
        vectors) $clang -msimd128 "$sources/$1.c" -o "$out" ;;
        lua)
            fetch lua5.4
            lua=$fetched/lua5.4/src
            # Debian's package makes the one; wasi-libc has not the other, and the program throws nothing.
            : > "$fetched/include/lua5.4-deb-multiarch.h"
            : > "$fetched/include/setjmp.h"
            files=$(ls "$lua"/*.c | grep -Ev '/(lua|luac|linit|loslib|liolib|loadlib|ldblib|lmathlib|lcorolib|lutf8lib)\.c')
            $clang -w -I"$lua" -I"$fetched/include" -D_WASI_EMULATED_SIGNAL -Dluai_jmpbuf=int \
                '-Dl_randomizePivot()=0u' '-DLUAI_THROW(L,c)=abort()' '-DLUAI_TRY(L,c,a)={a}' "$sources/lua_main.c" $files -lm -o "$out"
            ;;
        zlib)
            fetch zlib
            zlib=$fetched/zlib
            $clang -w -I"$zlib" "$sources/zlib_main.c" "$zlib"/adler32.c "$zlib"/compress.c "$zlib"/crc32.c "$zlib"/deflate.c \
                "$zlib"/inffast.c "$zlib"/inflate.c "$zlib"/inftrees.c "$zlib"/trees.c "$zlib"/uncompr.c "$zlib"/zutil.c -o "$out"
            ;;
        zstd)
            fetch libzstd
            zstd=$fetched/libzstd/lib
            $clang -w -I"$zstd" "$sources/zstd_main.c" "$zstd"/common/*.c "$zstd"/compress/*.c "$zstd"/decompress/*.c -o "$out"
            ;;
        sqlite)
            fetch sqlite3
            sqlite=$fetched/sqlite3-built
            mkdir -p "$sqlite"
            [ -e "$sqlite/sqlite3.c" ] || (cd "$sqlite" && ../sqlite3/configure -q --disable-tcl && make -s sqlite3.c) >&2
            $clang -w -I"$sqlite" -DSQLITE_OS_OTHER=1 -DSQLITE_THREADSAFE=0 -DSQLITE_OMIT_LOAD_EXTENSION -DSQLITE_TEMP_STORE=3 \
                "$sources/sqlite_main.c" "$sqlite/sqlite3.c" -lm -o "$out"
            ;;
        *) $clang "$sources/$1.c" -lm -o "$out" ;;
    esac
}

rounds=7
[ "${1:-}" != quick ] || { rounds=2 && shift; }
modules=
for program in ${PROGRAMS:-$ours $debian}; do
    source=$sources/$program.c
    [ -e "$source" ] || source=$sources/${program}_main.c
    [ "$built/$program.wasm" -nt "$source" ] || build "$program"
    modules="$modules $built/$program.wasm"
done
cargo build --release --manifest-path $bench/Cargo.toml
# shellcheck disable=SC2086 # a list of words
exec $bench/target/release/bench --rounds $rounds "$@" $modules
