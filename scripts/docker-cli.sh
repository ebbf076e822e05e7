#!/bin/sh
# docker-cli.sh: print a folder that holds a stock `docker` client, for the tests that drive Berth
# with it. The one on PATH is taken; else Debian's is unpacked (not installed, so that no Docker
# daemon comes to the host).
set -eu
cd "$(dirname "$0")/.."

if docker=$(command -v docker) && [ "$(basename "$(readlink -f "$docker")")" != berth ]; then
    dirname "$docker"
    exit
fi

# Debian 13 has a package for the client alone.
if apt-cache show --no-all-versions docker-cli >/dev/null 2>&1; then
    package=docker-cli
else
    package=docker.io
fi
dirname "$(scripts/unpack-deb.sh "$package" usr/bin/docker)"
