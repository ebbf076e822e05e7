"""Attempts to get out of a container, to reach the host's files through images and archives, and to
reach another user's: docs/security.md says what each stands for."""

import copy
import io
import json
import os
import re
import socket
import stat
import subprocess
import tarfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from harness import probe
from harness.cli import eventually
from harness.comparison import VARIANTS, joined, judge, recorded, report, split
from harness.daemon import BINARIES
from harness.images import add, busybox_tar
from harness.net import free_port, page

ROOT_CAPABILITIES = 0x00000000A80425FB


@pytest.fixture(scope="session")
def image(daemon) -> str:
    """Busybox with the probe in it."""
    daemon.berth("import", "-", "probe:latest", input=probe.image_tar())
    return "probe"


@pytest.fixture
def canary(tmp_path) -> Path:
    """A folder of the host with a file that nobody may read, change or remove."""
    tmp_path.chmod(0o700)
    file = tmp_path / "canary"
    file.write_text("the host's\n")
    file.chmod(0o640)
    os.utime(file, (1_000_000_000, 1_000_000_000))
    yield tmp_path
    status = file.stat()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["canary"], "the host's folder was changed"
    assert file.read_text() == "the host's\n"
    assert (stat.S_IMODE(status.st_mode), status.st_uid, status.st_mtime) == (0o640, 0, 1_000_000_000)


def image_of(berth, name: str, *entries: tuple, base: bytes | None = None) -> str:
    """An image of busybox with more entries, each a name and fields of its tar header."""
    buffer = io.BytesIO(base or busybox_tar())
    with tarfile.open(fileobj=buffer, mode="a") as tar:
        for path, data, fields in entries:
            add(tar, path, data, **fields)
    berth("import", "-", f"{name}:latest", input=buffer.getvalue())
    return name


def link(path: str, target: str) -> tuple:
    return path, b"", {"type": tarfile.SYMTYPE, "linkname": target}


def without(*names: str) -> bytes:
    """Busybox' root file system without these entries."""
    source, buffer = tarfile.open(fileobj=io.BytesIO(busybox_tar())), io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for entry in source:
            if entry.name not in names:
                tar.addfile(entry, source.extractfile(entry) if entry.isfile() else None)
    return buffer.getvalue()


def pid_of(sdk, name: str) -> int:
    return sdk.containers.get(name).attrs["State"]["Pid"]


def shim_of(sdk, name: str) -> int:
    return int(Path(f"/proc/{pid_of(sdk, name)}/status").read_text().split("PPid:")[1].split()[0])


# ---- The runtime's own program: CVE-2019-5736 ----


def test_programs_that_enter_a_container_cannot_be_overwritten(berth, image, sdk, name):
    """exec of a script whose interpreter is /proc/self/exe runs the shim's program in the container,
    where root tries to write to it, now and once it has ended."""
    shim = BINARIES / "berth-shim"
    before = (shim.stat().st_size, shim.stat().st_mtime_ns, shim.read_bytes()[:4096])
    berth("run", "-d", "--name", name, image, "/probe", "overwrite", "60")
    berth("exec", name, "sh", "-c", "printf '#!/proc/self/exe\\n' > /bin/trap && chmod +x /bin/trap")
    log = ""
    for _ in range(40):
        berth("exec", name, "/bin/trap", code=None)
        berth("exec", name, "/proc/self/exe", code=None)
        log = berth("logs", name).out
        if log.count("refused") + log.count("opened") > 4:
            break
    berth("rm", "-f", name)
    assert "foreign program" in log, f"the attack found nothing to attack:\n{log}"
    assert "opened for writing" not in log and "changed the mode" not in log
    assert "Read-only file system" in log
    assert (shim.stat().st_size, shim.stat().st_mtime_ns, shim.read_bytes()[:4096]) == before


def test_the_runtime_as_the_first_program_cannot_be_overwritten(berth, image, name):
    """The same with /proc/self/exe as the entry point of an image, another container of the same
    processes attacking."""
    shim = BINARIES / "berth-shim"
    before = shim.stat().st_mtime_ns
    berth("run", "-d", "--name", name, image, "/probe", "overwrite", "2")
    for _ in range(5):
        berth("run", "--rm", "--pid", f"container:{name}", "--entrypoint", "/proc/self/exe", image, code=None)
    berth("wait", name)
    log = berth("logs", name).out
    assert "opened for writing" not in log and "changed the mode" not in log
    assert shim.stat().st_mtime_ns == before


def test_the_runtime_of_the_command_line_cannot_be_overwritten(runtime, bundle, tmp_path):
    """berth-runtime by itself, as containerd and Podman call it."""
    program = BINARIES / "berth-runtime"
    before = (program.stat().st_size, program.stat().st_mtime_ns, program.stat().st_mode)
    tools = tmp_path / "tools"
    tools.mkdir()
    (tools / "probe").write_bytes(probe.program())
    (tools / "trap").write_text("#!/proc/self/exe\n")
    for tool in tools.iterdir():
        tool.chmod(0o755)
    bundle.config["mounts"].append({"destination": "/tools", "type": "bind", "source": str(tools), "options": ["rbind", "ro"]})
    bundle.process["args"] = ["/tools/probe", "overwrite", "60"]
    output = tmp_path / "output"
    with output.open("w") as file:
        runtime.create(bundle, stdout=file)
    runtime("start", "c")
    log = ""
    for _ in range(40):
        runtime("exec", "c", "/tools/trap", code=None)
        log = output.read_text()
        if log.count("refused") + log.count("opened") > 1:
            break
    runtime("delete", "--force", "c")
    assert "foreign program" in log and "Read-only file system" in log, log
    assert "opened for writing" not in log and "changed the mode" not in log
    assert (program.stat().st_size, program.stat().st_mtime_ns, program.stat().st_mode) == before


# ---- Descriptors and the working directory: CVE-2024-21626 ----


