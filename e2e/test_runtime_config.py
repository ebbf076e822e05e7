"""What config.json says of the process, mounts, devices, limits and seccomp."""

import ctypes
import errno
import json
import os
import platform
import subprocess
from pathlib import Path

import pytest

from harness.bundle import SLEEPER
from harness.cli import eventually
from harness.seccomp import Agent

def limit(bundle, v1: str, v2: str) -> str:
    """A file of the container's cgroup, whichever version has it."""
    name = bundle.linux["cgroupsPath"]
    controller, _, file = v1.partition("/")
    root = Path("/sys/fs/cgroup")
    path = root / controller / name.lstrip("/") / file if (root / controller).exists() else root / name.lstrip("/") / v2
    return path.read_text().strip()


# The process


def test_user_groups_umask_and_limits(runtime, bundle):
    bundle.process["user"] = {"uid": 1000, "gid": 50, "additionalGids": [7, 8], "umask": 0o027}
    bundle.process["rlimits"] = [
        {"type": "RLIMIT_NOFILE", "soft": 100, "hard": 200}, {"type": "RLIMIT_CORE", "soft": 0, "hard": 0},
    ]
    bundle.process["cwd"] = "/home/worker"
    bundle.script("id -u; id -g; id -G; umask; ulimit -Sn; ulimit -Hn; pwd")
    assert runtime.run(bundle).lines == ["1000", "50", "50 7 8", "0027", "100", "200", "/home/worker"]


def test_five_sets_of_capabilities(runtime, bundle):
    bundle.process["capabilities"] = {
        "bounding": ["CAP_CHOWN", "CAP_KILL", "CAP_NET_RAW"], "permitted": ["CAP_CHOWN", "CAP_KILL"],
        "effective": ["CAP_CHOWN"], "inheritable": ["CAP_CHOWN"], "ambient": ["CAP_CHOWN"],
    }
    status = "grep -E '^Cap|NoNewPrivs' /proc/self/status"

    def sets() -> dict[str, int]:
        lines = (line.split(":") for line in runtime.run(bundle.script(status)).lines)
        return {name: int(value, 16) for name, value in lines}

    # Root gets on execve what the bounding set allows; another user what is ambient.
    assert sets() == {"CapInh": 1, "CapPrm": 0x2021, "CapEff": 0x2021, "CapBnd": 0x2021, "CapAmb": 1, "NoNewPrivs": 0}
    bundle.process["user"] = {"uid": 1000, "gid": 1000}
    bundle.process["noNewPrivileges"] = True
    assert sets() == {"CapInh": 1, "CapPrm": 1, "CapEff": 1, "CapBnd": 0x2021, "CapAmb": 1, "NoNewPrivs": 1}
    del bundle.process["capabilities"]
    assert sets() == {"CapInh": 0, "CapPrm": 0, "CapEff": 0, "CapBnd": 0, "CapAmb": 0, "NoNewPrivs": 1}


def test_a_capability_that_the_host_lacks_is_left_out(runtime, bundle):
    bundle.process["capabilities"] = {kind: ["CAP_KILL", "CAP_NOSUCH"] for kind in ("bounding", "effective", "permitted")}
    result = runtime.run(bundle.script("grep CapEff /proc/self/status"))
    assert result.out == "CapEff:\t0000000000000020\n" and "CAP_NOSUCH" in result.err


def test_scheduling(runtime, bundle):
    bundle.process["scheduler"] = {"policy": "SCHED_BATCH", "nice": 5}
    bundle.process["ioPriority"] = {"class": "IOPRIO_CLASS_IDLE", "priority": 3}
    pid = runtime.background(bundle.script(SLEEPER))
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    assert int(fields[38]) == os.SCHED_BATCH and int(fields[16]) == 5
    ioprio_get = {"x86_64": 252, "aarch64": 31}[platform.machine()]
    assert ctypes.CDLL(None).syscall(ioprio_get, 1, pid) == 3 << 13 | 3
    runtime("delete", "--force", "c")
    bundle.process["scheduler"] = {"policy": "SCHED_NOSUCH"}
    runtime.refuses(bundle, "SCHED_NOSUCH")


