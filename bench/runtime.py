#!/usr/bin/env python3
"""How long `run` of `true` in a plain bundle takes: berth-runtime, crun, runc, and the least that is possible (floor.c).

crun and runc are Debian's, unpacked into .cache; crun runs where the cgroup hierarchy of version 2 is hidden from it,
since it refuses hybrid hosts. Rounds alternate, so that a slow moment of the machine meets all of them.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(REPOSITORY / "e2e"))

from harness.bundle import RUNTIME, Bundle, unpack_rootfs  # noqa: E402


def debian(package: str, program: str) -> str:
    return subprocess.check_output([REPOSITORY / "scripts/unpack-deb.sh", package, program], text=True).strip()


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("-n", "--rounds", type=int, default=40)
    rounds = options.parse_args().rounds
    if os.geteuid() != 0:
        sys.exit("the bench needs root")
    with tempfile.TemporaryDirectory(prefix="berth-bench-") as folder:
        place = Path(folder)
        place.chmod(0o755)
        unpack_rootfs(place / "rootfs")
        floor = place / "floor"
        subprocess.run(["gcc", "-O2", "-static", "-o", floor, REPOSITORY / "bench/floor.c"], check=True)
        name = f"berth-bench-{os.getpid()}"
        bundle = Bundle(place / "bundle", place / "rootfs", f"/{name}")
        # Debian's crun knows no later one.
        bundle.config["ociVersion"] = "1.0.2"
        bundle.write()
        state = place / "state"

        def run(runtime: list[str], number: int) -> list[str]:
            return [*runtime, "--root", str(state), "run", "--bundle", str(bundle.folder), f"{name}-{number}"]

        hidden = ["unshare", "-m", "sh", "-c", 'umount -l /sys/fs/cgroup/unified; exec "$0" "$@"']
        crun = [*hidden, debian("crun", "usr/bin/crun"), "--cgroup-manager=cgroupfs"]
        engines = {
            "floor": lambda n: [str(floor), str(place / "rootfs"), name],
            "berth-runtime": lambda n: run([str(RUNTIME)], n),
            "crun": lambda n: run(crun, n),
            "(unshare alone)": lambda n: [*hidden, "true"],
            "runc": lambda n: run([debian("runc", "usr/sbin/runc")], n),
        }
        times: dict[str, list[float]] = {engine: [] for engine in engines}
        for number in range(rounds + 2):
            for engine, command in engines.items():
                argv = command(number)
                begin = time.perf_counter()
                done = subprocess.run(argv, capture_output=True, stdin=subprocess.DEVNULL)
                taken = (time.perf_counter() - begin) * 1000
                if done.returncode:
                    sys.exit(f"{engine}: {done.stderr.decode()}")
                if number >= 2:  # the first two warm the caches
                    times[engine].append(taken)
        least = statistics.median(times["floor"])
        print(f"{'ms':<18} {'median':>8} {'min':>8} {'floor x':>8}")
        for engine, taken in times.items():
            print(f"{engine:<18} {statistics.median(taken):>8.2f} {min(taken):>8.2f} {statistics.median(taken) / least:>7.2f}x")


if __name__ == "__main__":
    main()
