"""Runs the Verilog of ANT's matrix engine and its model on the same tiles, and compares words and cycles."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from tandemsim.rtl.ant.gemm import AntGemm as Circuit
from tandemsim.sim.ant.gemm import AntGemm, GemmRun
from tandemsim.sim.ant.streams import NO_PAUSES, StreamEnds
from tandemsim.sim.ant.words import GemmTile, OperandWord
from tandemsim.sim.arch.ant.config import AntConfig
from tandemsim.sim.arch.ant.ports import activation_fields, command_fields, output_fields, weight_fields
from tandemsim.sim.arch.types import Integers
from tests.cosim import harness, streams

TABLES = {
    "command": command_fields,
    "activations": activation_fields,
    "weights": weight_fields,
    "output": output_fields,
}


def assert_twins(
    config: AntConfig,
    tiles: Sequence[GemmTile],
    simulator: str,
    ends: StreamEnds = NO_PAUSES,
    name: str = "tiles",
) -> GemmRun:
    """Hold the circuit to its model: on every stream the same words in the same cycles. Return its run."""
    run, expected = expect(config, tiles, ends)
    streams.assert_seen(expected, harness.build(Circuit(config), simulator).run(expected.stimulus, name))
    return run


def expect(
    config: AntConfig, tiles: Sequence[GemmTile], ends: StreamEnds
) -> tuple[GemmRun, streams.Expected]:
    """Run the model: what it makes, and what the circuit is to do. Pauses are gaps between words."""
    run = AntGemm(config).run(tiles, ends)
    words = {
        "command": [tile.command for tile in tiles],
        "activations": _operands((tile.activations, tile.activation_scales) for tile in tiles),
        "weights": _operands((tile.weights, _of_rows(config, tile)) for tile in tiles),
        "output": run.words(),
    }
    moved = {}
    for stream, cycles in run.cycles._asdict().items():
        end = getattr(ends, stream)
        assert not len(end.earliest), "the bench knows gaps only"
        transfers = [*zip(cycles.tolist(), words[stream], strict=True)]
        moved[stream] = streams.Moved(transfers, end.gaps.tolist(), stream != "output")
    return run, streams.expect(config, TABLES, moved, leaving="output")


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
    return tile.weight_scales[np.arange(len(tile.weights)) // config.array.blocks.length]
