"""Decisions of each policy on small cases, written down by hand, and policies that must be the same one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tandemsim.sim.cpu.tables import CpuConstants, NetworkTables
from tandemsim.sim.serving.policy import POLICIES, Budget, Policy, Unit
from tandemsim.sim.serving.queries import Queries, poisson
from tandemsim.sim.serving.served import Served
from tandemsim.sim.serving.service import Service
from tandemsim.sim.serving.simulation import simulate
from tandemsim.sim.serving.world import Phase, Slice
from tests.serving.made_up import MANY, machine, networks, service

PICO = 1e12
COSTLY = {"team_seconds": 5e-6, "join_seconds": 2e-6, "interference": 1.0}

Decision = tuple[int, int, int, int, int]  # start in milliseconds, query, layer, cores, milliseconds


def at(seconds: list[float]) -> Queries:
    """Queries of one network at these seconds, under a load of 1."""
    return Queries(np.array(seconds), np.zeros(len(seconds), np.int64))


def layers_of(run: Served) -> list[Decision]:
    """Return what ran, in the order of its start."""
    rows = run.slices[run.slices[:, Slice.PHASE] == Phase.LAYER]
    found = [
        (
            round(row[Slice.START] / 1e9),
            int(row[Slice.QUERY]),
            int(row[Slice.LAYER]),
            int(row[Slice.CORES]),
            round((row[Slice.END] - row[Slice.START]) / 1e9),
        )
        for row in rows
    ]
    return sorted(found)


def run_by_hand(policy: Policy, seconds: list[float], target: float = 2.0) -> list[Decision]:
    """Serve queries of three layers, of 2, 4 and 2 core-seconds, on 8 cores whose teams cost nothing."""
    made = service(networks([[2.0, 4.0, 2.0]]), machine(8, 2), [target])
    return layers_of(simulate(made, policy, at(seconds), 1.0, window=(0.0, 100.0)))


def named(name: str) -> Policy:
    return replace(POLICIES[name], margin=1.0)


# A target of 2 s on 8 core-seconds of work: 4 cores are just enough for every layer, and for the whole.
TWO = [0.0, 0.25]


def test_model_wise_holds_four_cores_to_the_end() -> None:
    assert run_by_hand(named("model_wise"), TWO) == [
        (0, 0, 0, 4, 500),
        (250, 1, 0, 4, 500),
        (500, 0, 1, 4, 1000),
        (750, 1, 1, 4, 1000),
        (1500, 0, 2, 4, 500),
        (1750, 1, 2, 4, 500),
    ]


def test_model_wise_waits_for_all_cores_that_it_wants() -> None:
    """Of three queries the last waits for the first to end, though nobody else wants the rest."""
    policy = replace(named("model_wise"), margin=0.75)  # 1.5 s: 6 cores, as 5 take 1.6 s
    starts = [d for d in run_by_hand(policy, [0.0, 0.0]) if d[2] == 0]
    assert starts == [(0, 0, 0, 6, 333), (1333, 1, 0, 6, 333)]


def test_layer_wise_takes_what_is_free_and_grows_once_nobody_waits() -> None:
    policy = replace(named("layer_wise"), margin=0.75)  # each layer wants 6 cores
    made = service(networks([[2.0, 4.0, 2.0]]), machine(8, 2), [2.0])
    run = simulate(made, policy, at([0.0, 0.0]), 1.0, window=(0.0, 100.0))
    assert layers_of(run) == [
        (0, 0, 0, 6, 333),
        (0, 1, 0, 2, 1000),  # wanted 6, a conflict
        (333, 0, 1, 6, 667),
        (1000, 0, 2, 6, 333),
        (1000, 1, 1, 2, 333),  # again; query 0 is older and comes first
        (1333, 1, 1, 6, 556),  # query 0 has ended: what is left, 10/3 core-seconds, gets the cores it wanted
        (1889, 1, 2, 6, 333),
    ]
    assert (run.grants, run.conflicts, run.grown) == (6, 2, 1)
    assert run.lost_share == pytest.approx(4 / 6, abs=1e-6)


def test_planaria_spreads_a_lone_query_over_all_cores() -> None:
    assert run_by_hand(named("planaria"), [0.0]) == [
        (0, 0, 0, 8, 250),
        (250, 0, 1, 8, 500),
        (750, 0, 2, 8, 250),
    ]


def test_fixed_budgets_leave_spare_cores_alone() -> None:
    assert run_by_hand(named("layer_wise"), [0.0]) == [
        (0, 0, 0, 4, 500),
        (500, 0, 1, 4, 1000),
        (1500, 0, 2, 4, 500),
    ]


def test_slack_that_was_lost_is_made_up_with_more_cores() -> None:
    """Query 1 waits for query 0 until 1 s; its 8 core-seconds then have 1.45 s, and get 6 cores instead of 4.

    Whole cores gain on the plan: for the last 2 core-seconds 0.45 s are left, and 5 cores are enough.
    """
    made = service(networks([[2.0, 4.0, 2.0], [8.0]]), machine(8, 2), [2.45, 1.0])
    policy = replace(named("planaria"), spare=False)
    queries = Queries(np.array([0.0, 0.0]), np.array([1, 0]))
    assert layers_of(simulate(made, policy, queries, 1.0, window=(0.0, 9.0))) == [
        (0, 0, 3, 8, 1000),
        (1000, 1, 0, 6, 333),
        (1333, 1, 1, 6, 667),
        (2000, 1, 2, 5, 400),
    ]
    fixed = layers_of(simulate(made, replace(policy, budget=Budget.FIXED), queries, 1.0, window=(0.0, 9.0)))
    assert [decision[3] for decision in fixed] == [8, 4, 4, 4]


def test_adaptive_blocks_merge_layers_that_need_the_same() -> None:
    """All three layers need 4 cores: one block, of up to `longest` layers."""
    policy = replace(named("adaptive_blocks"), spare=False)
    made = service(networks([[2.0, 4.0, 2.0]]), machine(8, 2), [2.0])
    assert list(simulate(made, policy, at([0.0]), 1.0).block_layers) == [0, 0, 0, 1]
    short = replace(policy, longest=2)
    assert list(simulate(made, short, at([0.0]), 1.0).block_layers) == [0, 1, 1, 0]


def test_adaptive_blocks_hide_a_peak_among_its_neighbors() -> None:
    """A layer that cannot keep its budget needs 8 cores; with others behind it fewer are enough."""
    tables = networks([[2.0, 2.0, 4.0]], chunks=MANY)
    tables.start_seconds[0] = 0.25  # the first layer needs more cores for its budget than the rest
    made = service(tables, machine(8, 2), [3.0])
    policy = replace(named("adaptive_blocks"), spare=False, budget=Budget.FIXED)
    alone = replace(policy, unit=Unit.LAYERS)
    queries = at([0.0, 0.0, 0.0, 0.0])  # four in line: a limit of 2 * 8 // 4 cores
    narrow = simulate(made, policy, queries, 1.0)
    layerwise = simulate(made, alone, queries, 1.0)
    assert narrow.block_layers[2:].sum() > 0
    assert layerwise.block_layers[2:].sum() == 0


def test_prema_runs_one_layer_at_a_time_on_all_cores() -> None:
    found = run_by_hand(named("prema"), TWO)
    assert all(decision[3] == 8 for decision in found)
    assert [(d[1], d[2]) for d in found] == [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2)]


def test_prema_lets_a_short_query_pass_a_long_one() -> None:
    """At 4 s the long query's token is 4 s / 8 s; that of the short one, 0.25 s / 0.25 s, is larger."""
    made = service(networks([[32.0, 32.0], [2.0]]), machine(8, 2), [100.0, 100.0])
    queries = Queries(np.array([0.0, 3.75]), np.array([0, 1]))
    run = simulate(made, POLICIES["prema"], queries, 1.0, window=(0.0, 100.0))
    assert [(d[0], d[1]) for d in layers_of(run)] == [(0, 0), (4000, 1), (4250, 0)]


