#!/bin/sh
# A session of older lldbs with the symbol file: recursion, values, returned values, steps.
# usage: sh scripts/old-lldb.sh [VERSION]...      (14 16 19 if none is given)
# Debian's packages of lldb cannot be installed side by side, so these are unpacked in target/old-lldb.
set -eu
cd "$(dirname "$0")/.."
. scripts/install.sh

need_compilers
install_missing
have_cargo
cargo build -q --workspace --bins
server=$PWD/target/debug/wasm-gdbserver
folder=$PWD/target/old-lldb
mkdir -p "$folder"

# unpack VERSION: makes $folder/VERSION/lldb, which starts it.
unpack() {
    missing=
    need "/usr/lib/x86_64-linux-gnu/liblldb-$1.so.1" "liblldb-$1"
    install_missing
    [ -x "$folder/$1/lldb" ] && return 0
    mkdir -p "$folder/$1"
    (
        cd "$folder/$1"
        apt-get -q -o APT::Sandbox::User= download "lldb-$1" "python3-lldb-$1" >&2
        for package in *.deb; do dpkg -x "$package" .; done
    )
    python=$(dirname "$(find "$folder/$1" -path '*-packages/lldb/__init__.py' | head -n 1)")
    printf '#!/bin/sh\nPYTHONPATH=%s exec %s "$@"\n' "${python%/lldb}" "$folder/$1/usr/lib/llvm-$1/bin/lldb" > "$folder/$1/lldb"
    chmod +x "$folder/$1/lldb"
}

# session VERSION DWARF: prints what lldb says.
session() {
    module=$folder/steps.dwarf$2.wasm
    clang-19 --target=wasm32-wasi -O0 "-gdwarf-$2" tests/fixtures/steps.c -o "$module"
    "$server" symbols --for lldb "$module" -o "$folder/steps.elf"
    : > "$folder/listening"
    "$server" -q --once --log "$folder/server.log" :0 "$module" 4 > "$folder/out" 2> "$folder/listening" &
    until port=$(sed -n 's/^Listening on .*://p' "$folder/listening") && [ -n "$port" ]; do sleep 0.1; done
    timeout 120 "$folder/$1/lldb" --no-lldbinit -b -o "target create $folder/steps.elf" -o "gdb-remote localhost:$port" \
        -o "breakpoint set --file steps.c --line 13 --condition 'n == 1'" -o continue -o bt \
        -o 'frame select 1' -o 'frame variable n' -o 'frame select 3' -o 'frame variable n' -o 'frame select 0' \
        -o 'breakpoint delete 1' -o finish -o 'frame variable n' -o next -o next -o 'frame variable a b' \
        -o 'expr calls * 2' -o 'breakpoint set --one-shot true --name apply' -o continue -o 'thread step-inst' -o finish -o continue || { kill $!; return 1; }
    wait $!
}

[ $# -gt 0 ] || set -- 14 16 19
for version in "$@"; do
    unpack "$version"
    for dwarf in 4 5; do
        said=$(session "$version" "$dwarf" 2>&1) || { echo "$said"; echo "lldb-$version: failed" >&2; exit 1; }
        for text in 'fib(n=1) at steps.c:13' '(int) n = 2' '(int) n = 4' 'Return value: (int) $0 = 1' '(int) a = 1' \
            '(int) b = 0' ' = 10' 'apply(op=' 'instruction step into' ' = 7' 'exited with status = 0'; do
            case $said in
                *"$text"*) ;;
                *) echo "$said"; echo "lldb-$version, DWARF $dwarf: no \"$text\"" >&2; exit 1 ;;
            esac
        done
        echo "lldb-$version, DWARF $dwarf: as it should be"
    done
done