@pytest.mark.parametrize("options", [(), ("-t",), ("-i",), ("-u", "1000"), ("--privileged",)])
def test_no_descriptor_leaks(berth, image, name, options):
    assert berth("run", "--rm", *options, image, "/probe", "descriptors").out == ""
    berth("run", "-d", "--name", name, *options, image, "sleep", "60")
    assert berth("exec", name, "/probe", "descriptors").out == ""
    assert berth("exec", "-t", name, "/probe", "descriptors").out == ""


def test_no_working_directory_outside_the_root(berth, image, canary):
    """A working directory in /proc/self/fd that would be one of the host's; nor is one made there."""
    def attempt(number: int) -> None:
        for folder in (f"/proc/self/fd/{number}", f"/proc/self/fd/{number}/{'../' * 12}{canary}/new"):
            script = f"cat {'../' * 12}{canary}/canary; pwd"
            result = berth("run", "--rm", "--network", "none", "-w", folder, image, "sh", "-c", script, code=None)
            assert result.code != 0 and "the host's" not in result.text

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(attempt, range(3, 24)))


def test_a_container_that_waits_for_its_start_holds_nothing_of_the_host(runtime, bundle):
    """Its process goes through paths of the image with what its maker had open."""
    runtime.create(bundle)
    pid = runtime.state()["pid"]
    links = [os.readlink(link) for link in Path(f"/proc/{pid}/fd").iterdir()]
    assert not [link for link in links if link.startswith("/") and link != "/dev/null"]
    runtime("delete", "--force", "c")


def test_no_working_directory_outside_the_root_of_an_exec(berth, image, canary, name):
    berth("run", "-d", "--name", name, image, "sleep", "60")
    berth("exec", name, "sh", "-c", "for n in $(seq 3 24); do ln -s /proc/self/fd/$n /w$n; done")
    for number in range(3, 25):
        for folder in (f"/proc/self/fd/{number}", f"/w{number}"):
            script = f"cat ../../../../../../../..{canary}/canary; pwd"
            result = berth("exec", "-w", folder, name, "sh", "-c", script, code=None)
            assert result.code != 0 and "the host's" not in result.text


def test_nothing_of_the_host_shows_while_a_process_enters(berth, image, sdk, canary, name):
    """Root with CAP_SYS_PTRACE looks at every process the moment it appears: root, working directory,
    descriptors. (Without it, a process that is not dumpable shows nothing at all.)"""
    berth("run", "-d", "--name", name, "--cap-add", "SYS_PTRACE", image, "/probe", "hunt", "3", f"{canary}/canary")
    deadline = time.monotonic() + 2.5
    count = 0
    while time.monotonic() < deadline:
        berth("exec", name, "true", code=None)
        count += 1
    berth("wait", name)
    log = berth("logs", name).out
    assert "hunting" in log and count > 3
    assert "reached the host" not in log
    # What is left of the host's is the way into the container's own cgroup (version 1).
    seen = {line.rsplit(": ", 1)[1] for line in log.splitlines() if line.startswith("descriptor")}
    container = sdk.containers.get(name).id
    assert not {path for path in seen if not path.endswith(f"/{container}/tasks")}, seen


# ---- The null device ----


@pytest.fixture
def null_device():
    """The host's, repaired if the test finds that it can be broken."""
    before = os.stat("/dev/null")
    yield before
    os.chown("/dev/null", before.st_uid, before.st_gid)
    os.chmod("/dev/null", stat.S_IMODE(before.st_mode))


def test_the_null_device_of_the_host_keeps_its_mode(berth, image, null_device, name):
    """Root in the container owns what it has a descriptor of, and what hides behind masked paths."""
    script = """
        chmod 664 /proc/self/fd/0; chmod 664 /proc/keys /proc/timer_list /proc/kcore
        chown 0:1 /proc/self/fd/0; touch -d '2001-01-01' /proc/keys; chmod 664 /dev/null; true
    """
    berth("run", "--rm", image, "sh", "-c", script)
    berth("run", "-d", "--name", name, image, "sleep", "60")
    berth("exec", name, "sh", "-c", script)
    berth("exec", name, "sh", "-c", "rm /dev/null; mkfifo /dev/null")
    berth("exec", name, "sh", "-c", "cat; chmod 664 /proc/self/fd/0; true")
    after = os.stat("/dev/null")
    assert (after.st_mode, after.st_uid, after.st_gid) == (null_device.st_mode, null_device.st_uid, null_device.st_gid)


# ---- Mounts ----


def test_proc_as_a_link_in_the_image_is_refused(berth, name):
    """CVE-2019-19921: a /proc that leads into a volume escapes its masks by a rename."""
    image_of(berth, name, link("proc", "vol/proc"), base=without("proc"))
    berth.fails("run", "--rm", "-v", f"{name}:/vol", name, "true", match="ordinary directory")
    image_of(berth, name, link("sys", "vol/sys"), base=without("sys"))
    berth.fails("run", "--rm", "-v", f"{name}:/vol", name, "true", match="ordinary directory")
    berth("rmi", name)


def test_nothing_is_mounted_over_proc(berth, image, tmp_path):
    """CVE-2019-16884: what the runtime writes to /proc must reach the kernel."""
    for target in ("/proc", "/proc/", "/proc/self", "/proc/sys", "/proc/self/attr/exec", "/./proc", "//proc//1", "/x/../proc"):
        for flags in (("-v", f"{tmp_path}:{target}"), ("--tmpfs", target), ("--mount", f"type=tmpfs,dst={target}")):
            result = berth.run("run", "--rm", "--network", "none", *flags, image, "cat", "/proc/self/comm")
            assert result.code != 0, result
            assert re.search("inside /proc|invalid|must be|ordinary", result.text), result


