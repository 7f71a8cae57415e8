"""Random configs that are right, as ``--set`` takes them: small arrays, slow and fast units, every memory."""

from __future__ import annotations

import random

from tandemsim.sim.arch.dram.standards import DRAMS

LATENCIES = (1, 1, 1, 2, 3, 8, 65, 1000, 1024)
CLOCKS = (10**6, 10**8, 5 * 10**8, 8 * 10**8, 10**9, 2 * 10**9, 10**12)
FORMATS = {"numerics.reciprocal.segments": (16, 64, 128), "numerics.merge_exponent_width": (6, 8)}


def settings(rng: random.Random, head_dim: int) -> dict[str, object]:
    """Return settings of a machine for heads of `head_dim` elements or some more; pads are set or follow."""
    segments = rng.choice((1, 2))
    rows, cols = rng.choice((1, 2, 3, 4, 8, 13, 32)), segments * rng.choice((1, 2, 3, 4, 8, 16))
    longest = head_dim if rng.random() < 0.7 else head_dim + rng.randint(1, 60)
    chosen: dict[str, object] = {
        "array.rows": rows,
        "array.cols": cols,
        "array.head_dim": longest,
        "array.column_segments": segments,
        "array.global_rows": rng.choice((0, 1, 1, 2, 5)),
        "array.global_cols": rng.choice((0, 1, 1, 2)),
        "array.normalisation": rng.choice(("per_pass", "deferred")),
        "array.global_projections": rng.choice(("shared", "separate", "private")),
        "array.overlap": rng.choice(("pipelined", "drain")),
    }
    for unit in rng.sample(("exp", "reciprocal", "normalise", "merge"), rng.choice((0, 1, 4))):
        chosen[f"array.{unit}_latency"] = rng.choice((*LATENCIES, rng.randint(1, 1024)))
    if rng.random() < 0.3:
        chosen["array.flush_cycles"] = rng.choice((0, 2, 1024))
    for name in ("skip_masked", "leftover_keys"):
        if rng.random() < 0.3:
            chosen[f"scheduling.{name}"] = rng.choice(("true", "false"))
    if rng.random() < 0.2:
        chosen["numerics"] = "wide"
    if rng.random() < 0.1:
        name = rng.choice([*FORMATS])
        chosen[name] = rng.choice(FORMATS[name])
    if rng.random() < 0.4:
        chosen["clock_hz"] = rng.choice(CLOCKS)
    return chosen | memory(rng) | pads(rng, rows, cols, longest)


def memory(rng: random.Random) -> dict[str, object]:
    """Return a memory; of every other one that is not ideal also its controller."""
    name = rng.choice((*DRAMS, "ideal", "ideal"))
    chosen: dict[str, object] = {"memory": name}
    if name == "ideal":
        if rng.random() < 0.8:
            chosen["dram.bandwidth_bytes_per_second"] = rng.choice((10**8, 10**9, 7 * 10**9, 10**11, 10**15))
        return chosen
    if rng.random() < 0.5:
        return chosen
    chosen |= {
        "dram.channels": rng.choice((1, 2, 4, 16)),
        "dram.scheduler": rng.choice(("frfcfs", "frfcfs_rowhit", "fcfs")),
        "dram.row_cap": rng.choice((0, 0, 1, 4)),
        "dram.refresh": rng.choice(("true", "false")),
        "dram.read_queue": rng.choice((1, 2, 32, 64)),
        "dram.write_queue": rng.choice((1, 2, 32, 64)),
        "dram.command_latency": rng.choice((0, 1, 20)),
    }
    if DRAMS[name].standard.pseudo_channels == 1 and rng.random() < 0.5:
        chosen["dram.ranks"] = 2
    return chosen


def pads(rng: random.Random, rows: int, cols: int, head_dim: int) -> dict[str, object]:
    """Return the scratchpads: most follow from the array; the others hold a few granules of `rows` keys."""
    slot = rows * head_dim
    least = -(-(rows + cols - 1) // rows) + 1  # granules that a pass reads
    chosen: dict[str, object] = {}
    for name in ("key", "value"):
        if rng.random() < 0.4:
            granules = rng.choice((2 * least, 2 * least + 1, 3 * least, rng.randint(2 * least, 12 * least)))
            chosen[f"{name}_scratchpad.capacity_bytes"] = granules * slot
        if rng.random() < 0.2:
            chosen[f"{name}_scratchpad.ports"] = rng.choice((1, 2, 8))
        if rng.random() < 0.2:
            chosen[f"{name}_scratchpad.buffering"] = rng.choice(("double", "circular"))
    if rng.random() < 0.3:
        chosen["query_scratchpad.capacity_bytes"] = slot * rng.choice((2, 3, 4, 12)) * 2
    if rng.random() < 0.3:
        chosen["output_scratchpad.capacity_bytes"] = 4 * slot * rng.randint(1, 6)
    if rng.random() < 0.2:
        chosen["global_scratchpad.capacity_bytes"] = 8 * cols * head_dim * rng.randint(2, 40)
    return chosen
