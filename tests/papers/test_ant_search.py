"""The pruned search of ANT's cost model against all tiles in all loop orders, written anew from the rules."""

from __future__ import annotations

import itertools
import math
import random

import numpy as np
import pytest

from tandemsim.sim.papers.ant.cost_model import array_of, costs_of, problem_of
from tandemsim.sim.papers.ant.hardware import ACCELERATORS, REPORTED_DRAM, accelerator
from tandemsim.sim.papers.ant.networks import NETWORKS, layers
from tandemsim.sim.papers.ant.search import ORDERS, Array, Costs, Counters, Problem, search

DEPENDS = {"act": {"B", "OW", "OH", "IC"}, "wgt": {"IC", "OC"}, "out": {"B", "OW", "OH", "OC"}}


def best(problem: Problem, array: Array, costs: Costs) -> list[int] | None:
    found = np.empty((1, len(Counters._fields)), dtype=np.int64)
    search(np.array([problem], dtype=np.int64), array, costs, ORDERS, found)
    counted: list[int] = found[0].tolist()
    return None if counted[0] < 0 else counted


def tile_sizes(extent: int) -> list[int]:
    powers = [2**power for power in range(32) if 2**power < extent]
    return [*powers, extent]


def brute_force(layer: Problem, array: Array, costs: Costs) -> tuple[set[tuple[int, ...]], int]:
    """Return the counters of all tilings of the fewest cycles and then the least energy, and how many fit."""
    tilings: list[tuple[int, float, tuple[int, ...]]] = []
    for b, o, ic, oc in itertools.product(*map(tile_sizes, (layer.batch, layer.out, layer.ic, layer.oc))):
        for order in itertools.permutations(("B", "OW", "OH", "IC", "OC")):
            counted = one_tiling(layer, array, b, o, ic, oc, order)
            if counted is not None:
                tilings.append((counted[0], spent(counted, costs), counted))
    if not tilings:
        return set(), 0
    cycles = min(tilings)[0]
    least = min(energy for found, energy, _ in tilings if found == cycles)
    ties = {c for found, energy, c in tilings if found == cycles and energy <= least * (1 + 1e-12)}
    return ties, len(tilings)


def one_tiling(
    layer: Problem, array: Array, b: int, o: int, ic: int, oc: int, order: tuple[str, ...]
) -> tuple[int, ...] | None:
    pf = int(array.high / max(layer.bits, array.low))
    n, m, depth, rows = array.rows * pf, array.cols * pf, layer.taps * ic, b * o * o
    tile = {
        "wgt": math.ceil(depth / n) * n * oc * layer.bits,
        "act": rows * math.ceil(depth / m) * m * layer.bits,
        "out": rows * oc * array.output_bits,
    }
    half = {"wgt": array.half_weights, "act": array.half_inputs, "out": array.half_outputs}
    if tile["wgt"] > half["wgt"] or tile["act"] > half["act"]:
        return None
    trips = {
        "B": math.ceil(layer.batch / b),
        "OW": math.ceil(layer.out / o),
        "OH": math.ceil(layer.out / o),
        "IC": math.ceil(layer.ic / ic),
        "OC": math.ceil(layer.oc / oc),
    }
    moved, first = dict(tile), dict(tile)
    resident = dict.fromkeys(tile, True)
    for loop in reversed(order):
        for stream in tile:
            depends = loop in DEPENDS[stream]
            if depends or not resident[stream]:
                moved[stream] *= trips[loop]
            if depends and resident[stream]:
                if moved[stream] > half[stream]:
                    resident[stream] = False
                else:
                    first[stream] = 0 if stream == "out" else moved[stream]
    tiles = math.prod(trips.values())
    if array.weight_stationary:
        compute = tiles * rows * math.ceil(oc / m) * math.ceil(depth / n)
    else:
        compute = tiles * math.ceil(rows / n) * math.ceil(oc / m) * depth
    width = array.dram_bits
    latency = math.ceil((first["wgt"] + first["act"]) / width) + math.ceil(first["out"] / width)
    between = sum(moved.values()) - sum(first.values())
    stalls = max(0, math.ceil(between / width) - compute) + latency
    macs = tiles * depth * oc * rows
    sums = macs * 16 if array.weight_stationary else tiles * oc * rows * 16
    weight_reads = tiles * depth * oc * layer.bits if array.weight_stationary else macs * layer.bits
    return (
        *(compute + stalls, stalls, weight_reads, moved["wgt"], macs * layer.bits, moved["act"]),
        *(sums + moved["out"], sums, moved["wgt"] + moved["act"], moved["out"]),
    )


