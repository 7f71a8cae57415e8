"""Small valid configurations of ANT with everything at its ends: one PE, one format, room for one word.

Drawn at random and kept where the configs' own checks accept them: what they accept, a circuit must be made
of.
"""

from __future__ import annotations

import random

from tandemsim.sim.arch.ant.config import AntConfig, Dataflow, Overflow, Schedule
from tandemsim.sim.arch.ant.widths import NIBBLE
from tandemsim.sim.arch.checks import ConfigError
from tandemsim.sim.arch.codes import FORMATS, Kind
from tests.ant import draws

INTEGERS = [name for name, form in FORMATS.items() if form.kind is Kind.INT]


def config(seed: int) -> AntConfig:
    """Return the configuration of a seed."""
    rng = random.Random(seed)
    while True:
        try:
            made = _config(rng)
            made.check_circuit()
        except ConfigError:
            continue
        return made


def _config(rng: random.Random) -> AntConfig:
    joins = rng.random() < 0.7
    side = [2, 2, 4, 6] if joins else [1, 1, 2, 3, 5]
    rows, dataflow = rng.choice(side), rng.choice([*Dataflow])
    words = rng.choice([1, 1, 2, 5, 40]) if dataflow is not Dataflow.OUTPUT_STATIONARY else rng.choice([0, 3])
    known = [*FORMATS] if joins else INTEGERS
    return draws.config(
        words=words + (rows if dataflow is Dataflow.OUTPUT_STATIONARY else 0),
        accumulators=rng.choice([12, 13, 40]),
        rows=rows,
        cols=rng.choice(side),
        pe_bits=NIBBLE if joins else rng.randint(5, 8),
        dataflow=dataflow,
        schedule=rng.choice([*Schedule]),
        overflow=rng.choice([*Overflow]),
        formats=tuple(rng.sample(known, rng.choice([1, 1, 2, 3, 5]))),
        accumulator_width=rng.randint(4, 40),
        foot_width=rng.choice([1, 2, 7, 16, 32, 48]),
    )
