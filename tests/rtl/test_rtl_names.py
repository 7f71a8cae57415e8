"""What a module is called: family, unit and circuit. Two units are two modules, and do two things."""

import re
from dataclasses import replace

import pytest
from amaranth.lib import wiring
from amaranth.lib.wiring import In

from tandemsim.rtl.lib import emit, names
from tandemsim.rtl.lib.emit import SharedUnits, verilog
from tandemsim.rtl.lib.names import module_name, module_of, unit_name
from tandemsim.rtl.salo.units import UNITS
from tests.rtl import bench
from tests.rtl.families import (
    DESIGNS,
    INPUTS,
    LARGE,
    SMALL,
    Bound,
    Fused,
    added,
    assert_shown,
    multiplied,
    pe,
)

SALO, ANT = pe("salo", multiplied), pe("ant", added)


def modules(text):
    return re.findall(r"^module (\w+)\(", text, re.MULTILINE)


def instances(*units):
    shared = SharedUnits()
    for unit in units:
        shared.instance(unit)


@pytest.mark.parametrize("name", DESIGNS)
def test_two_units_of_one_name_do_two_things_in_amaranth(name):
    assert_shown(name, bench.run(DESIGNS[name][0](), INPUTS))


@pytest.mark.parametrize("name", DESIGNS)
def test_two_units_of_one_name_are_two_modules_of_the_verilog(name):
    found = modules(verilog(DESIGNS[name][0]()))
    assert len(found) == len({*found}) == 3
    assert "fused" in found


def test_a_module_has_the_names_of_its_family_its_unit_and_its_circuit():
    found = modules(verilog(Fused(SALO(SMALL), ANT(LARGE))))
    assert {*found} == {"fused", module_name(SALO, SMALL), module_name(ANT, LARGE)}
    assert re.fullmatch(r"salo_pe_[0-9a-f]{8}", module_name(SALO, SMALL))
    assert re.fullmatch(r"ant_pe_[0-9a-f]{8}", module_name(ANT, LARGE))


def test_equal_units_are_one_module():
    assert {*modules(verilog(Fused(SALO(Bound()), SALO(Bound()))))} == {"fused", module_name(SALO, Bound())}


def test_units_whose_circuits_do_not_differ_are_one_module():
    other = replace(SMALL, clock_hz=2)
    assert {*modules(verilog(Fused(SALO(SMALL), SALO(other))))} == {"fused", module_name(SALO, SMALL)}


def test_the_top_of_a_design_is_named_like_any_other_module():
    unit = SALO(SMALL)
    assert modules(verilog(unit)) == [module_of(unit)] == [module_name(SALO, SMALL)]


@pytest.mark.parametrize(
    "family, name, unit",
    [
        ("salo", "WeightedSum", "weighted_sum"),
        ("salo", "PE", "pe"),
        ("salo", "PEArray", "pe_array"),
        ("ant", "AntGemm", "gemm"),
        ("ant", "WeightPE", "weight_pe"),
        ("ant", "Antenna", "antenna"),
        ("salo", "AntGemm", "ant_gemm"),
    ],
)
def test_a_unit_is_called_as_its_class_without_the_name_of_its_family(family, name, unit):
    kind = type(name, (), {"__module__": f"tandemsim.rtl.{family}.file"})
    assert unit_name(kind) == unit


def test_every_unit_of_a_family_has_a_name_of_its_own():
    assert len(UNITS.by_name) == len(UNITS.kinds)


def test_two_classes_that_nothing_tells_apart_are_refused():
    clash = r"two units would be one module salo_pe_\w{8}: tandemsim.rtl.salo.pe.PE and tandemsim.rtl.salo"
    with pytest.raises(ValueError, match=clash):
        instances(SALO(Bound()), pe("salo", added)(Bound()))


def test_two_circuits_whose_digests_begin_alike_are_refused(monkeypatch):
    for module in (emit, names):
        monkeypatch.setattr(module, "circuit_digest", lambda config: f"{'0' * 8}{config.largest}")
    with pytest.raises(ValueError, match="two units would be one module salo_pe_00000000"):
        instances(SALO(SMALL), SALO(LARGE))


def test_a_unit_of_more_than_its_config_is_not_shared():
    class Deep(wiring.Component):
        def __init__(self, config, depth):
            self.config, self.depth = config, depth
            super().__init__({"a": In(1)})

    component = Deep(SMALL, 3)
    component._MustUse__silence = True
    with pytest.raises(
        TypeError, match=r"Deep must take its config alone to be shared, not \(config, depth\)"
    ):
        SharedUnits().instance(component)
