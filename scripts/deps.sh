#!/bin/sh
# deps.sh GROUP...: install the Debian packages of these groups that are missing: what building Berth
# needs, what running it needs, the tools of the demo's and the tests' scripts, and the tests' own.
# Says nothing when all are there.
set -eu

build="libarchive-dev libisal-dev libnftables-dev libseccomp-dev libsqlite3-dev libyajl-dev libzstd-dev zlib1g-dev pkg-config"
run="busybox-static ca-certificates mmdebstrap"
tools="iproute2 nftables procps"
# Other people's tools that the tests hold Berth's archives and registries against.
test="bzip2 curl openssl skopeo umoci xz-utils zstd"

wanted=
for group in "$@"; do
    case $group in
    build) wanted="$wanted $build" ;;
    run) wanted="$wanted $run" ;;
    tools) wanted="$wanted $tools" ;;
    test)
        wanted="$wanted $test"
        # Debian cuts venv out of Python; another Python brings its own.
        python3 -c 'import ensurepip' 2>/dev/null || wanted="$wanted python3-venv"
        # newuidmap and newgidmap: containers of ordinary users.
        wanted="$wanted uidmap"
        # The probe of the security tests is a static C program.
        wanted="$wanted gcc libc6-dev"
        ;;
    *) echo "deps.sh: no group '$group'" >&2; exit 2 ;;
    esac
done

missing=
for package in $wanted; do
    status=$(dpkg-query -W -f '${Status}' "$package" 2>/dev/null || true)
    [ "$status" = "install ok installed" ] || missing="$missing $package"
done

if [ -n "$missing" ]; then
    if [ "$(id -u)" != 0 ]; then
        echo "Debian packages are missing. Install them with:" >&2
        echo "  sudo apt-get install --no-install-recommends$missing" >&2
        exit 1
    fi
    echo "installing:$missing"
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -qq
    # shellcheck disable=SC2086  # a list of names
    apt-get install -y -qq --no-install-recommends $missing >/dev/null
fi

command -v swift >/dev/null || {
    echo "swift is not on PATH: Berth needs a Swift 6.3 toolchain (https://www.swift.org/install)" >&2
    exit 1
}
