"""Waits in the whole loop are those of queueing theory, where one layer makes it a queue with a closed form.

``TANDEM_SERVING=all`` runs 40 times 10^6 queries a case and asks for intervals of 1 %.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from heapq import heapreplace
from math import factorial

import numpy as np
import pytest

from tandemsim.sim.serving.policy import POLICIES
from tandemsim.sim.serving.queries import poisson
from tandemsim.sim.serving.service import Service
from tandemsim.sim.serving.simulation import simulate
from tests.serving.intervals import MOST, QUERIES, RUNS, interval
from tests.serving.made_up import machine, networks, service

CLASSES = 1000  # of service times, of equal probability, that stand for an exponential distribution


def erlang_c(servers: int, load: float) -> float:
    """Return the probability that a query of M/M/c waits; load is that of each server."""
    offered = servers * load
    last = offered**servers / factorial(servers) / (1 - load)
    return last / (sum(offered**k / factorial(k) for k in range(servers)) + last)


def exponential_classes() -> list[float]:
    """Return the mean of an exponential distribution (mean 1) in each of its quantiles."""
    edges = np.linspace(0, 1, CLASSES + 1)[:-1]
    left = 1 - edges  # probability beyond each edge
    area = left * (1 - np.log(left))  # integral of x e^-x from there on
    return [float(mean) for mean in -np.diff(area, append=0.0) * CLASSES]


def waits(served_by: Service, load: float, service_seconds: Sequence[float]) -> list[float]:
    """Return the mean wait of each run: latency less service."""
    policy = replace(POLICIES["layer_wise"], quantum=1)
    own = np.array(service_seconds)

    def one(seed: int) -> float:
        queries = poisson(served_by.shares, QUERIES, seed)
        run = simulate(served_by, policy, queries, load)
        return float((run.latency_seconds - own[queries.network])[QUERIES // 20 :].mean())

    first = round(1e4 * load)  # so that no two cases have the same arrivals
    return [one(first + seed) for seed in range(RUNS)]


@pytest.mark.parametrize("servers", [1, 3, 8])
def test_each_query_waits_as_long_as_in_a_list_of_servers(servers: int) -> None:
    """Path by path, and not only in the mean: the earliest free server takes the next query."""
    seconds = [0.3, 1.0, 4.0]
    made = service(networks([[s] for s in seconds]), machine(servers, 1), targets=[1e6] * 3)
    queries = poisson(made.shares, 5000, 11)
    load = 0.9 * servers / np.mean(seconds)
    latency = simulate(made, POLICIES["layer_wise"], queries, float(load)).latency_seconds
    free = [0.0] * servers
    for arrival, network, found in zip(queries.unit_seconds / load, queries.network, latency, strict=True):
        end = max(free[0], arrival) + seconds[network]
        heapreplace(free, end)
        assert found == pytest.approx(end - arrival, abs=1e-7)


@pytest.mark.parametrize("load", [0.5, 0.8])
def test_constant_service_waits_as_in_m_d_1(load: float) -> None:
    made = service(networks([[1.0]]), machine(1, 1), targets=[1e6])
    mean, half = interval(waits(made, load, [1.0]))
    assert abs(mean - load / (2 * (1 - load))) < half
    assert half < MOST * mean


@pytest.mark.parametrize("servers, load", [(1, 0.5), (1, 0.8), (4, 0.8), (8, 0.8)])
def test_exponential_service_waits_as_in_m_m_c(servers: int, load: float) -> None:
    times = exponential_classes()
    assert np.mean(times) == pytest.approx(1, abs=1e-12)
    assert np.mean(np.square(times)) == pytest.approx(2, rel=2e-3)
    made = service(networks([[t] for t in times]), machine(servers, 1), targets=[1e6] * CLASSES)
    mean, half = interval(waits(made, servers * load, times))
    assert abs(mean - erlang_c(servers, load) / (servers * (1 - load))) < half
    assert half < MOST * mean


@pytest.mark.parametrize("servers, load", [(8, 0.5), (16, 0.5)])
def test_under_light_load_as_many_wait_as_erlang_says(servers: int, load: float) -> None:
    """Waits are too rare there for their mean; whether a query waits is not."""
    times = exponential_classes()
    made = service(networks([[t] for t in times]), machine(servers, 1), targets=[1e6] * CLASSES)
    policy = POLICIES["layer_wise"]
    own = np.array(times)

    def one(seed: int) -> float:
        queries = poisson(made.shares, QUERIES, seed)
        run = simulate(made, policy, queries, servers * load)
        return float((run.latency_seconds - own[queries.network] > 1e-6).mean())

    mean, half = interval([one(seed) for seed in range(RUNS)])
    assert abs(mean - erlang_c(servers, load)) < half


def test_a_mix_on_all_cores_waits_as_pollaczek_and_khinchine_say() -> None:
    """Model by model on the whole machine is M/G/1."""
    seconds, shares, cores, load = [1.0, 3.0, 8.0], [0.5, 0.3, 0.2], 8, 0.7
    made = service(networks([[s] for s in seconds]), machine(cores, 2), [1e-9] * 3, shares)
    takes = [s / cores for s in seconds]
    policy = replace(POLICIES["model_wise"], quantum=cores)
    first = sum(p * t for p, t in zip(shares, takes, strict=True))
    second = sum(p * t * t for p, t in zip(shares, takes, strict=True))
    rate = load / first

    def one(seed: int) -> float:
        queries = poisson(made.shares, QUERIES, seed)
        run = simulate(made, policy, queries, rate)
        return float((run.latency_seconds - np.array(takes)[queries.network])[QUERIES // 20 :].mean())

    mean, half = interval([one(seed) for seed in range(RUNS)])
    assert abs(mean - rate * second / (2 * (1 - load))) < half
    assert half < MOST * mean
