"""Debian's docker.io and podman, to compare with, without installing them on the host.

They live in a root file system of their own (made by mmdebstrap once) and run in mount and network
namespaces of their own: their bridge, their iptables rules and their mounts are never the host's.
Only their cgroups are, and those are removed at the end.
"""

import os
import resource
import shutil
import signal
import subprocess
import time
from pathlib import Path

PACKAGES = "docker.io,podman,iptables,ca-certificates"

# Run inside new mount and network namespaces: make ROOT the root, keep the kernel's file systems
# and STATE, then run dockerd.
ENTER = r"""
set -e
root=$1 state=$2
ip link set lo up
mount --make-rprivate /
mount --bind "$root" "$root"
mkdir -p "$root/state" "$root/.old"
for d in dev proc sys; do mount --rbind "/$d" "$root/$d"; done
mount --bind "$state" "$root/state"
mount -t tmpfs tmpfs "$root/run"
cd "$root"
pivot_root . .old
exec chroot . /usr/sbin/dockerd --data-root=/state/docker --exec-root=/run/docker \
    --pidfile=/run/docker.pid --host=unix:///run/docker.sock
"""


class Peers:
    """Use as a context; `clients` are the argv prefixes of what could be started."""

    def __init__(self, root: Path, state: Path):
        self.root, self.state = root, state
        self.daemon: subprocess.Popen | None = None
        self.clients: dict[str, list[str]] = {}
        self.run_flags: dict[str, list[str]] = {}

    def __enter__(self) -> "Peers":
        self.cgroups_before = cgroups()
        if not (self.root / "usr/bin/podman").exists():
            print("making a root file system with docker.io and podman (once)", flush=True)
            shutil.rmtree(self.root, ignore_errors=True)
            self.root.parent.mkdir(parents=True, exist_ok=True)
            command = ["mmdebstrap", "--quiet", "--variant=apt", f"--include={PACKAGES}", "stable", str(self.root)]
            if release := debian_release():
                command[4] = release
            subprocess.run(command, check=True)
        shutil.rmtree(self.state, ignore_errors=True)
        self.state.mkdir(parents=True)
        self.daemon = subprocess.Popen(
            ["unshare", "--mount", "--net", "sh", "-c", ENTER, "enter", str(self.root), str(self.state)],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=(self.state / "dockerd.log").open("wb"),
            start_new_session=True,
        )
        inside = ["nsenter", f"--target={self.daemon.pid}", "--mount", "--net", "--"]
        docker = [*inside, "docker"]
        podman = [*inside, "podman", "--root=/state/podman", "--runroot=/run/podman", "--cgroup-manager=cgroupfs"]
        if self._comes_up([*docker, "version"]):
            self.clients["docker"] = docker
        if self._comes_up([*podman, "version"]):
            self.clients["podman"] = podman
            # Podman asks for the limits of a privileged host; ask for what any root may give.
            files = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
            self.run_flags["podman"] = [f"--ulimit=nofile={files}:{files}", "--ulimit=nproc=4096:4096"]
        return self

    def _comes_up(self, command: list[str]) -> bool:
        for _ in range(100):
            if self.daemon.poll() is not None:
                print("dockerd ended:", (self.state / "dockerd.log").read_text()[-2000:])
                return False
            if subprocess.run(command, capture_output=True).returncode == 0:
                return True
            time.sleep(0.1)
        return False

    def versions(self) -> dict[str, str]:
        shown = {}
        for name, client in self.clients.items():
            out = subprocess.run([*client, "--version"], capture_output=True, text=True).stdout
            shown[name] = next(word.strip(",") for word in out.split() if word[0].isdigit())
        return shown

    def __exit__(self, *_) -> None:
        self.daemon.send_signal(signal.SIGTERM)
        try:
            self.daemon.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(self.daemon.pid, signal.SIGKILL)
            self.daemon.wait()
        shutil.rmtree(self.state, ignore_errors=True)
        for folder in sorted(cgroups() - self.cgroups_before, reverse=True):
            if any(part in ("docker", "libpod_parent") for part in folder.split("/")):
                os.rmdir(folder)


def cgroups() -> set[str]:
    return {folder for folder, _, _ in os.walk("/sys/fs/cgroup")}


def debian_release() -> str | None:
    for line in Path("/etc/os-release").read_text().splitlines():
        if line.startswith("VERSION_CODENAME="):
            return line.split("=", 1)[1].strip('"')
    return None