def test_affinity_of_execs(runtime, bundle):
    bundle.process["execCPUAffinity"] = {"initial": "0", "final": "0"}
    runtime.background(bundle.script(SLEEPER))
    assert runtime("exec", "c", "grep", "Cpus_allowed_list", "/proc/self/status").out.split() == ["Cpus_allowed_list:", "0"]


def test_personality_and_oom_score(runtime, bundle):
    bundle.linux["personality"] = {"domain": "LINUX32"}
    bundle.process["oomScoreAdj"] = 321
    machine = {"x86_64": "i686", "aarch64": "armv8l"}[platform.machine()]
    assert runtime.run(bundle.script("uname -m; cat /proc/self/oom_score_adj")).lines == [machine, "321"]
    runtime.background(bundle.script(SLEEPER))
    assert runtime("exec", "c", "sh", "-c", "uname -m; cat /proc/self/oom_score_adj").lines == [machine, "321"]


def test_the_working_directory_is_inside(runtime, bundle, tmp_path):
    bundle.process["cwd"] = "/nosuch"
    runtime.refuses(bundle, "chdir to cwd")
    for number in range(3, 40):
        bundle.process["cwd"] = f"/proc/self/fd/{number}"
        runtime.refuses(bundle, "chdir to cwd|outside of the container's root")
    bundle.process["cwd"] = "relative"
    runtime.refuses(bundle, "absolute")


def test_what_is_refused(runtime, bundle):
    bundle.linux["intelRdt"] = {"closID": "x"}
    runtime.refuses(bundle, "intelRdt is not supported")
    del bundle.linux["intelRdt"]
    if not Path("/sys/module/apparmor").exists():
        bundle.process["apparmorProfile"] = "profile"
        runtime.refuses(bundle, "AppArmor is not enabled")
        del bundle.process["apparmorProfile"]
    bundle.process["rlimits"] = [{"type": "RLIMIT_NOSUCH", "soft": 1, "hard": 1}]
    runtime.refuses(bundle, "RLIMIT_NOSUCH")
    bundle.process["rlimits"] = []
    bundle.process["args"] = []
    runtime.refuses(bundle, "args must not be empty")
    bundle.process["args"] = ["true"]
    bundle.config["ociVersion"] = "2.0.0"
    runtime.refuses(bundle, "2.0.0")
    bundle.config["ociVersion"] = "1.0.0"
    bundle.config["root"] = {"path": "nosuch"}
    runtime.refuses(bundle, "root file system.*No such file")
    bundle.write()
    (bundle.folder / "config.json").write_text("{")
    runtime.fails("create", "--bundle", bundle.folder, "c", match="invalid JSON")


# The tree


def options(lines: list[str], place: str) -> set[str]:
    """The options of the last mount on a place, from the container's mountinfo."""
    [*_, last] = [line.split() for line in lines if line.split()[4] == place]
    return set(last[5].split(","))


def test_mount_options(runtime, bundle, tmp_path):
    (tmp_path / "source").mkdir()
    wanted = ["ro", "nosuid", "nodev", "noexec", "noatime", "nodiratime", "nosymfollow"]
    bundle.mount("/a", tmp_path / "source", "bind", *wanted)
    bundle.mount("/b", tmp_path / "source", "bind", "ro", "rw", "noatime", "relatime")
    bundle.mount("/c", "tmpfs", "ro", "size=1m", "mode=711", "strictatime", type="tmpfs")
    bundle.mount("/c/inside", "tmpfs", type="tmpfs")
    bundle.mount("/d", "tmpfs", type="tmpfs").mount("/d", "", "remount", "ro", type="none")
    lines = runtime.run(bundle.script("cat /proc/self/mountinfo")).lines
    assert set(wanted) <= options(lines, "/a")
    assert options(lines, "/b") >= {"rw", "relatime"} and "noatime" not in options(lines, "/b")
    # A read-only tmpfs, and yet something is mounted in it.
    assert "ro" in options(lines, "/c") and "relatime" not in options(lines, "/c") and "rw" in options(lines, "/c/inside")
    assert "ro" in options(lines, "/d")
    for option in ("nosuch", "size=nonsense"):
        bundle.config["mounts"][-1] = {"destination": "/d", "type": "tmpfs", "source": "tmpfs", "options": [option]}
        runtime.refuses(bundle, "mounting \"tmpfs\" to rootfs at \"/d\"")


