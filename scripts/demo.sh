#!/usr/bin/env bash
# demo.sh up|clean: the tutorial's chat app on a daemon of the demo's own, and its removal.
# Nothing here touches another engine on the host, nor a Berth that is installed.
set -euo pipefail
cd "$(dirname "$0")/.."

data=/var/lib/berth-demo
run=/run/berth-demo
bridge=berthdemo0
subnet=10.213
base=python:3.11-debian
port_front=8501
port_back=8010

export PATH="$PWD/bin:$PATH"
export BERTH_HOST="unix://$run/berth.sock"
# With these the first command that finds no daemon starts one.
export BERTH_DAEMON_FLAGS="--data-root=$data --exec-root=$run --pidfile=$run/berthd.pid --bridge=$bridge \
--bip=$subnet.0.1/24 --default-address-pool=base=$subnet.128.0/17,size=24 --cgroup-parent=/berth-demo"

say() { if [ -t 1 ]; then printf '\033[1m%s\033[0m\n' "$*"; else printf '%s\n' "$*"; fi; }
die() { printf '%s\n' "$*" >&2; exit 1; }

# The host's bundle of certificate authorities, when it trusts more than its distribution does
# (a proxy that inspects TLS): builds need it, or pip would refuse the proxy.
ca_bundle() {
    local bundle=${SSL_CERT_FILE:-/etc/ssl/certs/ca-certificates.crt}
    if [ -f "$bundle" ] && compgen -G '/usr/local/share/ca-certificates/*.crt' >/dev/null; then
        echo "$bundle"
    fi
}

compose() {
    BASE=$base berth compose --project-directory examples/llmchat \
        -f examples/llmchat/docker-compose.yml -f examples/llmchat/compose.demo.yml "$@"
}

daemon_pid() {
    local pid
    pid=$(cat "$run/berthd.pid" 2>/dev/null) && [ "$(cat "/proc/$pid/comm" 2>/dev/null)" = berthd ] && echo "$pid"
}

# Containers stay up over this.
stop_daemon() {
    local pid
    pid=$(daemon_pid) || return 0
    kill "$pid"
    while [ -e "/proc/$pid/exe" ]; do sleep 0.1; done
}

start_daemon() {
    local pid bundle
    bundle=$(ca_bundle)
    [ -z "$bundle" ] || BERTH_DAEMON_FLAGS+=" --ca-bundle=$bundle"
    # A daemon of an older build makes way.
    if pid=$(daemon_pid) && [ "$(readlink "/proc/$pid/exe")" != "$PWD/bin/berthd" ]; then
        say "restarting the daemon, since Berth was rebuilt"
        stop_daemon
    fi
    berth version >/dev/null
}

make_base() {
    berth image inspect "$base" >/dev/null 2>&1 && return
    say "making the base image $base from Debian's mirror (about half a minute)"
    # docs/bootstrap.md says why these variables.
    berth image bootstrap --include=python3,python3-pip,python-is-python3 --cmd=python \
        --env=PIP_BREAK_SYSTEM_PACKAGES=1 --env=PIP_ROOT_USER_ACTION=ignore --env=PIP_NO_CACHE_DIR=1 \
        --env=PYTHONUNBUFFERED=1 --tag="$base"
}

# wait_for PORT NAME
wait_for() {
    local _
    for _ in $(seq 300); do
        if busybox wget -q -O /dev/null "http://localhost:$1/" 2>/dev/null; then return; fi
        sleep 0.2
    done
    compose logs --tail 40 "$2" >&2
    die "$2 does not answer on port $1"
}

# A round trip from inside the page's container to the backend, by its service name.
chat() {
    compose exec -T python-app-frontend python - <<'PYTHON'
import json, urllib.request

request = urllib.request.Request(
    "http://python-app-backend:8010/v1/chat/completions",
    json.dumps({"messages": [{"role": "user", "content": "hello from the front"}]}).encode(),
    {"Content-Type": "application/json"},
)
with urllib.request.urlopen(request, timeout=60) as answer:
    print(json.load(answer)["choices"][0]["message"]["content"])
PYTHON
}

up() {
    local reply
    start_daemon
    make_base
    say "building and starting examples/llmchat"
    compose up -d --build
    wait_for $port_front python-app-frontend
    wait_for $port_back python-app-backend
    reply=$(chat)
    [ -n "$reply" ] || die "the backend answered nothing"
    say "the page's container asked the backend, which said: $reply"
    cat <<TEXT

  chat page    http://localhost:$port_front
  backend      http://localhost:$port_back  (OpenAI-compatible: /v1/chat/completions)
  the model    examples/llmchat/backend/.env names it; empty means a built-in echo

Look around:
  export BERTH_HOST=$BERTH_HOST PATH=$PWD/bin:\$PATH
  cd examples/llmchat && berth compose ps && berth compose logs -f
  docker ps works too, with DOCKER_HOST=$BERTH_HOST

Stop and remove everything:
  make demo-clean
TEXT
}

clean() {
    [ -e "$data" ] || [ -e "$run" ] || { echo "no demo here"; exit 0; }
    [ -x bin/berthd ] || die "bin/berthd has to undo what it did: make build first"
    local containers
    compose down --timeout 2
    # Whatever else was started on the demo's daemon.
    containers=$(berth ps -aq)
    # shellcheck disable=SC2086  # a list of ids
    [ -z "$containers" ] || berth rm -f $containers >/dev/null
    stop_daemon
    # shellcheck disable=SC2086  # a list of flags
    berthd $BERTH_DAEMON_FLAGS --tear-down
    rm -rf "$data" "$run"
    check_gone
}

# Says what is left, or that nothing is.
check_gone() {
    local left
    left=$(
        grep -e "$data" -e "$run" /proc/self/mountinfo || true
        ip -brief link | grep -F "$bridge" || true
        pgrep -af "$run" || true
        find /sys/fs/cgroup -type d -path '*/berth-demo*' || true
        nft list tables | grep -w "$bridge" || true
    )
    [ -z "$left" ] || die "left behind:
$left"
    echo "the demo is gone: no process, mount, link, nft table, cgroup or file of it is left"
}

[ "$(id -u)" = 0 ] || die "the demo needs root, since containers do: sudo make demo"
case ${1:-} in
up) make --no-print-directory tools build && up ;;
clean) clean ;;
*) die "usage: demo.sh up|clean" ;;
esac
