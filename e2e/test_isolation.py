"""What a container can and cannot see: Docker's defaults."""

import json
from pathlib import Path

import pytest

# Docker's default set: chown dac_override fowner fsetid kill setgid setuid setpcap net_bind_service
# net_raw sys_chroot mknod audit_write setfcap.
DEFAULT_CAPABILITIES = 0x00000000A80425FB
MASKED_FILES = ["/proc/kcore", "/proc/keys", "/proc/timer_list"]
MASKED_FOLDERS = ["/proc/acpi", "/proc/scsi", "/sys/firmware"]
READ_ONLY = ["/proc/sys", "/proc/irq", "/proc/bus", "/proc/sysrq-trigger"]


@pytest.fixture
def shell(berth):
    """Run a shell script in a fresh container; options stand before."""
    return lambda script, *options: berth("run", "--rm", *options, "busybox", "sh", "-c", script).out


def status(shell, field: str, *options: str) -> str:
    lines = shell("cat /proc/self/status", *options).splitlines()
    return next(line.split(":", 1)[1].strip() for line in lines if line.startswith(f"{field}:"))


def test_capabilities(shell):
    for field in ("CapEff", "CapPrm", "CapBnd"):
        assert int(status(shell, field), 16) == DEFAULT_CAPABILITIES
    assert int(status(shell, "CapInh"), 16) == 0


def test_capabilities_of_a_plain_user(shell):
    assert int(status(shell, "CapEff", "-u", "worker"), 16) == 0


def test_capabilities_added_and_dropped(shell):
    assert int(status(shell, "CapEff", "--cap-drop", "ALL"), 16) == 0
    assert int(status(shell, "CapEff", "--cap-drop", "ALL", "--cap-add", "NET_ADMIN"), 16) == 1 << 12


def test_seccomp_filters(shell):
    assert status(shell, "Seccomp") == "2"
    assert status(shell, "Seccomp", "--security-opt", "seccomp=unconfined") == "0"


def test_seccomp_denies_new_namespaces(berth):
    berth.fails("run", "--rm", "busybox", "unshare", "-m", "true", match="(?i)operation not permitted")


def test_no_new_privileges_on_request(shell):
    assert status(shell, "NoNewPrivs") == "0"
    assert status(shell, "NoNewPrivs", "--security-opt", "no-new-privileges") == "1"


def test_masked_paths(shell):
    for path in MASKED_FILES:
        if Path(path).exists():
            assert shell(f"head -c 1 {path} 2>/dev/null | wc -c").strip() == "0", path
    for path in MASKED_FOLDERS:
        if Path(path).exists():
            assert shell(f"ls -A {path} | wc -l").strip() == "0", path


def test_read_only_paths(shell):
    for path in READ_ONLY:
        if Path(path).exists():
            options = shell(f"grep ' {path} ' /proc/mounts").split()[3].split(",")
            assert "ro" in options, path
    assert "ro" in shell("grep ' /sys ' /proc/mounts").split()[3].split(",")


def test_cgroup_mounts_are_read_only(shell):
    lines = [line.split() for line in shell("grep cgroup /proc/mounts || true").splitlines()]
    assert all("ro" in fields[3].split(",") for fields in lines if fields[2].startswith("cgroup")), lines


def test_only_three_descriptors(shell):
    # `ls` itself opens one more: the folder.
    assert shell("ls /proc/self/fd").split() == ["0", "1", "2", "3"]


def test_own_processes_only(shell):
    assert shell("echo /proc/[0-9]*") == "/proc/1\n"
    assert shell("echo $$").strip() == "1"


def test_namespaces_are_new(shell):
    for kind in ("mnt", "pid", "net", "ipc", "uts", "cgroup"):
        assert shell(f"readlink /proc/self/ns/{kind}").strip() != str(Path(f"/proc/self/ns/{kind}").readlink())


def test_devices(shell):
    present = set(shell("ls /dev").split())
    assert {"null", "zero", "full", "random", "urandom", "tty", "ptmx", "pts", "shm", "mqueue", "fd", "stdin", "stdout", "stderr"} <= present
    assert not present & {"sda", "vda", "mem", "kmsg"}
    assert shell("echo gone > /dev/null; head -c 4 /dev/zero | wc -c").strip() == "4"


def test_devices_of_the_host_are_out_of_reach(berth):
    berth.fails("run", "--rm", "busybox", "sh", "-c", "mknod /tmp/mem c 1 1 && head -c 1 /tmp/mem", match="(?i)operation not permitted")


def test_shm_size(shell):
    assert "size=65536k" in shell("grep ' /dev/shm ' /proc/mounts")
    assert "size=131072k" in shell("grep ' /dev/shm ' /proc/mounts", "--shm-size", "128m")


def test_mounts_do_not_come_back(daemon, berth, name):
    berth("run", "-d", "--name", name, "busybox", "sleep", "60")
    assert not daemon.mounts()


def test_limits_in_the_cgroup(berth, sdk, name):
    berth("run", "-d", "--name", name, "-m", "64m", "--cpus", "0.5", "--pids-limit", "50", "busybox", "sleep", "60")
    pid = sdk.containers.get(name).attrs["State"]["Pid"]
    assert cgroup_value(pid, "memory", "memory.limit_in_bytes", "memory.max") == str(64 << 20)
    assert cgroup_value(pid, "pids", "pids.max", "pids.max") == "50"
    quota = cgroup_value(pid, "cpu", "cpu.cfs_quota_us", "cpu.max").split()[0]
    assert quota == "50000"


def test_memory_limit_kills(berth, name):
    script = "x=a; while :; do x=$x$x; done"
    berth("run", "--name", name, "-m", "16m", "busybox", "sh", "-c", script, code=137)
    assert json.loads(berth("inspect", name).out)[0]["State"]["OOMKilled"] is True


def test_pids_limit_holds(berth):
    berth.fails("run", "--rm", "--pids-limit", "5", "busybox", "sh", "-c", "for i in 1 2 3 4 5 6 7 8; do sleep 2 & done; wait", match="(?i)can't fork|resource temporarily")


def test_privileged(shell):
    """All that the host can give: the bounding set of this very process."""
    ours = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("CapBnd"))
    assert status(shell, "Seccomp", "--privileged") == "0"
    assert int(status(shell, "CapEff", "--privileged"), 16) == int(ours.split()[1], 16)


def cgroup_value(pid: int, controller: str, v1_file: str, v2_file: str) -> str:
    for line in Path(f"/proc/{pid}/cgroup").read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        if controller in controllers.split(","):
            return (Path("/sys/fs/cgroup") / controllers / path.lstrip("/") / v1_file).read_text().strip()
    unified = next(line.split(":", 2)[2] for line in Path(f"/proc/{pid}/cgroup").read_text().splitlines() if line.startswith("0::"))
    return (Path("/sys/fs/cgroup") / unified.lstrip("/") / v2_file).read_text().strip()