@pytest.fixture
def nested(tmp_path):
    """A folder with a tmpfs below it."""
    (tmp_path / "source/below").mkdir(parents=True)
    subprocess.run(["mount", "-t", "tmpfs", "below", str(tmp_path / "source/below")], check=True)
    yield tmp_path / "source"
    subprocess.run(["umount", "-R", str(tmp_path / "source/below")], check=True)


def test_recursive_options(runtime, bundle, nested):
    bundle.mount("/plain", nested, "rbind", "ro")
    bundle.mount("/all", nested, "rbind", "rro", "rnosuid", "rnodev", "rnoexec")
    bundle.mount("/one", nested, "bind", "rro")
    lines = runtime.run(bundle.script("cat /proc/self/mountinfo")).lines
    assert "ro" in options(lines, "/plain") and "rw" in options(lines, "/plain/below")
    assert {"ro", "nosuid", "nodev", "noexec"} <= options(lines, "/all") & options(lines, "/all/below")
    assert not any(" /one/below " in line for line in lines)


def test_a_mount_with_ids_mapped(runtime, bundle, tmp_path):
    source = tmp_path / "source"
    source.mkdir()
    (source / "file").write_text("x")
    mapping = [{"containerID": 0, "hostID": 5000, "size": 100}]
    bundle.mount("/mapped", source, "bind", uidMappings=mapping, gidMappings=mapping)
    assert runtime.run(bundle.script("stat -c '%u %g' /mapped/file")).out == "5000 5000\n"
    # The container's own mapping, by a word.
    bundle.config["mounts"].pop()
    bundle.users().mount("/www", source, "bind", "idmap")
    assert runtime.run(bundle.script("stat -c '%u %g' /www/file; touch /www/new")).out == "0 0\n"
    assert (source / "new").stat().st_uid == 0
    bundle.config["mounts"][-1]["uidMappings"] = mapping
    runtime.refuses(bundle, "need gidMappings")


def test_tmpfs_with_a_copy_of_what_it_covers(runtime, bundle):
    bundle.mount("/etc", "tmpfs", "tmpcopyup", "mode=755", type="tmpfs")
    bundle.mount("/home", "tmpfs", "tmpcopyup", type="tmpfs")
    seen = runtime.run(bundle.script(
        "head -1 /etc/passwd; stat -c %a /home /home/worker; echo new > /etc/new; mount | grep ' /etc '"
    ))
    assert seen.lines[:3] == ["root:x:0:0:root:/root:/bin/sh", "755", "755"] and "tmpfs on /etc" in seen.lines[3]


def test_masked_and_read_only_paths(runtime, bundle):
    bundle.linux["maskedPaths"] = ["/proc/kcore", "/etc/group", "/www", "/nosuch"]
    bundle.linux["readonlyPaths"] = ["/proc/sys", "/home", "/nosuch"]
    seen = runtime.run(bundle.script(
        "cat /etc/group | wc -c; ls /www | wc -l; touch /home/x; touch /www/x; echo 1 > /proc/sys/kernel/shmmax; true"
    ))
    assert seen.lines == ["0", "0"] and seen.err.count("Read-only file system") == 3


def test_read_only_root(runtime, bundle):
    bundle.config["root"]["readonly"] = True
    assert "Read-only file system" in runtime.run(bundle.script("touch /x; touch /tmp/x && echo fine")).err


