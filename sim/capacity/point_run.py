"""One point: a policy that serves one sequence of queries, at a load or in search of the highest.

A point is a mapping of plain values, so that it travels to a process and its row to a journal:

    kind       "run" or "search"
    scenario   number of the scenario in the setup
    policy     its name, and `settings` of it
    queries    how many; the first `warm_up` are not counted
    seed       of the queries
    arrivals   "poisson", "bursty" or a file
    in_time    share of the queries that must be in time (of a search; where a run may stop)
    load       queries a second (of a run)
    tolerance  of a search
    near       a load near the highest one, where it is known, else 0 (of a search)
    detail     whether the row of a run says which versions ran
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from tandemsim.sim.arch.checks import UserError
from tandemsim.sim.capacity.scenario import Scenario, service_of
from tandemsim.sim.capacity.variants import Variant
from tandemsim.sim.serving.queries import Queries, bursty, poisson, replayed
from tandemsim.sim.serving.search import max_load
from tandemsim.sim.serving.served import Served
from tandemsim.sim.serving.service import Service
from tandemsim.sim.serving.simulation import simulate
from tandemsim.sim.sweep.frames import Work
from tandemsim.sim.sweep.point_run import FAILED, INVALID, OK, Outcome
from tandemsim.traces.schema import Trace

RUN, SEARCH = "run", "search"
POISSON, BURSTY = "poisson", "bursty"
KEPT_SERVICES = 8  # of scenarios, in a process
PERCENTILES = (50, 95, 99)


def runner(scenarios: tuple[Scenario, ...], traces: Mapping[str, Trace]) -> Callable[[Work], Outcome]:
    """Return what runs a point of these scenarios in this process. Whatever goes wrong is an outcome."""

    @functools.lru_cache(maxsize=KEPT_SERVICES)
    def service(number: int) -> Service:
        return service_of(scenarios[number], traces)

    def run(work: Work) -> Outcome:
        try:
            point = work.point
            return Outcome(work.number, OK, row=row_of(point, service(point["scenario"])))
        except UserError as error:
            return Outcome(work.number, INVALID, str(error))
        except MemoryError:
            return Outcome(work.number, FAILED, "out of memory")
        except Exception as error:
            return Outcome(work.number, FAILED, f"{type(error).__name__}: {error}")

    return run


def row_of(point: Mapping[str, Any], service: Service) -> dict[str, Any]:
    """Run a point on its service. Raises `UserError`."""
    policy = Variant(point["policy"], point["settings"]).policy
    queries = queries_of(point, service)
    warm_up = min(point["warm_up"], queries.count // 10)  # of a file as many as it has
    if point["kind"] == SEARCH:
        load = max_load(
            service,
            policy,
            queries,
            in_time=point["in_time"],
            warm_up=warm_up,
            tolerance=point["tolerance"],
            near=point["near"],
        )
        return {"max_load": load}
    served = simulate(service, policy, queries, point["load"], warm_up=warm_up)
    return row_of_run(served, service, detail=point.get("detail", False))


def queries_of(point: Mapping[str, Any], service: Service) -> Queries:
    """Return the queries of a point: drawn from its seed, or replayed."""
    count, seed = point["queries"], point["seed"]
    if point["arrivals"] == POISSON:
        return poisson(service.shares, count, seed)
    if point["arrivals"] == BURSTY:
        return bursty(service.shares, count, seed)
    return replayed(Path(point["arrivals"]), service.names)[0]


def row_of_run(served: Served, service: Service, *, detail: bool) -> dict[str, Any]:
    """Return what is known of a run, as plain values; queries of the warm-up do not count."""
    latency = served.latency_seconds[served.warm_up :]
    in_target = served.in_target[served.warm_up :]
    network = served.network[served.warm_up :]
    whole = sum(served.core_seconds.values())
    blocks = np.arange(len(served.block_layers)) * served.block_layers
    row: dict[str, Any] = {
        "load": served.load,
        "queries": len(latency),
        "in_target": float(in_target.mean()),
        **latencies(latency),
        "core_utilization": served.core_utilization,
        "conflict_rate": served.conflict_rate,
        "lost_share": served.lost_share,
        "core_time": {name: seconds / whole for name, seconds in served.core_seconds.items()},
        "dram_utilization": served.dram_utilization,
        "block_layers": float(blocks.sum() / max(1, served.block_layers.sum())),
        "grants_per_query": served.grants / len(served.latency_seconds),
        "networks": {
            name: {
                "queries": int((network == number).sum()),
                "in_target": _mean(in_target[network == number]),
                **latencies(latency[network == number]),
            }
            for number, name in enumerate(service.names)
        },
    }
    if detail:
        row["versions_ran"] = served.versions_ran.tolist()
        row["blocks"] = served.block_layers.tolist()
    return row


def latencies(seconds: Any) -> dict[str, float]:
    """Return mean and percentiles of latencies; of none, zeros."""
    if not len(seconds):
        return dict.fromkeys(("mean", *(f"p{percent}" for percent in PERCENTILES)), 0.0)
    found = np.percentile(seconds, PERCENTILES)
    percentiles = {f"p{percent}": float(value) for percent, value in zip(PERCENTILES, found, strict=True)}
    return {"mean": float(seconds.mean()), **percentiles}


def _mean(values: Any) -> float:
    return float(values.mean()) if len(values) else 1.0
