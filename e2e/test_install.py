"""
Installing on a machine with no route out: from the unpacked archive, and by one line from mirrors. The machine is a
root file system of busybox and glibc alone, in namespaces of its own with nothing but loopback.
"""

import io
import os
import re
import shutil
import socket
import subprocess
import tarfile
from pathlib import Path

import pytest

from harness.bundle import cgroups
from harness.daemon import BINARIES, REPOSITORY
from harness.images import busybox_tar
from harness.net import own_network, serve

LINKS = ("docker", "Docker", "docker-compose")
PROGRAMS = ("berth", "berthd", "berth-shim", "berth-runtime")
# Bound to itself first: a container detaches itself from the mounts below /, which must be one.
MOUNTS = '''
mount --bind "$0" "$0"
mount -t proc proc "$0/proc"
mount --rbind /sys "$0/sys"
mount --rbind /dev "$0/dev"
exec chroot "$0" "$@"
'''


class Machine:
    """Every command is in a process namespace of its own, so that nothing that it starts lives on after it."""

    def __init__(self, root: Path):
        self.root = root
        with tarfile.open(fileobj=io.BytesIO(busybox_tar())) as tar:
            tar.extractall(root, filter="fully_trusted")
        for library in glibc():
            place = root / library.relative_to("/")
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(library, place)

    def run(self, script: str, *before: str, **env: str) -> subprocess.CompletedProcess:
        """`before` is put before the command, outside of the root file system."""
        argv = ["unshare", "--mount", "--pid", "--fork", "--kill-child", *before, "sh", "-ec", MOUNTS, str(self.root)]
        environment = {"PATH": "/usr/local/bin:/bin:/usr/bin:/sbin:/usr/sbin", "HOME": "/root", **env}
        return subprocess.run(
            [*argv, "/bin/sh", "-c", script], env=environment, capture_output=True, text=True, timeout=60
        )

    def ok(self, script: str, **env: str) -> str:
        result = self.run(script, **env)
        assert result.returncode == 0, result.stdout + result.stderr
        return result.stdout

    def fails(self, script: str, match: str, *before: str, **env: str) -> None:
        result = self.run(script, *before, **env)
        assert result.returncode != 0, result.stdout
        assert re.search(match, result.stderr), result.stderr

    def files(self) -> dict[str, str]:
        """Every file outside of what the kernel shows, with what tells two of them apart."""
        return {
            str(path.relative_to(self.root)): f"{path.lstat().st_size} {path.lstat().st_mtime_ns}"
            for path in self.root.rglob("*")
            if not path.is_dir()
        }


def glibc() -> list[Path]:
    """The loader and the libraries of glibc that the programs name."""
    named = set()
    for program in ("berth", "berthd"):
        text = subprocess.check_output(["ldd", BINARIES / program], text=True)
        named |= set(re.findall(r"(/\S+/(?:ld-linux|lib(?:c|m|dl|rt|pthread)\.so)\S*)", text))
    assert any("ld-linux" in name for name in named)
    return [Path(name) for name in sorted(named)]


@pytest.fixture(scope="module")
def dist(tmp_path_factory) -> Path:
    """What `make dist` makes, twice at the same time from different surroundings; both must be the same bytes."""
    outs = [tmp_path_factory.mktemp("dist") for _ in range(2)]
    packers = []
    for out, zone, mask in zip(outs, ("UTC", "Asia/Shanghai"), (0o022, 0o077), strict=True):
        env = {**os.environ, "LEVEL": "1", "SOURCE_DATE_EPOCH": "1700000000", "TZ": zone}
        packers.append(subprocess.Popen([REPOSITORY / "scripts/dist.sh", BINARIES, out], env=env, umask=mask))
    assert [packer.wait() for packer in packers] == [0, 0]
    sums = [next(out.glob("*.sha256")).read_text() for out in outs]
    assert sums[0] == sums[1]
    yield outs[0]
    for out in outs:
        shutil.rmtree(out)


