"""Every unit's Verilog against its model: random inputs, value for value, cycle for cycle."""

import os

import pytest

from tests.cosim import harness, simulators
from tests.cosim.configs import CONFIGS
from tests.rtl.units import UNITS, assert_same

COUNT = 5000 if os.environ.get("TANDEM_COSIM") else 1000
SAMPLE = [*CONFIGS] if os.environ.get("TANDEM_COSIM") else ["deferred", "wide_per_pass"]


@pytest.mark.parametrize("simulator", simulators.found()[:1])
@pytest.mark.parametrize("config", SAMPLE)
@pytest.mark.parametrize("name", UNITS)
def test_a_unit_shows_what_its_model_says_in_every_cycle_of_its_verilog(name, config, simulator):
    unit, config = UNITS[name], CONFIGS[config]
    inputs = unit.inputs(config, 2, COUNT)
    assert_same(unit, config, inputs, harness.run_ports(unit.circuit(config), simulator, inputs, name))