@pytest.mark.parametrize(
    "wanted,tag", [("shared", "shared:"), ("slave", ""), ("private", ""), ("unbindable", "unbindable")]
)
def test_propagation_of_the_root(runtime, bundle, wanted, tag):
    bundle.linux["rootfsPropagation"] = wanted
    lines = runtime.run(bundle.script("cat /proc/self/mountinfo")).lines
    [*_, root] = [line.split() for line in lines if line.split()[4] == "/"]
    tags = root[6 : root.index("-")]
    assert any(each.startswith(tag) for each in tags) if tag else not tags
    bundle.linux["rootfsPropagation"] = "nonsense"
    runtime.refuses(bundle, "nonsense")


def test_mounts_travel_through_a_shared_volume(runtime, bundle, nested):
    """From the host into the container by slave, and both ways by shared."""
    subprocess.run(["mount", "--make-rshared", str(nested / "below")], check=True)
    for folder in ("host", "container"):
        (nested / "below" / folder).mkdir()
    bundle.mount("/v", nested / "below", "rbind", "rshared").linux["rootfsPropagation"] = "rshared"
    for kind in ("bounding", "effective", "permitted"):
        bundle.process["capabilities"][kind].append("CAP_SYS_ADMIN")
    runtime.background(bundle.script(f"mount -t tmpfs inside /v/container && touch /v/container/file; {SLEEPER}"))
    eventually(lambda: (nested / "below/container/file").exists())
    subprocess.run(["mount", "-t", "tmpfs", "outside", str(nested / "below/host")], check=True)
    (nested / "below/host/file").touch()
    assert runtime("exec", "c", "ls", "/v/host").out == "file\n"
    # Nothing but this came to the host.
    assert not any(" /v" in line for line in Path("/proc/self/mountinfo").read_text().splitlines())
    runtime("delete", "--force", "c")
    assert (nested / "below/host/file").exists(), "the host lost its mounts with the container"
    # The container's root was read from the host's tree.
    assert Path("/proc/self/status").exists() and Path(bundle.config["root"]["path"], "bin/busybox").exists()


def test_no_pivot(runtime, bundle):
    seen = runtime.run(bundle.script("ls /; cat /proc/self/mountinfo | wc -l"), "--no-pivot").lines
    assert "www" in seen and int(seen[-1]) < 60


def test_default_devices(runtime, bundle):
    """They are there and may be used without being mentioned; others may not."""
    bundle.linux["resources"] = {"devices": [{"allow": False, "access": "rwm"}]}
    bundle.linux["devices"] = [
        {"type": "c", "path": "/dev/mine", "major": 1, "minor": 5, "fileMode": 0o640, "uid": 1000, "gid": 50},
        {"type": "p", "path": "/dev/fifo", "fileMode": 0o600}, {"type": "c", "path": "/dev/mem2", "major": 1, "minor": 1},
    ]
    for kind in ("bounding", "effective", "permitted"):
        bundle.process["capabilities"][kind] += ["CAP_MKNOD", "CAP_SYS_RAWIO"]
    seen = runtime.run(bundle.script(
        "for d in null zero full random urandom tty ptmx; do test -c /dev/$d && echo $d; done;"
        "ls -l /dev/mine /dev/fifo | cut -c1-10; head -c 1 /dev/urandom | wc -c; head -c 1 /dev/zero | wc -c;"
        "echo x > /dev/null; readlink /dev/fd; head -c 1 /dev/mem2; true"
    ))
    assert seen.lines == [
        "null", "zero", "full", "random", "urandom", "tty", "ptmx", "prw-------", "crw-r-----", "1", "1", "/proc/self/fd",
    ]
    assert "Operation not permitted" in seen.err


# Limits


