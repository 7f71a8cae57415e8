"""Energy and area of the ANT machine: decoders, encoders and taps apart, and the artifact's own PE."""

from __future__ import annotations

import dataclasses

import pytest

from tandemsim.sim.arch.ant.baselines import ADAFLOAT, BITFUSION
from tandemsim.sim.arch.ant.config import AntArray
from tandemsim.sim.arch.ant.energy import AntWork, ant_energy
from tandemsim.sim.arch.ant.family import ANT_FAMILY
from tandemsim.sim.arch.ant.gates import array_mm2
from tandemsim.sim.arch.ant.presets import ANT, ANT_MICRO22
from tandemsim.sim.arch.dram.energy import DramTraffic
from tandemsim.sim.arch.dram.energy_table import dram_energy
from tandemsim.sim.arch.energy import EnergyConfig, sram_read_pj_per_byte
from tandemsim.sim.machines.ant.small import small_trace
from tandemsim.sim.papers.ant.hardware import ACCELERATORS, INPUTS, WEIGHTS
from tandemsim.sim.run import Request, simulate
from tests.ant.test_bits import quantized

NOTHING = DramTraffic(0, 0, 0, 1)


def actions(array: AntArray, energy: EnergyConfig, work: AntWork, clock_hz: int = 10**9) -> dict[str, float]:
    return ant_energy(energy, array, work, {}, NOTHING, dram_energy("ideal"), clock_hz)


def test_decoders_encoders_and_taps_are_charged_by_their_gates() -> None:
    work = AntWork(10, 0, 0, 0, busy=7, encoded=11, tapped_nand2=1608 * 13)
    found = actions(ANT.array, ANT.energy, work)
    # an 8-bit multiplier has 434 NAND2 and takes 0.2 pJ
    gate = 0.2 / 434
    assert found["array.decode"] == pytest.approx(7 * 128 * 74 * gate)
    assert found["array.encode"] == pytest.approx(11 * 242 * gate)
    assert found["array.tap"] == pytest.approx(13 * 1608 * gate)


def test_an_array_of_integers_has_no_shifters_and_hardly_any_decoders() -> None:
    work = AntWork(10, 4096 * 10, 0, 0, busy=10, encoded=1)
    types, integers = (actions(each.array, ANT.energy, work) for each in (ANT_MICRO22, BITFUSION))
    assert 5 * integers["array.decode"] < types["array.decode"] < 0.01 * sum(types.values())
    assert integers["array.add"] < types["array.add"]
    plain = actions(ADAFLOAT.array, ANT.energy, work)
    assert plain["array.encode"] == 0 and plain["array.decode"] < integers["array.decode"]


def test_a_pe_of_the_published_preset_takes_what_the_artifact_says() -> None:
    unit = ACCELERATORS["ant-os"]
    config = dataclasses.replace(ANT_MICRO22.array, rows=2, cols=2)  # a unit
    one = actions(config, ANT_MICRO22.energy, AntWork(1, 4, 0, 0), ANT_MICRO22.clock_hz)
    work = sum(one[f"array.{name}"] for name in ("multiply", "add", "register_clock", "register_write"))
    per_cycle = ANT_MICRO22.clock_hz / 1e12
    assert work * per_cycle == pytest.approx(unit.dynamic_nw / 1e9, rel=0.01)
    assert one["static.array"] * per_cycle == pytest.approx(unit.leak_nw / 1e9, rel=0.01)
    bit = sram_read_pj_per_byte(ANT_MICRO22.energy, 128 * 1024) / 8
    assert bit == pytest.approx((WEIGHTS.read_nj + INPUTS.read_nj) / 2 * 1000, rel=0.01)


def test_an_array_of_fewer_or_narrower_pes_is_smaller() -> None:
    areas = {name: array_mm2(config) or 0.0 for name, config in ANT_FAMILY.configs.items()}
    assert areas["olaccel"] < areas["bitfusion"] < areas["ant-micro22"]
    assert areas["adafloat"] < areas["int8"] < areas["biscaled"] < areas["ant"] < areas["systolic"]


def test_blocks_are_ended_by_taps_and_need_operands_that_stay() -> None:
    stated = {"type": "mxfp4", "bits": 4}
    settings: dict[str, object] = {"array.formats": "int4,int8,int8u,e2m1"}
    trace = quantized(**stated)
    report = simulate(Request(workload="x", trace=trace, machine="ant", settings=settings)).report
    # 32 x 48 results of 48 products, 2 blocks; 14 x 14 x 8 results of 9 places of 3 channels, a block each
    taps = 32 * 48 * 2 + 14 * 14 * 8 * 9
    assert report.energy_actions_pj["array.tap"] == pytest.approx(taps * 1608 * 0.2 / 434)
    # each tap adds to its own accumulator, of 6 bytes: 32 x 48 in 1 tile, 14 x 14 x 8 in 5 of 64 rows
    plain = simulate(Request(workload="x", trace=small_trace(), machine="ant", bits="4")).report
    more = 32 * 48 * (2 - 1) + 14 * 14 * 8 * (2 * 5 - 1)
    added = "array.accumulate"
    assert report.energy_actions_pj[added] - plain.energy_actions_pj[added] == pytest.approx(more * 0.1)
    said = "^op 'project': dataflow must be ws or is for blocks of mxfp4, not os$"
    with pytest.raises(ValueError, match=said):
        simulate(Request(workload="x", trace=trace, machine="ant", settings={**settings, "dataflow": "os"}))