@pytest.fixture
def machine(tmp_path):
    with own_network():
        yield Machine(tmp_path / "root")
    assert str(tmp_path) not in Path("/proc/self/mountinfo").read_text()
    shutil.rmtree(tmp_path / "root")


def archive(dist: Path) -> Path:
    return next(dist.glob("*.tar.gz"))


def unpack(dist: Path, machine: Machine) -> str:
    """The path of the unpacked archive's install.sh, in the machine."""
    subprocess.run(["tar", "-xzf", archive(dist), "-C", machine.root], check=True)
    return "/" + archive(dist).name.removesuffix(".tar.gz") + "/install.sh"


def test_from_the_unpacked_archive_without_a_route_out(dist, machine):
    assert subprocess.check_output(["ip", "route", "show", "table", "all", "default"]) == b""
    install = unpack(dist, machine)
    unpacked = (machine.root / install[1:]).parent
    assert {path.name for path in (unpacked / "lib/berth").iterdir()} >= {"libarchive.so.13", "libnftables.so.1"}
    licenses = {path.name for path in (unpacked / "licenses").iterdir()}
    assert licenses >= {"libarchive13", "libnftables1", "libc6", "swift", "swift-nio"}
    # A program of that name which is another's, and one from an earlier version.
    bin = machine.root / "usr/local/bin"
    bin.mkdir(parents=True)
    (bin / "docker-compose").write_text("#!/bin/sh\necho somebody else\n")
    (bin / "docker-compose").chmod(0o755)
    stale = machine.root / "usr/local/lib/berth/libstale.so.1"
    stale.parent.mkdir(parents=True)
    stale.touch()

    told = machine.ok(f"{install} --links")
    assert "/usr/local/bin/docker-compose is another program and stays" in told
    assert "no systemd here" in told
    assert not stale.exists()
    assert not list(machine.root.glob("usr/local/**/*.new"))
    assert re.search("^berth:x:999:$", (machine.root / "etc/group").read_text(), re.M)
    shutil.rmtree(unpacked)

    assert re.fullmatch(r"Docker version \S+, build \S+\n", machine.ok("docker -v"))
    assert "Berth version" in machine.ok("berthd --version")
    assert "somebody else" in machine.ok("docker-compose")
    assert machine.ok("Docker compose version")
    machine.ok("berth-runtime --version")

    # The daemon that a command starts, and a container of it. It ends with its namespace.
    bridge = f"bi{os.getpid() % 1_000_000}"
    flags = f"--bridge {bridge} --bip 10.255.254.1/24 --default-address-pool base=10.255.128.0/18,size=24"
    try:
        told = machine.ok(
            "cd / && berth version && tar -c bin etc | berth import - small >/dev/null && "
            "docker run --rm --network none small /bin/echo hello",
            BERTH_HOST="unix:///run/b.sock",
            BERTH_DAEMON_FLAGS=flags,
        )
    finally:
        for path in sorted(cgroups(bridge), reverse=True):
            path.rmdir()
    assert "Client" in told and "Server" in told
    assert told.endswith("hello\n")


def test_uninstall_takes_away_what_install_made(dist, machine):
    install = unpack(dist, machine)
    machine.ok("mkdir -p /etc/systemd /usr/bin && printf '#!/bin/sh\n' >/usr/bin/systemctl && chmod +x /usr/bin/systemctl")
    machine.ok("echo berth:x:999: >>/etc/group")
    before = machine.files()
    machine.ok(f"{install} --links", PREFIX="/opt/b")
    assert all((machine.root / "opt/b/bin" / name).exists() for name in PROGRAMS + LINKS)
    unit = (machine.root / "etc/systemd/system/berthd.service").read_text()
    assert "ExecStart=/opt/b/bin/berthd -H fd://" in unit
    # Another installation's removal leaves this one's units.
    machine.ok(install)
    machine.ok("sed -i s:/usr/local/:/opt/b/: /etc/systemd/system/berthd.service")
    machine.ok(f"{install} --uninstall")
    assert (machine.root / "etc/systemd/system/berthd.service").exists()
    machine.ok(f"{install} --uninstall", PREFIX="/opt/b")
    assert machine.files() == before
    machine.fails(f"{install} --uninstall", "no Berth in /usr/local")