def test_nothing_is_mounted_over_proc_through_a_link(berth, name, tmp_path):
    image_of(berth, name, link("alias", "proc"), link("attr", "proc/self/attr"))
    for destination in ("/alias/self/attr/exec", "/alias/sys/kernel", "/attr/exec", "/attr"):
        source = tmp_path if destination in ("/alias/sys/kernel", "/attr") else "/etc/hostname"
        berth.fails("run", "--rm", "--network", "none", "-v", f"{source}:{destination}", name, "true", match="inside /proc")
    berth("rmi", name)


def test_harmless_files_of_proc_can_be_replaced(berth, image, tmp_path):
    (tmp_path / "cpuinfo").write_text("none\n")
    assert berth("run", "--rm", "-v", f"{tmp_path}/cpuinfo:/proc/cpuinfo", image, "cat", "/proc/cpuinfo").out == "none\n"
    assert berth("run", "--rm", "-v", "/proc:/proc", image, "cat", "/proc/self/comm", code=None).code in (0, 1)


def test_mount_points_that_are_links_stay_inside(berth, name, canary):
    """An image whose links lead to the host's folders: mounts, files for /etc and the console land in
    the container's own."""
    image_of(
        berth, name,
        link("data", f"../../../../../..{canary}"), link("up", "../../../../../.."), link("etc/hosts", f"{canary}/canary"),
        link("etc/resolv.conf", f"../../../..{canary}/new"), link("cache", f"{canary}/made/by/a/mount"),
    )
    script = "cat /data/*; echo x > /data/new; echo y > /cache/new; cat /etc/hosts > /dev/null; ls -d /tmp"
    options = ("-v", f"{name}-v:/cache", "-v", f"{name}-w:/data", "--tmpfs", "/up/deeper/x", "-t")
    seen = berth("run", "--rm", *options, name, "sh", "-c", script).out
    assert "/tmp" in seen and "the host's" not in seen
    berth("rmi", name)


@pytest.mark.parametrize("folder", ["dev", "dev/pts", "dev/shm", "dev/console", "sys/fs", "etc"])
def test_links_in_place_of_special_directories_stay_inside(berth, name, canary, folder):
    parents = {folder} | ({"sys"} if folder.startswith("sys") else set())
    image_of(berth, name, link(folder, str(canary)), base=without(*parents, "etc/passwd", "etc/group") if folder != "dev/pts" else None)
    result = berth.run("run", "--rm", "-t", name, "sh", "-c", "echo ran; chmod 777 /dev/console; echo x > /etc/new")
    assert "ran" in result.out or result.code != 0
    berth("rmi", name)


def test_masks_hold_when_a_shared_volume_changes(berth, image, daemon, name):
    """A container swaps folders of a volume while others start with mounts below it."""
    berth("run", "-d", "--name", name, "-v", f"{name}:/vol", image, "sh", "-c",
          "mkdir -p /vol/a/x /vol/b; ln -s / /vol/b/x; exec /probe swap 4 /vol/a /vol/b")
    eventually(lambda: "swapping" in berth("logs", name).out)
    before = daemon.mounts()
    for _ in range(8):
        berth("run", "--rm", "-v", f"{name}:/vol", "-v", f"{name}-in:/vol/a/x/etc", "--tmpfs", "/vol/a/x/tmp", image, "true", code=None)
    berth("rm", "-f", name)
    assert daemon.mounts() <= before


def test_parts_of_a_volume_stay_in_it(berth, image, canary, name):
    """volume-subpath of a folder that changes places with a link to the host's, all the time."""
    berth("run", "-d", "--name", name, "-v", f"{name}:/vol", image, "sh", "-c",
          f"mkdir -p /vol/a/in; echo inside > /vol/a/in/canary; mkdir /vol/b; ln -s {canary} /vol/b/in; exec /probe swap 4 /vol/a /vol/b")
    eventually(lambda: "swapping" in berth("logs", name).out)
    for _ in range(10):
        part = f"type=volume,src={name},dst=/m,volume-subpath=a/in"
        result = berth.run("run", "--rm", "--network", "none", "--mount", part, image, "sh", "-c", "cat /m/canary; echo x > /m/new")
        assert "the host's" not in result.text
    berth("rm", "-f", name)


@pytest.mark.parametrize("volume", ["/proc", "/proc/sys", "/sys", "/sys/fs/cgroup", "/dev", "/dev/pts", "/etc", "/sbin", "/bin"])
def test_volumes_that_an_image_asks_for(berth, daemon, name, volume):
    """In the worst places: the container does without, or is refused; nothing of the host shows."""
    berth("import", "--change", f'VOLUME ["{volume}"]', "-", f"{name}:latest", input=probe.image_tar())
    result = berth.run("run", "--rm", name, "/probe", "attempts")
    worked = {line for line in result.out.splitlines() if line.endswith("WORKED")}
    # In a volume of its own, files of these names are nobody's but the container's.
    assert not {line for line in worked if not line.startswith(f"write {volume}/")}, worked
    if volume.startswith("/proc"):
        assert result.code != 0 and "inside /proc" in result.text
    berth("rmi", name)


# ---- What a container must not be able to do ----


def test_attempts(berth, image):
    """Every way out that a default container closes, tried as its root."""
    outcomes = dict(line.rsplit(": ", 1) for line in berth("run", "--rm", image, "/probe", "attempts").out.splitlines())
    assert len(outcomes) > 60
    worked = {name for name, outcome in outcomes.items() if outcome == "WORKED"}
    assert not worked, worked


def test_attempts_of_a_container_with_every_capability(berth, image):
    """--cap-add ALL keeps devices, masks and the read-only cgroups closed."""
    outcomes = dict(
        line.rsplit(": ", 1)
        for line in berth("run", "--rm", "--cap-add", "ALL", image, "/probe", "attempts").out.splitlines()
    )
    devices = {name for name, outcome in outcomes.items() if name.startswith("open ") and outcome == "WORKED"}
    assert not devices - {"open open_tree"}, devices


