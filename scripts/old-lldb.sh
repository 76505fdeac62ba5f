# Read by test.sh (`. scripts/old-lldb.sh`, behind install.sh): lldb 14, 16 and 19, which do not know Wasm. Debian's packages of them
# exclude each other, but their libraries do not; the programs are unpacked in target/old-lldb/VERSION.

old_lldbs='14 16 19'

# need_old_lldb: their libraries.
need_old_lldb() {
    for version in $old_lldbs; do
        need "/usr/lib/x86_64-linux-gnu/liblldb-$version.so.1" "liblldb-$version"
    done
}

# unpack_old_lldb: makes target/old-lldb/VERSION/lldb of each version, which starts it with its Python.
unpack_old_lldb() {
    for version in $old_lldbs; do
        folder=${CARGO_TARGET_DIR:-$PWD/target}/old-lldb/$version
        [ -x "$folder/lldb" ] || unpack_lldb "$version" "$folder"
    done
}

# unpack_lldb VERSION FOLDER
unpack_lldb() {
    mkdir -p "$2/packages"
    (
        cd "$2/packages"
        # The lists may be missing where nothing had to be installed.
        download_packages "lldb-$1" "python3-lldb-$1" || {
            as_root apt-get update -q
            download_packages "lldb-$1" "python3-lldb-$1"
        }
        for package in *.deb; do dpkg -x "$package" ..; done
        rm -- *.deb
    )
    python=$(cd "$2" && find . -path '*-packages/lldb/__init__.py' | head -n 1)
    cat > "$2/lldb" <<END
#!/bin/sh
here=\$(dirname "\$(readlink -f "\$0")")
PYTHONPATH=\$here/$(dirname "$(dirname "$python")") exec "\$here/usr/lib/llvm-$1/bin/lldb" "\$@"
END
    chmod +x "$2/lldb"
}

# download_packages PACKAGE...: into the current folder, for which apt needs no rights of its own.
download_packages() {
    apt-get -q -o APT::Sandbox::User= download "$@" >&2
}