@pytest.mark.parametrize("arrival, turn", [(0.85, 2), (0.95, 1)])
def test_prema_prefers_the_short_query_once_its_token_is_half_of_the_largest(
    arrival: float, turn: int
) -> None:
    """At 1 s query 1 has a token of 1; query 2 has 0.15 s / 0.25 s, or 0.05 s / 0.25 s."""
    made = service(networks([[8.0], [2.0]]), machine(8, 2), [100.0, 100.0])
    queries = Queries(np.array([0.0, 0.0, arrival]), np.array([0, 0, 1]))
    run = simulate(made, POLICIES["prema"], queries, 1.0, window=(0.0, 100.0))
    assert layers_of(run)[1][:2] == (1000, turn)


def busy(tables: NetworkTables | None = None, constants: CpuConstants | None = None) -> Service:
    rng = np.random.default_rng(5)
    layers = [list(rng.uniform(0.2e-3, 3e-3, 7)), list(rng.uniform(0.1e-3, 1e-3, 4))]
    made = tables or networks(layers, chunks=24, layer_bytes=2e6, rereads=3)
    return service(made, constants or machine(8, 2, **COSTLY), [4e-3, 2e-3])


def results(made: Service, policy: Policy) -> list[bytes]:
    queries = poisson(made.shares, 2000, 3)
    run = simulate(made, policy, queries, 700.0, window=(0.0, 0.2))
    return [run.latency_seconds.tobytes(), run.slices.tobytes(), run.block_layers.tobytes()]


