"""Fixtures: one daemon a session, its clients, and the check that nothing is left behind."""

import contextlib
import os
import shutil
import signal
import uuid
from pathlib import Path

import docker as docker_sdk
import pytest

from harness import ordinary as ordinary_user
from harness.bundle import Bundle, Runtime, cgroups, unpack_rootfs
from harness.cli import Cli, eventually
from harness.daemon import BINARIES, Daemon
from harness.images import busybox_tar
from harness.peer import Peer


def pytest_configure():
    # A run that is told to stop cleans up like one that is interrupted.
    signal.signal(signal.SIGTERM, signal.default_int_handler)


def pytest_collection_modifyitems(items):
    missing = [name for name in ("berth", "berthd", "berth-shim", "berth-runtime") if not (BINARIES / name).exists()]
    if os.geteuid() != 0:
        raise pytest.UsageError("the end-to-end tests need root")
    if missing:
        raise pytest.UsageError(f"not built: {', '.join(missing)} in {BINARIES} (run `make build`)")


@pytest.fixture(scope="session")
def daemon():
    with Daemon().running() as daemon:
        yield daemon


@pytest.fixture(scope="session")
def rootfs() -> bytes:
    return busybox_tar()


@pytest.fixture(scope="session")
def busybox(daemon, rootfs) -> str:
    daemon.berth("import", "--change", 'CMD ["sh"]', "-", "busybox:latest", input=rootfs)
    return "busybox"


@pytest.fixture
def berth(daemon, busybox) -> Cli:
    return daemon.berth


@pytest.fixture
def docker(daemon, busybox) -> Cli:
    """The stock docker command, driving Berth."""
    program = shutil.which("docker")
    assert program, "no docker client on PATH (scripts/docker-cli.sh finds one)"
    return daemon.client(program, DOCKER_BUILDKIT="0")


@pytest.fixture(scope="session")
def sdk(daemon, busybox):
    """Docker's Python SDK, driving Berth."""
    client = docker_sdk.DockerClient(base_url=daemon.host, version="auto", timeout=30)
    yield client
    client.close()


@pytest.fixture
def name() -> str:
    return f"t-{uuid.uuid4().hex[:8]}"


@pytest.fixture
def peer(daemon):
    second = str(daemon.network.network_address).split(".")[1]
    with Peer(f"10.{second}.100") as peer:
        yield peer


@pytest.fixture(autouse=True)
def nothing_left(request):
    """Remove what a test made; then the host must look as it did before."""
    if "daemon" not in request.fixturenames:
        yield
        return
    daemon: Daemon = request.getfixturevalue("daemon")
    request.getfixturevalue("sdk")
    before = state(daemon)
    yield
    if daemon.process.poll() is not None:
        daemon.start()
    sdk = request.getfixturevalue("sdk")
    try:
        sweep(sdk)
    except docker_sdk.errors.APIError:
        # Let the next test start afresh all the same.
        daemon.end_shims()
        sweep(sdk)
        raise
    last = {}

    def clean() -> bool:
        last.clear()
        last.update({what: sorted(now - before[what]) for what, now in state(daemon).items()})
        return not any(last.values())

    try:
        eventually(clean, timeout=5)
    except AssertionError:
        left = {what: things for what, things in last.items() if things}
        pytest.fail(f"left behind: {left}\n{daemon.tail(15)}")


@pytest.fixture(scope="session")
def bundle_rootfs(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("runtime") / "rootfs"
    unpack_rootfs(path)
    # Other users, and root of a user namespace, must be able to reach it.
    for folder in (path.parent, *list(path.parents)[:3]):
        folder.chmod(folder.stat().st_mode | 0o011)
    return path


@pytest.fixture
def runtime(tmp_path, bundle_rootfs, bundle):
    runtime = Runtime(tmp_path / "state")
    yield runtime
    runtime.remove_all()
    mounts = Path("/proc/self/mountinfo").read_text()
    for place in (tmp_path, bundle_rootfs):
        assert str(place) not in mounts, "a mount was left on the host"


@pytest.fixture
def bundle(tmp_path, bundle_rootfs):
    name = f"bt-{uuid.uuid4().hex[:8]}"
    yield Bundle(tmp_path / "bundle", bundle_rootfs, f"/berth-test/{name}")
    assert not cgroups(name), "a cgroup was left behind"
    for parent in cgroups("berth-test"):
        with contextlib.suppress(OSError):  # another run's is in it
            parent.rmdir()


@pytest.fixture
def ordinary(bundle_rootfs):
    user = ordinary_user.make(bundle_rootfs)
    yield user
    shutil.rmtree(user.folder)


def state(daemon: Daemon) -> dict[str, set[str]]:
    return {
        "mounts": daemon.mounts(),
        "links": daemon.links(),
        "rules": daemon.rules(),
        "cgroups": daemon.cgroups(),
        "shims": daemon.shims(),
    }


def sweep(sdk: docker_sdk.DockerClient) -> None:
    for container in sdk.containers.list(all=True, ignore_removed=True):
        with contextlib.suppress(docker_sdk.errors.NotFound):
            container.remove(force=True, v=True)
    for network in sdk.networks.list():
        if network.name not in ("bridge", "host", "none"):
            network.remove()
    for volume in sdk.volumes.list():
        volume.remove()
