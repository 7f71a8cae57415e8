"""ANT's circuits of random small configurations: no wire without a bit, and every unit as its model says."""

import pytest

from tandemsim.rtl.ant.gemm import AntGemm
from tandemsim.rtl.lib.emit import verilog
from tandemsim.sim.arch.ant.config import Dataflow
from tests.cosim.sample import WHOLE
from tests.rtl import bench
from tests.rtl.ant import extremes
from tests.rtl.ant.units import UNITS
from tests.rtl.empty_wires import empty_wires
from tests.rtl.unit import SEED, assert_shown, expect

SEEDS = range(40 if WHOLE else 6)


@pytest.mark.parametrize("seed", SEEDS)
def test_no_matrix_engine_has_an_empty_wire(seed):
    assert not empty_wires(verilog(AntGemm(extremes.config(seed))))


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("name", UNITS)
def test_a_unit_of_ant_of_any_widths_shows_what_its_model_says(name, seed):
    unit, config = UNITS[name], extremes.config(seed)
    inputs = unit.inputs(config, SEED, 300)
    assert_shown(expect(unit, config, inputs), bench.run(unit.circuit(config), inputs))


def test_the_seeds_have_one_of_each_part():
    configs = [extremes.config(seed) for seed in range(60)]
    arrays = [config.array for config in configs]
    assert {1, 2} <= {array.rows for array in arrays} and {1, 2} <= {array.cols for array in arrays}
    assert {*Dataflow} == {array.dataflow for array in arrays}
    assert {1, 2} <= {len(array.formats) for array in arrays}
    assert 1 in {config.staging_words for config in configs}
    assert {1, 48} <= {array.foot_width for array in arrays}
