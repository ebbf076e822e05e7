#!/bin/sh
# oci-clients.sh: print a folder with Debian's podman and containerd, for the tests that let them drive our
# runtime; empty where they are installed. They are not installed but unpacked into .cache, so that no service
# comes to the host; the libraries that they need are installed.
set -eu
cd "$(dirname "$0")/.."

cache=$PWD/.cache/oci-clients
missing() {
    apt-get install --simulate --no-install-recommends podman containerd 2>/dev/null | awk '/^Inst / { print $2 }'
}

if ! [ -d "$cache" ] && ! { command -v podman conmon containerd ctr >/dev/null; }; then
    packages=$(missing)
    if [ -z "$packages" ]; then
        # A fresh machine has no lists yet.
        apt-get update -qq >&2
        packages=$(missing)
    fi
    libraries=$(echo "$packages" | grep '^lib' || true)
    packages=$(echo "$packages" | grep -v '^lib')
    # shellcheck disable=SC2086  # a list of names
    [ -z "$libraries" ] || DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $libraries >/dev/null
    mkdir -p "$PWD/.cache"
    new=$(mktemp -d "$PWD/.cache/oci-clients.XXXXXX")
    trap 'rm -rf "$new"' EXIT
    # shellcheck disable=SC2086  # a list of names
    (cd "$new" && apt-get download -qq -o APT::Sandbox::User=root $packages >&2)
    for package in "$new"/*.deb; do dpkg-deb -x "$package" "$new"; done
    rm "$new"/*.deb
    chmod 755 "$new"
    mv "$new" "$cache"
    trap - EXIT
fi
echo "$cache"
