"""`serve`: from a study to its result. Tuning, searches and runs follow from each other."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tandemsim.sim.arch.checks import digest, require, to_dict
from tandemsim.sim.arch.cpu.family import CPU_FAMILY
from tandemsim.sim.arch.types import Progress
from tandemsim.sim.capacity.result import PolicyResult, ServingResult, mean_row
from tandemsim.sim.capacity.runs import Runs
from tandemsim.sim.capacity.scenario import config_of, require_attainable, service_of
from tandemsim.sim.capacity.study import Study
from tandemsim.sim.capacity.tuning import Job, Tuned, max_loads, tuned
from tandemsim.sim.cpu.network import layer_names
from tandemsim.sim.serving.estimates import estimate
from tandemsim.sim.serving.search import capacity, least_latencies
from tandemsim.sim.sweep.runner import MAX_WORKERS, cpus

RUNS, CURVES = "runs", "runs at other loads"
CURVE_SHARES = (0.2, 0.35, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.1)  # of the highest load that any policy carries
PAST = 1.12  # times its own highest load, a policy is not shown; its line would leave the plot
CURVE_SEEDS = 2


def serve(
    study: Study,
    *,
    workers: int | None = None,
    out: str | os.PathLike[str] | None = None,
    progress: Progress | None = None,
) -> ServingResult:
    """Find out what a study asks. `workers`: processes (None: one for each CPU). `out`: keeps the journal.

    Raises `UserError` for what the user must mend, and `SweepError` where processes do not start.
    """
    count = cpus() if workers is None else workers
    require(0 < count <= MAX_WORKERS, f"workers must be a positive integer up to {MAX_WORKERS}", workers)
    scenario = study.scenario
    config = config_of(scenario)
    folder = None if out is None else Path(os.path.realpath(out))
    with Runs([scenario], study=plain(study), workers=count, folder=folder, progress=progress) as runs:
        service = service_of(scenario, runs.traces)
        require_attainable(service)
        policies = searched(runs, study) if study.load is None else served(runs, study, study.load)
        return ServingResult(
            study=study,
            policies=tuple(policies),
            preset=CPU_FAMILY.default_preset if study.preset is None else study.preset,
            config=to_dict(config),
            trace_digests={name: trace.digest for name, trace in runs.traces.items()},
            capacity=capacity(service),
            service=service,
            layers=tuple(
                name for tenant in study.mix.tenants for name in layer_names(runs.traces[tenant.workload])
            ),
            alone_seconds=dict(zip(service.names, least_latencies(service), strict=True)),
        )


def plain(study: Study) -> dict[str, Any]:
    """Return what tells a study from every other, as plain values."""
    arrivals = digest(Path(study.arrivals).read_text("utf-8", "replace")) if study.replays else study.arrivals
    tenants = [[t.name, t.target_ms, t.share] for t in study.mix.tenants]
    labels = [variant.label for variant in study.policies]
    numbers = [study.load, study.in_time, study.queries, study.seed, study.seeds, study.tunes]
    machine = {"preset": study.preset, "settings": dict(study.settings), "placement": study.placement}
    return {"mix": tenants, "policies": labels, "numbers": numbers, "arrivals": arrivals, **machine}


def served(runs: Runs, study: Study, load: float) -> list[PolicyResult]:
    """Return each policy, as it is set, at one load."""
    at = _at(runs, study, list(study.policies), [load] * len(study.policies))
    return [
        PolicyResult(
            variant=variant, tuned=Tuned(variant), at=mean_row(rows), in_target_by_seed=_shares(rows)
        )
        for variant, rows in zip(study.policies, at, strict=True)
    ]


def searched(runs: Runs, study: Study) -> list[PolicyResult]:
    """Return each policy, tuned, at the highest load that it carries."""
    jobs = [Job(study, variant) for variant in study.policies]
    found = tuned(runs, jobs)
    carried = max_loads(runs, jobs, found)
    means = [estimate(loads).mean for loads in carried]
    carrying = [number for number, mean in enumerate(means) if mean > 0]
    at = _at(runs, study, [found[n].variant for n in carrying], [means[n] for n in carrying])
    rows_of = dict(zip(carrying, at, strict=True))
    curves = _curves(runs, study, found, means)
    return [
        PolicyResult(
            variant=variant,
            tuned=found[number],
            max_loads=tuple(carried[number]),
            at=mean_row(rows_of[number]) if number in rows_of else None,
            curve=tuple(curves[number]),
            in_target_by_seed=_shares(rows_of.get(number, [])),
        )
        for number, variant in enumerate(study.policies)
    ]


def _at(
    runs: Runs, study: Study, variants: Sequence[Any], loads: Sequence[float]
) -> list[list[dict[str, Any]]]:
    seeds = study.reported_seeds()
    points = [
        study.run_point(variant, seed, load, detail=True)
        for variant, load in zip(variants, loads, strict=True)
        for seed in seeds
    ]
    rows = iter(runs.rows(RUNS, points) if points else [])
    return [[next(rows) for _ in seeds] for _ in variants]


def _curves(
    runs: Runs, study: Study, found: Sequence[Tuned], means: Sequence[float]
) -> list[list[dict[str, Any]]]:
    """Return for each policy its rows at shares of the highest load of all, as far as it gets."""
    seeds = study.reported_seeds()[:CURVE_SEEDS]
    loads = [share * max(means) for share in CURVE_SHARES]
    asked = [[load for load in loads if load <= PAST * mean] for mean in means]
    points = [
        study.run_point(each.variant, seed, load)
        for each, own in zip(found, asked, strict=True)
        for load in own
        for seed in seeds
    ]
    rows = iter(runs.rows(CURVES, points) if points else [])
    return [[mean_row([next(rows) for _ in seeds]) for _ in own] for own in asked]


def _shares(rows: Sequence[dict[str, Any]]) -> tuple[float, ...]:
    return tuple(row["in_target"] for row in rows)
