"""The testbench of ANT's matrix engine: random tiles, many of them parts of one sum."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from tandemsim.rtl.testbench.ant_tiles import pauses, tiles
from tandemsim.rtl.testbench.run import Moved, Tables
from tandemsim.sim.ant.gemm import AntGemm, GemmRun
from tandemsim.sim.ant.streams import NO_CYCLES, StreamEnds
from tandemsim.sim.ant.words import GemmTile, OperandWord
from tandemsim.sim.arch.ant.config import AntConfig
from tandemsim.sim.arch.ant.ports import activation_fields, command_fields, output_fields, weight_fields
from tandemsim.sim.arch.types import Integers

UNIT = "gemm"
TABLES: Tables = {
    "command": command_fields,
    "activations": activation_fields,
    "weights": weight_fields,
    "output": output_fields,
}


def run(config: AntConfig, count: int, seed: int) -> dict[str, Moved]:
    """Return what the engine does with random tiles, while the other ends of all streams pause at random."""
    rng = np.random.default_rng(seed)
    found = tiles(rng, config, count)
    ends = gaps_alone(pauses(rng, found, config))
    return moved(AntGemm(config).run(found, ends), found, ends)


def gaps_alone(ends: StreamEnds) -> StreamEnds:
    """Return ends whose words wait for the ones before them, and for no cycle of their own: benches count."""
    return StreamEnds(*(end._replace(earliest=NO_CYCLES) for end in ends))


def moved(made: GemmRun, found: Sequence[GemmTile], ends: StreamEnds) -> dict[str, Moved]:
    """Return what the model made of tiles, whose streams had `ends` of gaps alone."""
    words: dict[str, Sequence[NamedTuple]] = {
        "command": [tile.command for tile in found],
        "activations": _operands([tile.activations for tile in found]),
        "weights": _operands([tile.weights for tile in found]),
        "output": made.words(),
    }
    return {
        stream: Moved(
            [*zip(cycles.tolist(), words[stream], strict=True)],
            getattr(ends, stream).gaps.tolist(),
            stream != "output",
        )
        for stream, cycles in made.cycles._asdict().items()
    }


def _operands(parts: Sequence[Integers]) -> list[OperandWord]:
    return [OperandWord(tuple(word)) for part in parts for word in part.tolist()]
