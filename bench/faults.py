#!/usr/bin/env python3
"""Hundreds of random faults (see e2e/harness/faults.py), and how many of them left the world in order."""

import argparse
import sys
from collections import Counter
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(REPOSITORY / "e2e"))

from harness.daemon import Daemon  # noqa: E402
from harness.faults import Trial  # noqa: E402
from harness.images import busybox_tar  # noqa: E402


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--first", type=int, default=1000)
    options.add_argument("--count", type=int, default=300)
    options.add_argument("--span", type=float, default=0.1, help="seconds that the longest command takes here")
    options.add_argument("--only", type=int, nargs="*", help="these trials")
    asked = options.parse_args()
    numbers = asked.only or range(asked.first, asked.first + asked.count)
    failures: list[str] = []
    kinds = Counter()
    daemon = new_daemon()
    for number in numbers:
        trial = Trial(number, daemon, asked.span)
        kinds[f"{trial.operation}, {trial.victim}"] += 1
        try:
            trial.run()
        except AssertionError as error:
            failures.append(f"{trial}\n{error}\n{daemon.tail(15)}")
            print(failures[-1], flush=True)
            end(daemon)
            daemon = new_daemon()
    end(daemon)
    print(f"{len(numbers)} faults of {len(kinds)} kinds, {len(failures)} left disorder")
    sys.exit(1 if failures else 0)


def new_daemon() -> Daemon:
    daemon = Daemon()
    daemon.start()
    daemon.berth("import", "--change", 'CMD ["sh"]', "-", "busybox:latest", input=busybox_tar())
    return daemon


def end(daemon: Daemon) -> None:
    daemon.end()
    daemon.end_shims()
    daemon.remove()


if __name__ == "__main__":
    main()
