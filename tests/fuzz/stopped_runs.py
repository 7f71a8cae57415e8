"""Signals at random moments of a run: `tests.run.signals`, a run a case, in a process of its own."""

from __future__ import annotations

import random

from tests.fuzz.judge import Judge
from tests.run.signals import faults_of_signals

LONGEST = 2.5  # seconds; a run of vil-tiny with all its outputs takes two or three


def case(rng: random.Random, judge: Judge) -> None:
    """Stop one run; every second one finds what an earlier one left."""
    judge.faults += faults_of_signals(rng.choice((1, 2)), rng.randrange(2**32), judge.place, longest=LONGEST)
