"""Runs the Verilog of ANT's matrix engine and its model on the same tiles, and compares words and cycles."""

from __future__ import annotations

from collections.abc import Sequence

from tandemsim.rtl.ant.gemm import AntGemm as Circuit
from tandemsim.rtl.testbench.ant import TABLES, moved
from tandemsim.sim.ant.gemm import AntGemm, GemmRun
from tandemsim.sim.ant.streams import NO_PAUSES, StreamEnds
from tandemsim.sim.ant.words import GemmTile
from tandemsim.sim.arch.ant.config import AntConfig
from tests.cosim import harness, streams


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
    assert not any(len(end.earliest) for end in ends), "the bench knows gaps only"
    return run, streams.expect(config, TABLES, moved(config, run, tiles, ends), leaving="output")
