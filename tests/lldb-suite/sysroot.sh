#!/bin/sh
# Builds the libraries of the suite's programs that have threads or exceptions, which Debian does not have for WASI: wasi-libc with
# POSIX threads, and libc++ with both. Three minutes of one processor.
# usage: sysroot.sh WASI-LIBC LLVM SYSROOT
# WASI-LIBC and LLVM are the directories with the sources, SYSROOT is made.
set -eu
wasi_libc=$1 llvm=$2 sysroot=$3
target=wasm32-wasip1-threads
lib=$sysroot/lib/$target
headers=$sysroot/include/$target/c++/v1
objects=$sysroot/objects
jobs=${JOBS:-$(nproc)}
flags="--target=$target --sysroot=$sysroot -pthread -O1 -w -fwasm-exceptions -mllvm -wasm-use-legacy-eh=false"

# wasi-libc's libraries, without its check of their symbols, which expects another compiler's.
make -s -C "$wasi_libc" -j "$jobs" CC="clang-22 -w" AR=llvm-ar-22 NM=llvm-nm-22 THREAD_MODEL=posix TARGET_TRIPLE=$target SYSROOT="$sysroot" \
    libc "$lib/libm.a" "$lib/libpthread.a" "$lib/librt.a" "build/$target/copy-startup-files.stamp" > /dev/null

# libc++'s headers, with the two that its build makes.
mkdir -p "$headers" "$objects"
cp -R "$llvm/libcxx/include/." "$llvm/libcxxabi/include/." "$headers"
cp "$llvm/libcxx/vendor/llvm/default_assertion_handler.in" "$headers/__assertion_handler"
cp "$headers/module.modulemap.in" "$headers/module.modulemap"
cat > "$headers/__config_site" <<'END'
#ifndef _LIBCPP___CONFIG_SITE
#define _LIBCPP___CONFIG_SITE
#define _LIBCPP_ABI_VERSION 1
#define _LIBCPP_ABI_NAMESPACE __1
#define _LIBCPP_ABI_FORCE_ITANIUM 0
#define _LIBCPP_ABI_FORCE_MICROSOFT 0
#define _LIBCPP_HAS_THREADS 1
#define _LIBCPP_HAS_MONOTONIC_CLOCK 1
#define _LIBCPP_HAS_TERMINAL 0
#define _LIBCPP_HAS_MUSL_LIBC 1
#define _LIBCPP_HAS_THREAD_API_PTHREAD 1
#define _LIBCPP_HAS_THREAD_API_EXTERNAL 0
#define _LIBCPP_HAS_THREAD_API_WIN32 0
#define _LIBCPP_HAS_THREAD_API_C11 0
#define _LIBCPP_HAS_VENDOR_AVAILABILITY_ANNOTATIONS 0
#define _LIBCPP_HAS_FILESYSTEM 1
#define _LIBCPP_HAS_RANDOM_DEVICE 1
#define _LIBCPP_HAS_LOCALIZATION 1
#define _LIBCPP_HAS_UNICODE 1
#define _LIBCPP_HAS_WIDE_CHARACTERS 1
#define _LIBCPP_HAS_TIME_ZONE_DATABASE 0
#define _LIBCPP_INSTRUMENTED_WITH_ASAN 0
#define _LIBCPP_PSTL_BACKEND_STD_THREAD
#define _LIBCPP_HARDENING_MODE_DEFAULT 2
#define _LIBCPP_ASSERTION_SEMANTIC_DEFAULT 2
#define _LIBCPP_LIBC_PICOLIBC 0
#define _LIBCPP_LIBC_NEWLIB 0
#endif
END

# Its sources. It takes copy_file_range to be where musl is; WASI has it not.
sed -i 's/ || _LIBCPP_HAS_MUSL_LIBC || defined(__FreeBSD__)/ || defined(__FreeBSD__)/' "$llvm/libcxx/src/filesystem/operations.cpp"
for source in "$llvm"/libcxx/src/*.cpp "$llvm"/libcxx/src/ryu/*.cpp "$llvm"/libcxx/src/filesystem/*.cpp "$llvm"/libcxxabi/src/*.cpp; do
    name=$(basename "$source" .cpp)
    case $source in
        */libcxx/src/new.cpp | */cxa_noexception.cpp | */int128_builtins.cpp) ;;
        */libcxx/*) echo "$source $objects/libcxx-$name.o" ;;
        *) echo "$source $objects/libcxxabi-$name.o" ;;
    esac
done > "$objects/sources"
xargs -P "$jobs" -L 1 sh -c 'flags=$0 && source=$1 && object=$2 && [ -e "$object" ] || clang-22 --driver-mode=g++ $flags -c "$source" -o "$object"' \
    "$flags -std=c++23 -nostdinc++ -isystem $headers -I$llvm/libcxx/src -I$llvm/libc -I$llvm/libcxxabi/include -I$llvm/libunwind/include \
    -D_LIBCPP_BUILDING_LIBRARY -D_LIBCXXABI_BUILDING_LIBRARY -DLIBCXX_BUILDING_LIBCXXABI -D_LIBCPP_REMOVE_TRANSITIVE_INCLUDES \
    -DLIBC_NAMESPACE=__llvm_libc_common_utils -DNDEBUG" < "$objects/sources"
# shellcheck disable=SC2086 # a list of words
clang-22 $flags -std=c11 -DNDEBUG -D_LIBUNWIND_HIDE_SYMBOLS -I"$llvm/libunwind/include" -c "$llvm/libunwind/src/Unwind-wasm.c" \
    -o "$objects/unwind.o"
# The tags of C++'s exceptions and of `longjmp`, which Debian's compiler-rt has not.
for tag in __cpp_exception __c_longjmp; do
    printf '    .globl %s\n    .tagtype %s i32\n%s:\n' $tag $tag $tag
done > "$objects/tags.s"
clang-22 --target=$target -mexception-handling -matomics -mbulk-memory -c "$objects/tags.s" -o "$objects/tags.o"

rm -f "$lib/libc++.a" "$lib/libc++abi.a"
llvm-ar-22 rcs "$lib/libc++.a" "$objects"/libcxx-*.o
llvm-ar-22 rcs "$lib/libc++abi.a" "$objects"/libcxxabi-*.o "$objects/unwind.o" "$objects/tags.o"
rm -rf "$objects"
