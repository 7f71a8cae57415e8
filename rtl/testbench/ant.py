"""The testbench of ANT's matrix engine: random tiles, many of them parts of one sum."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
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
    return moved(config, AntGemm(config).run(found, ends), found, ends)


def gaps_alone(ends: StreamEnds) -> StreamEnds:
    """Return ends whose words wait for the ones before them, and for no cycle of their own: benches count."""
    return StreamEnds(*(end._replace(earliest=NO_CYCLES) for end in ends))


def moved(config: AntConfig, made: GemmRun, found: Sequence[GemmTile], ends: StreamEnds) -> dict[str, Moved]:
    """Return what the model made of tiles, whose streams had `ends` of gaps alone."""
    words: dict[str, Sequence[NamedTuple]] = {
        "command": [tile.command for tile in found],
        "activations": _operands((tile.activations, tile.activation_scales) for tile in found),
        "weights": _operands((tile.weights, _of_rows(config, tile)) for tile in found),
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


def _operands(parts: Iterable[tuple[Integers, Integers | None]]) -> list[OperandWord]:
    return [
        OperandWord(tuple(codes), () if scales is None else tuple(scales[word].tolist()))
        for words, scales in parts
        for word, codes in enumerate(words.tolist())
    ]


def _of_rows(config: AntConfig, tile: GemmTile) -> Integers | None:
    """Return the weights' scales row by row: those of the block that a row is of."""
    if tile.weight_scales is None or config.array.blocks is None:
        return None
    of_rows: Integers = tile.weight_scales[np.arange(len(tile.weights)) // config.array.blocks.length]
    return of_rows
