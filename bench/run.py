#!/usr/bin/env python3
"""How long `run --rm busybox true` and `exec C true` take: Berth, Debian's Docker, Debian's Podman.

Rounds alternate between the engines, so that a slow moment of the machine meets all of them.
"""

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(REPOSITORY / "e2e"), str(REPOSITORY / "bench")]

from harness.daemon import BINARIES, Daemon  # noqa: E402
from harness.images import busybox_tar  # noqa: E402
from peers import Peers  # noqa: E402

CACHE = REPOSITORY / ".cache/bench"
CONTAINER = "bench-sleeper"


class Engine:
    def __init__(self, name: str, client: list[str], environment: dict[str, str], run_flags: list[str] = []):
        self.name, self.client, self.environment, self.run_flags = name, client, environment, run_flags

    def do(self, *args: str, **options) -> None:
        done = subprocess.run([*self.client, *args], env=self.environment, capture_output=True, **options)
        if done.returncode:
            sys.exit(f"{self.name} {' '.join(args)}: {done.stderr.decode(errors='replace')}")

    def timed(self, *args: str) -> float:
        """Milliseconds."""
        begin = time.perf_counter()
        self.do(*args, stdin=subprocess.DEVNULL)
        return (time.perf_counter() - begin) * 1000

    def prepare(self, rootfs: bytes) -> None:
        self.do("import", "-", "busybox", input=rootfs)
        self.do("run", "-d", "--name", CONTAINER, *self.run_flags, "busybox", "sleep", "3600", stdin=subprocess.DEVNULL)

    def finish(self) -> None:
        self.do("rm", "-f", CONTAINER, stdin=subprocess.DEVNULL)


def measure(engines: list[Engine], rounds: int) -> dict[str, dict[str, list[float]]]:
    cases = {
        "run --rm busybox true": lambda engine: engine.timed("run", "--rm", *engine.run_flags, "busybox", "true"),
        "exec C true": lambda engine: engine.timed("exec", CONTAINER, "true"),
    }
    results = {case: {engine.name: [] for engine in engines} for case in cases}
    for case, once in cases.items():
        for number in range(rounds + 2):
            for engine in engines:
                taken = once(engine)
                if number >= 2:  # the first two warm the caches
                    results[case][engine.name].append(taken)
    return results


def rows(results: dict[str, dict[str, list[float]]]):
    for case, engines in results.items():
        ours = statistics.median(engines["berth"])
        for name, times in engines.items():
            ordered = sorted(times)
            middle = statistics.median(times)
            yield case, name, middle, ordered[0], ordered[int(len(ordered) * 0.95)], middle / ours


def show(results, versions: dict[str, str], markdown: bool) -> None:
    form = "| {:<22} | {:<22} | {:>9} | {:>7} | {:>7} | {:>6} |" if markdown else "{:<22}  {:<22}  {:>9}  {:>7}  {:>7}  {:>6}"
    print(form.format("ms", "engine", "median", "min", "p95", "ratio"))
    if markdown:
        print("|---|---|---:|---:|---:|---:|")
    for case, name, *numbers, ratio in rows(results):
        engine = f"{name} {versions.get(name, '')}".strip()
        print(form.format(case, engine, *(f"{number:.1f}" for number in numbers), f"{ratio:.1f}x"))


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("-n", "--rounds", type=int, default=30, help="timed rounds of each engine (30)")
    options.add_argument("--markdown", action="store_true", help="print a Markdown table")
    options.add_argument("--no-peers", action="store_true", help="time Berth alone")
    options.add_argument("--clean", action="store_true", help="remove the peers' root file system and end")
    options = options.parse_args()
    if options.clean:
        shutil.rmtree(CACHE, ignore_errors=True)
        return
    if os.geteuid() != 0:
        sys.exit("the bench needs root: sudo make bench")

    with ExitStack() as stack:
        daemon = Daemon()
        stack.callback(daemon.remove)
        stack.callback(daemon.end)
        daemon.start()
        engines = [Engine("berth", [str(BINARIES / "berth")], daemon.environment())]
        versions = {}
        if not options.no_peers:
            try:
                peers = stack.enter_context(Peers(CACHE / "root", CACHE / "state"))
            except (OSError, subprocess.CalledProcessError) as error:
                print(f"without docker.io and podman, which could not be had: {error}")
            else:
                versions = peers.versions()
                for name, client in peers.clients.items():
                    engines.append(Engine(name, client, dict(os.environ), peers.run_flags.get(name, [])))
        rootfs = busybox_tar()
        for engine in engines:
            engine.prepare(rootfs)
            stack.callback(engine.finish)
        show(measure(engines, options.rounds), versions, options.markdown)


if __name__ == "__main__":
    main()
