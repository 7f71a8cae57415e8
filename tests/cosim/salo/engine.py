"""Runs the tile engine's Verilog and its model on the same tiles, and compares words and cycles."""

from __future__ import annotations

import random
from types import SimpleNamespace
from typing import Any

import numpy as np

from tandemsim.rtl.salo.tile_engine import TileEngine as Circuit
from tandemsim.sim.arch.salo.config import SaloConfig
from tandemsim.sim.arch.salo.ports import command_fields, global_output_fields, operand_fields, output_fields
from tandemsim.sim.salo.row import HeadOperands, projection
from tandemsim.sim.salo.tile_engine import NO_GAPS, Gaps, TileEngine, Transfer
from tests.cosim import harness, streams

TABLES = {
    "command": command_fields,
    "operands": operand_fields,
    "output": output_fields,
    "global_output": global_output_fields,
}
SOURCES = ("command", "operands")
Heads = list[HeadOperands]


def assert_twins(
    config: SaloConfig,
    schedule: Any,
    heads: Heads,
    simulator: str,
    gaps: Gaps = NO_GAPS,
    name: str = "tiles",
    group: int = 1,
) -> dict[str, list[Transfer]]:
    """Hold the circuit to its model: on every stream the same words in the same cycles. Return them.

    `group` heads share their keys and values.
    """
    return run(config, schedule, heads, simulator, name, gaps, group=group)["expected"]


def run(
    config: SaloConfig,
    schedule: Any,
    heads: Heads,
    simulator: str,
    name: str,
    gaps: Gaps = NO_GAPS,
    clock_alone: int = 0,
    group: int = 1,
) -> dict[str, Any]:
    """Run both and compare; return what the model expected, and cycles per second of the simulator.

    `clock_alone` cycles more run with nothing but the clock.
    """
    transfers, expected = expect(config, schedule, heads, gaps, group)
    stimulus = expected.stimulus | {"clock_alone": clock_alone}
    seen = harness.build(Circuit(config), simulator).run(stimulus, name)
    streams.assert_seen(expected, seen)
    return {"expected": transfers, "rates": seen["rates"]}


def expect(
    config: SaloConfig, schedule: Any, heads: Heads, gaps: Gaps, group: int = 1
) -> tuple[dict[str, list[Transfer]], streams.Expected]:
    """Run the model: its transfers, and what the circuit is to do."""
    transfers = TileEngine(config).run(schedule, heads, gaps, group)
    moved = {
        stream: streams.Moved([(t.cycle, t.word) for t in found], getattr(gaps, stream), stream in SOURCES)
        for stream, found in transfers.items()
    }
    return transfers, streams.expect(config, TABLES, moved, leaving="output")


def random_heads(
    config: SaloConfig, seq_len: int, head_dim: int, apart: bool, seed: int, heads: int = 1
) -> Heads:
    """Return N(0, 1) operands of heads; with projections of their own for the global tokens if `apart`.

    Where the array takes them, each head has a sink, but for the second one, and values of a size of its own.
    """
    rng, array = np.random.default_rng(seed), config.array
    found: Heads = []
    for head in range(heads):
        v_dim = int(rng.integers(1, array.head_dim + 1)) if array.value_dims else head_dim
        sizes = (head_dim, head_dim, v_dim) * 2
        raw = [config.numerics.stored.quantize(rng.standard_normal((seq_len, size)))[0] for size in sizes]
        sink = random_sink(rng, config) if array.sinks and head != 1 else None
        found.append(HeadOperands(projection(*raw[:3]), projection(*raw[3:]) if apart else None, sink))
    return found


def random_sink(rng: np.random.Generator, config: SaloConfig) -> int:
    """Return a raw logit: some doublings above or below the scores, or one that saturates."""
    score = config.numerics.score
    if rng.random() < 0.2:
        return int(rng.choice([score.minimum, score.maximum]))
    raw = round(rng.normal(0, 4) * 2**config.array.score_shift * score.scale)
    return min(max(raw, score.minimum), score.maximum)


def random_gaps(seed: int) -> Gaps:
    """Return pauses at every stream, mostly none, at the outputs some of several tiles; print the seed."""
    print(f"gaps of seed {seed}")
    rng = random.Random(seed)

    def pauses(busy: float, longest: int) -> list[int]:
        return [rng.randint(1, longest) if rng.random() < busy else 0 for _ in range(4000)]

    output, global_output = pauses(0.3, 12), pauses(0.3, 30)
    output[5::97] = [600] * len(output[5::97])  # the staging buffer must fill up
    global_output[5::97] = [600] * len(global_output[5::97])
    return Gaps(pauses(0.4, 9), pauses(0.2, 4), output, global_output)


def part_of(schedule: Any, tiles: np.ndarray) -> Any:
    """Return a schedule of some adjacent tiles; the global rows begin with the first, end with the last."""
    columns = ("block", "split", "row_query", "column_keys", "source", "first", "last")
    part = SimpleNamespace(**{name: getattr(schedule, name) for name in _FIELDS})
    for name in columns:
        setattr(part, name, getattr(schedule, name)[tiles])
    part.slots = type(schedule.slots)(*(array[tiles] for array in schedule.slots))
    part.row_keys = type(schedule.row_keys)(*(array[tiles] for array in schedule.row_keys))
    part.tiles = len(tiles)
    part.row_first, part.row_last = (
        np.zeros((len(tiles), schedule.row_query.shape[1]), np.bool_) for _ in "ab"
    )
    part.row_first[0] = part.row_last[-1] = True
    return part


_FIELDS = ("seq_len", "block_rows", "private_rows", "separate_rows", "restore", "spill")
