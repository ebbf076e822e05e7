"""What config.json says of namespaces and users."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from harness.bundle import SLEEPER, Bundle, alive
from harness.cli import eventually
from harness.ordinary import subordinate_ids
from harness.seccomp import Agent


def test_namespaces_are_new(runtime, bundle):
    bundle.namespace("time")
    seen = runtime.run(bundle.script("for n in /proc/self/ns/*; do readlink $n; done")).lines
    for kind in ("pid", "net", "ipc", "uts", "mnt", "cgroup", "time"):
        assert os.readlink(f"/proc/self/ns/{kind}") not in seen


def test_namespaces_of_another_container_are_joined(runtime, bundle, tmp_path, bundle_rootfs):
    pid = runtime.background(bundle.script(SLEEPER), name="first")
    second = Bundle(tmp_path / "second", bundle_rootfs, bundle.linux["cgroupsPath"] + "-2")
    kinds = {"network": "net", "ipc": "ipc", "uts": "uts", "pid": "pid", "cgroup": "cgroup"}
    for kind, name in kinds.items():
        second.namespace(kind, f"/proc/{pid}/ns/{name}")
    del second.config["hostname"]
    seen = runtime.run(second.script("for n in /proc/self/ns/*; do readlink $n; done; hostname; ps"), name="second")
    for name in kinds.values():
        assert os.readlink(f"/proc/{pid}/ns/{name}") in seen.lines
    assert "bundle" in seen.lines and SLEEPER[:20] in seen.out
    second.namespace("network", "/proc/1/ns/nosuch")
    runtime.fails("run", "--bundle", second.write(), "second", match="nosuch: No such file")


def test_the_mounts_of_another_container_are_joined(runtime, bundle, tmp_path, bundle_rootfs):
    pid = runtime.background(bundle.script(f"touch /tmp/here; {SLEEPER}"), name="first")
    second = Bundle(tmp_path / "second", bundle_rootfs, bundle.linux["cgroupsPath"] + "-2")
    second.namespace("mount", f"/proc/{pid}/ns/mnt").config |= {"root": {"path": "/"}, "mounts": []}
    assert runtime.run(second.script("ls /tmp; readlink /proc/self/ns/mnt || true"), name="second").lines[0] == "here"
    assert runtime("exec", "first", "ls", "/tmp").out == "here\n"
    # Without a mount namespace, what is mounted would be mounted on the host.
    second.without("mount").config["mounts"] = [{"destination": "/proc", "type": "proc", "source": "proc"}]
    runtime.fails("create", "--bundle", second.write(), "second", match="need a new mount namespace")


def test_namespaces_of_the_host(runtime, bundle):
    for kind in ("network", "ipc", "uts", "cgroup", "pid"):
        bundle.without(kind)
    del bundle.config["hostname"]
    bundle.config["mounts"] = [mount for mount in bundle.config["mounts"] if mount["destination"] != "/sys"]
    seen = runtime.run(bundle.script("for n in /proc/self/ns/*; do readlink $n; done; ls /sys/fs/cgroup")).lines
    for kind in ("pid", "net", "ipc", "uts", "cgroup"):
        assert os.readlink(f"/proc/self/ns/{kind}") in seen


def test_no_cgroup_namespace_shows_no_other_cgroups(runtime, bundle):
    bundle.without("cgroup")
    seen = runtime.run(bundle.script("find /sys/fs/cgroup -mindepth 2 -maxdepth 2 -type d")).out
    assert seen == ""


def test_the_first_process_of_a_shared_pid_namespace_ends_all(runtime, bundle):
    bundle.without("pid")
    pid = runtime.background(bundle.script("sleep 1234 & sleep 1234; true"))
    eventually(lambda: len(json.loads(runtime("ps", "--format", "json", "c").out)) == 3)
    pids = json.loads(runtime("ps", "--format", "json", "c").out)
    runtime("kill", "c", "KILL")
    assert pid in pids
    eventually(lambda: not any(alive(pid) for pid in pids))


def test_time_namespace(runtime, bundle):
    bundle.namespace("time")
    bundle.linux["timeOffsets"] = {"boottime": {"secs": 1_000_000}, "monotonic": {"secs": 500, "nanosecs": 7}}
    uptime = float(runtime.run(bundle.script("cat /proc/uptime")).out.split()[0])
    own = float(Path("/proc/uptime").read_text().split()[0])
    assert 999_990 < uptime - own < 1_000_060
    runtime.background(bundle.script(SLEEPER))
    assert float(runtime("exec", "c", "cat", "/proc/uptime").out.split()[0]) > 1_000_000
    runtime("delete", "--force", "c")
    bundle.linux["timeOffsets"] = {"realtime": {"secs": 1}}
    runtime.refuses(bundle, "neither monotonic nor boottime")
    bundle.without("time")
    runtime.refuses(bundle, "time namespace")


def test_names_and_sysctls(runtime, bundle):
    bundle.config["domainname"] = "example.org"
    bundle.linux["sysctl"] = {"net.ipv4.ip_forward": "1", "kernel.shmmax": "12345", "net/ipv4/conf/lo/forwarding": "0"}
    seen = runtime.run(bundle.script(
        "cat /proc/sys/kernel/hostname /proc/sys/kernel/domainname /proc/sys/net/ipv4/ip_forward /proc/sys/kernel/shmmax"
    )).lines
    assert seen == ["bundle", "example.org", "1", "12345"]
    bundle.linux["sysctl"] = {"vm.swappiness": "1"}
    runtime.refuses(bundle, "would change the host")
    bundle.linux["sysctl"] = {"net.ipv4.ip_forward": "1"}
    runtime.refuses(bundle.without("network"), "needs a network namespace")
    bundle.linux["sysctl"] = {}
    runtime.refuses(bundle.without("uts"), "uts namespace")


# User namespaces


def test_user_namespace(runtime, bundle, tmp_path):
    (tmp_path / "owned").mkdir()
    os.chown(tmp_path / "owned", 100_000, 100_000)
    bundle.users().mount("/www", tmp_path / "owned", "bind")
    bundle.process["rlimits"] = [{"type": "RLIMIT_NOFILE", "soft": 77, "hard": 77}]
    bundle.process["user"]["additionalGids"] = [50]
    bundle.linux["sysctl"] = {"net.ipv4.ip_forward": "1"}
    bundle.linux["maskedPaths"] = ["/proc/kcore", "/proc/acpi"]
    bundle.linux["readonlyPaths"] = ["/proc/sys"]
    bundle.script(
        "id -u; id -G; cat /proc/self/uid_map; ulimit -n; hostname; echo x > /www/file; stat -c %u /www/file;"
        "echo y > /dev/null && echo device; cat /proc/sys/net/ipv4/ip_forward; echo 1 > /proc/sys/net/ipv4/ip_forward; true"
    )
    seen = runtime.run(bundle)
    assert [line.split() for line in seen.lines] == [
        ["0"], ["0", "50"], ["0", "100000", "65536"], ["77"], ["bundle"], ["0"], ["device"], ["1"]
    ]
    assert (tmp_path / "owned/file").stat().st_uid == 100_000
    assert "Read-only file system" in seen.err


def test_exec_and_join_in_a_user_namespace(runtime, bundle, tmp_path, bundle_rootfs):
    pid = runtime.background(bundle.users().script(SLEEPER))
    assert os.stat(f"/proc/{pid}").st_uid == 100_000
    seen = runtime("exec", "c", "sh", "-c", "id -u; readlink /proc/self/ns/user; ps | wc -l").lines
    assert seen[:2] == ["0", os.readlink(f"/proc/{pid}/ns/user")] and int(seen[2]) > 2
    assert "uid=33" in runtime("exec", "--user", "33:33", "c", "id").out
    second = Bundle(tmp_path / "second", bundle_rootfs, bundle.linux["cgroupsPath"] + "-2")
    for kind, name in {"user": "user", "network": "net", "ipc": "ipc"}.items():
        second.namespace(kind, f"/proc/{pid}/ns/{name}")
    script = "id -u; readlink /proc/self/ns/user; readlink /proc/self/ns/net; echo $$"
    seen = runtime.run(second.script(script), name="second")
    assert seen.lines == ["0", os.readlink(f"/proc/{pid}/ns/user"), os.readlink(f"/proc/{pid}/ns/net"), "1"]


def test_user_namespace_with_a_network_of_the_host_and_clocks_of_its_own(runtime, bundle):
    """Namespaces of the host's root and of the container's, side by side."""
    with subprocess.Popen(["unshare", "--net", "sh", "-c", "echo; exec sleep 60"], stdout=subprocess.PIPE) as other:
        other.stdout.readline()
        path = f"/proc/{other.pid}/ns/net"
        bundle.users().namespace("network", path).namespace("time")
        bundle.linux["timeOffsets"] = {"boottime": {"secs": 1_000_000}}
        seen = runtime.run(bundle.script("id -u; readlink /proc/self/ns/net; cut -d. -f1 /proc/uptime")).lines
        assert seen[:2] == ["0", os.readlink(path)] and int(seen[2]) > 1_000_000
        other.kill()


def test_mappings_must_be_there(runtime, bundle):
    runtime.refuses(bundle.namespace("user"), "uidMappings and linux.gidMappings")
    bundle.without("user").linux["uidMappings"] = [{"containerID": 0, "hostID": 1000, "size": 1}]
    runtime.refuses(bundle, "need a user namespace")


def test_rootless_run(ordinary):
    """One ID, no cgroup."""

    def change(config: dict) -> None:
        config["process"]["args"] = ["sh", "-c", "id -u; id -G; cat /proc/self/uid_map; echo $$; exit 5"]

    seen = ordinary("run", "--bundle", ordinary.bundle(change), "c", code=5)
    assert [line.split() for line in seen.splitlines()] == [["0"], ["0"], ["0", "4321", "1"], ["1"]]


def test_rootless_life(ordinary):
    bundle = ordinary.bundle(lambda config: config["process"].update(args=["sleep", "100"]))
    ordinary("run", "--detach", "--bundle", bundle, "c")
    assert json.loads(ordinary("state", "c"))["status"] == "running"
    [pid] = json.loads(ordinary("ps", "--format", "json", "c"))
    assert os.stat(f"/proc/{pid}").st_uid == 4321
    seen = ordinary("exec", "c", "sh", "-c", "id -u; ps")
    assert seen.startswith("0\n") and "sleep 100" in seen
    ordinary("kill", "c", "KILL")
    eventually(lambda: json.loads(ordinary("state", "c"))["status"] == "stopped")
    ordinary("delete", "c")


def test_rootless_limits_hooks_and_listener(ordinary):
    agent = Agent(str(ordinary.folder / "agent"))
    (ordinary.folder / "agent").chmod(0o777)
    log = ordinary.folder / "hooks"
    stages = ("createRuntime", "createContainer", "poststart", "poststop")

    def change(config: dict) -> None:
        config["process"] |= {
            "args": ["sh", "-c", "mkdir /tmp/x; sleep 100"], "noNewPrivileges": False, "oomScoreAdj": 500,
            "rlimits": [{"type": "RLIMIT_NOFILE", "soft": 50, "hard": 60}],
        }
        config["linux"]["maskedPaths"].append("/etc/group")
        config["linux"]["seccomp"] = {
            "defaultAction": "SCMP_ACT_ALLOW", "listenerPath": str(ordinary.folder / "agent"),
            "syscalls": [{"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_NOTIFY"}],
        }
        config["hooks"] = {
            stage: [{"path": "/bin/sh", "args": ["sh", "-c", f"echo {stage} >> {log}"]}] for stage in stages
        }

    ordinary("run", "--detach", "--bundle", ordinary.bundle(change), "c")
    eventually(lambda: "cross-device" in (ordinary.folder / "err").read_text())
    script = "ulimit -Sn; ulimit -Hn; cat /proc/1/oom_score_adj /proc/self/oom_score_adj; cat /etc/group"
    assert ordinary("exec", "c", "sh", "-c", script).split() == ["50", "60", "500", "500"]
    [first, second] = agent.states
    assert first["state"]["status"] == "created" and second["state"]["status"] == "running"
    ordinary("delete", "--force", "c")
    assert log.read_text().split() == list(stages)


def test_rootless_limits_need_a_cgroup(ordinary):
    def change(config: dict) -> None:
        config["linux"] |= {"cgroupsPath": "/berth-rootless", "resources": {"memory": {"limit": 1 << 26}}}

    assert "making the cgroup" in ordinary("create", "--bundle", ordinary.bundle(change), "c", code=1)


def test_rootless_with_a_range_of_ids(ordinary):
    """By way of newuidmap and newgidmap, which give what /etc/subuid says."""
    ids = [{"containerID": 0, "hostID": 4321, "size": 1}, {"containerID": 1, "hostID": 200_000, "size": 1000}]

    def change(config: dict) -> None:
        config["linux"] |= {"uidMappings": ids, "gidMappings": ids}
        config["process"]["user"] = {"uid": 7, "gid": 8, "additionalGids": [9]}
        config["process"]["args"] = ["sh", "-c", "id -u; id -g; id -G"]

    bundle = ordinary.bundle(change)
    if not shutil.which("newuidmap"):
        assert "newgidmap is not installed" in ordinary("run", "--bundle", bundle, "c", code=1)
        return
    with subordinate_ids():
        assert ordinary("run", "--bundle", bundle, "c").split() == ["7", "8", "8", "9"]