def test_blocks_of_one_layer_are_layer_wise() -> None:
    made = busy()
    assert results(made, replace(POLICIES["fixed_blocks"], block=1)) == results(made, POLICIES["layer_wise"])


def test_adaptive_blocks_of_one_layer_without_spare_are_layer_wise_where_the_load_allows() -> None:
    """With a limit that no layer exceeds, and blocks of at most one layer."""
    made = busy()
    adaptive = replace(POLICIES["adaptive_blocks"], longest=1, spare=False, budget=Budget.FIXED, margin=1.0)
    calm = poisson(made.shares, 200, 3)
    whole = [
        simulate(made, p, calm, 5.0).latency_seconds.tobytes()
        for p in (adaptive, replace(POLICIES["layer_wise"], margin=1.0))
    ]
    assert whole[0] == whole[1]


def test_blocks_without_end_that_never_shrink_are_model_wise() -> None:
    made = busy()
    endless = replace(POLICIES["fixed_blocks"], block=10**6, shrink=1.0)
    assert results(made, endless) == results(made, POLICIES["model_wise"])


@pytest.mark.parametrize(
    "single, many", [("layer_wise", "adaptive_compilation"), ("planaria", "planaria_versions")]
)
def test_with_one_version_the_choice_of_versions_changes_nothing(single: str, many: str) -> None:
    """On an idle DRAM the plan of level 0 is that of the shipped version."""
    made = busy(constants=machine(8, 2, team_seconds=5e-6, join_seconds=2e-6))
    assert results(made, POLICIES[single]) == results(made, POLICIES[many])


def test_the_faster_version_runs_where_policies_may_choose() -> None:
    tables = networks([[1e-3, 2e-3]], chunks=24, versions=(1.0, 0.5))
    made = service(tables, machine(8, 2), [1.0])
    run = simulate(made, POLICIES["adaptive_compilation"], at([0.0]), 1.0)
    assert list(run.versions_ran) == [0, 1, 0, 1]
    assert list(simulate(made, POLICIES["layer_wise"], at([0.0]), 1.0).versions_ran) == [1, 0, 1, 0]