def test_new_device_nodes_are_not_devices(berth, image, name):
    """mknod works, as in Docker; opening is what the device filter forbids."""
    berth("run", "-d", "--name", name, image, "sleep", "60")
    for kind, numbers in (("b", "254 0"), ("b", "8 0"), ("c", "1 1"), ("c", "10 229"), ("b", "7 0")):
        berth("exec", name, "sh", "-c", f"rm -f /tmp/node; mknod /tmp/node {kind} {numbers}")
        berth.fails("exec", name, "head", "-c", "1", "/tmp/node", match="(?i)operation not permitted|no such device")


def test_the_shim_is_out_of_reach(berth, image, sdk, name):
    """Neither the parent nor any process of the host has a number in the container."""
    berth("run", "-d", "--name", name, "--cap-add", "SYS_PTRACE", image, "sleep", "60")
    shim = shim_of(sdk, name)
    listed = berth("exec", name, "sh", "-c", "echo /proc/[0-9]*; cat /proc/1/status | grep PPid").out
    assert str(shim) not in listed and "PPid:\t0" in listed
    berth("exec", name, "sh", "-c", f"kill -9 {shim} -1; kill -9 0", code=None)
    assert Path(f"/proc/{shim}/comm").read_text() == "berth-shim\n"


def test_the_shim_cannot_be_traced(berth, image, sdk, name):
    """With the host's processes in sight, too: root lacks CAP_SYS_PTRACE."""
    berth("run", "-d", "--name", name, "--pid", "host", image, "sleep", "60")
    shim = shim_of(sdk, name)
    for path in ("root/etc/hostname", "fd", "exe", "environ", "mem", "cwd/"):
        berth.fails("exec", name, "sh", "-c", f"ls /proc/{shim}/{path}/ /proc/{shim}/{path} && cat /proc/{shim}/{path}")


def test_keyrings_are_not_shared(berth, image, name):
    options = ("--security-opt", "seccomp=unconfined")
    keyrings = {berth("run", "--rm", *options, image, "/probe", "keyring").out for _ in range(3)}
    own = subprocess.run(["keyctl", "show", "@s"], capture_output=True, text=True).stdout if os.path.exists("/usr/bin/keyctl") else ""
    assert len(keyrings) == 3 and not any(keyring.strip() in own.split() for keyring in keyrings)
    berth.fails("run", "--rm", image, "/probe", "keyring", match="not permitted")


def test_cgroups_are_its_own_and_read_only(berth, image):
    script = "cat /proc/self/cgroup; find /sys/fs/cgroup -maxdepth 3 -writable -type f; grep cgroup /proc/self/mountinfo"
    for line in berth("run", "--rm", image, "sh", "-c", script).lines:
        if line.startswith("/"):
            continue  # root's eyes see the mode; the mount decides, as the next test shows
        if " - " in line:
            assert " ro," in line and line.split()[3] in ("/", "/..") or "tmpfs" in line, line
        else:
            assert line.endswith(":/"), line
    berth.fails("run", "--rm", image, "sh", "-c", "mkdir /sys/fs/cgroup/x || mkdir /sys/fs/cgroup/*/x", match="(?i)read-only")


def test_abstract_sockets_of_the_host_are_out_of_reach(berth, image, name):
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as server:
        server.bind(f"\0{name}")
        server.listen()
        assert name not in berth("run", "--rm", image, "cat", "/proc/net/unix").out
        assert name in berth("run", "--rm", "--network", "host", image, "cat", "/proc/net/unix").out


def test_services_on_the_host_s_loopback_are_out_of_reach(berth, daemon, image):
    """Addressed to 127.0.0.1, but sent to the bridge, which takes such packets for published ports."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        script = f"""
            ip address del 127.0.0.1/8 dev lo; ip route add 127.0.0.1 via {daemon.gateway} || exit 3
            /probe datagram 127.0.0.1 {server.getsockname()[1]}
        """
        berth("run", "--rm", "--cap-add", "NET_ADMIN", image, "sh", "-c", script)
        server.settimeout(0.2)
        with pytest.raises(TimeoutError):
            server.recv(100)


def test_ports_that_are_not_published_are_out_of_reach(berth, image, peer, sdk, name):
    """From a machine that sends to the container's own address by way of the host."""
    port = free_port()
    berth("run", "-d", "--name", name, "-p", f"127.0.0.1:{port}:80", image, "httpd", "-f", "-p", "80", "-h", "/www")
    address = next(iter(sdk.containers.get(name).attrs["NetworkSettings"]["Networks"].values()))["IPAddress"]
    assert page("127.0.0.1", port)
    assert peer.run("timeout", "2", "busybox", "wget", "-qO-", f"http://{address}:80").returncode != 0
    assert peer.run("timeout", "2", "busybox", "wget", "-qO-", f"http://{peer.host_address}:{port}").returncode != 0


# ---- Who one is ----


def status_of(text: str) -> dict[str, str]:
    return dict(re.split(r":\s*", line, maxsplit=1) for line in text.splitlines() if ":" in line)


@pytest.mark.parametrize(
    "user, effective", [("0", ROOT_CAPABILITIES), ("1000", 0), ("1000:0", 0), ("worker", 0), ("0:1000", ROOT_CAPABILITIES)]
)
def test_exec_gains_no_capability(berth, image, name, user, effective):
    berth("run", "-d", "--name", name, image, "sleep", "60")
    status = status_of(berth("exec", "-u", user, name, "cat", "/proc/self/status").out)
    assert int(status["CapEff"], 16) == int(status["CapPrm"], 16) == effective
    assert int(status["CapBnd"], 16) == ROOT_CAPABILITIES
    assert int(status["CapInh"], 16) == int(status["CapAmb"], 16) == 0
    assert status["Seccomp"] == "2"


