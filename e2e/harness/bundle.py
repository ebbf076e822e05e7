"""OCI bundles, and the runtime that runs them."""

import json
import os
import subprocess
import tarfile
from io import BytesIO
from pathlib import Path

from .cli import Cli, Result, eventually
from .daemon import BINARIES
from .images import busybox_tar

RUNTIME = BINARIES / "berth-runtime"
ENVIRONMENT = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}

NAMESPACES = ("pid", "network", "ipc", "uts", "mount", "cgroup")
CAPABILITIES = ["CAP_AUDIT_WRITE", "CAP_KILL", "CAP_NET_BIND_SERVICE"]

# Ends when it is told to, with a code that shows it.
SLEEPER = 'trap "exit 7" TERM; while :; do sleep 0.05; done'

MOUNTS = [
    {"destination": "/proc", "type": "proc", "source": "proc"},
    {"destination": "/dev", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "mode=755", "size=65536k"]},
    {
        "destination": "/dev/pts", "type": "devpts", "source": "devpts",
        "options": ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620"],
    },
    {"destination": "/tmp", "type": "tmpfs", "source": "tmpfs", "options": ["mode=1777"]},
    {"destination": "/sys", "type": "sysfs", "source": "sysfs", "options": ["nosuid", "noexec", "nodev", "ro"]},
    {"destination": "/sys/fs/cgroup", "type": "cgroup", "source": "cgroup", "options": ["nosuid", "noexec", "nodev", "ro"]},
]


def unpack_rootfs(target: Path) -> None:
    target.mkdir()
    target.chmod(0o755)
    with tarfile.open(fileobj=BytesIO(busybox_tar())) as tar:
        tar.extractall(target, filter="fully_trusted")


class Bundle:
    """A folder with a config.json that a test changes before it writes it."""

    def __init__(self, folder: Path, rootfs: Path, cgroup: str):
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.config = {
            "ociVersion": "1.2.0",
            "process": {
                "terminal": False,
                "user": {"uid": 0, "gid": 0},
                "args": ["true"],
                "env": ["PATH=/bin"],
                "cwd": "/",
                "capabilities": {kind: list(CAPABILITIES) for kind in ("bounding", "effective", "permitted")},
            },
            "root": {"path": str(rootfs)},
            "hostname": "bundle",
            "mounts": [dict(mount) for mount in MOUNTS],
            "linux": {"cgroupsPath": cgroup, "namespaces": [{"type": kind} for kind in NAMESPACES]},
        }

    @property
    def process(self) -> dict:
        return self.config["process"]

    @process.setter
    def process(self, value: dict) -> None:
        self.config["process"] = value

    @property
    def linux(self) -> dict:
        return self.config["linux"]

    @linux.setter
    def linux(self, value: dict) -> None:
        self.config["linux"] = value

    def script(self, text: str) -> "Bundle":
        """What the container's shell is to run."""
        self.process["args"] = ["sh", "-c", text]
        return self

    def mount(self, destination: str, source: str | Path, *options: str, type: str = "bind", **fields) -> "Bundle":
        self.config["mounts"].append(
            {"destination": destination, "type": type, "source": str(source), "options": list(options), **fields}
        )
        return self

    def namespace(self, kind: str, path: str | None = None) -> "Bundle":
        """The container has this namespace, or joins that one."""
        self.without(kind)
        self.linux["namespaces"].append({"type": kind} | ({"path": path} if path else {}))
        return self

    def without(self, kind: str) -> "Bundle":
        self.linux["namespaces"] = [each for each in self.linux["namespaces"] if each["type"] != kind]
        return self

    def users(self, host: int = 100_000, size: int = 65536) -> "Bundle":
        """A user namespace of its own."""
        mapping = [{"containerID": 0, "hostID": host, "size": size}]
        self.linux |= {"uidMappings": mapping, "gidMappings": mapping}
        return self.namespace("user")

    def write(self) -> Path:
        (self.folder / "config.json").write_text(json.dumps(self.config))
        return self.folder


class Runtime:
    """berth-runtime with a state of its own."""

    def __init__(self, root: Path, program: Path = RUNTIME):
        self.root = root
        self.cli = Cli(str(program), dict(ENVIRONMENT))

    def __call__(self, *args, code: int | None = 0, **options) -> Result:
        return self.cli("--root", self.root, *args, code=code, **options)

    def fails(self, *args, match: str = "", **options) -> Result:
        return self.cli.fails("--root", self.root, *args, match=match, **options)

    def run(self, bundle: Bundle, *flags: str, name: str = "c", code: int | None = 0, **options) -> Result:
        return self("run", "--bundle", bundle.write(), *flags, name, code=code, **options)

    def refuses(self, bundle: Bundle, match: str, name: str = "c") -> Result:
        """The container cannot be made, for this reason, and nothing is left of it."""
        result = self.fails("create", "--bundle", bundle.write(), name, match=match)
        assert self.containers() == []
        return result

    def create(self, bundle: Bundle, *flags: str, name: str = "c", stdout=subprocess.DEVNULL, **options) -> None:
        """The container keeps our descriptors, so they are files."""
        subprocess.run(
            [str(RUNTIME), "--root", self.root, "create", "--bundle", bundle.write(), *map(str, flags), name],
            stdin=subprocess.DEVNULL, stdout=stdout, stderr=stdout, env=self.cli.env, check=True, timeout=30, **options,
        )

    def background(self, bundle: Bundle, *flags: str, name: str = "c", **options) -> int:
        """Create and start; returns the number of the first process."""
        self.create(bundle, *flags, name=name, **options)
        self("start", name)
        return self.state(name)["pid"]

    def state(self, name: str = "c") -> dict:
        return json.loads(self("state", name).out)

    def status(self, name: str = "c") -> str:
        return self.state(name)["status"]

    def stopped(self, name: str = "c") -> None:
        eventually(lambda: self.status(name) == "stopped", 10, "the container has stopped")

    def containers(self) -> list[str]:
        return self("list", "--quiet").lines

    def remove_all(self) -> None:
        for name in self.containers():
            self("delete", "--force", name, code=None)


def cgroups(name: str) -> list[Path]:
    """The cgroups of that name in every hierarchy."""
    # Others' cgroups come and go meanwhile, which this walk does not mind.
    return [Path(folder) / name for folder, below, _ in os.walk("/sys/fs/cgroup") if name in below]


def alive(pid: int) -> bool:
    """Whether there is such a process, and not just what is left of it."""
    try:
        return ") Z " not in Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return False
