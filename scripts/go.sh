#!/bin/sh
# Go 1.24 of Debian 13, for the sessions with a program in Go: older ones cannot compile for WASI. Unpacked to target/tmp/go, and not
# installed: 50 MB to fetch, 280 MB on disk. Does nothing if it is there, or $GO names one.
# usage: sh scripts/go.sh
set -eu
cd "$(dirname "$0")/.."
[ -z "${GO:-}" ] || exit 0
target=${CARGO_TARGET_DIR:-target}/tmp
[ ! -e "$target/go" ] || exit 0
echo "Fetching Go with apt-get" >&2
rm -rf "$target/go.part"
mkdir -p "$target/go.part/lists/partial" "$target/go.part/packages"
part=$(cd "$target/go.part" && pwd)
echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://deb.debian.org/debian trixie main" >"$part/sources.list"
cat >"$part/apt.conf" <<END
Dir::Etc::sourcelist "$part/sources.list";
Dir::Etc::sourceparts "/dev/null";
Dir::State::lists "$part/lists";
Dir::Cache "$part";
APT::Sandbox::User "root";
Acquire::Languages "none";
END
APT_CONFIG=$part/apt.conf
export APT_CONFIG
apt-get update -q >&2
(cd "$part/packages" && apt-get -q download golang-1.24-go golang-1.24-src >&2)
for package in "$part"/packages/*.deb; do dpkg -x "$package" "$part/root"; done
# Its own tests.
rm -rf "$part/root/usr/share/go-1.24/test"
mv "$part/root" "$target/go"
rm -rf "$part"
