"""Two units of one class name in one design do two things in its Verilog, too."""

from collections import namedtuple

import pytest
from amaranth import Module
from amaranth.lib import wiring

from tandemsim.rtl.lib.emit import unit
from tests.cosim import harness
from tests.cosim.ant.configs import CONFIGS as ANT_CONFIGS
from tests.cosim.salo.configs import CONFIGS as SALO_CONFIGS
from tests.cosim.sample import ON_EVERY
from tests.rtl.ant.units import UNITS as ANT
from tests.rtl.families import DESIGNS, INPUTS, assert_shown
from tests.rtl.salo.units import UNITS as SALO
from tests.rtl.unit import SEED, SOME, expect
from tests.rtl.unit import assert_shown as assert_unit_shown


@ON_EVERY
@pytest.mark.parametrize("name", DESIGNS)
def test_two_units_of_one_name_do_two_things_in_verilog(name, simulator):
    shown = harness.run_ports(DESIGNS[name][0](), simulator, INPUTS, "shared")
    assert_shown(name, shown)


class Both(wiring.Component):
    """SALO's PE and one of ANT's in one design, each with its own ports."""

    def __init__(self) -> None:
        self.units = {"salo": SALO["pe"].circuit(SALO_CONFIGS["bare"])}
        self.units["ant"] = ANT["weight_pe"].circuit(ANT_CONFIGS["weights"])
        members = {
            f"{family}_{name}": member
            for family, made in self.units.items()
            for name, member in made.signature.members.items()
        }
        super().__init__(members)

    def elaborate(self, platform: object) -> Module:
        m = Module()
        for family, made in self.units.items():
            m.submodules[family] = unit(platform, made)
            for name, member in made.signature.members.items():
                inner, outer = getattr(made, name), getattr(self, f"{family}_{name}")
                m.d.comb += inner.eq(outer) if member.flow is wiring.In else outer.eq(inner)
        return m


@ON_EVERY
def test_units_of_salo_and_of_ant_in_one_design_are_each_its_model(simulator):
    given = {
        "salo": (SALO["pe"], SALO_CONFIGS["bare"]),
        "ant": (ANT["weight_pe"], ANT_CONFIGS["weights"]),
    }
    inputs = {family: [*made.inputs(config, SEED, SOME)][:400] for family, (made, config) in given.items()}
    names = [f"{family}_{name}" for family, rows in inputs.items() for name in rows[0]._fields]
    row = namedtuple("row", names)
    rows = [row(*one, *other) for one, other in zip(*inputs.values(), strict=True)]
    shown = harness.run_ports(Both(), simulator, rows, "both")
    for family, (made, config) in given.items():
        seen = [
            {name.removeprefix(f"{family}_"): value for name, value in one.items() if name.startswith(family)}
            for one in shown
        ]
        assert_unit_shown(expect(made, config, inputs[family]), seen)
