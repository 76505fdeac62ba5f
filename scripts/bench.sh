#!/bin/sh
# The benchmark against Wasmtime: builds C programs at -O2 and -O0 with debug info, and prints how fast they run and compile.
# usage: sh scripts/bench.sh [--quick] [--only WORDS] [--rounds N] [--turns N] [--engines NAMES]
# Programs of our own are in tests/bench/programs; the others come from Debian's source packages. What is built stays in
# tests/bench/target. `--only calls,lua.O0` takes only programs with one of these words in their name; `--engines ours,attached`
# compares these with Wasmtime.
set -eu
cd "$(dirname "$0")/.."
. scripts/install.sh
. scripts/programs.sh

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
# Each with the function in which the breakpoint is set whose condition is false.
all='calls:fib closures:variable core:crc8 float:advance hash:block heap:hash interp:run memory:rnd text:lz vectors:blur
    js:duk__js_execute_bytecode_inner json:parse_value lua:luaV_execute sqlite:sqlite3VdbeExec zlib:longest_match zstd:ZSTD_decompressSequences'

# build PROGRAM LEVEL: makes $built/PROGRAM.LEVEL.wasm. The paths of Debian's sources have no spaces.
# shellcheck disable=SC2086
build() {
    out=$built/$1.$2.wasm
    clang="clang-19 --target=wasm32-wasi -$2 -g -w -I$sources -I$fetched/include -o $out.new"
    # Programs that handle errors with it have none here.
    [ -e "$fetched/include/setjmp.h" ] || cat > "$fetched/include/setjmp.h" <<'END'
#include <stdlib.h>
typedef int jmp_buf[1];
#define setjmp(buffer) 0
#define longjmp(buffer, value) abort()
END
    case $1 in
        vectors) $clang -msimd128 "$sources/$1.c" ;;
        js)
            fetch duktape
            $clang -I"$fetched/duktape/src" "$sources/js_main.c" "$fetched/duktape/src/duktape.c" -lm
            ;;
        json)
            fetch cjson
            $clang -I"$fetched/cjson" "$sources/json_main.c" "$fetched/cjson/cJSON.c" -lm
            ;;
        lua)
            fetch lua5.4
            lua=$fetched/lua5.4/src
            # Debian's package makes it.
            : > "$fetched/include/lua5.4-deb-multiarch.h"
            files=$(ls "$lua"/*.c | grep -Ev '/(lua|luac|linit|loslib|liolib|loadlib|ldblib|lmathlib|lcorolib|lutf8lib)\.c')
            $clang -I"$lua" -D_WASI_EMULATED_SIGNAL '-Dl_randomizePivot()=0u' "$sources/lua_main.c" $files -lm
            ;;
        zlib)
            fetch zlib
            zlib=$fetched/zlib
            $clang -I"$zlib" "$sources/zlib_main.c" "$zlib"/adler32.c "$zlib"/compress.c "$zlib"/crc32.c "$zlib"/deflate.c \
                "$zlib"/inffast.c "$zlib"/inflate.c "$zlib"/inftrees.c "$zlib"/trees.c "$zlib"/uncompr.c "$zlib"/zutil.c
            ;;
        zstd)
            fetch libzstd
            zstd=$fetched/libzstd/lib
            $clang -I"$zstd" "$sources/zstd_main.c" "$zstd"/common/*.c "$zstd"/compress/*.c "$zstd"/decompress/*.c
            ;;
        sqlite)
            fetch_sqlite
            $clang $sqlite_flags "$sources/sqlite_main.c" "$sqlite/sqlite3.c" -lm
            ;;
        *) $clang "$sources/$1.c" -lm ;;
    esac
    mv "$out.new" "$out"
}

# wanted NAME: whether --only is not given or one of its words is in NAME.
only=
wanted() {
    [ -n "$only" ] || return 0
    for word in $only; do
        case $1 in *"$word"*) return 0 ;; esac
    done
    return 1
}

options=
while [ $# -gt 0 ]; do
    case $1 in
        --only) only=$(echo "$2" | tr , " ") && shift 2 ;;
        *) options="$options $1" && shift ;;
    esac
done
modules=
for level in O2 O0; do
    for program in $all; do
        name=${program%:*}
        wanted "$name.$level" || continue
        source=$sources/$name.c
        [ -e "$source" ] || source=$sources/${name}_main.c
        module=$built/$name.$level.wasm
        { [ "$module" -nt "$source" ] && [ "$module" -nt $sources/bench.h ]; } || build "$name" "$level"
        modules="$modules $module:${program#*:}"
    done
done
cargo build --release --workspace --bins
cargo build --release --manifest-path $bench/Cargo.toml
# shellcheck disable=SC2086 # lists of words
exec $bench/target/release/bench --server target/release/wasm-gdbserver $options $modules
