#!/usr/bin/env python3
"""Many containers: how many start in a second, eight at a time, beside Docker; what each one costs in memory."""

import argparse
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(REPOSITORY / "e2e"), str(REPOSITORY / "bench")]

from harness.daemon import BINARIES, Daemon  # noqa: E402
from harness.images import busybox_tar  # noqa: E402
from peers import Peers  # noqa: E402
from run import CACHE, Engine  # noqa: E402


def starts_per_second(engine: Engine, count: int, at_once: int) -> float:
    """Of containers that sleep, each by a client of its own."""
    begin = time.perf_counter()
    with ThreadPoolExecutor(at_once) as pool:
        for _ in pool.map(lambda n: start(engine, n), range(count)):
            pass
    return count / (time.perf_counter() - begin)


def start(engine: Engine, number: int) -> None:
    engine.do("run", "-d", "--name", f"many-{number}", *engine.run_flags, "busybox", "sleep", "3600",
              stdin=subprocess.DEVNULL)


def remove(engine: Engine, count: int) -> None:
    for first in range(0, count, 50):
        names = [f"many-{number}" for number in range(first, min(count, first + 50))]
        engine.do("rm", "-f", *names, stdin=subprocess.DEVNULL)


def memory(pids) -> tuple[float, float]:
    """PSS and resident anonymous memory in MiB, of all of them."""
    pss = anonymous = 0
    for pid in pids:
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                pss += int(line.split()[1])
            if line.startswith("Pss_Anon:"):
                anonymous += int(line.split()[1])
    return pss / 1024, anonymous / 1024


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--containers", type=int, default=500, help="that run together (500)")
    options.add_argument("--starts", type=int, default=40, help="that are started eight at a time on each engine (40)")
    options.add_argument("--no-peers", action="store_true", help="Berth alone")
    asked = options.parse_args()
    if os.geteuid() != 0:
        sys.exit("the bench needs root")

    with ExitStack() as stack:
        daemon = Daemon()
        stack.callback(daemon.remove)
        stack.callback(daemon.end)
        daemon.start()
        stack.callback(daemon.end_shims)
        berth = Engine("berth", [str(BINARIES / "berth")], daemon.environment())
        berth.do("import", "-", "busybox", input=busybox_tar())
        idle = memory([daemon.process.pid])
        print(f"daemon, idle: {idle[0]:.1f} MiB PSS, of these {idle[1]:.1f} MiB its own")

        engines = [berth]
        if not asked.no_peers:
            peers = stack.enter_context(Peers(CACHE / "root", CACHE / "state"))
            for name, client in peers.clients.items():
                engine = Engine(name, client, dict(os.environ), peers.run_flags.get(name, []))
                engine.do("import", "-", "busybox", input=busybox_tar())
                engines.append(engine)
        rates = {}
        for engine in engines:
            rates[engine.name] = starts_per_second(engine, asked.starts, 8)
            remove(engine, asked.starts)
            print(f"{engine.name}: {rates[engine.name]:.1f} starts a second, eight at a time "
                  f"(Berth {rates['berth'] / rates[engine.name]:.1f}x)", flush=True)

        # The default network has a /24.
        address = str(daemon.network.network_address).removesuffix(".0.0")
        berth.do("network", "create", "--subnet", f"{address}.192.0/20", "many")
        berth.run_flags = ["--network", "many"]
        rate = starts_per_second(berth, asked.containers, 8)
        shims = daemon.shims()
        assert len(shims) == asked.containers, f"{len(shims)} shims for {asked.containers} containers"
        of_shims, of_daemon = memory(shims), memory([daemon.process.pid])
        each = (of_shims[0] + of_daemon[0] - idle[0]) / asked.containers
        print(f"{asked.containers} containers, {rate:.1f} starts a second: {of_shims[0] / len(shims):.2f} MiB PSS a shim, "
              f"the daemon {of_daemon[0]:.1f} MiB; {each:.2f} MiB a container in all")
        remove(berth, asked.containers)
        after = memory([daemon.process.pid])
        print(f"daemon, all removed: {after[0]:.1f} MiB PSS, of these {after[1]:.1f} MiB its own")


if __name__ == "__main__":
    main()
