"""The row of a report for a data frame, and what a report says of itself in one line."""

from __future__ import annotations

import json
from typing import Any

from tandemsim.sim.report.contract import Report
from tandemsim.sim.report.summary import SUMMARY_KEYS, summary


def test_a_row_holds_scalars_that_json_can_write(make_report: Any) -> None:
    row = make_report().summary()
    assert all(type(value) in (str, int, float, type(None)) for value in row.values())
    assert json.loads(json.dumps(row, allow_nan=False)) == row


def test_every_key_is_one_of_the_documented_ones_in_their_order(make_report: Any) -> None:
    report = make_report()
    names = {"stall_<cause>": list(report.stall_cycles), "energy_<part>_pj": list(report.energy_pj.parts)}
    expected = []
    for key in SUMMARY_KEYS:
        head, _, tail = key.partition("<")
        tail = tail.partition(">")[2]
        expected += [f"{head}{name}{tail}" for name in names[key]] if key in names else [key]
    assert list(report.summary()) == expected


def test_the_figures_are_those_of_the_report(make_report: Any) -> None:
    report: Report = make_report()
    row = report.summary()
    for name in ("cycles", "seconds", "macs", "utilization", "power_w", "config_digest", "multipliers"):
        assert row[name] == getattr(report, name)
    stalls = sum(value for key, value in row.items() if key.startswith("stall_"))
    assert row["compute_cycles"] + stalls == row["cycles"]
    parts = [row[f"energy_{part}_pj"] for part in report.energy_pj.parts]
    assert row["energy_pj"] == report.energy_pj.total == sum(parts)
    assert row["dram_bytes"] == row["dram_read_bytes"] + row["dram_write_bytes"]
    assert (row["ops"], row["ops_not_run"]) == (len(report.ops), len(report.not_run))


def test_a_report_read_from_json_has_the_row_of_the_run(make_report: Any) -> None:
    report = make_report(settings={"array.rows": 16, "clock_hz": 10**9})
    row = summary(json.loads(report.as_json()))
    assert row == report.summary()
    assert row["settings"] == "array.rows=16 clock_hz=1000000000"


def test_two_runs_of_one_machine_have_the_same_keys(make_report: Any) -> None:
    assert list(make_report(3).summary()) == list(make_report(12, area_mm2=None).summary())


def test_a_report_says_in_one_line_what_ran_and_how_fast(make_report: Any) -> None:
    report = make_report()
    text = repr(report)
    assert "\n" not in text and len(text) < 400
    for figure in ("longformer on salo, preset salo", f"{report.cycles:,} cycles", "at 1 GHz", "MACs ran"):
        assert figure in text
    assert f"utilization {report.utilization:.3f}" in text


def test_a_long_name_does_not_make_the_line_long(make_report: Any) -> None:
    assert len(repr(make_report(workload="x" * 5000, settings={"array.rows": 16}))) < 400


def test_a_report_without_an_op_has_a_row_and_a_line(make_report: Any) -> None:
    report = make_report(0)
    assert report.summary()["utilization"] == 0
    assert "0 cycles" in repr(report)
