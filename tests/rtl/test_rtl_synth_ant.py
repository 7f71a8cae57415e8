"""Gate counts of ANT: the tables, the command that fills them, and what it counts a PE as."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest
from amaranth.sim import Simulator

from tandemsim.rtl import synth
from tandemsim.rtl.ant.array import SystolicArray
from tandemsim.rtl.ant.pe import OutputPE, WeightPE
from tandemsim.rtl.lib.emit import rtlil_of
from tandemsim.rtl.lib.names import module_of
from tandemsim.rtl.synthesis import ant, ant_table, gate_count, tied, yosys
from tandemsim.sim.ant.decoder import OperandDecoder, OperandDecoderInputs
from tandemsim.sim.arch.ant.baselines import INT8
from tandemsim.sim.arch.ant.config import Dataflow, Overflow
from tandemsim.sim.arch.ant.family import ANT_FAMILY
from tandemsim.sim.arch.ant.gates import (
    ARRAYS,
    EDGES,
    GATES,
    Unit,
    array_mm2,
    decoded,
    edge,
    multiplied,
    parts_nand2,
    skew_bits,
    tap_nand2,
)
from tandemsim.sim.arch.ant.presets import ANT, ANT_MICRO22
from tandemsim.sim.arch.ant.wires import wires
from tandemsim.sim.arch.cells import MULTIPLIER_8B_NAND2, NAND2_UM2
from tests.cosim.ant.configs import CONFIGS
from tests.rtl.test_rtl_synth import NEEDS_YOSYS


@pytest.fixture(scope="module", params=[name for name, config in CONFIGS.items() if not config.array.taps])
def array(request):
    """A small configuration, and its array as RTLIL, without the units."""
    config = CONFIGS[request.param]
    text = rtlil_of(SystolicArray(config))
    (module,) = re.findall(r"^module \\ant_systolic_array_\w{8}\n.*?^end\n", text, re.MULTILINE | re.DOTALL)
    return config, module


def test_the_registers_between_ports_and_units_are_those_of_the_circuit(array):
    config, text = array
    widths = re.findall(r"cell \$dff \$\d+\n\s+parameter \\WIDTH (\d+)", text)
    assert skew_bits(config) == sum(map(int, widths))


def test_the_estimate_multiplies_each_unit_by_its_instances_in_the_circuit(array):
    config, text = array
    instances = re.findall(r"^\s+cell \\ant_(\w+)_\w{8} \\", text, re.MULTILINE)
    # With accumulators of which there are counts.
    width = next(unit.width for unit in GATES if unit.width and unit.array == multiplied(config.array))
    counted = replace(config.array, accumulator_width=width, foot_width=32, overflow=Overflow.REFUSE)
    found, kind = (
        parts_nand2(replace(config, array=counted)),
        "weight_pe" if counted.stationary else "output_pe",
    )
    if found is None:
        assert Unit(kind, multiplied(counted), width) not in GATES
        return
    assert found["pe"] == instances.count(kind) * GATES[Unit(kind, multiplied(counted), width)] > 0
    decoders = instances.count("operand_decoder") * GATES[Unit("operand_decoder", decoded(counted))]
    assert found["operand_decoder"] == decoders > 0


@pytest.mark.parametrize("unit", GATES, ids=lambda unit: "-".join(map(str, unit)))
def test_every_count_is_that_of_the_array_in_which_it_was_made(unit):
    array = ant_table.config_of(unit).array
    if unit.name == "tap":
        assert tap_nand2(array.taps) == GATES[unit]
    else:
        assert unit.array == (multiplied(array) if unit.width else decoded(array))
    if unit.width:
        array = replace(array, rows=2, cols=4)
        assert parts_nand2(replace(ANT, array=array))["pe"] == 8 * GATES[unit]


@pytest.mark.parametrize("kind", EDGES)
def test_every_row_around_the_pes_is_that_of_an_array(kind):
    assert edge(ant_table.AROUND[kind]) == kind
    assert ant_table.AROUND.keys() == EDGES.keys()


def test_what_a_preset_is_made_of_was_counted():
    assert {name for name, config in ANT_FAMILY.configs.items() if array_mm2(config) is None} == set()


@pytest.mark.parametrize(
    "array",
    [
        replace(ANT.array, accumulator_width=21),
        replace(ANT.array, foot_width=31),
        replace(ANT.array, overflow=Overflow.SATURATE),
        replace(ANT.array, pe_bits=5, formats=("int5",)),
        ARRAYS["mxfp4"],
    ],
)
def test_what_nobody_counted_has_no_area(array):
    assert array_mm2(replace(ANT, array=array)) is None


def test_the_area_is_that_of_all_parts():
    array, around = ANT.array, EDGES[edge(ANT.array)]
    assert (array.rows, array.cols) == (64, 64)
    pe, decoder, encoder = (
        GATES[unit]
        for unit in (
            Unit("weight_pe", "class A", 20),
            Unit("operand_decoder", "types"),
            Unit("code_encoder", "types"),
        )
    )
    nand2 = 4096 * pe + 128 * decoder + 64 * (encoder + around.foot) + around.controller
    nand2 += skew_bits(ANT) * around.skew_bit
    assert array_mm2(ANT) == pytest.approx(nand2 * NAND2_UM2 / 1e6)


@pytest.mark.parametrize("config", [ANT, ANT_MICRO22], ids=["ws", "os"])
def test_decoders_are_less_than_half_a_percent_of_the_array(config):
    parts = parts_nand2(config)
    del parts["code_encoder"]
    assert 0.001 < parts["operand_decoder"] / sum(parts.values()) < 0.005


@pytest.mark.parametrize("dataflow", [Dataflow.WEIGHT_STATIONARY, Dataflow.OUTPUT_STATIONARY])
@pytest.mark.parametrize("name", ARRAYS)
def test_shifts_that_are_tied_are_those_that_no_decoder_shows(name, dataflow):
    config = replace(ANT, array=replace(ARRAYS[name], dataflow=dataflow, taps=""))
    decoder, codes = OperandDecoder(config), range(1 << wires(config).code.width)
    for used, in_place in zip(tied.used_shifts(config.array), (config.array.stationary, False), strict=True):
        seen = 0
        for form in range(len(config.array.formats)):
            for code in codes:
                for upper in (False, True):
                    seen |= decoder(OperandDecoderInputs(code, form, True, upper, in_place)).shift
        assert used == seen


def test_a_pe_is_wrapped_only_where_something_is_tied():
    nibbles = ant_table.config_of(Unit("weight_pe", "nibbles", 20))
    for config, kind in ((ANT, WeightPE), (ANT_MICRO22, OutputPE), (nibbles, tied.TiedPE)):
        circuit = tied.in_place(config)
        assert type(circuit) is kind and rtlil_of(circuit)


def test_a_wrapped_pe_has_zeros_for_what_is_tied_and_all_else_as_it_comes():
    wrapped = tied.in_place(ant_table.config_of(Unit("weight_pe", "nibbles", 20)))
    given = {"activation_shift_in": 7, "weight_shift_in": 7, "weight_base_in": -3, "psum_in": 1000}
    given |= {"activation_base_in": 5, "weight_valid_in": 1, "swap_in": 0}

    async def run(context):
        for name, value in given.items():
            context.set(getattr(wrapped, name), value)
        await context.tick()
        context.set(wrapped.swap_in, 1)
        await context.tick()
        seen = {name: context.get(getattr(wrapped.pe, name)) for name in given}
        assert seen == given | {"activation_shift_in": 4, "weight_shift_in": 0, "swap_in": 1}
        assert context.get(wrapped.psum_out) == 1000 + (5 << 4) * -3

    simulator = Simulator(wrapped)
    simulator.add_clock(1e-6)
    simulator.add_testbench(run)
    simulator.run()


def test_a_whole_array_is_its_modules_times_their_instances():
    holds = {"array.foot": 1, "operand_decoder": 5, "weight_pe": 6}
    found = ant.whole(
        {
            "array": yosys.Counted(0, 1000.0, 50, 0, holds),
            "array.foot": yosys.Counted(0, 300.0, 9, 640, {}),
            "controller": yosys.Counted(0, 7.0, 1, 0, {}),
            "operand_decoder": yosys.Counted(0, 20.0, 0, 0, {}),
            "weight_pe": yosys.Counted(0, 500.0, 1, 0, {}),
            "staging": yosys.Counted(0, 5.0, 1, 256, {}),
        }
    )
    assert found == {
        "array.foot": 300,
        "operand_decoder": 100,
        "weight_pe": 3000,
        "controller": 7,
        "skew": 1000,
    }


def test_the_line_on_the_tables_says_what_differs():
    def said(units=GATES, edges=EDGES, multiplier=MULTIPLIER_8B_NAND2):
        return ant_table.said_of_tables(units, edges, multiplier)

    assert said() == "sim/arch/ant/gates.py has these counts."
    other, kind = Unit("weight_pe", "class A", 20), edge(ANT.array)
    told = "sim/arch/ant/gates.py has other counts. Found: "
    assert said(units={**GATES, other: 1}) == f"{told}{other}: 1"
    assert said(multiplier=1) == f"{told}a multiplier of 8 bits takes 1"
    changed = EDGES[kind]._replace(foot=1)
    assert said(edges={**EDGES, kind: changed}) == f"{told}{kind}: {changed}"


@pytest.mark.parametrize("config", [ANT, ANT_MICRO22, INT8], ids=["ws", "os", "bytes"])
def test_a_small_array_can_be_built_and_runs_at_full_rate(config):
    found = ant_table.small(config, 4)
    found.check_circuit()
    array = found.array
    assert (array.rows, array.cols, array.accumulator_width) == (4, 4, config.array.accumulator_width)
    assert found.staging_words >= found.full_rate_words
    assert found.accumulator_rows == 4


def test_what_types_cost_is_a_share_of_the_pe_without_them():
    found = ant.costs_of_types(
        {
            Unit(pe, kind, width): nand2
            for pe in ant_table.PES
            for kind, width, nand2 in (("class A", 20, 120), ("nibbles", 18, 100), ("int4", 14, 80))
        }
    )
    both = {"a fused 4/8-bit PE": pytest.approx(0.2), "a plain int4 PE": pytest.approx(0.5)}
    assert found == {"weight_pe": both, "output_pe": both}


def test_the_report_has_the_tables_the_array_and_what_was_placed(tmp_path, monkeypatch, capsys):
    def count(text, top, folder, kept=(), memories=True):
        """Each module has a hundred gates."""
        assert f"module {top}(" in text
        (pe,) = [name for name in kept if "weight_pe" in name] or [top]
        foot, array = f"{top}.array.foot", f"{top}.array"
        names = [top, *(name for name in kept if "output_pe" not in name)]
        found = {name: yosys.Counted(1, 100.0, 1, 8, {}) for name in names}
        return found | {array: yosys.Counted(1, 100.0, 1, 8, {pe: 4, foot: 1})}

    def header(circuit):
        circuit._MustUse__silence = True  # it is not elaborated
        for inner in ("pe", "circuit"):
            getattr(circuit, inner, circuit)._MustUse__silence = True
        return f"module {module_of(circuit)}("

    # of each kind of unit one
    some = [
        Unit("operand_decoder", "types"),
        Unit("operand_decoder", "int8"),
        Unit("code_encoder", "types"),
        Unit("weight_pe", "class A", 20),
    ]
    monkeypatch.setattr(ant_table, "GATES", {unit: GATES[unit] for unit in some})
    monkeypatch.setattr(ant_table, "EDGES", {edge(ANT.array): EDGES[edge(ANT.array)]})
    monkeypatch.setattr(ant_table, "SIDE", 2)
    monkeypatch.setattr(ant, "CHECKED", 2)
    monkeypatch.setattr(ant, "PLACED", 2)
    monkeypatch.setattr(ant, "costs_of_types", lambda found: {})
    monkeypatch.setattr(gate_count, "verilog", header)
    monkeypatch.setattr(yosys, "count", count)
    monkeypatch.setattr(yosys, "place", lambda text, top, folder: {"clock_mhz": 1.0})
    monkeypatch.setattr(synth, "installed", lambda tool: tool)
    assert synth.main(["--machine", "ant", "--place", "array", "--out", str(tmp_path)]) == 0
    report = json.loads((tmp_path / "synthesis.json").read_text())
    keys = "preset settings tools units edges multiplier_8b_nand2 array check ecp5"
    assert [*report] == keys.split()
    assert report["preset"] == "ant"
    assert [(each["name"], each["nand2"]) for each in report["units"]] == [(unit.name, 100) for unit in some]
    (around,) = report["edges"]
    bit = around["skew_bit"]
    assert (around["dataflow"], around["joins"], around["foot"], around["controller"]) == (
        "ws",
        True,
        50,
        100,
    )
    assert report["array"] == {
        "pe": 409600,
        "operand_decoder": 12800,
        "code_encoder": 6400,
        "foot": 3200,
        "controller": 100,
        "skew": pytest.approx(skew_bits(ANT) * bit),
    }
    check = report["check"]
    assert (check["nand2_of_modules"], check["nand2_in_one"]) == (400 + 100 + 100 + 100, 200)
    assert report["ecp5"] == {"array of 2 x 2": {"clock_mhz": 1.0}}
    said = capsys.readouterr().out
    assert "409,600" in said and "gates.py has other counts" in said


@NEEDS_YOSYS
def test_the_table_has_what_yosys_counts(tmp_path: Path):
    """A decoder and a PE: they take some seconds. `make synth MACHINE=ant` compares every unit."""
    for unit in (Unit("operand_decoder", "types"), Unit("weight_pe", "nibbles", 20)):
        assert ant_table.nand2_of(unit, tmp_path) == GATES[unit]
