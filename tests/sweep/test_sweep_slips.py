"""Slips in a study that no point can survive are refused at once, with the line that they stand in."""

from __future__ import annotations

from pathlib import Path

import pytest

from tandemsim.sim.arch.checks import UserError
from tandemsim.sim.sweep.fields import Fields
from tandemsim.sim.sweep.runner import sweep
from tandemsim.sim.sweep.study import read_study

PATTERN = 'pattern = "sliding:64,9"'


@pytest.mark.parametrize(
    "text, says",
    [
        (f"[[list]]\n{PATTERN}\nheads = [1, 2]", "line 3: heads must be an integer, not [1, 2]"),
        (f"[grid]\n{PATTERN}\nheads = [[1, 2]]", "line 3: heads must be an integer, not [1, 2]"),
        (f"[grid]\n{PATTERN}\nbatch = [1, true]", "line 3: batch must be an integer, not True"),
        (f"[grid]\n{PATTERN}\nbits = [4, 4.5]", "line 3: bits must be a text or an integer, not 4.5"),
        (
            "samples = 2\n[random]\nworkload = {low = 1, high = 2}",
            "line 3: workload must be a text, not 1",
        ),
        ("samples = 2\n[random]\npattern = {low = 1, high = 2}", "line 3: pattern must be a text, not 1"),
        (
            f"samples = 2\n[grid]\n{PATTERN}\n[random]\nmachine = {{low = 1, high = 2}}",
            "line 5: machine must be a text, not 1",
        ),
        (
            f'pareto = ["cycles", []]\n[grid]\n{PATTERN}',
            "line 1: unknown objective '[]'; known: area, bytes, cycles, energy, time",
        ),
        (
            f'[grid]\n{PATTERN}\nmemory = ["hbm3", "hbm2"]',
            "line 3: unknown value of memory 'hbm3'; did you mean 'hbm2'?",
        ),
    ],
)
def test_a_slip_is_one_line_before_any_point_runs(tmp_path: Path, text: str, says: str) -> None:
    study = tmp_path / "s.toml"
    study.write_text(text + "\n")
    with pytest.raises(UserError) as refused:
        Fields(read_study(study))
    assert str(refused.value) == f"{study}, {says}"


def test_a_name_too_long_for_a_file_is_an_unknown_trace(tmp_path: Path) -> None:
    study = tmp_path / "s.toml"
    study.write_text(f'[grid]\nworkload = "{"a" * 300}"\n')
    with pytest.raises(UserError, match="line 2: unknown trace 'aaa"):
        Fields(read_study(study))


@pytest.mark.filterwarnings("error")
def test_a_constraint_without_blanks_warns_of_nothing(tmp_path: Path) -> None:
    study = tmp_path / "s.toml"
    study.write_text(f'constraints = ["rows>1and rows<100"]\n[grid]\n{PATTERN}\nrows = 8\n')
    assert Fields(read_study(study)).machines


def test_operand_widths_are_numbers_and_names(tmp_path: Path) -> None:
    study = tmp_path / "s.toml"
    study.write_text('[grid]\nworkload = "resnet18"\nbits = [4, "8", "mxfp4"]\n')
    read = read_study(study)
    assert Fields(read).running() == ["ant"] and read.grid["bits"] == (4, "8", "mxfp4")


def test_a_folder_that_cannot_be_made_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="^(cannot write|an output folder)"):
        sweep({"grid": {"pattern": "sliding:64,9"}}, workers=1, out="/proc/none")


def test_a_column_of_integers_and_fractions_takes_any_integer() -> None:
    rows = [8, 2.5, 2**53 + 1]
    table = sweep({"grid": {"pattern": "sliding:64,9", "rows": rows}}, workers=1).table
    assert table["rows"].to_pylist() == [float(row) for row in rows]
    assert table["status"].to_pylist() == ["ok", "invalid", "invalid"]
