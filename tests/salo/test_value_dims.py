"""Values of another size than the keys: what the array, its commands and the machine take, and refuse."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tandemsim.sim.arch.checks import ConfigError
from tandemsim.sim.arch.salo.presets import SALO, SALO_DAC22
from tandemsim.sim.salo.layer.layout import Layer
from tandemsim.sim.salo.layer.simulation import simulate_layer
from tandemsim.sim.salo.scheduling.schedule import schedule
from tandemsim.sim.salo.tile_words import commands, words
from tandemsim.sim.salo.values.functional import operands, run
from tandemsim.sim.salo.values.tensors import random_tensors
from tandemsim.traces.pattern import Pattern

PATTERN = Pattern.sliding(64, 33)
SAID = r"^values must have the 40 elements of a key, not 24; --set array.value_dims=true$"


def test_the_published_array_has_values_of_the_size_of_keys() -> None:
    tensors = random_tensors(1, 64, 40, seed=1, v_dim=24)
    plan, head = schedule(PATTERN, SALO_DAC22.array), operands(tensors, 0, (), SALO_DAC22)[0]
    for refused in (
        lambda: run(plan, PATTERN, tensors, SALO_DAC22),
        lambda: commands(plan, SALO_DAC22, head),
        lambda: simulate_layer(SALO_DAC22, PATTERN, Layer(1, 40, 64, (), v_dim=24)),
    ):
        with pytest.raises(ConfigError, match=SAID):
            refused()


@pytest.mark.parametrize("v_dim", [1, 24, 40, 64])
def test_a_tile_is_fed_as_many_words_as_a_key_and_a_value_have_elements(v_dim: int) -> None:
    tensors = random_tensors(1, 64, 40, seed=2, v_dim=v_dim)
    head = operands(tensors, 0, (), SALO)[0]
    command, tokens = commands(schedule(PATTERN, SALO.array), SALO, head)[0]
    assert (command.head_dim, command.value_dim.tolist()) == (40, [v_dim])
    fed = words(command, tokens, head.own, head.own, source=0)
    assert len(fed) == 40 + v_dim
    assert SALO.array.pass_cycles(40, v_dim) - SALO.array.timing.between == len(fed)
    there = tokens.kv >= 0
    np.testing.assert_array_equal(fed[-1].kv[there], head.own.value[tokens.kv[there], v_dim - 1])
    np.testing.assert_array_equal(fed[39].kv[there], head.own.key[tokens.kv[there], 39])


def test_values_longer_than_the_arrays_heads_are_refused() -> None:
    rule = r"^heads must have at most array.head_dim elements \(64\), not 65; --set array.head_dim=65$"
    with pytest.raises(ConfigError, match=rule):
        SALO.check_head(40, 65)
    replace(SALO, array=replace(SALO.array, value_dims=False)).check_head(64, 64)
