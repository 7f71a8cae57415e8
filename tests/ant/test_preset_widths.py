"""Widths of the presets: no data overflow a PE, and what K is cut into costs no cycles."""

from __future__ import annotations

import pytest

from tandemsim.sim.ant.functional import parts_of_k
from tandemsim.sim.arch.ant.config import AntArray, AntConfig
from tandemsim.sim.arch.ant.family import ANT_FAMILY
from tandemsim.sim.arch.codes import CodeFormat

ALL = dict(ANT_FAMILY.configs)
STATIONARY = {name: config for name, config in ALL.items() if config.array.stationary}
OUTPUT = {name: config for name, config in ALL.items() if name not in STATIONARY}


def of(configs: dict[str, AntConfig]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("config", configs.values(), ids=configs)


def pairs(array: AntArray) -> list[tuple[CodeFormat, CodeFormat]]:
    """Return every type of activations with every type of weights, which are signed."""
    forms = array.code_formats
    return [(left, right) for left in forms for right in forms if right.signed]


@of(STATIONARY)
def test_a_column_of_products_fits_its_psum(config: AntConfig) -> None:
    array = config.array
    for left, right in pairs(array):
        assert array.max_fold(left, right) >= array.rows // array.operands_of(left), (left.name, right.name)


@of(OUTPUT)
def test_parts_of_k_cost_no_cycles(config: AntConfig) -> None:
    array = config.array
    for left, right in pairs(array):
        for length in range(array.max_fold(left, right) + 1, 3000, 7):
            shortest = min(part.stop - part.start for part in parts_of_k(array, left, right, length))
            assert shortest >= array.rows, (left.name, right.name, length)


@of(ALL)
def test_the_staging_buffer_holds_full_rate(config: AntConfig) -> None:
    config.check_circuit()
    assert config.staging_words >= config.full_rate_words
