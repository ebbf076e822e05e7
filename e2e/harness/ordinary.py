"""A user without rights, as whom the runtime makes containers too."""

import contextlib
import json
import os
import shutil
import subprocess
import uuid
from pathlib import Path

from .bundle import RUNTIME

ID = 4321


class Ordinary:
    """A user without rights, with a folder and a runtime of its own."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.prefix = ["setpriv", f"--reuid={ID}", f"--regid={ID}", "--clear-groups"]
        self.runtime = folder / "berth-runtime"

    def __call__(self, *args: str, code: int = 0) -> str:
        # To files: a container that goes on keeps what it writes to open.
        out, err = self.folder / "out", self.folder / "err"
        with out.open("w") as output, err.open("w") as errors:
            done = subprocess.run(
                [*self.prefix, str(self.runtime), "--root", str(self.folder / "state"), *map(str, args)],
                stdin=subprocess.DEVNULL, stdout=output, stderr=errors, timeout=30, env={"PATH": os.environ["PATH"], "HOME": str(self.folder)},
            )
        assert done.returncode == code, f"{args}: {done.returncode}\n{out.read_text()}\n{err.read_text()}"
        return out.read_text() if code == 0 else out.read_text() + err.read_text()

    def bundle(self, change) -> Path:
        """What `spec --rootless` describes, with some changes."""
        path = self.folder / f"bundle-{uuid.uuid4().hex[:4]}"
        path.mkdir()
        shutil.chown(path, ID, ID)
        self("spec", "--rootless", "--bundle", path)
        config = json.loads((path / "config.json").read_text())
        config["root"] = {"path": str(self.folder / "rootfs")}
        config["process"]["terminal"] = False
        change(config)
        (path / "config.json").write_text(json.dumps(config))
        return path


def make(bundle_rootfs: Path) -> Ordinary:
    folder = Path("/var/tmp") / f"berth-rootless-{uuid.uuid4().hex[:8]}"
    folder.mkdir()
    shutil.copytree(bundle_rootfs, folder / "rootfs", symlinks=True)
    shutil.copy(RUNTIME, folder / "berth-runtime")
    subprocess.run(["chown", "-R", f"{ID}:{ID}", str(folder)], check=True)
    return Ordinary(folder)


@contextlib.contextmanager
def subordinate_ids():
    """The user has a name, and more IDs."""
    files = [Path("/etc") / name for name in ("passwd", "subuid", "subgid")]
    before = {file: file.read_text() if file.exists() else None for file in files}
    try:
        for file in files:
            line = f"berth-test:x:{ID}:{ID}::/:/bin/sh\n" if file.name == "passwd" else "berth-test:200000:65536\n"
            file.write_text((before[file] or "") + line)
        yield
    finally:
        for file, text in before.items():
            if text is None:
                file.unlink(missing_ok=True)
            else:
                file.write_text(text)
