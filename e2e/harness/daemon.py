"""A berthd of the tests' own: own data, own socket, own bridge and addresses."""

import contextlib
import ipaddress
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from .cli import Cli, eventually

REPOSITORY = Path(__file__).resolve().parents[2]
BINARIES = Path(os.environ.get("BERTH_BIN", REPOSITORY / "bin"))


class Daemon:
    """`settings` are those of a daemon.json."""

    count = 0

    def __init__(self, settings: dict | None = None):
        # Short, since the paths of Unix sockets may have 107 bytes.
        self.root = Path(tempfile.mkdtemp(prefix="berth-e2e-", dir="/tmp"))
        self.socket = self.root / "berth.sock"
        self.log = self.root / "berthd.log"
        # Names of links may have 15 bytes.
        self.bridge = f"bt{os.getpid() % 1_000_000}" + (f"x{Daemon.count}" if Daemon.count else "")
        Daemon.count += 1
        self.settings = self.root / "daemon.json"
        self.settings.write_text(json.dumps(settings or {}))
        self.network = free_network()
        networks_given.append(self.network)
        self.gateway = str(next(self.network.hosts()))
        self.process: subprocess.Popen | None = None
        self.tables: set[str] = set()

    @property
    def host(self) -> str:
        return f"unix://{self.socket}"

    def environment(self, **more: str) -> dict[str, str]:
        keep = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        # HOME of its own: a user's ~/.docker must not decide what the tests see.
        return {**keep, "HOME": str(self.root), "BERTH_HOST": self.host, "DOCKER_HOST": self.host, **more}

    def client(self, program: str | Path, **env: str) -> Cli:
        return Cli(str(program), self.environment(**env))

    @property
    def berth(self) -> Cli:
        return self.client(BINARIES / "berth")

    def flags(self) -> list[str]:
        pools = [str(subnet) for subnet in self.network.subnets(new_prefix=17)]
        return [
            f"--data-root={self.root}/data",
            f"--exec-root={self.root}/run",
            f"--pidfile={self.root}/berthd.pid",
            f"--bridge={self.bridge}",
            f"--bip={self.gateway}/24",
            f"--default-address-pool=base={pools[1]},size=24",
            f"--cgroup-parent=/{self.bridge}",
            f"--host={self.host}",
            f"--config-file={self.settings}",
        ]

    def start(self) -> None:
        before = nft_tables()
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [BINARIES / "berthd", *self.flags()],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True, cwd="/",
            )
        eventually(self.answers, timeout=20, what="the daemon answers on its socket")
        # Other daemons may come and go on this host meanwhile.
        self.tables |= {table for table in nft_tables() - before if table.endswith(f"_{self.bridge}")}
        assert self.tables, f"no table of this daemon's in {nft_tables()}"

    def answers(self) -> bool:
        assert self.process.poll() is None, f"berthd ended with {self.process.returncode}:\n{self.tail()}"
        try:
            with socket.socket(socket.AF_UNIX) as client:
                client.settimeout(5)
                client.connect(str(self.socket))
                client.sendall(b"GET /_ping HTTP/1.1\r\nHost: berth\r\nConnection: close\r\n\r\n")
                return client.recv(64).startswith(b"HTTP/1.1 200")
        except OSError:
            return False

    def tail(self, lines: int = 40) -> str:
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])

    def end(self, sig: int = signal.SIGTERM, timeout: float = 20) -> None:
        if self.process and self.process.poll() is None:
            self.process.send_signal(sig)
            self.process.wait(timeout)

    def kill(self) -> None:
        self.end(signal.SIGKILL)

    def remove(self) -> None:
        """Undo what the daemon did to the host, and forget it."""
        subprocess.run([BINARIES / "berthd", *self.flags(), "--tear-down"], check=True, timeout=30)
        shutil.rmtree(self.root)

    def end_shims(self) -> None:
        """After a failure: end what should have ended."""
        for pid in self.shims():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        eventually(lambda: not self.shims(), what="shims end")

    @contextlib.contextmanager
    def running(self) -> Iterator["Daemon"]:
        """Starts it; at the end nothing of it may be left on the host."""
        links = self.links()
        self.start()
        yield self
        self.end()
        assert self.process.returncode == 0, f"berthd ended with {self.process.returncode}:\n{self.tail(200)}"
        log = self.tail()
        left = {"mounts": self.mounts(), "shims": self.shims(), "cgroups": self.cgroups()}
        self.end_shims()
        self.remove()
        left["links"] = self.links() - links
        left["tables"] = self.tables & nft_tables()
        left["parents"] = {str(path / self.bridge) for path in cgroup_hierarchies() if (path / self.bridge).is_dir()}
        assert not any(left.values()), f"left behind at the end: {left}\n{log}"

    # What the host shows of this daemon.

    def mounts(self) -> set[str]:
        return {line for line in Path("/proc/self/mountinfo").read_text().splitlines() if str(self.root) in line}

    def shims(self) -> set[int]:
        """Those that have a file of ours open, as every shim has its log."""
        return {pid for pid in process_ids("berth-shim") if any(str(self.root) in file for file in open_files(pid))}

    def rules(self) -> set[str]:
        listed = (nft("-s", "list", "table", *table.split()) for table in sorted(self.tables))
        # One element a line, so that a difference names it.
        return {line.strip() for text in listed for line in re.split(r"[\n,]", text) if line.strip()}

    def links(self) -> set[str]:
        """The bridges with addresses of ours, and the cables on them."""
        links = json.loads(subprocess.check_output(["ip", "-json", "address"]))
        bridges = {
            link["ifname"]
            for link in links
            for address in link.get("addr_info", [])
            if address["family"] == "inet" and ipaddress.ip_address(address["local"]) in self.network
        }
        return bridges | {link["ifname"] for link in links if link.get("master") in bridges}

    @contextlib.contextmanager
    def precedence(self) -> Iterator[None]:
        """Containers that run now get all the processors that they want, whatever else this machine is busy with."""
        settings = [("cpu.shares", "200000"), ("cpu.weight", "10000")]
        files = [(root / self.bridge / name, most) for root in cgroup_hierarchies() for name, most in settings]
        before = {file: file.read_text() for file, _ in files if file.exists()}
        for file, most in files:
            if file in before:
                file.write_text(most)
        yield
        for file, value in before.items():
            file.write_text(value)

    def cgroups(self) -> set[str]:
        """Those below this daemon's own parent, on whatever hierarchies there are."""
        parents = [path for path in cgroup_hierarchies() if (path / self.bridge).is_dir()]
        found = set()
        for parent in parents:
            # What goes away while we look is not left behind.
            with contextlib.suppress(FileNotFoundError):
                found |= {entry.path for entry in os.scandir(parent / self.bridge) if entry.is_dir()}
        return found