def test_exec_has_no_more_than_its_container(berth, image, name):
    berth("run", "-d", "--name", name, "--cap-drop", "ALL", "--cap-add", "CHOWN", "--security-opt", "no-new-privileges", image, "sleep", "60")
    status = status_of(berth("exec", name, "cat", "/proc/self/status").out)
    assert {int(status[field], 16) for field in ("CapEff", "CapPrm", "CapBnd")} == {1}
    assert (status["NoNewPrivs"], status["Seccomp"]) == ("1", "2")


def test_privileged_exec_keeps_the_filter(berth, image, name):
    """More capabilities, but the system calls of the container, as in Docker."""
    berth("run", "-d", "--name", name, image, "sleep", "60")
    status = status_of(berth("exec", "--privileged", name, "cat", "/proc/self/status").out)
    assert int(status["CapEff"], 16) & ~ROOT_CAPABILITIES
    assert status["Seccomp"] == "2"
    berth.fails("exec", "--privileged", name, "unshare", "-m", "true", match="(?i)not permitted")


def test_the_first_group_is_a_supplementary_one(berth, image, name):
    """CVE-2022-36109: else a set-group-ID program sheds the group that a file's mode shuts out."""
    assert berth("run", "--rm", "-u", "1000:50", image, "id", "-G").out.split() == ["50"]
    assert status_of(berth("run", "--rm", "-u", "1000:50", image, "cat", "/proc/self/status").out)["Groups"].split() == ["50"]
    groups = status_of(berth("run", "--rm", "-u", "worker", image, "cat", "/proc/self/status").out)["Groups"].split()
    assert sorted(groups) == ["1000", "50"]


def test_no_new_privileges_holds_for_set_user_id_programs(berth, name):
    image_of(berth, name, ("probe", probe.program(), {"mode": 0o4755}))
    shell = ("-u", "1000", name, "/probe", "compare")
    assert json.loads(berth("run", "--rm", *shell).out)["process"]["Uid"].split()[1] == "0"
    held = json.loads(berth("run", "--rm", "--security-opt", "no-new-privileges", *shell).out)["process"]
    assert held["Uid"].split()[1] == "1000" and int(held["CapEff"], 16) == 0
    berth("rmi", name)


@pytest.mark.parametrize("trap", ["mkfifo /etc/passwd", "ln -s /dev/zero /etc/passwd", "ln -s /proc/kmsg /etc/passwd", "ln -s /dev/tty /etc/passwd"])
def test_a_trap_for_a_password_file_hurts_nobody(berth, image, name, trap):
    """Users are looked up in the container's own files, whatever stands there."""
    berth("run", "-d", "--name", name, image, "sleep", "60")
    berth("exec", name, "sh", "-c", f"rm /etc/passwd; {trap}")
    assert berth("exec", "-u", "1000", name, "echo", "here", timeout=20).out == "here\n"
    berth.fails("exec", "-u", "worker", name, "true", match="unable to find user worker", timeout=20)
    berth("exec", name, "sh", "-c", "rm /etc/passwd")


# ---- Other users of the host ----


def test_other_users_find_nothing(daemon, berth, image, name):
    """Secrets in the environment, volumes, logs and layers, seen by somebody without rights."""
    secret = f"secret-{name}"
    berth("run", "-d", "--name", name, "-e", f"TOKEN={secret}", "-v", f"{name}:/vol", image, "sh", "-c", f"echo {secret} > /vol/file; echo {secret}; sleep 60")
    eventually(lambda: secret in berth("logs", name).out)
    mode = stat.S_IMODE(daemon.root.stat().st_mode)
    daemon.root.chmod(0o755)  # as /run and /var/lib are
    try:
        look = f"grep -rs {secret} {daemon.root} /proc/[0-9]*/cmdline /proc/[0-9]*/environ; find {daemon.root}/data; true"
        found = subprocess.run(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "sh", "-c", look], capture_output=True, text=True)
    finally:
        daemon.root.chmod(mode)
    assert secret not in found.stdout
    assert found.stdout.splitlines() == [f"{daemon.root}/data"]


def test_secrets_of_a_container_are_not_in_the_process_list(berth, image, sdk, name):
    berth("run", "-d", "--name", name, "-e", "TOKEN=hush-hush", image, "sleep", "60")
    shim = Path(f"/proc/{shim_of(sdk, name)}")
    assert b"hush" not in (shim / "cmdline").read_bytes() + (shim / "environ").read_bytes()


def test_sockets_and_state_are_closed_to_others(daemon, berth, image, sdk, name):
    assert stat.S_IMODE(daemon.socket.stat().st_mode) == 0o660
    berth("run", "-d", "--name", name, image, "sleep", "60")
    container = sdk.containers.get(name).id
    bundle = daemon.root / "run/containers" / container
    assert stat.S_IMODE(bundle.stat().st_mode) & 0o077 == 0
    assert stat.S_IMODE((bundle / "shim.sock").stat().st_mode) == 0o600
    assert stat.S_IMODE((daemon.root / "data").stat().st_mode) & 0o027 == 0


# ---- Archives: layers, cp, build contexts ----


