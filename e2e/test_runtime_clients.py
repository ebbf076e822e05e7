"""Podman and containerd, as Debian has them, run their containers with berth-runtime."""


import contextlib
import os
import shutil
import signal
import subprocess

import pytest

from harness.bundle import RUNTIME, SLEEPER
from harness.cli import eventually
from harness.images import busybox_tar
from harness.oci_clients import Containerd, Podman, environment
from harness.ordinary import ID, subordinate_ids


@pytest.fixture(scope="module")
def podman(tmp_path_factory):
    podman = Podman(tmp_path_factory.mktemp("podman"))
    podman("import", "-", "busybox:latest", input=busybox_tar())
    yield podman
    podman.remove()


@pytest.fixture
def sleeper(podman, name):
    podman("run", "--detach", "--network", "none", "--name", name, "busybox", "sh", "-c", SLEEPER)
    yield name
    podman("rm", "--force", "--time", "0", name)


def run(podman, *args, code: int = 0):
    return podman("run", "--rm", "--network", "none", *args, code=code)


def test_podman_runs(podman):
    result = run(podman, "busybox", "sh", "-c", "echo out; echo err >&2; exit 9", code=9)
    assert result.out == "out\n" and result.err == "err\n"
    assert run(podman, "busybox", "nosuch", code=127).err.count("executable file not found")
    assert run(podman, "busybox", "/etc/passwd", code=126).err.count("permission denied")
    # The user's own words are Docker's.
    with podman.cli.terminal(*podman.flags, "run", "--rm", "--network", "none", "-it", "busybox", "sh") as terminal:
        terminal.send("tty\r")
        terminal.expect("/dev/pts/0")
        terminal.send("exit 4\r")
        assert terminal.wait() == 4


def test_podman_options(podman):
    script = (
        "id -u; id -g; id -G; cat /proc/sys/kernel/hostname /proc/sys/net/ipv4/ip_forward; ulimit -n;"
        "touch /etc/x; touch /tmp/y && echo y"
    )
    result = run(
        podman, "--user", "1000:50", "--group-add", "7", "--hostname", "pod", "--sysctl", "net.ipv4.ip_forward=1",
        "--ulimit", "nofile=99", "--ulimit", "nproc=1000", "--read-only", "--tmpfs", "/tmp", "busybox",
        "sh", "-c", script,
    )
    assert result.lines == ["1000", "50", "50 7", "pod", "1", "99", "y"] and "Read-only" in result.err
    assert "CapEff:\t0000000000002000" in run(
        podman, "--cap-drop", "all", "--cap-add", "net_raw", "busybox", "cat", "/proc/self/status"
    ).out
    assert run(podman, "--tmpfs", "/etc", "busybox", "head", "-1", "/etc/passwd").out.startswith("root:")
    assert "host" not in run(podman, "--pid", "host", "--uts", "host", "busybox", "readlink", "/proc/self/ns/net").out


def test_podman_limits(podman):
    files = "memory/memory.limit_in_bytes memory.max pids/pids.max pids.max"
    script = f"cd /sys/fs/cgroup; for f in {files}; do test -e $f && cat $f; done; true"
    result = run(podman, "--memory", "64m", "--memory-swap", "64m", "--pids-limit", "33", "busybox", "sh", "-c", script)
    assert result.lines == [str(64 << 20), "33"]


def test_podman_user_namespace(podman):
    result = run(
        podman, "--uidmap", "0:100000:65536", "--gidmap", "0:100000:65536", "busybox", "sh", "-c",
        "cat /proc/self/uid_map; stat -c %u /bin; touch /new && echo written; echo x > /dev/null && echo device",
    )
    assert [line.split() for line in result.lines] == [["0", "100000", "65536"], ["0"], ["written"], ["device"]]


def test_podman_life(podman, sleeper):
    def status() -> str:
        return podman("inspect", sleeper, "--format", "{{.State.Status}} {{.State.ExitCode}} {{.OCIRuntime}}").out.strip()

    assert status() == f"running 0 {RUNTIME}"
    assert podman("exec", sleeper, "sh", "-c", "echo in; exit 4", code=4).out == "in\n"
    assert podman("exec", "--user", "33", sleeper, "id", "-u").out == "33\n"
    podman("exec", sleeper, "nosuch", code=127)
    podman("pause", sleeper)
    assert status().startswith("paused")
    podman("unpause", sleeper)
    assert "sleep" in podman("top", sleeper).out
    podman("stop", "--time", "5", sleeper)
    assert status().startswith("exited 7")
    podman("start", sleeper)
    podman("kill", "--signal", "KILL", sleeper)
    eventually(lambda: status().startswith("exited 137"))


