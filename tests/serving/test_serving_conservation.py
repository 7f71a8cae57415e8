"""Nothing is lost under any policy: queries, core-seconds, work."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tandemsim.sim.serving.policy import POLICIES
from tandemsim.sim.serving.queries import poisson
from tandemsim.sim.serving.simulation import simulate
from tests.examples import some_of
from tests.serving.made_up import machine, networks, service

LAYERS = [[0.010, 0.020, 0.005], [0.004, 0.001], [0.030]]
names = pytest.mark.parametrize("name", list(POLICIES))
COSTLY = {"team_seconds": 5e-6, "join_seconds": 2e-6, "interference": 1.0}


@names
def test_with_linear_speed_up_a_query_takes_its_work_in_core_seconds(name: str) -> None:
    made = service(networks(LAYERS), machine(8, 2), targets=[0.02, 0.01, 0.03])
    queries = poisson(made.shares, 3000, 1)
    run = simulate(made, POLICIES[name], queries, 200.0)
    work = np.array([sum(network) for network in LAYERS])[queries.network].sum()
    assert np.isfinite(run.latency_seconds).all()
    assert run.core_seconds["compute"] == pytest.approx(work, rel=1e-12)
    for other in ("efficiency", "stall", "team"):
        assert run.core_seconds[other] == pytest.approx(0, abs=1e-6 * work)
    assert sum(run.core_seconds.values()) == pytest.approx(8 * run.seconds, rel=1e-12)


@names
@settings(max_examples=some_of(12))
@given(
    st.integers(1, 2**31),
    st.floats(0.1, 1.5),
    st.sampled_from([(8, 2), (6, 3), (16, 1), (12, 12)]),
    st.sampled_from([1, 2, 4]),
    st.floats(0.3, 1.0),
)
def test_granted_and_idle_core_seconds_are_all_there_are(
    name: str, seed: int, load: float, shape: tuple[int, int], quantum: int, margin: float
) -> None:
    """`simulate` itself refuses a run whose integer sums differ by a picosecond."""
    cores, islands = shape
    tables = networks(LAYERS, chunks=60, versions=(1.0, 0.9), layer_bytes=1e6, rereads=2)
    made = service(tables, machine(cores, islands, **COSTLY), targets=[0.02, 0.01, 0.03])
    queries = poisson(made.shares, 200, seed)
    rate = load * cores / np.mean([sum(network) for network in LAYERS])
    run = simulate(made, replace(POLICIES[name], quantum=quantum, margin=margin), queries, rate)
    assert np.isfinite(run.latency_seconds).all()
    assert (run.latency_seconds > 0).all()
    assert run.versions_ran.sum() == np.array([len(network) for network in LAYERS])[queries.network].sum()
    assert (np.arange(len(run.block_layers)) * run.block_layers).sum() == run.versions_ran.sum()
    assert all(seconds >= -1e-9 for seconds in run.core_seconds.values())


@settings(max_examples=some_of(30))
@given(st.integers(1, 2**31), st.sampled_from(list(POLICIES)))
def test_a_run_that_stops_early_counts_what_it_left(seed: int, name: str) -> None:
    made = service(networks(LAYERS), machine(8, 2), targets=[0.02, 0.01, 0.03])
    queries = poisson(made.shares, 300, seed)
    run = simulate(made, POLICIES[name], queries, 2000.0, warm_up=50, most_late=0.05)
    whole = simulate(made, POLICIES[name], queries, 2000.0, warm_up=50)
    assert run.stopped and not whole.stopped
    late = (run.latency_seconds > np.array(made.targets)[run.network])[50:].sum()
    assert late == int(0.05 * 250) + 1
    assert run.share_in_target < 0.95
    ended = np.isfinite(run.latency_seconds)
    assert np.array_equal(run.latency_seconds[ended], whole.latency_seconds[ended])
