"""Simulated cycles per second, with values: ANT's model beside Verilator, on the same tiles of 32 x 32 PEs.

``FULL=1 python -m benchmarks.bench_gemm``: random tiles of up to 256 words, weight stationary, all formats of
the preset `ant`. *model* is `sim.ant.gemm` on one thread; *Verilator* the exported Verilog under cocotb, its
build and start not counted, with its clock alone beside it (constant inputs, no Python in the loop). The
circuit's words are compared with the model's before anything is printed. The first run builds the circuit,
which takes minutes; without FULL=1 and without a build this says so and does nothing.
"""

from __future__ import annotations

import os

import numpy as np

from benchmarks.beside_verilator import seconds, show
from tandemsim.rtl.ant.gemm import AntGemm as Circuit
from tandemsim.sim.ant.gemm import AntGemm
from tandemsim.sim.ant.streams import NO_PAUSES
from tandemsim.sim.arch.ant.presets import ANT
from tests.ant import draws
from tests.cosim import harness, simulators, streams
from tests.cosim.ant import gemm

SIDE, TILES, WORDS = 32, 24, 256


def main() -> None:
    """Print both rates and their ratio."""
    config = draws.config(words=96, accumulators=512, rows=SIDE, cols=SIDE, formats=ANT.array.formats)
    if "verilator" not in simulators.found():
        print(simulators.NONE_FOUND)
        return
    if not os.environ.get("FULL") and not harness.is_built(Circuit(config), "verilator"):
        print("32 x 32 PEs are not built yet, which takes minutes: FULL=1 python -m benchmarks.bench_gemm")
        return
    tiles = draws.tiles(np.random.default_rng(1), config, TILES, most=WORDS)
    run, expected = gemm.expect(config, tiles, NO_PAUSES)
    stimulus = expected.stimulus | {"clock_alone": 4000}
    seen = harness.build(Circuit(config), "verilator").run(stimulus, "bench")
    streams.assert_seen(expected, seen)

    cycles = int(run.cycles.output[-1]) + 1
    model = cycles / seconds(lambda: AntGemm(config).run(tiles))
    show(f"{TILES} tiles of {SIDE} x {SIDE} PEs: {cycles} cycles", model, seen["rates"])


if __name__ == "__main__":
    main()