def test_podman_joins_namespaces(podman, sleeper):
    result = podman(
        "run", "--rm", "--network", f"container:{sleeper}", "--pid", f"container:{sleeper}", "--ipc",
        f"container:{sleeper}", "busybox", "ps",
    )
    assert "sleep 0.05" in result.out


def test_rootless_podman(ordinary):
    """All of it by an ordinary user: Podman makes a user namespace, and the runtime another one in it."""
    folder = ordinary.folder
    for place in ("home", "run", "bin"):
        (folder / place).mkdir(mode=0o700)
        shutil.chown(folder / place, ID, ID)
    path = environment()["PATH"]
    for program in ("podman", "conmon"):
        shutil.copy(shutil.which(program, path=path), folder / "bin")
    (folder / "containers.conf").write_text(
        f'[engine]\nconmon_path = ["{folder}/bin/conmon"]\nevents_logger = "file"\n'
        'lock_type = "file"\ncgroup_manager = "cgroupfs"\n'
    )
    (folder / "image.tar").write_bytes(busybox_tar())
    script = f"""
        P="{folder}/bin/podman --runtime {ordinary.runtime} --storage-driver vfs"
        $P import {folder}/image.tar busybox:latest
        $P run --rm --network none --ulimit host busybox sh -c \\
            'id -u; cat /proc/self/uid_map; echo x >/dev/null && echo device'
        $P run --detach --network none --ulimit host --name c busybox sleep 100
        $P exec c ps
        $P stop --time 0 c
        $P ps --all --format '{{{{.Status}}}}'
        $P rm c
    """
    with subordinate_ids():
        done = subprocess.run(
            [*ordinary.prefix, "sh", "-c", script], capture_output=True, text=True, timeout=60, cwd=folder / "home",
            env={
                "PATH": os.environ["PATH"], "HOME": str(folder / "home"), "XDG_RUNTIME_DIR": str(folder / "run"),
                "CONTAINERS_CONF": str(folder / "containers.conf"),
            },
        )
    # A process that keeps the user namespace between two commands.
    with contextlib.suppress(FileNotFoundError):
        os.kill(int((folder / "run/libpod/tmp/pause.pid").read_text()), signal.SIGKILL)
    words = [" ".join(line.split()) for line in done.stdout.splitlines()]
    assert words[1:5] == ["0", "0 4321 1", "1 200000 65536", "device"], done
    assert any("sleep 100" in line for line in words) and any(line.startswith("Exited (137)") for line in words), done


# containerd


@pytest.fixture(scope="module")
def containerd(tmp_path_factory, podman):
    containerd = Containerd(tmp_path_factory.mktemp("containerd"))
    image = containerd.folder / "busybox.tar"
    podman("save", "--format", "docker-archive", "--output", image, "localhost/busybox:latest")
    containerd("images", "import", image)
    yield containerd
    containerd.stop()


IMAGE = "localhost/busybox:latest"


def test_containerd_runs(containerd):
    result = containerd.run("--rm", IMAGE, "c1", "sh", "-c", "id -u; echo err >&2; exit 6", code=6)
    assert result.out == "0\n" and "err" in result.err
    failed = containerd.run("--rm", IMAGE, "c2", "nosuch", code=1)
    assert 'exec: "nosuch": executable file not found in $PATH' in failed.err
    assert "Seccomp:\t2" in containerd.run("--rm", "--seccomp", IMAGE, "c3", "cat", "/proc/self/status").out
    with containerd.cli.terminal(
        "--address", str(containerd.socket), "run", "--runc-binary", str(RUNTIME), "--rm", "--tty", IMAGE, "c4", "sh"
    ) as terminal:
        terminal.send("tty\r")
        terminal.expect("/dev/pts/0")
        terminal.send("exit 5\r")
        assert terminal.wait() == 5


def test_containerd_life(containerd):
    containerd.run("--detach", IMAGE, "life", "sh", "-c", SLEEPER)

    def status() -> str:
        return next(line.split()[2] for line in containerd("tasks", "list").lines if line.startswith("life "))

    assert status() == "RUNNING"
    assert containerd("tasks", "exec", "--exec-id", "e1", "life", "sh", "-c", "echo in; exit 4", code=4).out == "in\n"
    assert len(containerd("tasks", "ps", "life").lines) > 1
    assert "memory" in containerd("tasks", "metrics", "life").out
    containerd("tasks", "pause", "life")
    assert status() == "PAUSED"
    containerd("tasks", "resume", "life")
    containerd("tasks", "kill", "--signal", "SIGTERM", "life")
    eventually(lambda: status() == "STOPPED")
    containerd("tasks", "delete", "life", code=None)
    containerd("containers", "delete", "life")
    assert "life" not in containerd("containers", "list").out
