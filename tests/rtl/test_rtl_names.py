"""Two units of one class name, or one class in two configurations, are two modules, and do two things."""

import itertools
import re

import pytest
from amaranth.lib import wiring
from amaranth.lib.wiring import In

from tandemsim.rtl.lib.emit import SharedUnits, verilog
from tandemsim.rtl.lib.names import Key, names_of
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


@pytest.mark.parametrize("name", DESIGNS)
def test_two_units_of_one_name_do_two_things_in_amaranth(name):
    assert_shown(name, bench.run(DESIGNS[name][0](), INPUTS))


@pytest.mark.parametrize("name", DESIGNS)
def test_two_units_of_one_name_are_two_modules_of_the_verilog(name):
    found = modules(verilog(DESIGNS[name][0]()))
    assert len(found) == len({*found}) == 3
    assert "fused" in found


def test_units_of_two_families_bear_the_families_names():
    assert {*modules(verilog(Fused(SALO(Bound()), ANT(Bound()))))} == {"fused", "salo_pe", "ant_pe"}


def test_equal_units_are_one_module_with_the_bare_name():
    assert {*modules(verilog(Fused(SALO(Bound()), SALO(Bound()))))} == {"fused", "pe"}


def test_names_depend_on_what_is_there_and_not_on_its_order():
    units = [Key(kind, digest * 32) for kind in (SALO, ANT) for digest in ("ab", "cd")]
    named = names_of(units, "fused")
    assert {*named.values()} == {f"{f}_pe_{d * 4}" for f in ("salo", "ant") for d in ("ab", "cd")}
    for order in itertools.permutations(units):
        assert names_of(order, "fused") == named


def test_a_unit_never_has_the_name_of_the_design():
    assert names_of([Key(SALO, "ab" * 32)], "pe") == {Key(SALO, "ab" * 32): "salo_pe"}


def test_two_classes_that_nothing_tells_apart_are_refused():
    clash = "modules of one name, salo_pe_.*, that nothing tells apart: tandemsim.rtl.salo.pe.PE and"
    with pytest.raises(ValueError, match=clash):
        verilog(Fused(SALO(Bound()), pe("salo", added)(Bound())))


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


def test_one_class_in_two_configurations_bears_their_digests():
    found = modules(verilog(Fused(SALO(SMALL), SALO(LARGE))))
    assert all(re.fullmatch(r"salo_pe_[0-9a-f]{8}|fused", name) for name in found)
