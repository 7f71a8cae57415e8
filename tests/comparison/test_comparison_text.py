"""The table of the terminal: figures, marks, why there is no ratio, and that it fits."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tandemsim.sim.comparison.comparison import compare
from tandemsim.sim.comparison.ops import op_rows
from tandemsim.sim.comparison.page import comparison_html
from tandemsim.sim.report.contract import Report
from tandemsim.sim.report.format import width_of
from tests.comparison.made import make_op, make_report, several


def cells(text: str, table: str = "run") -> dict[str, dict[str, str]]:
    """Rows of the tables with this title: label -> heading -> cell."""
    found: dict[str, dict[str, str]] = {}
    headings: list[str] = []
    for line in text.splitlines():
        row = re.split(r"\s{2,}", line.strip())
        if row[0] == table:
            headings = row[1:]
        elif headings and line.startswith("  "):
            found[row[0]] = dict(zip(headings, row[1:], strict=True))
        else:
            headings = []
    return found


def test_figures_are_those_of_the_reports_and_the_best_are_marked() -> None:
    fast = make_report([make_op(compute=50)], energy=(10.0, 20.0, 30.0, 41.0), area_mm2=9.0)
    slow = make_report([make_op(compute=150)], dram=(4096, 2048))
    text = compare([slow, fast], ["slow", "fast"]).table()
    assert cells(text) == {
        "slow": {
            "cycles": "162",
            "time": "162 ns",
            "speedup": "1.00×",
            "utilization": "0.062",
            "DRAM": "6.14 kB",
            "energy": "100 pJ*",
            "area": "4.50 mm²*",
        },
        "fast": {
            "cycles": "62*",
            "time": "62.0 ns*",
            "speedup": "2.61×",
            "utilization": "0.161*",
            "DRAM": "5.12 kB*",
            "energy": "101 pJ",
            "area": "9.00 mm²",
        },
    }
    assert cells(text, "stall cycles") == {
        "slow": {"stalled": "12", "cold fill": "5", "DRAM": "7"},
        "fast": {"stalled": "12", "cold fill": "5", "DRAM": "7"},
    }
    assert "fewest cycles, shortest time, highest utilization" in " ".join(text.split())


def test_of_equal_ones_all_are_marked_and_where_all_are_equal_none_is() -> None:
    reports = [make_report([make_op(compute=compute)]) for compute in (50, 50, 60)]
    found = cells(compare(reports, ["a", "b", "c"]).table())
    assert [found[label]["cycles"] for label in "abc"] == ["62*", "62*", "72"]
    assert [found[label]["energy"] for label in "abc"] == ["100 pJ"] * 3


def test_an_unknown_area_is_a_dash_and_keeps_others_from_being_best() -> None:
    reports = [make_report(area_mm2=area) for area in (None, 1.0, 2.0)]
    found = cells(compare(reports, ["a", "b", "c"]).table())
    assert [found[label]["area"] for label in "abc"] == ["-", "1.00 mm²", "2.00 mm²"]


def test_runs_of_different_scope_show_figures_and_no_ratio_and_say_why() -> None:
    text = compare([make_report(), make_report(not_run=(), dram=(0, 0))], ["part", "whole"]).table()
    found = cells(text)
    assert [found[label]["speedup"] for label in found] == ["-", "-"]
    assert "×" not in text and "*" not in "".join(found["whole"].values()) + "".join(found["part"].values())
    said = " ".join(text.split())
    assert (
        "No ratio between 'part' and 'whole': one ran 56.1 % of the model's MACs and the other 100.0 %"
        in said
    )


@pytest.mark.parametrize(
    "settings, said",
    [
        ([{"array.rows": 16}, {"array.rows": 16}], "set in all runs: array.rows=16"),
        (
            [{"array.rows": 16, "clock_hz": 10, "memory": "hbm2"}, {"clock_hz": 10, "array.rows": 8}],
            "set in all runs: clock_hz=10",
        ),
        ([{"a": [1, 2], "b": True}, {"b": True, "a": [1, 2]}], "set in all runs: a=1,2 b=True"),
        ([{"b": True}, {"b": 1}], ""),
        ([{"array.rows": 16}, {}], ""),
        ([{}, {}], ""),
    ],
)
def test_what_is_set_in_all_runs_is_said_once(settings: list[dict[str, Any]], said: str) -> None:
    compared = compare([make_report(settings=own) for own in settings], ["one", "two"])
    pages = [compared._repr_html_(), comparison_html(compared.runs, {})]
    for text in (compared.table(), *pages):
        assert text.count("set in all runs") == bool(said) and said in text


def test_where_clocks_differ_no_count_of_cycles_is_marked() -> None:
    few = make_report([make_op(compute=50, stalls=(1, 2, 0))], clock_hz=10**8, energy=(1.0, 1.0, 1.0, 1.0))
    compared = compare([make_report(), few], ["a", "b"])
    figures, stalls = cells(compared.table()), cells(compared.table(), "stall cycles")
    marked = {heading for row in figures.values() for heading, cell in row.items() if "*" in cell}
    assert marked == {"time", "utilization", "energy"}
    assert not any("*" in cell for row in stalls.values() for cell in row.values())
    assert not [row.best for row in op_rows(compared.runs, compared.runs.sections[0]) if row.best]
    assert compared.as_dict()["runs"][1]["best"] == ["utilization", "energy_pj"]


def test_clocks_that_differ_are_said() -> None:
    reports = [make_report(clock_hz=10**9), make_report(clock_hz=500_000_000)]
    assert "Clocks differ (500 MHz, 1 GHz): compare time, and not cycles." in compare(reports).table()
    assert "Clocks differ" not in compare([make_report(), make_report()]).table()


@given(several, st.integers(20, 140))
def test_no_line_is_wider_than_the_terminal(reports: list[Report], width: int) -> None:
    text = compare(reports).table(width)
    assert max(map(width_of, text.splitlines())) <= min(max(width, 72), 100)


@given(several)
def test_a_ratio_is_printed_in_a_table_of_several_runs_alone(reports: list[Report]) -> None:
    comparison = compare(reports)
    printed = len(re.findall(r"\d×", comparison.table()))
    assert printed == sum(len(group.runs) for group in comparison.runs.groups if len(group.runs) > 1)


@pytest.mark.parametrize("several_fields", [False, True])
def test_what_differs_is_a_table_where_there_is_room_and_else_a_sentence(several_fields: bool) -> None:
    configs = [{"array": {"rows": rows, "cols": 8}} for rows in (16, 32)]
    labels = ["a" * 60, "b" * 60] if several_fields else ["a", "b"]
    text = " ".join(compare([make_report(config=config) for config in configs], labels).table().split())
    table = "config fields that differ a b array.rows 16 32 1 config field is equal in all runs."
    sentence = "1 config field is equal in all runs. Those that differ: array.rows."
    assert (sentence if several_fields else table) in text


def test_a_comparison_prints_as_its_table_and_names_itself_in_short() -> None:
    comparison = compare([make_report(), make_report(workload="vil-small", trace="5f")])
    assert str(comparison) == comparison.table()
    assert repr(comparison) == "<Comparison: 2 runs of vil-tiny and vil-small>"
    assert len(comparison) == 2
