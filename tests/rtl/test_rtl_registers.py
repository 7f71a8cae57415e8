"""Each stage of a latency is a rank of registers: one that is left out changes no value, only the clock."""

import re
from dataclasses import replace

import pytest
from amaranth.back import rtlil

from tandemsim.rtl.lib.emit import SharedUnits
from tandemsim.rtl.salo.units import UNITS as SALO
from tandemsim.sim.arch.salo.numerics import Normalisation
from tests.cosim.salo.configs import CONFIGS

DEFERRED, PER_PASS = Normalisation.DEFERRED, Normalisation.PER_PASS
STAGES = [
    ("exp_unit", "exp_latency", DEFERRED),
    ("reciprocal_unit", "reciprocal_latency", DEFERRED),
    ("pe", "exp_latency", DEFERRED),
    ("pe", "exp_latency", PER_PASS),
    ("pe", "normalise_latency", PER_PASS),
    ("weighted_sum", "merge_latency", DEFERRED),
    ("weighted_sum", "merge_latency", PER_PASS),
    ("weighted_sum", "reciprocal_latency", DEFERRED),
    ("global_weighted_sum", "reciprocal_latency", PER_PASS),
]


def register_bits(unit, config):
    """Count the bits of all registers of a unit and of the modules in it."""
    text = rtlil.convert(SALO.by_name[unit](config), name=unit, platform=SharedUnits(), emit_src=False)
    return sum(map(int, re.findall(r"cell \$dff \$\d+\n\s+parameter \\WIDTH (\d+)", text)))


@pytest.mark.parametrize(("unit", "latency", "normalisation"), STAGES)
def test_each_cycle_of_a_latency_is_one_more_rank_of_registers(unit, latency, normalisation):
    config = CONFIGS["deferred"]
    bits = []
    for cycles in range(1, 6):
        array = replace(config.array, normalisation=normalisation, **{latency: cycles})
        bits.append(register_bits(unit, replace(config, array=array)))
    ranks = [after - before for before, after in zip(bits, bits[1:], strict=False)]
    assert min(ranks) > 0
    assert len(set(ranks[2:])) == 1, "from the third stage on, what is delayed is the same"
