"""Whoever is killed, whenever: the state is true afterwards, `ps` and `rm` work, and nothing is left behind."""

import pytest

from harness.faults import OPERATIONS, VICTIMS, Trial

# Enough for each operation and each victim to have its turns; `bench/faults.py` tries hundreds.
TRIALS = range(1, 37)


@pytest.mark.parametrize("number", TRIALS)
def test_fault(daemon, busybox, number):
    Trial(number, daemon).run()


def test_every_kind_has_its_turn(daemon):
    trials = [Trial(number, daemon) for number in TRIALS]
    assert {trial.operation for trial in trials} == set(OPERATIONS)
    assert {trial.victim for trial in trials} == set(VICTIMS)
