#!/usr/bin/env python3
"""Where a container of Berth's allows more than one of Docker's, by a probe that runs in both.

Debian 13's docker.io is put into a root file system of its own, once. `--record` keeps its answers in
e2e/data, where the end-to-end tests compare with them without Docker.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(REPOSITORY / "e2e"), str(REPOSITORY / "bench")]

from harness import probe  # noqa: E402
from harness.cli import Cli  # noqa: E402
from harness.comparison import ALLOWED, DATA, VARIANTS, judge, record, report  # noqa: E402
from harness.daemon import Daemon  # noqa: E402
from peers import PACKAGES, Peers  # noqa: E402

CACHE = REPOSITORY / ".cache/security"
# The newest Docker that a Debian release has: its profile knows the newest system calls.
RELEASE = "trixie"


def make_root(root: Path) -> None:
    if (root / "usr/bin/docker").exists():
        return
    print(f"making a root file system of Debian {RELEASE} with docker.io (once)", flush=True)
    shutil.rmtree(root, ignore_errors=True)
    root.parent.mkdir(parents=True, exist_ok=True)
    subprocess.run(["mmdebstrap", "--quiet", "--variant=apt", f"--include={PACKAGES},docker-cli", RELEASE, str(root)], check=True)


def ask_docker() -> tuple[str, dict]:
    make_root(CACHE / "root")
    with Peers(CACHE / "root", CACHE / "state") as peers:
        if "docker" not in peers.clients:
            sys.exit("Docker does not run here, so there is nothing to compare with")
        program, *prefix = peers.clients["docker"]
        client = Cli(program, {"PATH": os.environ["PATH"]})
        docker = lambda *args, **options: client(*prefix, *args, **options)  # noqa: E731
        docker("import", "-", "probe", input=probe.image_tar())
        return peers.versions()["docker"], {name: patient(docker, variant) for name, variant in VARIANTS.items()}


def patient(docker: Cli, variant) -> dict:
    """On a busy machine a container of runc's does not always start."""
    for _ in range(3):
        try:
            return report(docker, variant)
        except AssertionError as error:
            last = error
    raise last


def ask_berth() -> dict:
    daemon = Daemon()
    daemon.start()
    try:
        daemon.berth("import", "-", "probe", input=probe.image_tar())
        return {name: report(daemon.berth, variant) for name, variant in VARIANTS.items()}
    finally:
        daemon.end()
        daemon.remove()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--record", action="store_true", help=f"keep Docker's answers in {DATA.relative_to(REPOSITORY)}")
    parser.add_argument("--clean", action="store_true", help="remove the root file system that Docker is kept in")
    parser.add_argument("--json", type=Path, help="write both reports to this file")
    arguments = parser.parse_args()
    if arguments.clean:
        shutil.rmtree(CACHE, ignore_errors=True)
        return 0
    if os.geteuid() != 0:
        sys.exit("run as root")
    version, docker = ask_docker()
    berth = ask_berth()
    if arguments.json:
        arguments.json.write_text(json.dumps({"docker": docker, "berth": berth}, indent=1))
    if arguments.record:
        record(version, docker)
    failed = 0
    for name in VARIANTS:
        unexplained, explained = judge(berth[name], docker[name])
        failed += len(unexplained)
        print(f"{name}: {len(unexplained)} places looser than Docker {version}, {len(explained)} explained")
        for line in unexplained:
            print(f"    LOOSER  {line}")
        for line in explained:
            print(f"    allowed {line}: {next(why for pattern, why in ALLOWED if pattern.fullmatch(line))}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
