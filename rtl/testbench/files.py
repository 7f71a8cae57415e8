"""The files of a unit's testbench, for the units that have streams."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tandemsim.rtl.lib.names import module_name
from tandemsim.rtl.testbench.run import Bench, benches_of, streams
from tandemsim.rtl.testbench.verilog import testbench
from tandemsim.sim.arch.families import FAMILIES

BENCHES: Mapping[str, Bench] = benches_of(FAMILIES)  # by family/unit


def files(unit: str, kind: type, config: Any, tiles: int, seed: int) -> dict[str, str]:
    """Return the texts of the testbench of a unit, ``family/unit``, by file name.

    `kind` is the class of its circuit. The unit gets `tiles` random tiles; the same `seed` gives the same.
    """
    bench = BENCHES[unit]
    run = streams(config, bench.TABLES, bench.run(config, tiles, seed))
    work = f"{tiles} random tiles of seed {seed}"
    return testbench(bench.UNIT, module_name(kind, config), run, work)
