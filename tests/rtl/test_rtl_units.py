"""Every unit against its model in Amaranth's simulator: random inputs, value for value, cycle for cycle."""

from dataclasses import replace

import pytest

from tandemsim.sim.arch.salo.numerics import WIDE
from tandemsim.sim.arch.salo.presets import SALO, SALO_DAC22
from tests.cosim.salo.configs import CONFIGS
from tests.rtl import bench
from tests.rtl.salo.units import UNITS
from tests.rtl.unit import SEED, SOME, assert_shown, expect

PRESETS = {
    "salo": SALO,
    "salo-dac22": SALO_DAC22,
    "salo-wide": replace(SALO, numerics=WIDE),
    "salo-dac22-wide": replace(SALO_DAC22, numerics=WIDE),
}


@pytest.mark.parametrize("config", [*PRESETS.values(), *CONFIGS.values()], ids=[*PRESETS, *CONFIGS])
@pytest.mark.parametrize("name", UNITS)
def test_a_unit_shows_what_its_model_says_in_every_cycle(name, config):
    unit = UNITS[name]
    inputs = unit.inputs(config, SEED, SOME)
    assert_shown(expect(unit, config, inputs), bench.run(unit.circuit(config), inputs))
