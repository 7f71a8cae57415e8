"""Every unit of ANT against its model in Amaranth's simulator: value for value, cycle for cycle."""

import pytest

from tests.cosim.ant.configs import CONFIGS
from tests.rtl import bench
from tests.rtl.ant.units import units_of
from tests.rtl.unit import SEED, SOME, assert_shown, expect


@pytest.mark.parametrize(
    ("config", "name"), [(config, name) for config, made in CONFIGS.items() for name in units_of(made)]
)
def test_a_unit_of_ant_shows_what_its_model_says_in_every_cycle(config, name):
    config = CONFIGS[config]
    unit = units_of(config)[name]
    inputs = unit.inputs(config, SEED, SOME)
    assert_shown(expect(unit, config, inputs), bench.run(unit.circuit(config), inputs))
