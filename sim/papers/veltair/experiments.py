"""Which questions our simulator is asked for VELTAIR's comparison: data. Nothing here knows a machine.

An experiment is a mix in a scenario, and a rule for the margins: all policies plan to use the whole target
(`AT_ONE`, the only rule that the artifact states), or each has its own best one (`OWN`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from tandemsim.sim.papers.veltair.published import QUANTUM

OWN, AT_ONE = "own margins", "margin 1"
MIXES = ("light", "medium", "heavy")
DEFAULT, ARTIFACT, UNDER_LOAD, ERRING = (
    "default",
    "artifact-like",
    "version tuned under load",
    "plan errs 15 %",
)

WITHOUT = ("model_wise", "layer_wise", "fixed_blocks", "prema", "planaria")  # none of VELTAIR's ideas
PARTS = ("adaptive_blocks", "adaptive_compilation", "veltair")  # scheduling, compilation, both
OURS = ("planaria_versions", "priced", "priced_versions")
ALL = (*WITHOUT, *PARTS, *OURS)
THREE = ("layer_wise", "planaria", "veltair")  # of sensitivities
#: Of the artifact: steps of eight cores, shares by MACs, plans that do not know what a team costs.
LIKE_THE_ARTIFACT: Mapping[str, Any] = {"quantum": QUANTUM, "share": "macs", "knows_teams": False}


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """What is not as it is by default."""

    preset: str | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)  # of the machine
    policy: Mapping[str, Any] = field(default_factory=dict)  # parameters of every policy
    changes: Mapping[str, Any] = field(default_factory=dict)  # placement, versions, targets, ... of the mix
    in_time: float = 0.95


SCENARIOS: Mapping[str, Scenario] = {
    DEFAULT: Scenario(),
    # A thread that joins costs 10 us: assumed. Threads are not bound, as TVM_BIND_THREADS=0 says.
    ARTIFACT: Scenario(
        policy=LIKE_THE_ARTIFACT,
        settings={"team.join_seconds": 10e-6},
        changes={"placement": "scattered"},
    ),
    UNDER_LOAD: Scenario(changes={"tuned_under_load": True}),
    ERRING: Scenario(changes={"plan_error": 0.15}),
    "plan errs 30 %": Scenario(changes={"plan_error": 0.3}),
    "no stalls": Scenario(settings={"interference": 0.0}),
    "12 lines on their way": Scenario(settings={"core.memory_parallelism": 12}),
    "48 lines on their way": Scenario(settings={"core.memory_parallelism": 48}),
    "L3 at 25 GB/s a core": Scenario(settings={"core.l3_bytes_per_second": 25e9}),
    "L3 at 100 GB/s a core": Scenario(settings={"core.l3_bytes_per_second": 100e9}),
    "a joining thread costs nothing": Scenario(settings={"team.join_seconds": 0.0}),
    "a joining thread costs 10 us": Scenario(settings={"team.join_seconds": 10e-6}),
    "a new team costs nothing": Scenario(settings={"team.team_seconds": 0.0}),
    "a new team costs 20 us": Scenario(settings={"team.team_seconds": 20e-6}),
    "waking a thread costs nothing": Scenario(settings={"team.thread_seconds": 0.0}),
    "waking a thread costs 1 us": Scenario(settings={"team.thread_seconds": 1e-6}),
    "half of the DRAM's bandwidth": Scenario(settings={"dram_sustained": 0.4}),
    "a steep DRAM queue": Scenario(settings={"queueing": 0.5}),
    "targets twice as long": Scenario(changes={"target_factor": 2.0}),
    "99 % in time": Scenario(in_time=0.99),
    "threads not bound": Scenario(changes={"placement": "scattered"}),
    "one L3 of 256 MiB": Scenario(preset="threadripper-3990x-shared"),
    "steps of 8 cores": Scenario(policy={"quantum": QUANTUM}),
    "shares by MACs": Scenario(policy={"share": "macs"}),
    "three versions": Scenario(changes={"versions": 3}),
}
#: What is varied for the sensitivity: constants that are assumed, and choices of ours.
VARIED = tuple(name for name in SCENARIOS if name not in (DEFAULT, ARTIFACT))
SENSITIVE_MIX = "medium"


@dataclass(frozen=True, slots=True, kw_only=True)
class Experiment:
    """Some policies on a mix in a scenario. `queries` of each of `seeds` sequences."""

    mix: str
    scenario: str = DEFAULT
    rule: str = OWN
    policies: tuple[str, ...] = ALL
    seeds: int = 5
    queries: int = 6000
    margins: tuple[float, ...] | None = None  # that are tried; None: all
    tuned_on: int = 1  # sequences


@dataclass(frozen=True, slots=True)
class Effort:
    """How much is run."""

    experiments: tuple[Experiment, ...]
    latencies: bool = True  # at equal load, and where core time goes


FEW = (0.95, 0.8, 0.6)  # margins that are tried where the comparison is of a smaller sample
QUICK_POLICIES = ("model_wise", "layer_wise", "prema", "planaria", "veltair", "priced_versions")


def whole() -> Effort:
    """Return all of it."""
    return Effort(tuple(_whole()))


def _whole() -> Iterator[Experiment]:
    for mix in MIXES:
        yield Experiment(mix=mix)
        one = tuple(name for name in ALL if name != "prema")  # which plans with no target
        yield Experiment(mix=mix, rule=AT_ONE, policies=one, seeds=3, queries=4000)
    for mix in MIXES:
        yield _smaller(mix, ARTIFACT, (*WITHOUT, "veltair"))
        yield _smaller(mix, UNDER_LOAD, THREE)
    for mix in MIXES[:2]:
        yield _smaller(mix, ERRING, (*THREE, "prema", "priced_versions"))
    for name in VARIED:
        if name not in (UNDER_LOAD, ERRING):
            yield Experiment(
                mix=SENSITIVE_MIX, scenario=name, policies=THREE, seeds=3, queries=3000, margins=FEW
            )


def _smaller(mix: str, scenario: str, policies: tuple[str, ...]) -> Experiment:
    return Experiment(mix=mix, scenario=scenario, policies=policies, seeds=3, queries=4000, margins=FEW)


def quick() -> Effort:
    """Return what shows the headline in a minute and a half; its intervals are wide."""
    found = []
    for mix in MIXES:
        found.append(Experiment(mix=mix, policies=QUICK_POLICIES, seeds=3, queries=1500, margins=(0.9, 0.7)))
        policies = tuple(name for name in QUICK_POLICIES if name != "prema")
        found.append(Experiment(mix=mix, rule=AT_ONE, policies=policies, seeds=3, queries=1500))
    return Effort(tuple(found), latencies=False)
