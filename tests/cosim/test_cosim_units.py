"""Every unit's Verilog against its model: random inputs, value for value, cycle for cycle."""

import pytest

from tests.cosim import harness
from tests.cosim.salo.configs import CONFIGS
from tests.cosim.sample import ARRAYS, ON_EACH, WHOLE
from tests.rtl.salo.units import UNITS
from tests.rtl.unit import MANY, SEED, SOME, assert_shown, expect

COUNT = MANY if WHOLE else SOME


@ON_EACH
@pytest.mark.parametrize("config", ARRAYS[-1:] if not WHOLE else ARRAYS)
@pytest.mark.parametrize("name", UNITS)
def test_a_unit_shows_what_its_model_says_in_every_cycle_of_its_verilog(name, config, simulator):
    unit, config = UNITS[name], CONFIGS[config]
    inputs = unit.inputs(config, SEED, COUNT)
    assert_shown(
        expect(unit, config, inputs), harness.run_ports(unit.circuit(config), simulator, inputs, name)
    )
