"""Random inputs for each unit, as sequences that the array could produce: stages in order, formats respected.

Used in Amaranth's simulator (tests/rtl) and on the exported Verilog (tests/cosim). Values are drawn so that
the corners come up: operands at their bounds, rows without a key, sums that saturate, shifts beyond every
width.
"""

from __future__ import annotations

import random

from tandemsim.sim.arch.formats import Fixed
from tandemsim.sim.arch.salo.config import SaloConfig
from tandemsim.sim.arch.salo.numerics import Normalisation
from tandemsim.sim.arch.salo.stages import Stage
from tandemsim.sim.arch.salo.wires import wires
from tandemsim.sim.salo.controller import Controller, ControllerInputs
from tandemsim.sim.salo.exp import ExpUnitInputs
from tandemsim.sim.salo.pe import PEInputs
from tandemsim.sim.salo.reciprocal import ReciprocalUnitInputs
from tandemsim.sim.salo.sink import SinkUnitInputs
from tandemsim.sim.salo.weighted_sum import WeightedSumInputs
from tests.rtl.unit import BROKEN_OFF


def value(rng: random.Random, fixed: Fixed) -> int:
    """Return a raw value: a bound, a small one or any."""
    kind = rng.random()
    if kind < 0.1:
        return rng.choice([fixed.minimum, fixed.maximum, 0, -1, min(1, fixed.maximum)])
    if kind < 0.6:
        return rng.randint(max(-fixed.scale, fixed.minimum), min(fixed.scale, fixed.maximum))
    return rng.randint(fixed.minimum, fixed.maximum)


def exponent(rng: random.Random, config: SaloConfig) -> int:
    """Return an exponent: a bound, near 0, or any."""
    exp = config.numerics.exp
    near = rng.randint(-2, min(2, exp.exponent_maximum))
    any_ = rng.randint(exp.exponent_minimum, exp.exponent_maximum)
    return rng.choice([near, near, any_, exp.exponent_minimum, exp.exponent_maximum])