HOSTILE = {
    "up": [("../../../../../../..{canary}/new", b"x", {})],
    "absolute": [("{canary}/new", b"x", {}), ("/{canary}/new2", b"x", {})],
    "through a link": [link("out", "{canary}"), ("out/new", b"x", {}), ("out/canary", b"x", {"mode": 0o777})],
    "through a relative link": [link("out", "../../../../../../..{canary}"), ("out/canary", b"x", {})],
    "through two links": [link("a", "/"), link("b", "a/{canary}"), ("b/new", b"x", {})],
    "a hard link out": [("own", b"", {"type": tarfile.LNKTYPE, "linkname": "{canary}/canary"})],
    "a hard link up": [("own", b"", {"type": tarfile.LNKTYPE, "linkname": "../../../../../../..{canary}/canary"}), ("own", b"x", {})],
    "a hard link to a link": [
        link("out", "{canary}/canary"), ("own", b"", {"type": tarfile.LNKTYPE, "linkname": "out"}), ("own", b"x", {"mode": 0o777}),
    ],
    "a link replaced": [link("dir", "{canary}"), ("dir", b"", {"type": tarfile.DIRTYPE, "mode": 0o777}), ("dir/new", b"x", {})],
    "a folder replaced": [("dir", b"", {"type": tarfile.DIRTYPE}), link("dir", "{canary}"), ("dir/new", b"x", {})],
    "a mode through a link": [link("out", "{canary}/canary"), ("out", b"", {"type": tarfile.DIRTYPE, "mode": 0o777})],
    "a whiteout up": [("../../../../../../..{canary}/.wh.canary", b"", {})],
    "a whiteout through a link": [link("out", "{canary}"), ("out/.wh.canary", b"", {}), ("out/.wh..wh..opq", b"", {})],
    "a whiteout of all": [(".wh..", b"", {})],
    "a whiteout of the parent": [(".wh...", b"", {})],
}


def archive(name: str, canary: Path) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for path, data, fields in HOSTILE[name]:
            fields = {field: value.format(canary=canary) if isinstance(value, str) else value for field, value in fields.items()}
            add(tar, path.format(canary=canary), data, **fields)
    return buffer.getvalue()


def untouched(canary: Path) -> bool:
    status = (canary / "canary").stat()
    return os.listdir(canary) == ["canary"] and (status.st_size, stat.S_IMODE(status.st_mode), status.st_nlink) == (11, 0o640, 1)


def test_hostile_layers(berth, canary, name):
    """As the one layer of an image."""
    for attack in HOSTILE:
        result = berth.run("import", "-", f"{name}:latest", input=archive(attack, canary))
        assert untouched(canary), attack
        if result.code == 0:
            berth("rmi", name)


@pytest.mark.parametrize("is_running", [True, False])
def test_hostile_archives_into_a_container(berth, image, canary, name, is_running):
    """As what the client of `cp` sends."""
    berth("create", "--name", name, "--network", "none", image, "sleep", "60")
    if is_running:
        berth("start", name)
    for attack in HOSTILE:
        berth.run("cp", "-", f"{name}:/tmp", input=archive(attack, canary))
        assert untouched(canary), attack


def test_hostile_build_contexts(berth, image, canary, name):
    """As a context that is copied, with the same archive in it, which is unpacked."""
    for attack in HOSTILE:
        inner = archive(attack, canary)
        buffer = io.BytesIO(inner)
        with tarfile.open(fileobj=buffer, mode="a") as tar:
            add(tar, "Dockerfile", f"FROM {image}\nCOPY . /context/\nADD context.tar /added/\n".encode())
            add(tar, "context.tar", inner)
        result = berth.run("build", "-t", name, "-", input=buffer.getvalue())
        assert untouched(canary), attack
        if result.code == 0:
            script = "cat /context/* /added/* 2>&1; true"
            assert "the host's" not in berth("run", "--rm", "--network", "none", name, "sh", "-c", script).out, attack
            berth("rmi", name)


@pytest.mark.parametrize("layout", ["docker", "oci"])
def test_loading_an_image_reads_nothing_of_the_host(berth, canary, name, layout):
    """Archives whose manifest names, or whose parts are links to, the host's files."""
    names = [f"{canary}/canary", f"../../../../../../..{canary}/canary", "link", "folder/canary"]
    for layer in names:
        for config in ("config.json", "link"):
            buffer = io.BytesIO()
            with tarfile.open(fileobj=buffer, mode="w") as tar:
                add(tar, "link", type=tarfile.SYMTYPE, linkname=f"{canary}/canary")
                add(tar, "folder", type=tarfile.SYMTYPE, linkname=str(canary))
                add(tar, "config.json", json.dumps({"architecture": "amd64", "os": "linux", "rootfs": {"type": "layers", "diff_ids": ["sha256:" + "0" * 64]}}).encode())
                if layout == "docker":
                    manifest = [{"Config": config, "RepoTags": [f"{name}:latest"], "Layers": [layer]}]
                    add(tar, "manifest.json", json.dumps(manifest).encode())
                else:
                    add(tar, "oci-layout", b'{"imageLayoutVersion": "1.0.0"}')
                    add(tar, "index.json", type=tarfile.SYMTYPE, linkname=layer)
                    add(tar, "blobs/sha256", type=tarfile.SYMTYPE, linkname=str(canary))
            result = berth.run("load", input=buffer.getvalue())
            assert result.code != 0 and "the host's" not in result.text, result


