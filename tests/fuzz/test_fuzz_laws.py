"""Each law of `tests.fuzz.laws` can be broken: by one number of a report, by a machine that is wrong."""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from tandemsim.sim.arch.families import family_named
from tandemsim.sim.run import Request, simulate
from tandemsim.traces.pattern import Pattern
from tests.fuzz import laws, valid_patterns

ATTENTIONS = [(Pattern.longformer(40, 8), 2, 4, True), (Pattern.vil(5, 6, 3, 1), 1, 8, False)]
BATCH = 2


@pytest.fixture(scope="module")
def report() -> dict[str, Any]:
    trace = valid_patterns.trace(ATTENTIONS)
    found: dict[str, Any] = json.loads(
        simulate(Request(workload="x", trace=trace, batch=BATCH)).report.as_json()
    )
    return found


def test_a_true_report_breaks_none(report: dict[str, Any]) -> None:
    assert [*laws.of_report(report, ATTENTIONS, BATCH), *laws.of_schema(report)] == []


@pytest.mark.parametrize(
    "path",
    [
        ("cycles",),
        ("compute_cycles",),
        ("macs",),
        ("multiplier_cycles", "idle_rows"),
        ("multiplier_cycles", "useful"),
        ("stall_cycles", "dram"),
        ("dram", "read_bytes"),
        ("dram", "useful_read_bytes"),
        ("dram_tensors", "key", "read_bytes"),
        ("dram_tensors", "output", "size_bytes"),
        ("ops", 0, "cycles"),
        ("ops", 1, "macs"),
        ("ops", 1, "multiplier_cycles", "drain"),
        ("ops", 0, "dram_read_bytes"),
        ("ops", 0, "dram_tensors", "query", "read_bytes"),
    ],
)
def test_one_more_of_anything_breaks_a_law(path: tuple[Any, ...], report: dict[str, Any]) -> None:
    wrong = copy.deepcopy(report)
    node: Any = wrong
    for part in path[:-1]:
        node = node[part]
    node[path[-1]] += 1
    assert [*laws.of_report(wrong, ATTENTIONS, BATCH)]


def test_a_key_that_is_missing_is_against_the_schema(report: dict[str, Any]) -> None:
    assert [*laws.of_schema({name: value for name, value in report.items() if name != "cycles"})]


@pytest.mark.parametrize(
    "grows, told",
    [
        (lambda config: config.dram.bandwidth_bytes_per_second, "twice the bandwidth"),
        (lambda config: config.value_scratchpad.capacity_bytes, "a value_scratchpad"),
    ],
)
def test_a_machine_that_gets_slower_with_more_is_found(
    grows: Callable[[Any], int], told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def slower(config: Any, *_: object, **__: object) -> Any:
        return SimpleNamespace(cycles=grows(config), program=SimpleNamespace(residencies=[]))

    config = family_named("salo").config("salo", {"memory": "ideal"})
    assert [*laws.of_speed(config, ATTENTIONS[0], 1)] == []
    monkeypatch.setattr(laws, "simulate_layer", slower)
    (fault,) = laws.of_speed(config, ATTENTIONS[0], 1)
    assert told in fault


@pytest.mark.parametrize("seed", range(120))
def test_pairs_are_those_of_the_mask(seed: int) -> None:
    found = valid_patterns.pattern(random.Random(seed))
    assert valid_patterns.pairs(found) == found.pairs() == found.mask(range(found.q_len)).sum()


def test_every_form_of_pattern_is_made_up() -> None:
    made = [valid_patterns.pattern(random.Random(seed)) for seed in range(400)]
    for name in ("grid", "causal", "chunks", "sink_tokens", "clamped", "blocks", "q_offset", "global_tokens"):
        assert sum(bool(getattr(found, name)) for found in made) > 10, name