def exp_unit(config: SaloConfig, seed: int, count: int) -> list[ExpUnitInputs]:
    """Scores of every size."""
    rng, score = random.Random(seed), config.numerics.score
    inside = 1 << (score.fraction + config.array.score_shift + config.numerics.exp.exponent_width - 1)
    found = [ExpUnitInputs(value(rng, score)) for _ in range(count // 2)]
    return found + [ExpUnitInputs(rng.randint(-inside, inside - 1)) for _ in range(count - count // 2)]


def sink_unit(config: SaloConfig, seed: int, count: int) -> list[SinkUnitInputs]:
    """Sinks of every size."""
    return [SinkUnitInputs(inputs.score) for inputs in exp_unit(config, seed, count)]


def reciprocal_unit(config: SaloConfig, seed: int, count: int) -> list[ReciprocalUnitInputs]:
    """Operands with their leading one in any place, powers of two, 0."""
    rng, width = random.Random(seed), wires(config).operand.width
    edges = [0, 1, (1 << width) - 1, *(1 << place for place in range(width))]
    spread = [rng.getrandbits(rng.randint(1, width)) for _ in range(count)]
    return [ReciprocalUnitInputs(operand) for operand in edges + spread]


def pe(config: SaloConfig, seed: int, passes: int) -> list[PEInputs]:
    """Whole passes of one PE, idle cycles in between; everything beside the stage changes in each cycle.

    A reset breaks off a pass with its score half summed. In that pass, and in the first one, whose score then
    shows what a reset left, the PE works, and no product is so large that the score would forget it.
    """
    rng, numerics, array = random.Random(seed), config.numerics, config.array
    psum = numerics.sums(array.normalisation).psum
    found: list[PEInputs] = []
    for number in range(passes):
        is_broken_off = BROKEN_OFF // 2 <= len(found) < BROKEN_OFF
        quiet = number == 0 or is_broken_off
        # Every product at its largest, to both bounds of the score and back.
        loud = rng.random() < 0.2 and len(found) > BROKEN_OFF
        length = rng.randint(8, 24) if loud else rng.randint(1, 8)
        if is_broken_off:
            length += BROKEN_OFF - len(found)
        normalise = [Stage.NORMALISE] * array.normalise_latency
        stages = [
            *[Stage.SCORE] * length,
            *[Stage.EXP] * array.exp_latency,
            Stage.ROW_SUM,
            *(normalise if array.normalisation is Normalisation.PER_PASS else []),
            *[Stage.WEIGHTED_SUM] * length,
            *[Stage.FLUSH] * array.flush_cycles,
            *([Stage.ROW_SUM, Stage.WEIGHTED_SUM] if rng.random() < 0.2 else []),  # nothing may be left
        ]
        masks = {
            "row_valid_in": rng.random() < 0.85,
            "row_tag_in": (tag := rng.randint(0, 1)),
            "kv_valid_in": rng.random() < 0.85,
            "kv_tag_in": tag if rng.random() < 0.85 else 1 - tag,
            "column_enabled": rng.random() < 0.85,
        }
        if quiet:
            masks |= {"row_valid_in": True, "kv_valid_in": True, "kv_tag_in": tag, "column_enabled": True}
        one = 1 << numerics.reciprocal.fraction
        inverse = {
            "inverse": rng.randint(one // 2, one),
            "inverse_exponent": numerics.exp.exponent_maximum + rng.randint(0, numerics.row_sum.fraction + 4),
        }
        for stage in stages:
            while rng.random() < 0.1:
                found.append(_pe_cycle(rng, config, Stage.IDLE, psum, masks | inverse))
            found.append(_pe_cycle(rng, config, stage, psum, masks | inverse))
            if loud and stage is Stage.SCORE:
                found[-1] = _loud(rng, numerics.input, found[-1])
            elif quiet and stage is Stage.SCORE:
                most = min(numerics.input.scale, numerics.input.maximum)
                query, key = rng.randint(-most, most), rng.randint(-most, most)
                found[-1] = found[-1]._replace(query_in=query, kv_in=key)
    return found


def _loud(rng: random.Random, fixed: Fixed, cycle: PEInputs) -> PEInputs:
    """Return the cycle with operands at their bounds, of the signs that they happen to have."""
    query, key = (fixed.minimum if drawn < 0 else fixed.maximum for drawn in (cycle.query_in, cycle.kv_in))
    if rng.random() < 0.5:
        query = key  # twice as many products above 0 as below
    return cycle._replace(query_in=query, kv_in=key)


def _pe_cycle(
    rng: random.Random, config: SaloConfig, stage: Stage, psum: Fixed, held: dict[str, int]
) -> PEInputs:
    numerics, rows = config.numerics, config.array.global_rows
    return PEInputs(
        stage_in=int(stage),
        query_in=value(rng, numerics.input),
        psum_in=value(rng, psum),
        row_sum_in=rng.choice([0, rng.randint(0, numerics.row_sum.maximum)]),
        row_max_in=exponent(rng, config),
        kv_in=value(rng, numerics.input),
        kv_global_valid_in=rng.getrandbits(rows) if rows else 0,
        **held,
    )


def weighted_sum(config: SaloConfig, seed: int, passes: int, global_row: bool) -> list[WeightedSumInputs]:
    """Whole passes: blocks that begin from nothing or from a restored state, sums of every size."""
    rng, numerics, array = random.Random(seed), config.numerics, config.array
    sums = numerics.sums(array.normalisation)
    merge = sums.global_merge if global_row else sums.merge
    full = 1 << (numerics.merge_sum.width - 1)  # a sum that is renormalized
    highest = min(numerics.row_sum.maximum, full - 1)  # no row has more: `SaloNumerics.check_head`
    between = []
    if array.normalisation is Normalisation.PER_PASS:
        between = [Stage.IDLE] * (array.reciprocal_latency - 1) + [Stage.NORMALISE]
    found, length = [], 0
    for number in range(passes):
        kind = rng.random()
        first, restore = number == 0 or kind < 0.3, kind < 0.15
        if first:  # all passes of a row have its length: of more words the buffer would say anything
            length = rng.randint(1, array.head_dim)
        row_max = exponent(rng, config)
        row_sum = rng.choice(
            [0, rng.randint(0, highest), rng.randint(0, min(numerics.row_sum.scale, highest))]
        )
        restored_max, restored_sum = exponent(rng, config), rng.randint(0, full - 1)
        if rng.random() < 0.7:  # with the row's sum just enough to renormalize, or not enough
            restored_max = row_max
            restored_sum = min(max(full - row_sum + rng.randint(-2, 1), 0), full - 1)
        if rng.random() < 0.1:  # nearly all of the merged sum is this pass, 1 / sum rounded up: 1.0, not more
            restored_max, restored_sum, row_sum = (
                row_max,
                rng.randint(1, 3),
                rng.randint(highest // 2, highest),
            )
            first = restore = True
        gap = [
            Stage.FLUSH,
            *[Stage.SCORE] * length,
            *[Stage.EXP] * (array.merge_latency + array.reciprocal_latency),
        ]
        for stage in [Stage.ROW_SUM, *between, *[Stage.WEIGHTED_SUM] * length, *gap]:
            sampled = stage is Stage.ROW_SUM  # what is not may be anything
            found.append(
                WeightedSumInputs(
                    stage=int(stage),
                    row_max=row_max if sampled else exponent(rng, config),
                    row_sum=row_sum if sampled else rng.randint(0, highest),
                    psum=value(rng, sums.psum),
                    first=first if sampled else rng.random() < 0.5,
                    restore=restore if sampled else rng.random() < 0.5,
                    restored_max=restored_max if sampled else exponent(rng, config),
                    restored_sum=restored_sum if sampled else rng.randint(0, full - 1),
                    restored=value(rng, merge),
                )
            )
    return found


def controller(config: SaloConfig, seed: int, cycles: int) -> list[ControllerInputs]:
    """Commands that stay until they are done with, operands and room that come and go."""
    rng, model = random.Random(seed), Controller(config)
    found, command = [], None
    for _ in range(cycles):
        if command is None and rng.random() < 0.7:
            command = rng.randint(1, config.array.head_dim), rng.random() < 0.5, rng.random() < 0.3
        head_dim, leaves, global_leaves = command or (1, False, False)
        operands, output, global_output = (rng.random() < 0.8 for _ in range(3))
        inputs = ControllerInputs(
            command is not None, head_dim, leaves, global_leaves, operands, output, global_output
        )
        found.append(inputs)
        if model(inputs).command_ready:
            command = None
    return found