def spent(counted: tuple[int, ...], costs: Costs) -> float:
    cycles, stalls, *bits = counted
    leaked = costs.cycle * cycles + costs.work * (cycles - stalls)
    return leaked + sum(cost * moved for cost, moved in zip(costs[2:], bits, strict=True))


def random_case(seed: int) -> tuple[Problem, Array, Costs]:
    """A layer of a few hundred tilings, on an array and scratchpads small enough to matter."""
    draw = random.Random(seed)
    problem = Problem(
        taps=draw.choice((1, 1, 4, 9, 25)),
        out=draw.choice((1, 2, 3, 5)),
        ic=draw.randint(1, 9),
        oc=draw.randint(1, 9),
        batch=draw.randint(1, 6),
        bits=draw.choice((4, 8)),
    )
    array = Array(
        rows=draw.randint(1, 4),
        cols=draw.randint(1, 5),
        high=8,
        low=draw.choice((4, 8)),
        output_bits=16,
        dram_bits=draw.choice((8, 64, 1024)),
        half_weights=draw.choice((60, 400, 2_000, 100_000)),
        half_inputs=draw.choice((400, 2_000, 100_000)),
        half_outputs=draw.choice((100, 1_000, 100_000)),
        weight_stationary=draw.random() < 0.5,
    )
    costs = Costs(*(round(draw.random(), 3) for _ in Costs._fields))
    return problem, array, costs


@pytest.mark.parametrize("seed", range(60))
def test_the_best_tiling_is_that_of_brute_force(seed: int) -> None:
    problem, array, costs = random_case(seed)
    ties, tried = brute_force(problem, array, costs)
    found = best(problem, array, costs)
    if found is None:
        assert tried == 0
    else:
        assert tuple(found) in ties


def test_the_random_cases_reach_every_branch() -> None:
    cases = [random_case(seed) for seed in range(60)]
    found = [best(*case) for case in cases]
    assert any(counted is None for counted in found) and any(counted for counted in found)
    assert any(counted[1] > counted[0] // 2 for counted in found if counted)  # DRAM decides
    assert any(counted[1] * 10 < counted[0] for counted in found if counted)  # the array decides
    assert {case[1].weight_stationary for case in cases} == {True, False}


def test_a_layer_of_the_evaluation_is_that_of_brute_force() -> None:
    array = accelerator("ant-os")
    layer = problem_of(layers("resnet18", "ant")[19])
    assert (layer.taps, layer.out, layer.ic, layer.oc) == (9, 7, 512, 512)
    layer = layer._replace(ic=32, oc=24, batch=8)
    ties, _ = brute_force(layer, array_of(array), costs_of(array))
    assert tuple(best(layer, array_of(array), costs_of(array)) or ()) in ties


def test_equal_cycles_are_decided_by_the_energies_of_the_search_and_not_by_the_reported_ones() -> None:
    differ = 0
    for array in ACCELERATORS.values():
        searched = costs_of(array)
        reported = searched._replace(dram_read=REPORTED_DRAM.read_nj, dram_write=REPORTED_DRAM.write_nj)
        for problem in {problem_of(layer) for network in NETWORKS for layer in layers(network, array.lists)}:
            ours = best(problem, array_of(array), searched)
            other = best(problem, array_of(array), reported)
            assert ours and other and ours[0] == other[0]
            differ += ours != other
    assert differ > 0
