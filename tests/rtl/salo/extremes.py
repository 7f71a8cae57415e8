"""Small valid configurations with everything at its ends: one of each part, no global parts, narrow formats.

Drawn at random and kept where the configs' own checks accept them: what they accept, a circuit must be made
of.
"""

from __future__ import annotations

import random
from dataclasses import replace

from tandemsim.sim.arch.checks import ConfigError
from tandemsim.sim.arch.formats import Fixed, Rounding
from tandemsim.sim.arch.reciprocal import ReciprocalConfig
from tandemsim.sim.arch.salo.config import GlobalProjections, PassOverlap, SaloArray, SaloConfig
from tandemsim.sim.arch.salo.exp2 import ExpConfig
from tandemsim.sim.arch.salo.numerics import NUMERICS, Normalisation, SaloNumerics, SumFormats
from tandemsim.sim.arch.salo.presets import SALO
from tandemsim.sim.arch.sram import BufferConfig

NAMED = 0.25  # of the configurations have the formats of a preset


def config(seed: int) -> SaloConfig:
    """Return the configuration of a seed."""
    rng = random.Random(seed)
    while True:
        try:
            numerics = rng.choice([*NUMERICS.values()]) if rng.random() < NAMED else _numerics(rng)
            made = replace(SALO, array=_array(rng), numerics=numerics)
            tile = made.array.rows * made.array.head_dim * made.output_bytes
            output = BufferConfig(capacity_bytes=rng.choice([1, 1, 2, 3]) * tile)
            made = replace(made, output_scratchpad=output)
            made.check_circuit()
        except ConfigError:
            continue
        return made


def _array(rng: random.Random) -> SaloArray:
    cols = rng.choice([1, 1, 2, 3, 4])
    return SaloArray(
        rows=rng.choice([1, 1, 2, 3]),
        cols=cols,
        head_dim=rng.choice([1, 1, 2, 3, 4]),
        global_rows=rng.randint(0, 2),
        global_cols=rng.randint(0, 2),
        column_segments=rng.choice([1, 2]) if cols % 2 == 0 else 1,
        normalisation=rng.choice([*Normalisation]),
        global_projections=rng.choice([*GlobalProjections]),
        overlap=rng.choice([*PassOverlap]),
        exp_latency=rng.randint(1, 3),
        reciprocal_latency=rng.randint(1, 3),
        normalise_latency=rng.randint(1, 3),
        flush_cycles=rng.randint(1, 2),
        merge_latency=rng.randint(1, 3),
        sinks=rng.random() < 0.5,
        value_dims=rng.random() < 0.5,
    )


def _numerics(rng: random.Random) -> SaloNumerics:
    """Return formats as narrow as the checks allow, or a few bits wider."""
    fraction = rng.choice([1, 1, 2, 3, 4])
    input_ = Fixed(fraction + rng.randint(1, 4), fraction)
    exp = _exp(rng, 2 * fraction)
    weight = rng.choice([0, 1, exp.fraction_bits, exp.fraction_bits + 1])
    row_sum = weight + rng.randint(0, 2)
    reciprocal = rng.randint(1, 20)
    renormalise_at = rng.randint(2, 6)

    def sums() -> SumFormats:
        psum = rng.choice([0, weight + fraction, rng.randint(0, weight + fraction + 1)])

        def wide(more: int) -> Fixed:
            return Fixed(psum + 2 + input_.integer_bits + rng.randint(1, 6) + more, psum)

        return SumFormats(
            psum=wide(0),
            psum_rounding=rng.choice([*Rounding]),
            merge=wide(renormalise_at),
            global_merge=wide(renormalise_at),
        )

    return SaloNumerics(
        input=input_,
        storage_width=rng.randint(2, input_.width),
        score=Fixed(2 * fraction + exp.exponent_width + rng.randint(1, 3), 2 * fraction),
        exp=exp,
        weight=Fixed(weight + 2 + rng.randint(0, 2), weight),
        row_sum=Fixed(row_sum + 1 + rng.randint(1, 5), row_sum),
        reciprocal=ReciprocalConfig(
            fraction=reciprocal, segments=1 << rng.randint(0, min(10, reciprocal - 1))
        ),
        merge_exponent_width=exp.exponent_width + rng.randint(1, 3),
        merge_weight_fraction=rng.choice([1, 2, 16]),
        renormalise_at=renormalise_at,
        output=Fixed(rng.choice([2, 3, 8]), rng.randint(0, 4)),
        per_pass=sums(),
        deferred=sums(),
    )


def _exp(rng: random.Random, highest: int) -> ExpConfig:
    """Return an exponential of one to sixteen segments, level or rising."""
    bits = rng.randint(2, highest)
    segments = rng.choice([count for count in (1, 2, 4, 8, 16) if count <= 1 << bits])
    slope_fraction = rng.choice([0, 4])
    return ExpConfig(
        exponent_width=rng.randint(2, 5),
        fraction_bits=bits,
        slope_fraction=slope_fraction,
        slopes=tuple(rng.choice([0, 1 << slope_fraction]) for _ in range(segments)),
        intercepts=(1 << bits,) * segments,
    )
