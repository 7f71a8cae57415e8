"""What differs in configs, and ops side by side: compared with brute force over the reports' JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given

from tandemsim.sim.comparison.differences import ABSENT, differences_of
from tandemsim.sim.comparison.ops import op_rows
from tandemsim.sim.comparison.runs import runs_of
from tandemsim.sim.report.contract import Report
from tests.comparison.made import make_op, make_report, several


def leaves(config: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, str]]:
    """Every value of a JSON document that is no object, as text, by its path."""
    if isinstance(config, dict):
        for key in config:
            yield from leaves(config[key], (*path, key))
    else:
        yield ".".join(path), json.dumps(config)


@given(several)
def test_the_fields_that_differ_are_those_of_a_brute_force_diff(reports: list[Report]) -> None:
    runs = runs_of(reports)
    found = differences_of(runs)
    plain = [dict(leaves(json.loads(report.as_json())["config"])) for report in reports]
    every = {name for config in plain for name in config}
    differing = {name for name in every if len({config.get(name) for config in plain}) > 1}
    assert {field.field for field in found.fields} == differing
    assert found.equal == len(every) - len(differing)
    for field in found.fields:
        for column, value in zip(found.columns, field.values, strict=True):
            for place in column.runs:
                text = None if value is ABSENT else json.dumps(value)
                assert plain[place].get(field.field) == text


@pytest.mark.parametrize("other", [True, 1.0, "1", None])
def test_values_of_different_types_differ_though_python_may_call_them_equal(other: object) -> None:
    runs = runs_of([make_report(config={"rows": value, "cols": 8}) for value in (1, other)])
    found = differences_of(runs)
    assert [field.field for field in found.fields] == ["rows"] and found.equal == 1


@given(several)
def test_a_column_is_one_config_and_every_run_has_one(reports: list[Report]) -> None:
    columns = differences_of(runs_of(reports)).columns
    assert sorted(place for column in columns for place in column.runs) == list(range(len(reports)))
    assert len({column.heading for column in columns}) == len(columns)
    assert len(columns) == len({report.config_digest for report in reports})


@given(several)
def test_every_op_stands_under_its_run_once(reports: list[Report]) -> None:
    runs = runs_of(reports)
    for section in runs.sections:
        rows = op_rows(runs, section)
        for cell, place in enumerate(section.runs):
            shown = [op for row in rows if (group := row.cells[cell]) is not None for op in group.ops]
            assert sorted(shown, key=lambda op: op.name) == sorted(reports[place].ops, key=lambda op: op.name)
        for row in rows:
            names = {tuple(op.name for op in cell.ops) for cell in row.cells if cell is not None}
            assert len(names) == 1


def test_ops_that_are_alike_in_every_run_are_one_row_and_else_none_are() -> None:
    alike = [make_op(f"layer.{i}") for i in range(3)]
    uneven = [make_op("layer.0"), make_op("layer.1", compute=200), make_op("layer.2")]

    def names(*runs: list[Any]) -> list[str]:
        made = runs_of([make_report(ops) for ops in runs])
        return [row.name for row in op_rows(made, made.sections[0])]

    assert names(alike, alike) == ["layer.0-2"]
    assert names(alike, uneven) == ["layer.0", "layer.1", "layer.2"]


def test_the_fewest_cycles_of_an_op_are_best_within_a_scope_alone() -> None:
    fast, slow = make_op(compute=90), make_op(compute=100)
    other_share = make_report([make_op(compute=20)], not_run=())
    runs = runs_of([make_report([slow]), make_report([fast]), other_share])
    (row,) = op_rows(runs, runs.sections[0])
    assert row.best == {1}


def test_ops_of_one_name_are_matched_in_their_order() -> None:
    runs = runs_of(
        [make_report([make_op(compute=10), make_op(compute=500)]), make_report([make_op(compute=20)])]
    )
    first, second = op_rows(runs, runs.sections[0])
    assert [cell and cell.cycles for cell in first.cells] == [22, 32]
    assert [cell and cell.cycles for cell in second.cells] == [512, None]
