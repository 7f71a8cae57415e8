"""The comparison with VELTAIR: the paper's numbers, ours by rule, and what stands where there is no ratio."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping

import pytest

from tandemsim.sim.commands.veltair_runs import answers
from tandemsim.sim.papers.veltair.chart import veltair_chart
from tandemsim.sim.papers.veltair.experiments import (
    ALL,
    ARTIFACT,
    AT_ONE,
    DEFAULT,
    MIXES,
    OWN,
    SCENARIOS,
    VARIED,
    Effort,
    Experiment,
    quick,
    whole,
)
from tandemsim.sim.papers.veltair.found import Value
from tandemsim.sim.papers.veltair.rows import NEVER, best, veltair_rows
from tandemsim.sim.report.plot_style import png
from tandemsim.sim.serving.policy import POLICIES


class Made:
    """Made-up answers: a policy carries its place in the list, and twice that with its own margin."""

    def load(self, mix: str, scenario: str, rule: str, policy: str) -> Value | None:
        factor = 2.0 if rule == OWN else 1.0
        if (policy, rule) == ("model_wise", AT_ONE):
            return Value(0.0)
        return Value(factor * (1 + ALL.index(policy)), 0.1)

    def gain(self, mix: str, scenario: str, rule: str, policy: str, over: str) -> Value | None:
        one, other = (self.load(mix, scenario, rule, name) for name in (policy, over))
        assert one and other
        return Value(100 * (one.value / other.value - 1), 1.0) if other.value else Value(math.inf)

    def capacity(self, mix: str) -> float | None:
        return 100.0

    def margin(self, mix: str, scenario: str, rule: str, policy: str) -> float | None:
        return 1.0 if rule == AT_ONE else 0.8

    def latency_change(self, mix: str, rule: str) -> Value | None:
        return Value(-40.0, 2.0)

    def core_time(self, mix: str) -> Mapping[str, float] | None:
        return {"idle": 1.0}


ROWS = {(row.workload, row.figure): row for row in veltair_rows(Made())}


@pytest.mark.parametrize("mix, paper", [("light", 71), ("medium", 62), ("heavy", 45)])
def test_the_papers_gains_stand_beside_both_rules_for_the_margins(mix: str, paper: float) -> None:
    for rule in (AT_ONE, OWN):
        row = ROWS[mix, f"veltair over layer_wise, {rule}"]
        assert row.paper == paper
        assert row.ours == pytest.approx(100 * (8 / 2 - 1))
        assert row.gap == pytest.approx(400 / (100 + paper) - 1)
        assert ROWS[mix, f"mean latency, veltair against layer_wise, {rule}"].paper == -50


def test_the_best_other_is_the_best_of_those_without_the_papers_ideas() -> None:
    assert best(Made(), "light", DEFAULT, OWN, ALL) == ALL[-1]
    row = ROWS["light", f"veltair over the best other, {OWN}"]
    assert row.reason.startswith("veltair over planaria")
    assert row.ours == pytest.approx(100 * (8 / 5 - 1))
    ours = ROWS["light", f"our best over the best other, {OWN}"]
    assert ours.reason.startswith("priced_versions over planaria")


def test_over_a_policy_that_carries_nothing_there_is_no_figure_but_a_reason() -> None:
    row = ROWS["heavy", f"veltair over model_wise, {AT_ONE}"]
    assert (row.ours, row.gap, row.reason) == (None, None, NEVER)


def test_every_row_has_a_reason_and_a_source() -> None:
    assert all(row.reason and row.source for row in ROWS.values())


def test_the_chart_is_drawn_of_all_rows_of_some_and_of_none() -> None:
    for rows in (list(ROWS.values()), [row for row in ROWS.values() if row.workload == "medium"], []):
        assert png(veltair_chart(rows)).startswith(b"\x89PNG")


def test_experiments_name_what_there_is() -> None:
    assert sorted(ALL) == sorted(POLICIES)
    for effort in (whole(), quick()):
        for each in effort.experiments:
            assert each.mix in MIXES and each.scenario in SCENARIOS
            assert set(each.policies) <= set(ALL)
    asked = {each.scenario for each in whole().experiments}
    assert asked == {DEFAULT, ARTIFACT, *VARIED}


def test_a_policy_at_margin_one_is_not_tuned_and_one_of_its_own_is() -> None:
    small = Experiment(mix="medium", policies=("layer_wise", "veltair"), seeds=1, queries=1000, tuned_on=1)
    small = dataclasses.replace(small, margins=(0.9, 0.6))
    found = answers(Effort((small, dataclasses.replace(small, rule=AT_ONE)), latencies=False), 1, None)
    for policy in small.policies:
        assert found.margin("medium", DEFAULT, AT_ONE, policy) == 1
        assert found.margin("medium", DEFAULT, OWN, policy) in (0.9, 0.6)
        own, one = (found.load("medium", DEFAULT, rule, policy) for rule in (OWN, AT_ONE))
        capacity = found.capacity("medium")
        assert own is not None and one is not None and capacity is not None
        assert 0 < one.value < capacity and 0 < own.value < capacity
    assert not found.latencies and found.latency_change("medium", OWN) is None
    assert found.gain("light", DEFAULT, OWN, "veltair", "layer_wise") is None
    gain = found.gain("medium", DEFAULT, OWN, "layer_wise", "layer_wise")
    assert gain is not None and gain.value == pytest.approx(0)
