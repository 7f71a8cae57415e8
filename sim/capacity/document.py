"""A served mix as data: the contract ``tandem-serving/1``, which grows and does not change.

Seconds are seconds, loads are queries a second, ratios are in 0...1. Figures of a policy are means over the
seeds; those of max loads are geometric means, with the 95 % interval of Student's t.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct

from tandemsim.sim.capacity.result import PolicyResult, ServingResult
from tandemsim.sim.serving.estimates import Estimate
from tandemsim.sim.shell.version import __version__

SCHEMA = "tandem-serving/1"
MS = 1e-3

Count = Annotated[int, Meta(ge=0)]
Amount = Annotated[float, Meta(ge=0)]
Share = Annotated[float, Meta(ge=0, le=1)]
Load = Annotated[float, Meta(ge=0, description="queries a second")]
Digest = Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]


class TenantEntry(Struct, frozen=True):
    """A network of the mix."""

    name: str
    workload: str
    trace_digest: Digest
    target_s: Amount
    share: Annotated[Share, Meta(description="of the queries")]
    alone_s: Annotated[
        Amount, Meta(description="the least that a query takes on an idle machine, as planned")
    ]


class NetworkEntry(Struct, frozen=True):
    """The queries of one network under a policy."""

    name: str
    in_target: Share
    mean_latency_s: Amount
    p50_latency_s: Amount
    p95_latency_s: Amount
    p99_latency_s: Amount


class PointEntry(Struct, frozen=True):
    """A policy at one load."""

    load_qps: Load
    in_target: Share
    mean_latency_s: Amount
    p95_latency_s: Amount
    p99_latency_s: Amount
    core_utilization: Share
    conflict_rate: Share
    block_layers: Annotated[Amount, Meta(description="mean layers of a unit")]


class TrialEntry(Struct, frozen=True):
    """Parameters that were tried, on other queries than those that the figures are of."""

    settings: dict[str, Any]
    max_load_qps: Load


class PolicyEntry(Struct, frozen=True):
    """One policy. All but its highest load is null where it carries no load."""

    policy: Annotated[str, Meta(description="as it was asked for: its name, and parameters that were set")]
    load_qps: Annotated[
        Load | None, Meta(description="at which the figures below are; of a search its highest")
    ]
    max_load_qps: Annotated[
        Load | None, Meta(description="null without a search; 0 where it carries no load")
    ]
    queries: Annotated[Count, Meta(description="counted, of all seeds")]
    in_target: Share | None
    mean_latency_s: Amount | None
    p50_latency_s: Amount | None
    p95_latency_s: Amount | None
    p99_latency_s: Amount | None
    core_utilization: Share | None
    conflict_rate: Annotated[Share | None, Meta(description="grants of fewer cores than were wanted")]
    settings: Annotated[
        dict[str, Any], Meta(description="parameters of the policy, those of tuning included")
    ]
    max_load_low_qps: Annotated[Load | None, Meta(description="of the 95 % interval")]
    max_load_high_qps: Load | None
    max_load_by_seed_qps: list[Load]
    lost_share: Annotated[Share | None, Meta(description="of the wanted cores, in a conflict")]
    block_layers: Annotated[Amount | None, Meta(description="mean layers of a unit")]
    dram_utilization: Share | None
    core_time: Annotated[
        dict[str, Share], Meta(description="shares: compute, efficiency, stall, team, idle; their sum is 1")
    ]
    networks: list[NetworkEntry]
    curve: Annotated[list[PointEntry], Meta(description="at other loads")]
    tuning: list[TrialEntry]


class RatioEntry(Struct, frozen=True):
    """Highest load over that of another policy, seed by seed; null where that one carries nothing."""

    policy: str
    over: str
    ratio: Amount | None
    low: Amount | None
    high: Amount | None


class Document(Struct, frozen=True):
    """Networks that share a CPU, under some policies."""

    schema: Literal["tandem-serving/1"]
    version: Annotated[str, Meta(description="version of tandemsim")]
    mix: str
    qos: Annotated[Share, Meta(description="of the queries that must be in time")]
    seed: Count
    seeds: Annotated[int, Meta(ge=1, description="sequences of queries")]
    queries: Annotated[int, Meta(ge=1, description="of each seed")]
    warm_up: Annotated[Count, Meta(description="queries at the start of each that are not counted")]
    arrivals: str
    placement: str
    machine: Literal["cpu"]
    preset: str
    settings: Annotated[dict[str, Any], Meta(description="config fields that the user has set")]
    config: dict[str, Any]
    capacity_qps: Annotated[Load, Meta(description="if every core did one-core work all the time")]
    tenants: list[TenantEntry]
    policies: list[PolicyEntry]
    ratios: list[RatioEntry]


def document(result: ServingResult) -> Document:
    """Return the result as the contract has it."""
    study = result.study
    whole = sum(tenant.share for tenant in study.mix.tenants)
    return Document(
        schema="tandem-serving/1",
        version=__version__,
        mix=study.mix.name,
        qos=study.in_time,
        seed=study.seed,
        seeds=len(study.reported_seeds()),
        queries=study.queries,
        warm_up=study.warm_up,
        arrivals=study.arrivals,
        placement=study.placement,
        machine="cpu",
        preset=result.preset,
        settings=dict(study.settings),
        config=dict(result.config),
        capacity_qps=result.capacity,
        tenants=[
            TenantEntry(
                name=tenant.name,
                workload=tenant.workload,
                trace_digest=result.trace_digests[tenant.workload],
                target_s=tenant.target_ms * MS,
                share=tenant.share / whole,
                alone_s=result.alone_seconds[tenant.name],
            )
            for tenant in study.mix.tenants
        ],
        policies=[_policy(each) for each in result.policies],
        ratios=[
            RatioEntry(each.policy, each.over, *(each.estimate or Estimate(None, None, None)))  # type: ignore[arg-type]
            for each in result.ratios()
        ],
    )


def _policy(each: PolicyResult) -> PolicyEntry:
    at, found = each.at or {}, each.max_load
    seeds = len(each.in_target_by_seed)
    return PolicyEntry(
        policy=each.label,
        load_qps=at.get("load"),
        max_load_qps=None if found is None else found.mean,
        queries=round(at.get("queries", 0) * seeds),
        **_latencies(at),
        p50_latency_s=at.get("p50"),
        in_target=at.get("in_target"),
        core_utilization=at.get("core_utilization"),
        conflict_rate=at.get("conflict_rate"),
        settings=dict(each.tuned.variant.settings),
        max_load_low_qps=None if found is None else found.low,
        max_load_high_qps=None if found is None else found.high,
        max_load_by_seed_qps=list(each.max_loads),
        lost_share=at.get("lost_share"),
        block_layers=at.get("block_layers"),
        dram_utilization=at.get("dram_utilization"),
        core_time=dict(at.get("core_time", {})),
        networks=[
            NetworkEntry(name=name, in_target=row["in_target"], p50_latency_s=row["p50"], **_latencies(row))
            for name, row in at.get("networks", {}).items()
        ],
        curve=[
            PointEntry(
                load_qps=row["load"],
                **_latencies(row),
                **{
                    key: row[key]
                    for key in ("in_target", "core_utilization", "conflict_rate", "block_layers")
                },
            )
            for row in each.curve
        ],
        tuning=[TrialEntry(dict(trial.settings), trial.load) for trial in each.tuned.trials],
    )


def _latencies(row: Mapping[str, Any]) -> dict[str, Any]:
    return {f"{key}_latency_s": row.get(key) for key in ("mean", "p95", "p99")}


def as_dict(result: ServingResult) -> dict[str, Any]:
    """Return the document as plain JSON values."""
    plain: dict[str, Any] = msgspec.json.decode(as_json(result))
    return plain


def as_json(result: ServingResult) -> bytes:
    """Return the document as JSON; the same study gives the same bytes."""
    return msgspec.json.format(msgspec.json.encode(document(result)), indent=1) + b"\n"