def cgroup_hierarchies() -> list[Path]:
    """The roots of all cgroup hierarchies, of both versions."""
    mounts = (line.split(" - ") for line in Path("/proc/self/mountinfo").read_text().splitlines())
    return [Path(before.split()[4]) for before, after in mounts if after.split()[0] in ("cgroup", "cgroup2")]


def process_ids(name: str):
    for folder in Path("/proc").iterdir():
        with contextlib.suppress(OSError):  # it may end while we look
            if folder.name.isdigit() and (folder / "comm").read_text().strip() == name:
                yield int(folder.name)


def open_files(pid: int):
    with contextlib.suppress(OSError):
        yield from (os.readlink(link) for link in Path(f"/proc/{pid}/fd").iterdir())


def nft(*args: str) -> str:
    return subprocess.run(["nft", *args], check=True, capture_output=True, text=True).stdout


def nft_tables() -> set[str]:
    """`family name` of each table."""
    return {line.removeprefix("table ").strip() for line in nft("list", "tables").splitlines()}


networks_given: list[ipaddress.IPv4Network] = []


def free_network() -> ipaddress.IPv4Network:
    """A /16 that no route of this host touches, and none of our daemons has."""
    routes = json.loads(subprocess.check_output(["ip", "-json", "-4", "route", "show", "table", "all"]))
    used = [ipaddress.ip_network(route["dst"], strict=False) for route in routes if route["dst"] != "default"]
    used += networks_given
    start = os.getpid() % 50
    for offset in range(50):
        network = ipaddress.ip_network(f"10.{200 + (start + offset) % 50}.0.0/16")
        if not any(network.overlaps(other) for other in used):
            return network
    raise RuntimeError("no free /16 between 10.200.0.0 and 10.249.0.0")
