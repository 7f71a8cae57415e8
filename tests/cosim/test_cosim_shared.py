"""Two units of one class name in one design do two things in its Verilog, too."""

import pytest

from tests.cosim import harness
from tests.cosim.sample import ON_EVERY
from tests.rtl.families import DESIGNS, INPUTS, assert_shown


@ON_EVERY
@pytest.mark.parametrize("name", DESIGNS)
def test_two_units_of_one_name_do_two_things_in_verilog(name, simulator):
    shown = harness.run_ports(DESIGNS[name][0](), simulator, INPUTS, "shared")
    assert_shown(name, shown)