@pytest.mark.parametrize("name", ["model_wise", "layer_wise", "fixed_blocks", "adaptive_compilation"])
def test_policies_are_blind_to_interference_before_the_counter_s_first_sample(name: str) -> None:
    """The truth's kappa changes after the profile is made: within the first millisecond nothing else does."""
    tables = networks([[1e-3] * 6], chunks=24, versions=(1.0, 1.05), layer_bytes=5e5)
    tables.weights_once[::2] = 0  # each island reads all weights: the second version is for a busy DRAM
    slow = machine(8, 4, **COSTLY, dram_bytes_per_second=4e9, queueing=1.0, l3_bytes=2.0**18)
    made = service(tables, slow, [1.5e-3])
    assert (made.profile.plan.best[0] != made.profile.plan.best[3]).any()
    seen = []
    for kappa in (0.0, 1.0, 3.0):
        strange = replace(made, constants=made.constants._replace(interference=kappa))
        run = simulate(strange, POLICIES[name], at([0.0]), 1.0, window=(0.0, 1.0))
        rows = run.slices[(run.slices[:, Slice.PHASE] == Phase.LAYER) & (run.slices[:, Slice.START] < 10**9)]
        seen.append(rows[:, [Slice.LAYER, Slice.VERSION, Slice.CORES]].tolist())
    idle = made.profile.plan.best[0]
    assert all(version == idle[layer, cores] for rows in seen for layer, version, cores in rows)
    shortest = min(map(len, seen))
    assert shortest >= 2
    assert seen[0][:shortest] == seen[1][:shortest] == seen[2][:shortest]


def test_versions_follow_the_counter() -> None:
    """Of two versions the second moves less and computes longer: it runs once the DRAM is seen to be busy."""
    tables = networks([[1e-3] * 40], chunks=24, versions=(1.0, 1.05), layer_bytes=4e6)
    tables.past_l2_bytes[1::2] /= 8
    tables.weights_once[:] = 0
    tables.weights_once[1::2] = 1
    constants = machine(8, 4, interference=1.0, dram_bytes_per_second=8e9, queueing=1.0)
    made = service(tables, constants, [20e-3])
    run = simulate(made, POLICIES["adaptive_compilation"], at([0.0] * 4), 1.0, window=(0.0, 1.0))
    rows = run.slices[run.slices[:, Slice.PHASE] == Phase.LAYER]
    best = made.profile.plan.best
    early, late = rows[rows[:, Slice.START] < 10**9], rows[rows[:, Slice.START] > 3 * 10**9]
    assert (best[0] != best[3]).any()  # levels differ in what they choose
    assert run.dram_utilization > 0.25
    assert {int(v) % 2 for v in early[:, Slice.VERSION]} != {int(v) % 2 for v in late[:, Slice.VERSION]}


@pytest.mark.parametrize("name", ["model_wise", "layer_wise", "fixed_blocks", "prema", "planaria"])
def test_at_a_load_of_nearly_zero_each_query_takes_what_the_plan_says(name: str) -> None:
    """No stalls: the latency is the sum of planned times on the granted cores, and of waits for teams."""
    made = busy(constants=machine(8, 2, team_seconds=5e-6, join_seconds=2e-6))
    queries = poisson(made.shares, 50, 3)
    policy = replace(POLICIES[name], spare=False, margin=0.5)  # narrow enough for teams to change
    run = simulate(made, policy, queries, 0.1, window=(0.0, 1e5))
    rows = run.slices[run.slices[:, Slice.PHASE] == Phase.LAYER]
    for query in range(50):
        planned, held = 0.0, 0
        for row in rows[rows[:, Slice.QUERY] == query]:
            layer, cores = row[Slice.LAYER], row[Slice.CORES]
            planned += made.profile.time[0, made.tables.shipped[layer], cores] / PICO
            planned += 0 if cores == held else 5e-6 + 2e-6 * max(0, cores - held)
            held = cores
        assert run.latency_seconds[query] == pytest.approx(planned, abs=1e-10)
