"""Simulated cycles per second, with values: the model beside Verilator, on the same tiles of 32 x 32 PEs.

``FULL=1 python -m benchmarks.bench_circuit``: a block of Longformer's queries, 4,096 tokens and 513 keys, on
preset `salo`. *model* is the array of ``--functional`` on one thread; *Verilator* the exported Verilog under
cocotb, its build and start not counted, with its clock alone beside it (constant inputs, no Python in the
loop). The circuit's words are compared with the model's before anything is printed. The first run builds the
circuit, which takes minutes; without FULL=1 and without a build this says so and does nothing.
"""

from __future__ import annotations

import os

import numpy as np

from benchmarks.beside_verilator import seconds, show
from tandemsim.rtl.salo.tile_engine import TileEngine as Circuit
from tandemsim.rtl.testbench.salo_tiles import random_heads
from tandemsim.sim.arch.salo.presets import SALO
from tandemsim.sim.salo.array import PEArray
from tandemsim.sim.salo.scheduling.schedule import schedule
from tandemsim.traces.pattern import Pattern
from tests.cosim import harness, simulators
from tests.cosim.salo import engine


def main() -> None:
    """Print both rates and their ratio."""
    if "verilator" not in simulators.found():
        print(simulators.NONE_FOUND)
        return
    if not os.environ.get("FULL") and not harness.is_built(Circuit(SALO), "verilator"):
        print("32 x 32 PEs are not built yet, which takes minutes: FULL=1 python -m benchmarks.bench_circuit")
        return
    pattern = Pattern.longformer(4096, 512, (0,))
    plan = schedule(pattern, SALO.array, SALO.scheduling, global_projections=True)
    block = int(np.flatnonzero((plan.block_rows == 2048).any(axis=1))[0])
    part = engine.part_of(plan, np.flatnonzero(plan.block == block))
    heads = random_heads(SALO, pattern.seq_len, SALO.array.head_dim, apart=True, seed=1)
    seen = engine.run(SALO, part, heads, "verilator", "bench", clock_alone=4000)

    array = PEArray(SALO)
    cycles = SALO.array.total_cycles(part.tiles, SALO.array.head_dim)
    model = cycles / seconds(lambda: array.run(part, *heads[0]))
    show(f"{part.tiles} tiles of 32 x 32 PEs, head size 64: {cycles} cycles", model, seen["rates"])


if __name__ == "__main__":
    main()
