#!/bin/sh
# post-install.sh [--undo]: what an installation does beside copying files, on a live system only.
set -eu
systemd=false
[ -d /run/systemd/system ] && systemd=true

if [ "${1:-}" = --undo ]; then
    if $systemd; then systemctl disable --now berthd.socket berthd.service || true; fi
    exit
fi

make_group() {
    if command -v groupadd >/dev/null; then
        groupadd --system berth
    elif command -v addgroup >/dev/null; then
        addgroup -S berth
    else
        gid=999
        while grep -q "^[^:]*:[^:]*:$gid:" /etc/group; do gid=$((gid - 1)); done
        echo "berth:x:$gid:" >>/etc/group
    fi
}

if ! grep -qs '^berth:' /etc/group && ! getent group berth >/dev/null 2>&1; then
    make_group || echo "the group berth could not be made: without it only root may use Berth" >&2
fi
if $systemd; then
    systemctl daemon-reload
    systemctl enable --now berthd.socket
    # After an upgrade. Containers do not notice.
    systemctl try-restart berthd.service
    echo "berthd starts with the first command, for instance: berth version"
else
    echo "no systemd here: berth starts its daemon by itself when none runs"
    if running=$(pidof berthd 2>/dev/null); then
        echo "a daemon runs already; \`kill $running\` makes way for the new one, and containers do not notice"
    fi
fi
echo "members of the group berth may use it without sudo (that is as good as root)"
