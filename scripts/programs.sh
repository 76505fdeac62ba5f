# Read by the benchmarks (`. scripts/programs.sh`): programs that are not here, from Debian's source packages or generated.

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

# fetch_sqlite: Debian's SQLite in one file, in $sqlite, and what it takes to compile it.
fetch_sqlite() {
    fetch sqlite3
    sqlite=$fetched/sqlite3-built
    sqlite_flags="-I$sqlite -I$fetched/sqlite3/test -DSQLITE_OS_OTHER=1 -DSQLITE_THREADSAFE=0 -DSQLITE_OMIT_LOAD_EXTENSION"
    sqlite_flags="$sqlite_flags -DSQLITE_TEMP_STORE=3"
    mkdir -p "$sqlite"
    [ -e "$sqlite/sqlite3.c" ] || (cd "$sqlite" && ../sqlite3/configure -q --disable-tcl && make -s sqlite3.c) >&2
}

# build_units MEGABYTES: in $built, a program of many units, compiled without optimisation for Wasm and for this machine.
build_units() {
    [ -e "$built/$1.wasm" ] && [ -e "$built/$1" ] && return 0
    units=$built/sources-$1
    mkdir -p "$units"
    awk -v folder="$units" -v units=$((11 * $1 + $1 / 2)) -f tests/bench-protocol/programs/units.awk
    (
        cd "$units"
        for object in *.c; do printf '%s\n' "${object%.c}"; done | xargs -P "$(nproc)" -I{} sh -c \
            'clang-19 --target=wasm32-wasi -O0 -g -c {}.c -o {}.wasm.o && clang-19 -O0 -g -c {}.c -o {}.native.o'
        clang-19 --target=wasm32-wasi -o "$built/$1.wasm" -- *.wasm.o
        clang-19 -o "$built/$1" -- *.native.o
    )
    rm -r "$units"
}
