"""A comparison as data: its figures are those of the single reports, and the schema and Parquet agree."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema
import pyarrow.parquet as pq
import pytest
from hypothesis import given

from tandemsim.sim.comparison.comparison import compare
from tandemsim.sim.comparison.runs import runs_of
from tandemsim.sim.comparison.schema import comparison_schema, schema_text
from tandemsim.sim.report.contract import Report
from tests.comparison.made import make_op, make_report, several

ROOT = Path(__file__).parents[2]
SCHEMA = jsonschema.Draft202012Validator(comparison_schema())
SAME = ("workload", "machine", "preset", "settings", "config_digest", "trace_digest", "version", "clock_hz")
SAME += ("multipliers", "macs", "macs_share", "cycles", "seconds", "utilization", "compute_cycles")
SAME += ("stall_cycles", "power_w", "area_mm2")


def test_the_published_schema_is_that_of_the_code() -> None:
    jsonschema.Draft202012Validator.check_schema(comparison_schema())
    assert (ROOT / "docs" / "comparison.schema.json").read_text() == schema_text()


@given(several)
def test_every_comparison_obeys_the_schema_and_has_the_reports_figures(reports: list[Report]) -> None:
    found = compare(reports).as_dict()
    SCHEMA.validate(found)
    for entry, report in zip(found["runs"], reports, strict=True):
        plain = json.loads(report.as_json())
        assert {name: entry[name] for name in SAME} == {name: plain[name] for name in SAME}
        assert entry["stalled_cycles"] == sum(plain["stall_cycles"].values())
        assert entry["dram_bytes"] == plain["dram"]["read_bytes"] + plain["dram"]["write_bytes"]
        assert entry["energy_parts_pj"] == plain["energy_pj"]
        assert entry["energy_pj"] == pytest.approx(sum(plain["energy_pj"].values()))


@given(several)
def test_ratios_of_the_data_are_over_the_first_run_of_the_group(reports: list[Report]) -> None:
    found = compare(reports).as_dict()
    for group in found["groups"]:
        first = found["runs"][group["runs"][0]]
        for entry in (found["runs"][place] for place in group["runs"]):
            for key in ("cycles", "dram_bytes", "area_estimate_mm2"):
                known = first[key] and entry[key] is not None
                assert entry["ratios"][key] == (entry[key] / first[key] if known else None)


@given(several)
def test_differences_of_the_data_are_those_of_the_configs(reports: list[Report]) -> None:
    runs = runs_of(reports)
    for entry in compare(reports).as_dict()["differences"]:
        for name, report in zip(runs.names, reports, strict=True):
            value: Any = json.loads(report.as_json())["config"]
            for part in entry["field"].split("."):
                value = value.get(part, KeyError) if isinstance(value, dict) else KeyError
            absent = value is KeyError or isinstance(value, dict)
            assert (name not in entry["values"]) if absent else entry["values"][name] == value


def test_the_same_runs_give_the_same_bytes() -> None:
    reports = [make_report(), make_report(area_mm2=None), make_report(trace="5f")]
    assert compare(reports).as_json() == compare(list(reports)).as_json()


@given(several)
def test_rows_have_one_set_of_keys_and_the_figures_of_the_data(reports: list[Report]) -> None:
    comparison = compare(reports)
    rows, entries = comparison.rows(), comparison.as_dict()["runs"]
    assert len({tuple(row) for row in rows}) == 1
    for row, entry in zip(rows, entries, strict=True):
        flat = {name: value for name, value in entry.items() if not isinstance(value, (dict, list))}
        assert {name: row[name] for name in flat} == flat
        assert {f"stall_{cause}": row[f"stall_{cause}"] for cause in entry["stall_cycles"]} == {
            f"stall_{cause}": cycles for cause, cycles in entry["stall_cycles"].items()
        }
        assert [name for name in row if name.startswith("best_") and row[name]] == [
            f"best_{name}" for name in entry["best"]
        ]
        assert json.loads(row["settings"]) == entry["settings"]


def test_parquet_holds_the_rows_and_its_columns_have_types_where_nothing_is_known(tmp_path: Path) -> None:
    comparison = compare([make_report(area_mm2=None), make_report(area_mm2=None, trace="5f")])
    comparison.save(tmp_path / "out")
    table = pq.read_table(tmp_path / "out" / "comparison.parquet")
    assert table.to_pylist() == comparison.rows()
    assert str(table.schema.field("area_mm2").type) == "double"
    assert table.schema.metadata[b"schema"] == b"tandem-comparison/1"


def test_ops_are_by_run_and_one_that_did_not_run_is_missing() -> None:
    reports = [make_report(), make_report([make_op(), make_op("other", compute=50)], not_run=())]
    found = compare(reports, ["a", "b"]).as_dict()["ops"]
    assert [(op["name"], op["cycles"]) for op in found] == [
        ("layer.0", {"a": 112, "b": 112}),
        ("other", {"b": 62}),
    ]


def test_comparing_loads_nothing_of_a_machine_and_no_plots() -> None:
    code = """
import sys
import tandemsim.sim.comparison.comparison
print([name for name in ("numba", "matplotlib", "pyarrow", "jinja2") if name in sys.modules])
print([name for name in sys.modules if name.startswith(("tandemsim.sim.machines", "tandemsim.sim.run"))])
"""
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, check=True, capture_output=True, text=True, timeout=60
    )
    assert done.stdout == "[]\n[]\n"