def test_what_is_not_what_its_digest_says_is_refused(berth, name):
    """One byte changed in the middle of a layer, in an archive that `save` wrote."""
    image_of(berth, name, ("unique", os.urandom(4096), {}))
    saved = subprocess.run([berth.program, "save", name], env=berth.env, check=True, capture_output=True).stdout
    source, buffer = tarfile.open(fileobj=io.BytesIO(saved)), io.BytesIO()
    layer = max((entry for entry in source if entry.isfile()), key=lambda entry: entry.size)
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for entry in source:
            data = bytearray(source.extractfile(entry).read() if entry.isfile() else b"")
            if entry.name == layer.name:
                data[len(data) // 2] ^= 1
            tar.addfile(entry, io.BytesIO(data))
    berth("rmi", name)
    berth.fails("load", input=buffer.getvalue(), match="(?i)digest|diff_?id|does not match|is not what")
    berth("load", input=saved)
    berth("rmi", name)


def test_copies_on_the_client_stay_where_they_belong(berth, image, canary, tmp_path_factory, name):
    """A second `cp` must not write through a link that the first one brought."""
    target = tmp_path_factory.mktemp("target")
    berth("run", "-d", "--name", name, image, "sh", "-c", f"mkdir /t; ln -s {canary} /t/dir; ln -s {canary}/canary /t/file; sleep 60")
    berth("cp", f"{name}:/t", str(target))
    assert (target / "t/dir").is_symlink()
    berth("exec", name, "sh", "-c", "rm /t/dir /t/file; mkdir /t/dir; echo new > /t/dir/new; echo new > /t/dir/canary; echo new > /t/file")
    berth.run("cp", f"{name}:/t", str(target))
    berth.run("cp", f"{name}:/t/.", str(target / "t"))
    assert untouched(canary)


def test_directories_deeper_than_any_path(berth, daemon, image, name):
    """2500 in one another: whoever walks them neither runs out of stack nor leaves them there for ever."""
    berth("run", "--name", name, image, "/probe", "deep", "2500")
    berth("ps", "-a", "-s")
    for command in (("diff", name), ("commit", name), ("export", "-o", "/dev/null", name)):
        result = berth.run(*command)
        assert daemon.answers(), command
        assert result.code != 0 and re.search("too deep|too long|broke", result.text), result
    berth("rm", name)
    assert daemon.answers()


def test_copy_takes_nothing_from_outside(berth, image, canary, tmp_path_factory, name):
    """COPY and ADD of links that leave the context, and COPY --from of those that leave a stage."""
    context = tmp_path_factory.mktemp("context")
    (context / "absolute").symlink_to(canary / "canary")
    (context / "relative").symlink_to("../../../../../../.." + str(canary / "canary"))
    (context / "folder").symlink_to(canary)
    stage = f"RUN ln -s {canary} /folder && ln -s {canary}/canary /file && ln -s ../../../../../../..{canary}/canary /up"
    for instruction in (
        "COPY absolute /x", "COPY relative /x", "ADD absolute /x", "COPY folder/canary /x", "COPY ../../canary /x",
        "COPY --from=stage /file /x", "COPY --from=stage /up /x", "COPY --from=stage /folder/canary /x",
    ):
        (context / "Dockerfile").write_text(f"FROM {image} AS stage\n{stage}\nFROM {image}\n{instruction}\nRUN cat /x\n")
        result = berth.run("build", "--no-cache", str(context))
        assert "the host's" not in result.text, instruction


def test_dockerfiles_that_grow_without_end(berth, daemon, image):
    """A few lines that would take gigabytes, or more stack than there is."""
    nested = "${a:-" * 50_000 + "x" + "}" * 50_000
    for text, match in (
        (f"FROM {image}\nENV b={nested}\n", "nested more than"),
        (f"ARG a={nested}\nFROM {image}$a\n", "nested more than"),
        (f"FROM {image}\nENV v0=aaaaaaaaaa\n" + "".join(f"ENV v{i + 1}={f'$v{i}' * 10}\n" for i in range(12)), "variables make more than"),
    ):
        berth.fails("build", "-", input=text, match=match)
        assert daemon.answers()


def test_build_mounts_stay_inside(berth, image, canary, tmp_path_factory):
    """RUN --mount: sources that leave the context, a stage or a cache; and a target that a step replaces
    by a link, so that cleaning up after it would remove the host's (CVE-2024-23651, CVE-2024-23652)."""
    context = tmp_path_factory.mktemp("context")
    (context / "link").symlink_to(canary)
    (context / "up").symlink_to("../../../../../../.." + str(canary))
    other = tmp_path_factory.mktemp("other")
    (other / "y").touch()
    cat = "cat /m/canary /m 2>&1; true"
    stage = f"FROM {image} AS stage\nRUN ln -s {canary} /link\nFROM {image}\n"
    cache = f"RUN --mount=type=cache,id=evil,target=/c ln -sfn {canary} /c/link; ln -sfn ../../../../../../..{canary} /c/up; true\n"
    for lines in (
        f"RUN --mount=type=bind,source=link,target=/m {cat}", f"RUN --mount=type=bind,source=up,target=/m {cat}",
        f"RUN --mount=type=bind,source=../../../../../../..{canary},target=/m {cat}",
        f"RUN --mount=type=bind,from=stage,source=/link,target=/m {cat}",
        cache + f"RUN --mount=type=cache,id=evil,source=link,target=/m {cat}",
        cache + f"RUN --mount=type=cache,id=evil,source=up,target=/m {cat}",
        f"RUN --mount=type=tmpfs,target=/x/y umount /x/y; mv /x /z && ln -s {other} /x; true",
        f"RUN --mount=type=cache,target=/x/y mv /x /z; ln -s {other} /x; true",
    ):
        (context / "Dockerfile").write_text(stage + lines + "\n")
        assert "the host's" not in berth.run("build", "--no-cache", str(context)).text, lines
    assert os.listdir(other) == ["y"]


def test_devices_of_images_are_not_opened_by_the_daemon(berth, daemon, name):
    """/etc/passwd as the device that never ends, in a stage and in a container: the daemon reads neither."""
    zero = ("etc/passwd", b"", {"type": tarfile.CHRTYPE, "devmajor": 1, "devminor": 5, "mode": 0o666})
    image_of(berth, name, zero, base=without("etc/passwd"))
    dockerfile = f"FROM {name}\nCOPY --chown=worker Dockerfile /x\nCOPY --from={name} /etc/passwd /y\n"
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        add(tar, "Dockerfile", dockerfile.encode())
    berth.fails("build", "-", input=buffer.getvalue(), match="worker", timeout=30)
    berth("create", "--name", f"{name}-c", "-u", "worker", name, "true")
    assert berth.run("cp", "-a", "-", f"{name}-c:/", input=buffer.getvalue(), timeout=30).code in (0, 1)
    assert daemon.answers()
    berth("rm", f"{name}-c")
    berth("rmi", name)


@pytest.mark.parametrize("content", ["directory", "file", "fifo"])
def test_cp_into_a_container_that_swaps_its_folders(berth, image, canary, name, content):
    """CVE-2018-15664: a folder and a link to the host's change places while archives are extracted."""
    berth("run", "-d", "--name", name, image, "sh", "-c",
          f"mkdir -p /real/in /real/deep; ln -s {canary} /evil; exec /probe swap 4 /real /evil")
    eventually(lambda: "swapping" in berth("logs", name).out)
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        kind = {"directory": tarfile.DIRTYPE, "file": tarfile.REGTYPE, "fifo": tarfile.FIFOTYPE}[content]
        for number in range(200):
            add(tar, f"real/canary" if content != "directory" else f"real/in{number}", b"x" * 10 if content == "file" else b"", type=kind, mode=0o777)
            add(tar, f"real/deep{number}/canary", b"")
    for _ in range(6):
        berth.run("cp", "-", f"{name}:/", input=buffer.getvalue())
    berth("rm", "-f", name)


def test_cp_out_of_a_container_that_swaps_its_folders(berth, image, canary, tmp_path_factory, name):
    berth("run", "-d", "--name", name, image, "sh", "-c",
          f"mkdir -p /real; echo inside > /real/canary; ln -s {canary} /evil; exec /probe swap 4 /real /evil")
    eventually(lambda: "swapping" in berth("logs", name).out)
    target = tmp_path_factory.mktemp("target")
    for number in range(15):
        berth.run("cp", f"{name}:/real/canary", str(target / f"a{number}"))
        berth.run("cp", f"{name}:/real/.", str(target / f"b{number}"))
        berth.run("cp", "-L", f"{name}:/real/canary", str(target / f"c{number}"))
    berth("rm", "-f", name)
    for path in target.rglob("*"):
        if path.is_file() and not path.is_symlink():
            assert path.read_text() in ("inside\n", ""), path


@pytest.mark.parametrize("content", ["fifo", "folder", "implied folder", "file"])
def test_modes_do_not_go_through_a_swapped_name(berth, image, canary, name, content):
    """What `cp` makes is replaced by a link at once: its owner and mode are not the host's file's."""
    count = 50
    berth("run", "-d", "--name", name, image, "sh", "-c", f"mkdir /work; /probe chase 2 {canary}/canary /work/x {count}")
    eventually(lambda: "chasing" in berth("logs", name).out)
    kind = {"fifo": tarfile.FIFOTYPE, "folder": tarfile.DIRTYPE}.get(content, tarfile.REGTYPE)
    below = "/file" if content == "implied folder" else ""
    for number in range(count):
        # One at a time: an archive ends with the first entry that cannot be made.
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w") as tar:
            add(tar, f"work/x{number}{below}", b"", type=kind, mode=0o777, uid=1000, gid=1000)
        berth.run("cp", "-", f"{name}:/", input=buffer.getvalue())
        if (canary / "canary").stat().st_mode & 0o777 != 0o640:
            break
    berth("wait", name)
    assert "caught 0" not in berth("logs", name).out


# ---- Docker's defaults ----


def test_no_place_is_looser_than_in_docker(berth, image):
    """The probe in ours against its record in Docker (`make security-compare` asks a Docker of today)."""
    docker = recorded()
    with ThreadPoolExecutor(4) as pool:
        ours = dict(zip(VARIANTS, pool.map(lambda variant: report(berth, variant), VARIANTS.values())))
    found = {name: judge(answer, docker[name])[0] for name, answer in ours.items()}
    unexplained = [f"{name}: {line}" for name, lines in found.items() for line in lines]
    assert not unexplained, "\n".join(unexplained)


def test_the_record_of_docker_reads_as_it_was_written():
    denied = {"1": "1", "2": "1", "3": "38", "x32:4": "1", "x32:5": "1", "clone(1<<9)": "1", "clone(1<<10)": "1", "socket(12)": "1"}
    assert split(joined(denied)) == denied
    assert {verdict for verdict in recorded()["default"]["denied"].values()} >= {"1", "38"}


def test_the_comparison_finds_what_is_looser():
    """Against itself there is nothing; a container with more is found out in each respect."""
    default = {"limits": {}, **recorded()["default"]}
    assert judge(default, default) == ([], [])
    more = copy.deepcopy(default)
    more["capabilities"]["bounding"] = "ffffffffff"
    more["process"].update({"NoNewPrivs": "1", "Seccomp": "0", "Groups": "0 4", "oom_score_adj": -500})
    more["namespaces"]["net"] = "host"
    more["descriptors"]["7"] = "/"
    more["mounts"]["/sys"]["restrictions"] = ["nosuid"]
    more["mounts"]["/proc"]["propagation"] = ["shared"]
    del more["mounts"]["/proc/sys"]
    more["devices"]["/dev/kmsg"] = {"mode": "20600", "device": "1:11", "owner": "0:0", "target": ""}
    more["devices"]["/dev/null"]["device"] = "1:1"
    more["entries"]["/proc/keys"] = "file"
    more["writable"].append("/proc/sys/kernel/core_pattern")
    del more["denied"]["165"], more["denied"]["i386:21"]
    found, explained = judge(more, default)
    for what in (
        "capabilities, bounding", "no seccomp filter", "supplementary groups", "oom_score_adj -500", "namespace net",
        "descriptor 7", "mount /sys: not ro,nodev,noexec", "mount /proc/sys: not ro", "mount /proc: propagation shared",
        "/dev/kmsg", "/dev/null", "/proc/keys: not masked", "/proc/sys/kernel/core_pattern: can be written",
        "system call 165: allowed", "system call i386:21: allowed",
    ):
        assert [line for line in found if line.startswith(what)], what
    assert not explained
    assert [line for line in judge(default, more)[0] if line.startswith("no_new_privs")]