def test_limits(runtime, bundle):
    bundle.linux["resources"] = {
        "memory": {"limit": 64 << 20, "reservation": 32 << 20}, "pids": {"limit": 33},
        "cpu": {"shares": 512, "quota": 50000, "period": 100000, "cpus": "0", "mems": "0"},
    }
    runtime.background(bundle.script(SLEEPER))
    assert limit(bundle, "memory/memory.limit_in_bytes", "memory.max") == str(64 << 20)
    assert limit(bundle, "memory/memory.soft_limit_in_bytes", "memory.low") == str(32 << 20)
    assert limit(bundle, "pids/pids.max", "pids.max") == "33"
    assert limit(bundle, "cpu/cpu.cfs_quota_us", "cpu.max").split()[0] == "50000"
    assert limit(bundle, "cpuset/cpuset.cpus", "cpuset.cpus") == "0"
    runtime("update", "--memory", "80m", "--pids-limit", "44", "c")
    assert limit(bundle, "memory/memory.limit_in_bytes", "memory.max") == str(80 << 20)
    assert limit(bundle, "pids/pids.max", "pids.max") == "44"
    runtime("update", "--resources", "-", "c", input=json.dumps({"cpu": {"quota": 70000}, "devices": [{"allow": False}]}))
    assert limit(bundle, "cpu/cpu.cfs_quota_us", "cpu.max").split()[0] == "70000"
    assert runtime("exec", "c", "head", "-c", "1", "/dev/zero").out == "\0"
    statistics = json.loads(runtime("events", "--stats", "c").out)
    assert statistics["id"] == "c" and statistics["type"] == "stats"
    assert statistics["data"]["memory"]["usage"]["limit"] == 80 << 20
    assert statistics["data"]["pids"]["limit"] == 44 and statistics["data"]["cpu"]["usage"]["total"] > 0
    runtime.fails("update", "--memory", "much", "c", match="not a size")
    runtime.fails("update", "--l3-cache-schema", "x", "c", match="not supported")


def test_limits_that_the_host_does_not_have(runtime, bundle):
    bundle.linux["resources"] = {"unified": {"memory.nosuch": "1"}}
    runtime.refuses(bundle, "memory.nosuch")
    bundle.linux["resources"] = {"unified": {"../memory.max": "1"}}
    runtime.refuses(bundle, "not a cgroup v2 file name")
    bundle.linux["resources"] = {"hugepageLimits": [{"pageSize": "3MB", "limit": 1}]}
    runtime.refuses(bundle, "hugetlb")
    bundle.linux["resources"] = {"memory": {"limit": 8192, "checkBeforeUpdate": True}, "rdma": {"mlx0": {"hcaHandles": 1}}}
    runtime.refuses(bundle, "rdma")


def test_pause_and_resume(runtime, bundle, tmp_path):
    with (tmp_path / "output").open("w") as output:
        runtime.background(bundle.script("while :; do echo; sleep 0.01; done"), stdout=output)
    runtime("pause", "c")
    assert runtime.status() == "paused"
    size = (tmp_path / "output").stat().st_size
    runtime.fails("exec", "c", "true", match="paused container")
    runtime.fails("pause", "c", match="not running")
    assert (tmp_path / "output").stat().st_size == size
    runtime("resume", "c")
    assert runtime.status() == "running"
    eventually(lambda: (tmp_path / "output").stat().st_size > size)
    runtime.fails("resume", "c", match="not paused")
    runtime("pause", "c")
    runtime("kill", "c", "KILL")
    runtime.stopped()
    runtime("delete", "c")
    runtime.background(bundle)
    runtime("pause", "c")
    runtime("delete", "--force", "c")


def test_out_of_memory_is_told(runtime, bundle):
    bundle.linux["resources"] = {"memory": {"limit": 16 << 20}}
    runtime.create(bundle.script("while :; do (head -c 64m /dev/zero | tail >/dev/null); sleep 0.1; done"))
    watcher = runtime.cli.start("--root", runtime.root, "events", "--interval", "1s", "c")
    assert json.loads(watcher.stdout.readline())["type"] == "stats"
    runtime("start", "c")
    kinds = []
    while "oom" not in kinds:
        kinds.append(json.loads(watcher.stdout.readline())["type"])
    runtime("kill", "c", "KILL")
    watcher.communicate(timeout=10)
    assert watcher.returncode == 0


