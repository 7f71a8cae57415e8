"""Groups, best runs and ratios: laws over made-up runs, and brute force."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tandemsim.sim.comparison.comparison import compare
from tandemsim.sim.comparison.runs import MAX_RUNS, ComparisonError, runs_of
from tandemsim.sim.report.contract import Report
from tests.comparison.made import make_op, make_report, reports, several

COUNTS_OF_CYCLES = {"cycles", "stalled_cycles", "stall_dram"}
HIGHER = {"utilization"}  # typed from the interface; of all else less is better
FIGURES = {
    "cycles": lambda report: report.cycles,
    "seconds": lambda report: report.cycles / report.clock_hz,
    "utilization": lambda report: report.macs / (report.cycles * report.multipliers),
    "stalled_cycles": lambda report: report.cycles - report.compute_cycles,
    "dram_bytes": lambda report: report.dram.read_bytes + report.dram.write_bytes,
    "energy_pj": lambda report: sum(report.energy_pj.parts.values()),
    "area_estimate_mm2": lambda report: report.extra.get("area_estimate_mm2", report.area_mm2),
    "stall_dram": lambda report: report.stall_cycles["dram"],
}


def scope(report: Report) -> Any:
    """What must be the same of two runs: as text, from the JSON."""
    plain = report.as_dict()
    named = [(op["name"], op["macs"]) for op in plain["ops"]]
    left = [(op["name"], op["macs"]) for op in plain["not_run"]]
    return repr((plain["trace_digest"], plain["batch"], named, left))


@given(several)
def test_runs_are_in_one_group_exactly_where_their_scopes_are_equal(reports: list[Report]) -> None:
    runs = runs_of(reports)
    assert sorted(place for group in runs.groups for place in group.runs) == list(range(len(reports)))
    for one, other in itertools.combinations(range(len(reports)), 2):
        together = any({one, other} <= set(group.runs) for group in runs.groups)
        assert together == (scope(reports[one]) == scope(reports[other]))


@given(several)
def test_the_best_are_the_extremes_of_their_scope(reports: list[Report]) -> None:
    runs, scopes = runs_of(reports), [scope(report) for report in reports]
    for key, figure in FIGURES.items():
        best = runs.best(runs.metric(key))
        for place, report in enumerate(reports):
            peers = [figure(r) for r, where in zip(reports, scopes, strict=True) if where == scopes[place]]
            comparable = len(peers) > 1 and None not in peers and any(value != peers[0] for value in peers)
            clocks = {r.clock_hz for r, where in zip(reports, scopes, strict=True) if where == scopes[place]}
            comparable = comparable and (key not in COUNTS_OF_CYCLES or len(clocks) == 1)
            extreme = comparable and (max if key in HIGHER else min)(peers) == figure(report)
            assert (place in best) == extreme, key


@given(several, st.data())
def test_another_order_of_runs_changes_the_order_alone(reports: list[Report], data: st.DataObject) -> None:
    order = data.draw(st.permutations(range(len(reports))))
    runs, moved = runs_of(reports), runs_of([reports[place] for place in order])
    for key in FIGURES:
        best = {order.index(place) for place in runs.best(runs.metric(key))}
        assert moved.best(moved.metric(key)) == best
    groups = {frozenset(order.index(place) for place in group.runs) for group in runs.groups}
    assert {frozenset(group.runs) for group in moved.groups} == groups


@given(st.lists(reports, min_size=3, max_size=3), st.sampled_from(sorted(FIGURES)))
def test_ratios_multiply_and_exist_within_a_scope_alone(made: list[Report], key: str) -> None:
    comparison, scopes = compare(made), [scope(report) for report in made]
    a, b, c = (FIGURES[key](report) for report in made)
    if len(set(scopes)) == 1 and a and b and c:
        assert comparison.ratio(key, 0, 2) == a / c
        product = comparison.ratio(key, 0, 1) * comparison.ratio(key, 1, 2)
        assert product == pytest.approx(comparison.ratio(key, 0, 2))
    for one, two in itertools.permutations(range(3), 2):
        if scopes[one] != scopes[two]:
            with pytest.raises(ComparisonError, match="there is no ratio between"):
                comparison.ratio(key, one, two)


@pytest.mark.parametrize(
    "other, reason",
    [
        (make_report(trace="5f"), "they ran different traces, vil-tiny (5e5e5e5e) and vil-tiny (5f5f5f5f)"),
        (make_report(batch=2), "their batches are 1 and 2"),
        (
            make_report([make_op(), make_op("layer.1")], not_run=()),
            "one ran 56.1 % of the model's MACs and the other 100.0 %; only the second ran 'layer.1'",
        ),
        (
            make_report([make_op(f"x.{i}") for i in range(4)]),
            "one ran 56.1 % of the model's MACs and the other 83.7 %; only the first ran 'layer.0';"
            " only the second ran 'x.0', 'x.1' and 2 more",
        ),
        (
            make_report([make_op(macs=1280)]),
            "one ran 56.1 % of the model's MACs and the other 71.9 %;"
            " what ran or did not run of each op differs",
        ),
    ],
)
def test_a_ratio_between_scopes_says_why_there_is_none(other: Report, reason: str) -> None:
    comparison = compare([make_report(), other], ["a", "b"])
    with pytest.raises(ComparisonError) as refused:
        comparison.ratio("cycles", "a", "b")
    assert str(refused.value) == f"there is no ratio between 'a' and 'b': {reason}"


def test_machines_may_leave_the_same_op_for_different_reasons() -> None:
    one = make_report(machine="salo")
    runs = runs_of([one, make_report(machine="ant")])
    assert len(runs.groups) == 1


@pytest.mark.parametrize(
    "arguments, message",
    [
        (("cycels", 0, 1), "unknown metric 'cycels'; did you mean 'cycles' or 'stalled_cycles'?"),
        (("cycles", "salo-dak22", 0), "unknown run 'salo-dak22'; did you mean 'salo-dac22' or 'salo'?"),
        (("cycles", 0, 2), "a run must be one of 0 to 1, not 2"),
        (("cycles", -1, 0), "a run must be one of 0 to 1, not -1"),
        (
            ("area_estimate_mm2", 0, 1),
            "there is no ratio between 'salo' and 'salo-dac22': area_estimate_mm2 is not known of both",
        ),
        (
            ("stall_drain", 0, 1),
            "there is no ratio between 'salo' and 'salo-dac22': stall_drain of the second is 0",
        ),
    ],
)
def test_a_ratio_that_does_not_exist_is_a_clear_error(arguments: Any, message: str) -> None:
    comparison = compare([make_report(), make_report(preset="salo-dac22", area_mm2=None)])
    with pytest.raises(ComparisonError) as refused:
        comparison.ratio(*arguments)
    assert str(refused.value) == message


@pytest.mark.parametrize(
    "count, labels, message",
    [
        (0, None, "a comparison must be of at least 2 runs, not 0"),
        (1, None, "a comparison must be of at least 2 runs, not 1"),
        (MAX_RUNS + 1, None, "a comparison must be of at most 64 runs, not 65"),
        (2, ["a"], "there must be a label for each of 2 runs, not 1"),
        (3, ["a", "b", "a"], "the labels of runs must differ, not be 'a' twice"),
    ],
)
def test_what_cannot_be_compared_is_refused(count: int, labels: Any, message: str) -> None:
    with pytest.raises(ComparisonError) as refused:
        compare([make_report()] * count, labels)
    assert str(refused.value) == message


@given(several)
def test_names_are_unique_and_labels_hold_only_what_differs(reports: list[Report]) -> None:
    runs = runs_of(reports)
    assert len(set(runs.names)) == len(reports)
    if len({report.machine for report in reports}) > 1:
        assert all(
            label.startswith(report.machine) for label, report in zip(runs.labels, reports, strict=True)
        )
    else:
        assert not any(label.startswith(f"{reports[0].machine} ") and "=" in label for label in runs.labels)


def test_labels_are_made_of_what_differs() -> None:
    base = make_report(settings={"cols": 8})
    others = [
        make_report(settings={"cols": 8, "rows": 16}),
        make_report(settings={"cols": 8, "rows": 32}, batch=2),
    ]
    assert runs_of([base, *others]).labels == ("batch 1", "rows=16 batch 1", "rows=32 batch 2")
    assert runs_of([base, base]).labels == ("salo", "salo (2)")
    files = [make_report(workload="a"), make_report(workload="b", trace="5f")]
    assert runs_of(files).names == ("a, salo", "b, salo")
