#!/bin/sh
# unpack-deb.sh PACKAGE PATH: print where a file of a Debian package is, after unpacking the package into
# .cache. It is not installed, so that no service comes to the host.
set -eu
cd "$(dirname "$0")/.."
package=$1
path=$2

cache=$PWD/.cache/$package
if ! [ -e "$cache/$path" ]; then
    mkdir -p "$PWD/.cache"
    new=$(mktemp -d "$PWD/.cache/$package.XXXXXX")
    trap 'rm -rf "$new"' EXIT
    download() { (cd "$new" && apt-get download -qq -o APT::Sandbox::User=root "$package" >&2); }
    # A fresh machine has no lists yet.
    download 2>/dev/null || { apt-get update -qq >&2 && download; }
    dpkg-deb -x "$new/$package"_*.deb "$new"
    rm "$new/$package"_*.deb
    chmod 755 "$new"
    rm -rf "$cache"
    mv "$new" "$cache"
    trap - EXIT
fi
echo "$cache/$path"
