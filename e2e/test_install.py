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

EPOCH = 1_700_000_000
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
    """What `make dist` makes, in surroundings that must not show."""
    out = tmp_path_factory.mktemp("dist")
    env = {**os.environ, "LEVEL": "1", "SOURCE_DATE_EPOCH": str(EPOCH), "TZ": "Asia/Shanghai"}
    subprocess.run([REPOSITORY / "scripts/dist.sh", BINARIES, out], env=env, umask=0o077, check=True)
    yield out
    shutil.rmtree(out)


@pytest.fixture
def machine(tmp_path):
    with own_network():
        yield Machine(tmp_path / "root")
    assert str(tmp_path) not in Path("/proc/self/mountinfo").read_text()
    shutil.rmtree(tmp_path / "root")


@pytest.fixture(scope="module")
def unpacked(dist) -> Path:
    subprocess.run(["tar", "-xzf", archive(dist), "-C", dist], check=True)
    return dist / archive(dist).name.removesuffix(".tar.gz")


def archive(dist: Path) -> Path:
    return next(dist.glob("*.tar.gz"))


def carry(unpacked: Path, machine: Machine) -> str:
    """Brings the unpacked archive to the machine (by links, to save time); the path of its install.sh there."""
    subprocess.run(["cp", "-al", unpacked, machine.root], check=True)
    return f"/{unpacked.name}/install.sh"


def test_from_the_unpacked_archive_without_a_route_out(unpacked, machine):
    assert subprocess.check_output(["ip", "route", "show", "table", "all", "default"]) == b""
    install = carry(unpacked, machine)
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
    shutil.rmtree(machine.root / unpacked.name)

    assert re.fullmatch(r"Docker version \S+, build \S+\n", machine.ok("docker -v"))
    assert "Berth version" in machine.ok("berthd --version")
    assert "somebody else" in machine.ok("docker-compose")
    assert machine.ok("Docker compose version")
    machine.ok("berth-runtime --version")

    # The daemon that a command starts, Berth installed once more while it runs, and a container of it.
    install = carry(unpacked, machine)
    bridge = f"bi{os.getpid() % 1_000_000}"
    flags = f"--bridge {bridge} --bip 10.255.254.1/24 --default-address-pool base=10.255.128.0/18,size=24"
    try:
        told = machine.ok(
            f"cd / && berth version && {install} && tar -c bin etc | berth import - small >/dev/null && "
            "docker run --rm --network none small /bin/echo hello",
            BERTH_HOST="unix:///run/b.sock",
            BERTH_DAEMON_FLAGS=flags,
        )
    finally:
        for path in sorted(cgroups(bridge), reverse=True):
            path.rmdir()
    assert "Client" in told and "Server" in told
    assert re.search("a daemon runs already; `kill [0-9]+`", told)
    assert told.endswith("hello\n")


def test_uninstall_takes_away_what_install_made(unpacked, machine):
    install = carry(unpacked, machine)
    systemctl = machine.root / "usr/bin/systemctl"
    systemctl.parent.mkdir(parents=True, exist_ok=True)
    systemctl.write_text("#!/bin/sh\n")
    systemctl.chmod(0o755)
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


def test_the_archive_tells_nothing_of_where_it_was_made(dist):
    assert archive(dist).read_bytes()[4:8] == bytes(4)  # gzip's own time
    with tarfile.open(archive(dist)) as tar:
        entries = tar.getmembers()
    names = [entry.name for entry in entries]
    assert names == sorted(names)
    owners = {(entry.uid, entry.gid, entry.uname, entry.gname) for entry in entries}
    assert owners == {(0, 0, "", "")}
    assert {entry.mtime for entry in entries} == {EPOCH}
    assert {entry.mode for entry in entries if entry.isdir()} == {0o755}
    assert {entry.name.rpartition("/")[2] for entry in entries if entry.isfile() and entry.mode == 0o755} == {
        *PROGRAMS,
        "install.sh",
        "post-install.sh",
    }
    assert {entry.mode for entry in entries if entry.isfile()} == {0o755, 0o644}
    subprocess.run(["sha256sum", "--check", "--quiet", f"{archive(dist).name}.sha256"], cwd=dist, check=True)


@pytest.fixture
def bad(dist, machine, tmp_path):
    """Mirrors that are closed, say nothing, lack the archive, and have a part of it; the web server's address."""
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
        dead = [f"http://127.0.0.1:{end.getsockname()[1]}" for end in (closed, silent)]
        yield [*dead, f"{address}/none", f"{address}/cut"], address


def refusals(bad: list[str]) -> list[str]:
    return [f"{mirror} does not give it" for mirror in bad[:-1]] + [f"{bad[-1]} gives another file"]


@pytest.mark.parametrize("client", ["wget -q -O -", "curl -sSL"])
def test_one_line_without_a_good_mirror_changes_nothing(bad, machine, client):
    mirrors, address = bad
    if client.startswith("curl"):
        give_curl(machine)
    before = machine.files()
    line = f"{client} {address}/good/install.sh | sh"
    machine.fails(line, "no mirror is known: set BERTH_MIRRORS")
    result = machine.run(line, **given(*mirrors))
    assert result.returncode == 1
    assert all(refusal in result.stdout for refusal in refusals(mirrors)), result.stdout
    assert f"(tried: {' '.join(mirrors)}); nothing was installed" in result.stderr
    assert machine.files() == before


def test_one_line_takes_the_first_mirror_that_has_the_archive_whole(bad, machine):
    mirrors, address = bad
    line = f"wget -q -O - {address}/good/install.sh | sh -s -- --links"
    told = machine.ok(line, **given(*mirrors, f"{address}/good", f"{address}/never-asked"))
    assert all(refusal in told for refusal in refusals(mirrors)), told
    assert "never-asked" not in told
    assert re.fullmatch(r"Docker version \S+, build \S+\n", machine.ok("docker -v"))
    assert not list((machine.root / "tmp").iterdir())


def given(*mirrors: str) -> dict[str, str]:
    return {"BERTH_MIRRORS": " ".join(mirrors), "BERTH_PATIENCE": "1"}


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


def test_says_why_it_cannot_install(unpacked, machine):
    install = carry(unpacked, machine)
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
