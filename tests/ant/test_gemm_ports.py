"""The streams' tables and the models' tuples have the same fields, and every word of a run fits its wires."""

from __future__ import annotations

import numpy as np
import pytest

from tandemsim.sim.ant.gemm import AntGemm, AntGemmInputs, AntGemmOutputs
from tandemsim.sim.ant.words import GemmCommand, OperandWord, OutputWord
from tandemsim.sim.arch.ant import ports
from tandemsim.sim.arch.ant.config import MAX_WORDS, Dataflow
from tandemsim.sim.arch.wires import Field
from tests.ant import draws


def test_fields_are_those_of_the_tuples() -> None:
    config = draws.config(rows=6, cols=4)
    tables = {
        GemmCommand: ports.command_fields(config),
        OperandWord: ports.activation_fields(config),
        OutputWord: ports.output_fields(config),
    }
    for word, fields in tables.items():
        assert tuple(fields) == word._fields
    assert tuple(ports.weight_fields(config)) == OperandWord._fields
    assert ports.activation_fields(config)["codes"].shape == (6,)
    assert ports.weight_fields(config)["codes"].shape == ports.output_fields(config)["sums"].shape == (4,)
    assert AntGemmInputs._fields + AntGemmOutputs._fields == ("command", "activations", "weights", "output")


def fits(field: Field, values: list[int]) -> bool:
    width = field.wire.width
    low, high = (-(1 << (width - 1)), 1 << (width - 1)) if field.wire.signed else (0, 1 << width)
    return all(low <= value < high for value in values)


@pytest.mark.parametrize("flow", Dataflow)
def test_every_word_fits(flow: Dataflow) -> None:
    rng = np.random.default_rng(list(map(ord, flow)))
    config = draws.config(rows=8, cols=6, dataflow=flow, accumulators=19, formats=("int4", "e2m1", "int8u"))
    tiles = draws.tiles(rng, config, 60)
    commands, sums = ports.command_fields(config), ports.output_fields(config)["sums"]
    for tile in tiles:
        for name, value in tile.command._asdict().items():
            assert fits(commands[name], [int(value)])
        assert fits(ports.activation_fields(config)["codes"], tile.activations.ravel().tolist())
        assert fits(ports.weight_fields(config)["codes"], tile.weights.ravel().tolist())
    assert fits(sums, AntGemm(config).run(tiles).sums.ravel().tolist())


def test_counts_of_a_command_fit_to_their_ends() -> None:
    config = draws.config(rows=8, cols=6, accumulators=19)
    fields = ports.command_fields(config)
    ends = {"words": MAX_WORDS, "rows": 8, "cols": 6, "activation_format": 6, "first": 1, "base": 18}
    for name, end in ends.items():
        assert fits(fields[name], [end]) and not fits(fields[name], [2 * end + 2]), name