# Seccomp


def test_seccomp_actions_and_operators(runtime, bundle):
    bundle.linux["seccomp"] = {
        "defaultAction": "SCMP_ACT_ALLOW", "flags": ["SECCOMP_FILTER_FLAG_LOG", "SECCOMP_FILTER_FLAG_SPEC_ALLOW"],
        "architectures": ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86"] if platform.machine() == "x86_64" else ["SCMP_ARCH_AARCH64"],
        "syscalls": [
            {"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO", "errnoRet": errno.EXDEV},
            {"names": ["symlink", "symlinkat"], "action": "SCMP_ACT_ERRNO"},
            {"names": ["sethostname"], "action": "SCMP_ACT_KILL_PROCESS"},
            {"names": ["sync"], "action": "SCMP_ACT_TRAP"}, {"names": ["swapoff"], "action": "SCMP_ACT_LOG"},
            # kill(-1, 10) alone; two rules for one argument are either or.
            {
                "names": ["kill"], "action": "SCMP_ACT_ERRNO", "errnoRet": errno.ENOTTY,
                "args": [
                    {"index": 1, "value": 10, "op": "SCMP_CMP_EQ"}, {"index": 1, "value": 12, "op": "SCMP_CMP_EQ"},
                ],
            },
            {
                "names": ["umask"], "action": "SCMP_ACT_KILL_PROCESS",
                "args": [{"index": 0, "value": 0o700, "valueTwo": 0o500, "op": "SCMP_CMP_MASKED_EQ"}],
            },
        ],
    }
    seen = runtime.run(bundle.script(
        "mkdir /tmp/x; ln -s x /tmp/l; (hostname y); echo $?; (sync); echo $?;"
        "kill -10 $$; kill -12 $$; kill -0 $$ && echo zero;"
        "umask 022; (umask 0577); echo $?"
    ))
    assert seen.lines == [str(128 + 31), str(128 + 31), "zero", str(128 + 31)]
    assert "Invalid cross-device link" in seen.err and "Operation not permitted" in seen.err
    assert seen.err.count("Inappropriate ioctl for device") == 2 or seen.err.count("Not a tty") == 2
    assert "Seccomp:\t2" in runtime.run(bundle.script("cat /proc/self/status")).out


@pytest.mark.parametrize("privileges", [False, True])
@pytest.mark.parametrize("user", [0, 1000])
def test_the_filter_judges_the_program_alone(runtime, bundle, privileges, user):
    """All that is not named is denied: what the runtime itself has to do on the way is not in its way."""
    calls = (
        "execve exit_group exit write read close fstat newfstatat brk mmap munmap mprotect arch_prctl set_tid_address"
        " set_robust_list rseq getrandom prlimit64 readlink uname getuid geteuid getgid getegid ioctl getpid getppid"
        " rt_sigaction rt_sigprocmask getcwd stat wait4 fcntl dup2 setuid setgid capset prctl"
    ).split()
    bundle.process |= {"noNewPrivileges": privileges, "user": {"uid": user, "gid": user}}
    bundle.linux["seccomp"] = {
        "defaultAction": "SCMP_ACT_KILL_PROCESS", "syscalls": [{"names": calls, "action": "SCMP_ACT_ALLOW"}],
    }
    bundle.process["args"] = ["/bin/busybox", "echo", "alive"]
    assert runtime.run(bundle).out == "alive\n"


