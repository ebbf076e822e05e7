"""Random faults: somebody is killed at some moment of some command, and then the world must make sense."""

import contextlib
import json
import os
import random
import signal
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path

from .cli import eventually
from .daemon import Daemon
from .net import free_port, fetch

OPERATIONS = ("create", "run", "start", "exec", "stop", "kill", "restart", "rm", "end")
VICTIMS = ("daemon", "shim", "init", "daemon and shim", "daemon and init")


@dataclass
class Trial:
    """One fault. `number` decides everything about it but what the machine's speed does."""

    number: int
    daemon: Daemon
    # How long the longest of these commands takes on this machine: moments are drawn from it.
    span: float = 0.25
    operation: str = ""
    victim: str = ""
    moment: float = 0.0
    said: list[str] = field(default_factory=list)
    killed: set[int] = field(default_factory=set)

    def __post_init__(self):
        chosen = random.Random(self.number)
        self.operation = chosen.choice(OPERATIONS)
        self.victim = chosen.choice(VICTIMS)
        self.moment = chosen.uniform(0, self.span)
        self.name = f"fault-{self.number}"
        self.port = free_port()

    def __str__(self) -> str:
        return f"trial {self.number}: {self.victim} killed {self.moment * 1000:.0f} ms into {self.operation}"

    # The fault.

    def run(self) -> None:
        self.prepare()
        command = self.daemon.berth.start(*self.command())
        time.sleep(self.moment)
        self.strike()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.said.append(command.communicate(timeout=15)[0])
        if command.poll() is None:
            command.kill()
            command.communicate()
            raise AssertionError(f"{self}: the command still ran after 15 s")
        if self.daemon.process.poll() is not None:
            self.daemon.start()
        self.check()

    def image_command(self) -> tuple[str, ...]:
        script = "exit 7" if self.operation == "end" else "trap 'exit 9' TERM; httpd -p 80 -h /www; while :; do sleep 0.05; done"
        return ("--name", self.name, "-p", f"127.0.0.1:{self.port}:80", "busybox", "sh", "-c", script)

    def prepare(self) -> None:
        if self.operation in ("exec", "stop", "kill", "restart", "rm"):
            self.daemon.berth("run", "-d", *self.image_command())
        if self.operation == "start":
            self.daemon.berth("create", *self.image_command())

    def command(self) -> tuple[str, ...]:
        match self.operation:
            case "create": return ("create", *self.image_command())
            case "run" | "end": return ("run", "-d", *self.image_command())
            case "exec": return ("exec", self.name, "sh", "-c", "sleep 0.1")
            case "rm": return ("rm", "-f", self.name)
            case "stop" | "restart": return (self.operation, "-t", "1", self.name)
            case _: return (self.operation, self.name)

    def strike(self) -> None:
        # The shims are looked for while the daemon still lives: with it may go what leads to them.
        shims = self.daemon.shims() if self.victim != "daemon" else set()
        inits = {child for shim in shims for child in children(shim)}
        if "daemon" in self.victim:
            self.daemon.kill()
        for pid in shims if "shim" in self.victim else inits if "init" in self.victim else ():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
                self.killed.add(pid)

    # What must hold afterwards.

    def check(self) -> None:
        berth = self.daemon.berth
        listed = berth("ps", "-a", "--format", "{{.Names}}", timeout=10).lines
        assert set(listed) <= {self.name}, f"{self}: who is {listed}?"
        if listed:
            # A restart or an end may be on its way still.
            eventually(self.makes_sense, timeout=10, what=f"{self}: {self.words()}")
            if self.state()["Running"] and self.operation != "end":
                assert berth("exec", self.name, "echo", "alive", timeout=10).out == "alive\n", str(self)
                assert eventually(lambda: fetch("127.0.0.1", self.port), what=f"{self}: the page") == "hello from busybox\n"
            elif not self.state()["Running"]:
                berth("start", self.name, timeout=10)
            berth("rm", "-f", self.name, timeout=20)
        # Its name is free again, and all that it had.
        assert berth("ps", "-aq", timeout=10).out == "", str(self)
        eventually(self.nothing_left, timeout=10, what=f"{self}: left {self.left()}")

    def state(self) -> dict:
        return json.loads(self.daemon.berth("inspect", self.name, timeout=10).out)[0]["State"]

    def makes_sense(self) -> bool:
        if any(os.path.exists(f"/proc/{pid}") for pid in self.killed):
            return False
        state = self.state()
        if state["Running"]:
            return os.path.exists(f"/proc/{state['Pid']}") and len(self.daemon.shims()) == 1
        return state["Status"] in ("created", "exited") and not self.daemon.shims()

    def words(self) -> str:
        with contextlib.suppress(AssertionError):
            return f"{self.state()['Status']}, shims {self.daemon.shims()}"
        return "no state"

    def left(self) -> dict:
        return {
            "shims": self.daemon.shims(), "cgroups": self.daemon.cgroups(), "mounts": self.daemon.mounts(),
            "rules": {rule for rule in self.daemon.rules() if str(self.port) in rule},
            "folders": {str(path) for place in ("run/containers", "data/containers") for path in folder(self.daemon.root / place)},
        }

    def nothing_left(self) -> bool:
        return not any(self.left().values())


def folder(path: Path) -> list[Path]:
    return list(path.iterdir()) if path.exists() else []


def children(pid: int) -> set[int]:
    with contextlib.suppress(OSError):
        return {int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()}
    return set()
