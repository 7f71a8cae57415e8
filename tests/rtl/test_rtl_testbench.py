"""`python -m rtl.build --testbench`: its files, that they are the model's, and what it says to bad input."""

import pytest

from tandemsim.rtl import build
from tandemsim.rtl.testbench.files import BENCHES
from tandemsim.rtl.testbench.run import Stream, streams
from tandemsim.rtl.testbench.verilog import NEVER, lines
from tandemsim.sim.arch.families import FAMILIES

SMALL = {
    "salo/tile_engine": ["--set", "rows=2", "--set", "cols=4", "--set", "array.head_dim=4"],
    "ant/gemm": [
        *("--set", "rows=2"),
        *("--set", "cols=4"),
        *("--set", "accumulator_scratchpad.capacity_bytes=256"),
        *("--set", "output_scratchpad.capacity_bytes=256"),
    ],
}


def written(unit, folder, *more):
    assert build.main([unit, *SMALL[unit], "--testbench", *more, "--out", str(folder)]) == 0
    return {path.name: path.read_text() for path in (folder / unit.partition("/")[0]).iterdir()}


def test_both_families_have_one():
    assert {*BENCHES} == {*SMALL}


@pytest.mark.parametrize("unit", SMALL)
def test_a_testbench_is_verilog_and_a_file_for_each_stream(unit, tmp_path):
    family, _, name = unit.partition("/")
    found = written(unit, tmp_path / "one", "--tiles", "8", "--seed", "5")
    settings = dict(word.split("=") for word in SMALL[unit][1::2])
    bench, config = BENCHES[unit], FAMILIES[family].config(None, settings)
    files = {f"{name}_{stream}.hex" for stream in bench.TABLES}
    assert {*found} == {f"{name}.v", f"{name}.json", f"{name}_tb.v"} | files
    for stream in streams(config, bench.TABLES, bench.run(config, 8, 5)):
        text = found[f"{name}_{stream.name}.hex"]
        assert text == lines(stream)
        assert f'.FILE("{name}_{stream.name}.hex")' in found[f"{name}_tb.v"]
    assert "8 random tiles of seed 5" in found[f"{name}_tb.v"]
    assert len(found[f"{name}_command.hex"].splitlines()) == 8 + 1
    assert written(unit, tmp_path / "two", "--tiles", "8", "--seed", "5") == found
    assert written(unit, tmp_path / "three", "--tiles", "8", "--seed", "6") != found


def test_a_line_is_the_pause_before_a_word_its_cycle_and_the_word():
    stream = Stream("command", True, 11, [0x7FF, 3], [4, 300], [4, 290])
    wanted = ["00000004_00000004_7ff", "00000122_0000012c_003", f"00000000_{NEVER:08x}_000"]
    assert lines(stream).splitlines() == wanted


def test_without_the_option_there_is_no_testbench(tmp_path):
    assert build.main(["ant/gemm", *SMALL["ant/gemm"], "--out", str(tmp_path)]) == 0
    assert {path.name for path in (tmp_path / "ant").iterdir()} == {"gemm.v", "gemm.json"}


@pytest.mark.slow
def test_of_a_family_those_units_have_one_that_have_streams(tmp_path):
    arguments = ["ant", *SMALL["ant/gemm"], "--testbench", "--out", str(tmp_path)]
    assert build.main(arguments) == 0
    assert [path.name for path in (tmp_path / "ant").glob("*_tb.v")] == ["gemm_tb.v"]


NONE = "has no streams, and so no testbench; those that have: salo/tile_engine, ant/gemm"


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["exp_unit", "--testbench"], f"salo/exp_unit {NONE}"),
        (["gemm", "salo/pe", "--testbench"], f"salo/pe {NONE}"),
        (["gemm", "--tiles", "3"], "--tiles is of a testbench; give --testbench, too"),
        (["gemm", "--seed", "3"], "--seed is of a testbench; give --testbench, too"),
        (["gemm", "--testbench", "--tiles", "0"], "--tiles must be 1 to 100000, not 0"),
        (["gemm", "--testbench", "--seed", "-1"], "--seed must be 0 to 4294967295, not -1"),
        (["gem", "--testbench"], "unknown unit 'gem'; did you mean 'gemm'?"),
    ],
)
def test_a_testbench_that_cannot_be_is_one_line_and_exit_code_2(arguments, message, tmp_path, capsys):
    assert build.main([*arguments, "--out", str(tmp_path / "rtl")]) == 2
    assert capsys.readouterr().err == f"python -m rtl.build: {message}\n"
    assert not (tmp_path / "rtl").exists()