@pytest.mark.parametrize("client", ["wget -q -O -", "curl -sSL"])
def test_one_line_takes_the_first_mirror_that_has_the_archive_whole(dist, machine, tmp_path, client):
    if client.startswith("curl"):
        give_curl(machine)
    name = archive(dist).name
    cut = tmp_path / "mirrors/cut"
    cut.mkdir(parents=True)
    (cut / name).write_bytes(archive(dist).read_bytes()[:100_000])
    shutil.copy(dist / f"{name}.sha256", cut)
    (tmp_path / "mirrors/good").symlink_to(dist)
    with (
        socket.socket() as closed,
        socket.create_server(("127.0.0.1", 0)) as silent,
        serve(tmp_path / "mirrors") as address,
    ):
        closed.bind(("127.0.0.1", 0))  # taken, but nobody listens
        dead = [f"http://127.0.0.1:{end.getsockname()[1]}" for end in (closed, silent)] + [f"{address}/none"]
        bad = " ".join([*dead, f"{address}/cut"])
        line = f"{client} {address}/good/install.sh | sh"
        before = machine.files()
        machine.fails(line, "no mirror is known")
        machine.fails(line, f"no mirror gave {re.escape(name)} .*nothing was installed", **mirrors(f"{dead[0]} {address}/cut"))
        assert machine.files() == before
        told = machine.ok(f"{line} -s -- --links", **mirrors(f"{bad} {address}/good {address}/never-asked"))
    for mirror in dead:
        assert f"{mirror} does not give it" in told
    assert f"{address}/cut gives another file" in told
    assert "never-asked" not in told
    assert re.fullmatch(r"Docker version \S+, build \S+\n", machine.ok("docker -v"))
    assert not list((machine.root / "tmp").iterdir())


def mirrors(addresses: str) -> dict[str, str]:
    return {"BERTH_MIRRORS": addresses, "BERTH_PATIENCE": "1"}


def give_curl(machine: Machine) -> None:
    """curl with its own libraries where no other program looks for them."""
    curl = shutil.which("curl")
    if not curl:
        pytest.skip("no curl here")
    folder = machine.root / "curl"
    folder.mkdir()
    shutil.copy(curl, folder)
    for library in re.findall(r"=> (/\S+)", subprocess.check_output(["ldd", curl], text=True)):
        shutil.copy(library, folder)
    wrapper = machine.root / "bin/curl"
    wrapper.write_text('#!/bin/sh\nLD_LIBRARY_PATH=/curl exec /curl/curl "$@"\n')
    wrapper.chmod(0o755)


def test_says_why_it_cannot_install(dist, machine):
    install = unpack(dist, machine)
    (machine.root / "opt").mkdir()
    before = machine.files()
    machine.fails(install, "this Berth is for x86_64, and this machine is i.86", "setarch", "i686")
    machine.fails(f"su worker -c {install}", "run this as root")
    machine.fails(f"mount -t tmpfs -o ro none /opt && {install}", "cannot write to /opt/bin", PREFIX="/opt")
    machine.fails(install, "PREFIX must be an absolute path", PREFIX="here")
    machine.fails(f"{install} --link", "unknown option --link")
    # Another libc, or an older one.
    (machine.root / "lib64/ld-linux-x86-64.so.2").rename(machine.root / "loader")
    machine.fails(install, "the programs do not run here")
    (machine.root / "loader").rename(machine.root / "lib64/ld-linux-x86-64.so.2")
    assert machine.files() == before


def test_the_scripts_are_clean():
    scripts = [REPOSITORY / "scripts" / name for name in ("install.sh", "dist.sh", "post-install.sh")]
    for script in scripts:
        subprocess.run(["sh", "-n", script], check=True)
    if shutil.which("shellcheck"):
        subprocess.run(["shellcheck", *scripts], check=True)
