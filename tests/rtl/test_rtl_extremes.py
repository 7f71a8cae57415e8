"""Circuits of random small configurations: no wire without a bit, and every unit as its model says."""

import itertools

import pytest
from amaranth import Module, Signal, signed, unsigned
from amaranth.sim import Simulator

from tandemsim.rtl.lib.emit import verilog
from tandemsim.rtl.lib.fixed import saturate
from tandemsim.rtl.salo.units import UNITS as SALO
from tandemsim.sim.arch.salo.numerics import PUBLISHED, Normalisation
from tests.cosim.salo.configs import small
from tests.cosim.sample import WHOLE
from tests.rtl import bench
from tests.rtl.empty_wires import empty_wires
from tests.rtl.salo import extremes
from tests.rtl.salo.units import UNITS
from tests.rtl.unit import SEED, assert_shown, expect

CIRCUITS = SALO.by_name
SEEDS = range(40 if WHOLE else 10)
ONE = small(
    PUBLISHED,
    tiles=1,
    rows=1,
    cols=1,
    head_dim=1,
    global_rows=0,
    global_cols=0,
    normalisation=Normalisation.DEFERRED,
)


@pytest.mark.parametrize("unit", CIRCUITS)
def test_no_unit_of_an_array_of_one_pe_has_an_empty_wire(unit):
    assert not empty_wires(verilog(CIRCUITS[unit](ONE)))


@pytest.mark.parametrize("seed", SEEDS)
def test_no_engine_has_an_empty_wire(seed):
    """All units are in it."""
    assert not empty_wires(verilog(CIRCUITS["tile_engine"](extremes.config(seed))))


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("name", UNITS)
def test_a_unit_of_any_widths_shows_what_its_model_says(name, seed):
    unit, config = UNITS[name], extremes.config(seed)
    inputs = unit.inputs(config, SEED, 300)
    assert_shown(expect(unit, config, inputs), bench.run(unit.circuit(config), inputs))


def test_the_seeds_have_one_of_each_part_and_none_of_the_global_ones():
    configs = [extremes.config(seed) for seed in range(100)]
    arrays = [config.array for config in configs]
    for field in ("rows", "cols", "head_dim", "exp_latency", "merge_latency", "reciprocal_latency"):
        assert {1, 2} <= {getattr(array, field) for array in arrays}, field
    for field in ("global_rows", "global_cols"):
        assert {0, 1, 2} <= {getattr(array, field) for array in arrays}, field
    assert {1, 2} <= {config.staging_tiles for config in configs}
    assert any(config.staging_tiles == config.array.head_dim == 1 for config in configs)
    assert any(len(config.numerics.exp.slopes) == 1 for config in configs)
    assert any(config.numerics.weight.fraction == 0 for config in configs)


@pytest.mark.parametrize("shape", [*map(unsigned, range(1, 5)), *map(signed, range(1, 5))], ids=repr)
def test_bounds_that_a_value_cannot_pass_are_bounds_all_the_same(shape):
    """Every value of the shape, between every two bounds: wider than the value, narrower, beside it."""
    m, value = Module(), Signal(shape)
    found = {}
    for bounds in itertools.combinations_with_replacement(range(-10, 18), 2):
        bounded = saturate(value, *bounds)
        found[bounds] = Signal(bounded.shape())
        m.d.comb += found[bounds].eq(bounded)

    async def every(context):
        lowest = -(1 << shape.width - 1) if shape.signed else 0
        for raw in range(lowest, lowest + (1 << shape.width)):
            context.set(value, raw)
            shown = {bounds: context.get(signal) for bounds, signal in found.items()}
            assert shown == {bounds: min(max(raw, bounds[0]), bounds[1]) for bounds in found}

    simulator = Simulator(m)
    simulator.add_testbench(every)
    simulator.run()
