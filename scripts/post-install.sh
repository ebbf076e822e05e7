#!/bin/sh
# post-install.sh [--undo]: what `make install` does beside copying files, on a live system only.
set -eu
systemd=false
[ -d /run/systemd/system ] && systemd=true

if [ "${1:-}" = --undo ]; then
    if $systemd; then systemctl disable --now berthd.socket berthd.service || true; fi
    exit
fi

getent group berth >/dev/null || groupadd --system berth
if $systemd; then
    systemctl daemon-reload
    systemctl enable --now berthd.socket
    echo "berthd starts with the first command, for instance: berth version"
else
    echo "no systemd here: berth starts its daemon by itself when none runs"
fi
echo "members of the group berth may use it without sudo (that is as good as root)"
