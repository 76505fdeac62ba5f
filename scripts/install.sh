# Read by demo.sh and test.sh (`. scripts/install.sh`): installs what is missing of a Debian machine's packages.
# It does nothing when everything is there, and it says what it does.

# need COMMAND-OR-FILE PACKAGE: remembers PACKAGE if COMMAND is not on the path, or FILE (a path) does not exist.
missing=
need() {
    case $1 in
        /*) [ -e "$1" ] && return 0 ;;
        *) command -v "$1" >/dev/null 2>&1 && return 0 ;;
    esac
    missing="$missing $2"
}

# need_compilers: what compiles C for wasm32-wasi, and what links Rust.
need_compilers() {
    need cc gcc
    need /usr/include/stdio.h libc6-dev
    need clang-19 clang-19
    need wasm-ld-19 lld-19
    need /usr/lib/wasm32-wasi/libc.a wasi-libc
    need /usr/lib/llvm-19/lib/clang/19/lib/wasi/libclang_rt.builtins-wasm32.a libclang-rt-19-dev-wasm32
}

# need_lldb: the first lldb that knows Wasm, lldb-dap with it, and its Python, in which the tests' scripts print their marks.
# Debian has it in its security archive.
need_lldb() {
    need lldb-22 'lldb-22 python3-lldb-22'
    need lldb-dap-22 lldb-22
}

# install_missing: installs what `need` has remembered. llvm.org's or the backports' clang-19 serve as well as Debian's.
install_missing() {
    [ -n "$missing" ] || return 0
    command -v apt-get >/dev/null 2>&1 || {
        echo "missing:$missing; this machine has no apt-get, install them by hand" >&2
        return 1
    }
    echo "Installing with apt-get:$missing" >&2
    as_root apt-get update -q
    # shellcheck disable=SC2086 # a list of words
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends $missing
}

# as_root COMMAND...
as_root() {
    if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo "$@"; fi
}

# have_cargo: cargo may be rustup's, and rustup may not be on the path yet.
have_cargo() {
    command -v cargo >/dev/null 2>&1 && return 0
    [ -x "$HOME/.cargo/bin/cargo" ] && PATH="$HOME/.cargo/bin:$PATH" && export PATH && return 0
    echo "cargo is not here: install it from https://rustup.rs" >&2
    return 1
}

# have_rust_printers FOLDER: unpacks gdb's and lldb's printers of Rust's types into FOLDER, unless they are there. They are in
# three packages of Debian, of which the last would bring all of Rust with it.
have_rust_printers() {
    [ -e "$1/usr/lib/rustlib/etc/rust_types.py" ] && [ -e "$1/usr/lib/rustlib/etc/lldb_lookup.py" ] && return 0
    mkdir -p "$1"
    (cd "$1" && apt-get -q -o APT::Sandbox::User= download rust-gdb rust-lldb rustc >&2 && for package in ./*.deb; do
        dpkg-deb --fsys-tarfile "$package" | tar -x --wildcards './usr/lib/rustlib/etc/*' && rm "$package"
    done)
}

# apt_source RELEASE PACKAGE ARCHIVE: fetches a package's sources of one of Debian's releases, with lists of our own, if ARCHIVE is not here.
apt_source() {
    [ ! -e "$3" ] || return 0
    mkdir -p apt/lists/partial apt/cache/archives/partial
    key='[signed-by=/usr/share/keyrings/debian-archive-keyring.gpg]'
    printf 'deb-src %s http://deb.debian.org/debian %s main\n' "$key" "$1" > apt/sources.list
    for words in update "--download-only --tar-only source $2"; do
        # shellcheck disable=SC2086 # words
        apt-get -q -o Dir::Etc::sourcelist="$PWD/apt/sources.list" -o Dir::Etc::sourceparts=- \
            -o Dir::State::lists="$PWD/apt/lists" -o Dir::Cache="$PWD/apt/cache" -o APT::Sandbox::User= $words >&2 || break
    done
    [ -e "$3" ] || {
        echo "Debian's $1 has no $3 for us: put it into $PWD" >&2
        return 1
    }
}

# have_libcxx_printers FOLDER: puts gdb's printers of libc++'s types into FOLDER, those of the release with which the fixtures are
# compiled. They are in no package of Debian, and one file of its sources of LLVM.
have_libcxx_printers() {
    [ -e "$1/printers.py" ] && return 0
    version=$(dpkg-query -W -f '${source:Upstream-Version}' libc++-19-dev-wasm32)
    archive=llvm-toolchain-19_${version#*:}.orig.tar.xz
    mkdir -p "$1"
    (
        cd "$1"
        apt_source "$(. /etc/os-release && echo "$VERSION_CODENAME")" llvm-toolchain-19 "$archive"
        tar -xJf "$archive" --occurrence=1 --strip-components=5 --wildcards '*/libcxx/utils/gdb/libcxx/printers.py'
        rm -rf apt "$archive"
    )
}
