"""Runs for VELTAIR's comparison: the experiments of `sim.papers.veltair.experiments`, by our simulator."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tandemsim.sim.capacity.result import mean_row
from tandemsim.sim.capacity.runs import Runs
from tandemsim.sim.capacity.scenario import Scenario, scenario_of, service_of
from tandemsim.sim.capacity.study import Study
from tandemsim.sim.capacity.tuning import Job, Tuned, max_loads, tuned
from tandemsim.sim.capacity.variants import MARGINS, Variant
from tandemsim.sim.papers.veltair.experiments import AT_ONE, DEFAULT, OWN, SCENARIOS, Effort, Experiment
from tandemsim.sim.papers.veltair.found import Value
from tandemsim.sim.papers.veltair.published import MARGIN
from tandemsim.sim.serving.estimates import estimate, ratio
from tandemsim.sim.serving.mixes import MIXES
from tandemsim.sim.serving.search import capacity
from tandemsim.sim.sweep.runner import cpus

if TYPE_CHECKING:
    from tandemsim.sim.arch.types import Progress

EQUAL_LOAD = 0.9  # of what layer_wise carries with its own margin
LATENCIES = "runs at equal load"
Key = tuple[str, str, str, str]  # mix, scenario, rule, policy


@dataclass(frozen=True, slots=True)
class Answers:
    """What was found; obeys `sim.papers.veltair.found.Found`."""

    loads: Mapping[Key, Sequence[float]]  # by sequence of queries
    tuned: Mapping[Key, Tuned]
    capacities: Mapping[str, float]
    latencies: Mapping[tuple[str, str, str], Sequence[float]]  # mix, rule, policy -> means by sequence
    core_times: Mapping[str, Mapping[str, float]]

    def load(self, mix: str, scenario: str, rule: str, policy: str) -> Value | None:
        """Return the highest load of a policy, in queries a second."""
        loads = self.loads.get((mix, scenario, rule, policy))
        if loads is None:
            return None
        found = estimate(loads)
        return Value(found.mean, None if found.spread is None else found.mean * found.spread)

    def gain(self, mix: str, scenario: str, rule: str, policy: str, over: str) -> Value | None:
        """Return how much more a policy carries than another, in percent."""
        one, other = (self.loads.get((mix, scenario, rule, name)) for name in (policy, over))
        if one is None or other is None:
            return None
        found = ratio(one, other)
        if found is None:
            return Value(math.inf) if min(one) > 0 else None
        return Value(
            100 * (found.mean - 1), None if found.spread is None else 100 * found.mean * found.spread
        )

    def capacity(self, mix: str) -> float | None:
        """Return the queries a second that would keep all cores at one-core work."""
        return self.capacities.get(mix)

    def margin(self, mix: str, scenario: str, rule: str, policy: str) -> float | None:
        """Return the margin that a policy plans with."""
        found = self.tuned.get((mix, scenario, rule, policy))
        return None if found is None else found.variant.settings.get("margin")

    def latency_change(self, mix: str, rule: str) -> Value | None:
        """Return the change of the mean latency of `veltair` over `layer_wise`, in percent."""
        one, other = (self.latencies.get((mix, rule, name)) for name in ("veltair", "layer_wise"))
        found = ratio(one, other) if one and other else None
        if found is None:
            return None
        return Value(
            100 * (found.mean - 1), None if found.spread is None else 100 * found.mean * found.spread
        )

    def core_time(self, mix: str) -> Mapping[str, float] | None:
        """Return what the cores do under `veltair` at its highest load, as shares."""
        return self.core_times.get(mix)


def answers(effort: Effort, workers: int | None, progress: Progress | None) -> Answers:
    """Run the experiments. Raises `SweepError` where processes do not start or a run fails."""
    scenarios: dict[tuple[str, str], Scenario] = {}
    jobs: dict[Key, Job] = {}
    for each in effort.experiments:
        scenarios.setdefault((each.mix, each.scenario), _scenario(each))
        number = list(scenarios).index((each.mix, each.scenario))
        study = _study(each)
        for name in each.policies:
            jobs[each.mix, each.scenario, each.rule, name] = Job(study, _variant(each, name), number)
    count = cpus() if workers is None else workers
    with Runs(list(scenarios.values()), study="veltair", workers=count, progress=progress) as runs:
        found = dict(zip(jobs, tuned(runs, list(jobs.values())), strict=True))
        carried = max_loads(runs, list(jobs.values()), list(found.values()))
        loads = dict(zip(jobs, carried, strict=True))
        latencies, core_times = _at_loads(runs, jobs, found, loads) if effort.latencies else ({}, {})
        capacities = {
            mix: capacity(service_of(scenario, runs.traces))
            for (mix, name), scenario in scenarios.items()
            if name == DEFAULT
        }
    return Answers(loads, found, capacities, latencies, core_times)


def _scenario(each: Experiment) -> Scenario:
    changed = SCENARIOS[each.scenario]
    return scenario_of(MIXES[each.mix], preset=changed.preset).changed(
        settings=dict(changed.settings), **changed.changes
    )


def _study(each: Experiment) -> Study:
    return Study(
        mix=MIXES[each.mix],
        policies=(Variant("veltair"),),  # whose points are asked for one by one
        in_time=SCENARIOS[each.scenario].in_time,
        queries=each.queries,
        seeds=each.seeds,
        margins=each.margins or MARGINS,
        tuned_on=each.tuned_on,
    )


def _variant(each: Experiment, name: str) -> Variant:
    """Return a policy with what the scenario and the rule set."""
    settings = dict(SCENARIOS[each.scenario].policy)
    if each.rule == AT_ONE:
        settings["margin"] = MARGIN
        if name == "fixed_blocks":
            settings["block"] = Variant(name).policy.block
    return Variant(name, settings)


def _at_loads(
    runs: Runs, jobs: Mapping[Key, Job], found: Mapping[Key, Tuned], loads: Mapping[Key, Sequence[float]]
) -> tuple[dict[tuple[str, str, str], list[float]], dict[str, dict[str, float]]]:
    """Return mean latencies at equal load, and what cores do under `veltair` at its own highest load."""
    asked: list[tuple[Any, Key, float]] = []
    for key in jobs:
        mix, scenario, rule, policy = key
        base = loads.get((mix, DEFAULT, OWN, "layer_wise"))
        if scenario != DEFAULT or base is None or policy not in ("layer_wise", "veltair"):
            continue
        if min(base) > 0:
            asked.append(((mix, rule, policy), key, EQUAL_LOAD * estimate(base).mean))
        if policy == "veltair" and rule == OWN and min(loads[key]) > 0:
            asked.append((mix, key, estimate(loads[key]).mean))
    points = [
        jobs[key].study.run_point(found[key].variant, seed, load, jobs[key].scenario)
        for _, key, load in asked
        for seed in jobs[key].study.reported_seeds()
    ]
    rows = iter(runs.rows(LATENCIES, points) if points else [])
    latencies, core_times = {}, {}
    for what, key, _ in asked:
        own = [next(rows) for _ in jobs[key].study.reported_seeds()]
        if isinstance(what, str):
            core_times[what] = mean_row(own)["core_time"]
        else:
            latencies[what] = [row["mean"] for row in own]
    return latencies, core_times