def test_calls_that_the_rules_do_not_know(runtime, bundle, tmp_path):
    """They do not exist (ENOSYS), so that programs fall back; what the rules know is refused as they say."""
    calls = "execve exit_group write read close fstat brk mmap munmap mprotect arch_prctl set_tid_address prlimit64"
    calls += " set_robust_list rseq getrandom readlink readlinkat newfstatat uname capset prctl openat2"
    source = '#include <errno.h>\n#include <stdio.h>\n#include <unistd.h>\nint main(void) { for (int i = 0; i < 2; i++)'
    source += ' printf("%d\\n", syscall(i ? 9999 : 83 /* mkdir or so */, "/tmp/x", 0) < 0 ? errno : 0); }'
    subprocess.run(["gcc", "-static", "-x", "c", "-o", str(tmp_path / "probe"), "-"], input=source, text=True, check=True)
    bundle.mount("/probe", tmp_path / "probe", "bind").process["args"] = ["/probe"]
    bundle.linux["seccomp"] = {
        "defaultAction": "SCMP_ACT_ERRNO", "syscalls": [{"names": calls.split(), "action": "SCMP_ACT_ALLOW"}],
    }
    assert runtime.run(bundle).lines == [str(errno.EPERM), str(errno.ENOSYS)]


def test_a_filter_that_is_wrong(runtime, bundle):
    def asks(name: str) -> dict:
        return {"syscalls": [{"names": [name], "action": "SCMP_ACT_NOTIFY"}]}

    for seccomp, match in (
        ({"defaultAction": "SCMP_ACT_NOSUCH"}, "SCMP_ACT_NOSUCH"),
        ({"defaultAction": "SCMP_ACT_NOTIFY"}, "cannot be the default action"),
        ({"flags": ["NOSUCH"]}, "NOSUCH"),
        (asks("mkdir"), "listenerPath"),
        ({"listenerPath": "/x"} | asks("write"), "write"),
    ):
        bundle.linux["seccomp"] = {"defaultAction": "SCMP_ACT_ALLOW"} | seccomp
        runtime.refuses(bundle, match)


@pytest.mark.parametrize("privileges", [False, True])
def test_seccomp_listener(runtime, bundle, tmp_path, privileges):
    agent = Agent(str(tmp_path / "agent"))
    bundle.process["noNewPrivileges"] = privileges
    bundle.linux["seccomp"] = {
        "defaultAction": "SCMP_ACT_ALLOW", "listenerPath": str(tmp_path / "agent"), "listenerMetadata": "a word",
        "syscalls": [{"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_NOTIFY"}],
    }
    with (tmp_path / "output").open("w") as output:
        pid = runtime.background(bundle.script(f"mkdir /tmp/x; {SLEEPER}"), stdout=output)
    eventually(lambda: "cross-device" in (tmp_path / "output").read_text())
    result = runtime("exec", "c", "mkdir", "/tmp/y", code=1)
    assert "cross-device" in result.err
    first, second = agent.states
    assert first["pid"] == pid and first["fds"] == ["seccompFd"] and first["metadata"] == "a word"
    assert first["state"]["id"] == "c" and first["state"]["pid"] == pid
    assert second["pid"] != pid and second["state"]["status"] == "running"


# What this runtime says of itself


def test_features(runtime):
    features = json.loads(runtime("features").out)
    assert features["ociVersionMax"].startswith("1.2") and features["hooks"][-1] == "poststop"
    assert {"rro", "rbind", "idmap", "tmpcopyup", "rprivate"} <= set(features["mountOptions"])
    assert features["linux"]["seccomp"]["enabled"] and "SCMP_ACT_NOTIFY" in features["linux"]["seccomp"]["actions"]
    assert features["linux"]["cgroup"]["v1"] and features["linux"]["cgroup"]["v2"]
    assert not features["linux"]["intelRdt"]["enabled"]


def test_spec_is_a_configuration_that_runs(runtime, bundle, tmp_path):
    runtime("spec", "--bundle", tmp_path)
    runtime.fails("spec", "--bundle", tmp_path, match="exists")
    bundle.config = json.loads((tmp_path / "config.json").read_text()) | {"root": bundle.config["root"]}
    bundle.process |= {"terminal": False, "args": ["hostname"]}
    assert runtime.run(bundle).out == "berth\n"
