"""Podman and containerd, which run containers by way of our runtime."""

import os
import shutil
import signal
import subprocess
from pathlib import Path

from .bundle import RUNTIME, cgroups
from .cli import Cli, eventually
from .daemon import REPOSITORY


RUNTIME_FOLDER = Path("/run/containerd")


def environment() -> dict[str, str]:
    """With which Debian's programs are found, installed or unpacked."""
    script = REPOSITORY / "scripts" / "oci-clients.sh"
    folder = Path(subprocess.check_output([str(script)], text=True, timeout=300).strip())
    return {**os.environ, "PATH": f"{folder}/usr/bin:{os.environ['PATH']}"}


class Podman:
    def __init__(self, folder: Path):
        self.folder = folder
        self.env = environment()
        # Where an unpacked podman does not look by itself, or finds the host's.
        (folder / "containers.conf").write_text(
            f'[engine]\nconmon_path = ["{shutil.which("conmon", path=self.env["PATH"])}"]\n'
            'events_logger = "file"\nlock_type = "file"\n'
            '[containers]\ndefault_ulimits = ["nofile=1024:1024", "nproc=1000:1000"]\n'
        )
        (folder / "policy.json").write_text('{"default": [{"type": "insecureAcceptAnything"}]}')
        self.env |= {"CONTAINERS_CONF": str(folder / "containers.conf")}
        self.cli = Cli(shutil.which("podman", path=self.env["PATH"]), self.env)
        self.flags = [
            "--runtime", str(RUNTIME), "--cgroup-manager", "cgroupfs", "--root", str(folder / "root"),
            "--runroot", str(folder / "run"), "--tmpdir", str(folder / "tmp"),
        ]

    def __call__(self, *args, **options):
        return self.cli(*self.flags, *args, **options)

    def fails(self, *args, **options):
        return self.cli.fails(*self.flags, *args, **options)

    def remove(self) -> None:
        self("rm", "--all", "--force", "--time", "0", code=None)
        self("umount", "--all", code=None)
        subprocess.run(["umount", str(self.folder / "root/overlay")], stderr=subprocess.DEVNULL, check=False)
        for parent in cgroups("libpod_parent"):
            for folder in (*parent.glob("*"), parent):
                if folder.is_dir() and not (folder / "cgroup.procs").read_text():
                    folder.rmdir()


class Containerd:
    """A daemon with folders and sockets of its own."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.env = environment()
        self.had_runtime_folder = RUNTIME_FOLDER.exists()
        self.socket = folder / "containerd.sock"
        (folder / "config.toml").write_text(
            f'version = 2\nroot = "{folder}/root"\nstate = "{folder}/state"\n'
            'disabled_plugins = ["io.containerd.grpc.v1.cri"]\n'
            f'[grpc]\naddress = "{self.socket}"\n[ttrpc]\naddress = "{self.socket}.ttrpc"\n'
        )
        program = shutil.which("containerd", path=self.env["PATH"])
        with (folder / "log").open("w") as log:
            self.process = subprocess.Popen(
                [program, "--config", str(folder / "config.toml")], env=self.env, stdout=log, stderr=log
            )
        self.cli = Cli(shutil.which("ctr", path=self.env["PATH"]), self.env)
        eventually(lambda: self.cli.run("--address", self.socket, "version").code == 0, 20, "containerd answers")

    def __call__(self, *args, **options):
        return self.cli("--address", self.socket, *args, **options)

    def run(self, *args, **options):
        return self("run", "--runc-binary", RUNTIME, *args, **options)

    def stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(timeout=20)
        # Its shims and ctr keep their sockets there, whatever the configuration says.
        if not self.had_runtime_folder:
            shutil.rmtree(RUNTIME_FOLDER, ignore_errors=True)
        for mount in reversed(Path("/proc/self/mountinfo").read_text().splitlines()):
            if str(self.folder) in mount:
                subprocess.run(["umount", "--lazy", mount.split()[4]], check=False)
