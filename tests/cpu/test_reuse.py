"""Curves of loop nests against the addresses of the nests, one by one and in the exact cache."""

import numpy as np
import pytest

from tandemsim.sim.cpu.contention import bytes_at_age, surviving
from tandemsim.sim.cpu.curves import KNOT_BYTES
from tandemsim.sim.cpu.reuse import Curves, stream_curves
from tandemsim.sim.cpu.streams import lines_of
from tandemsim.sim.cpu.tables import KNOTS
from tests.cpu.cache_draws import LINE
from tests.cpu.nests import Layer, exact_miss_ratio, layers
from tests.examples import some_of

MOST_LINES = 1_500_000
Drawn = tuple[Layer, int, int]  # layer, version, number of the team's size


def drawn(generator: np.random.Generator) -> Drawn:
    """A version whose layer is not too long for a test, of parts that lines divide well, and a team."""
    while True:
        layer = layers()[generator.integers(len(layers()))]
        version = int(generator.integers(len(layer.past_l2_bytes)))
        parts = [float(each[version]) for each in layer.nests[4:]]
        smallest = min(part for part in parts if part > 0)
        if smallest >= 8 * LINE and layer.past_l2_bytes[version] / LINE <= MOST_LINES:
            return layer, version, int(generator.integers(0, 5))


def once_through(layer: Layer, version: int, size: int) -> np.ndarray:
    chunks = layer.nests.groups * layer.nests.rows * layer.nests.cols
    moved = (layer.nests.chunk_bytes * chunks)[version]
    return lines_of(layer.nests, version, 1 << size, int(moved / LINE))


def alone(curves: Curves, capacity: float) -> float:
    """The miss ratio in a cache of so many bytes, by one eviction age."""
    survival, occupied = (each.reshape(1, 1, KNOTS) for each in curves)
    return surviving(survival, 0, 0, bytes_at_age(survival, occupied, 0, 0, capacity))


@pytest.fixture(scope="module")
def cases() -> list[Drawn]:
    generator = np.random.default_rng(3)
    return [drawn(generator) for _ in range(some_of(75))]


def test_a_team_moves_the_bytes_past_l2_of_its_version(cases: list[Drawn]) -> None:
    """Less what a border that is wider than the image would add; a line is the least that moves."""
    for layer, version, size in cases:
        lines = once_through(layer, version, size)
        chunks = (layer.nests.groups * layer.nests.rows * layer.nests.cols)[version]
        moved = layer.nests.chunk_bytes[version] * chunks
        assert moved <= layer.past_l2_bytes[version] * 1.001
        if layer.nests.rows[version] > 9:
            assert moved == pytest.approx(layer.past_l2_bytes[version], rel=0.001)
        # What is touched once is all that is touched: as many lines as the curve's end says.
        share = len(np.unique(lines)) / len(lines)
        assert share == pytest.approx(layer.curves[0][version, size, -1], abs=0.05)


def test_curves_of_a_nest_are_those_of_its_addresses(cases: list[Drawn]) -> None:
    """Where a reuse time lies beside a knot, lines may be on its other side: so on average."""
    errors, relative = [], []
    for layer, version, size in cases:
        survival, occupied = stream_curves(once_through(layer, version, size))
        errors.append(np.abs(survival - layer.curves[0][version, size]).mean())
        relative.append(np.abs(layer.curves[1][version, size] / occupied - 1).mean())
    print(f"survival {np.mean(errors):.4f}, occupied bytes {np.mean(relative):.2%}")
    assert np.mean(errors) <= 0.008
    assert np.mean(relative) <= 0.015


def test_miss_ratios_of_the_exact_cache_are_those_of_the_curves(cases: list[Drawn]) -> None:
    generator = np.random.default_rng(4)
    errors = []
    for layer, version, size in cases:
        capacity = int(2 ** generator.integers(18, 25))
        curves = tuple(curve[version, size] for curve in layer.curves)
        exact = exact_miss_ratio(once_through(layer, version, size), capacity)
        errors.append(abs(alone(curves, capacity) - exact))
    print(f"miss ratio {np.mean(errors):.4f}")
    assert np.mean(errors) <= 0.012


@pytest.mark.parametrize("size", [2**20, 2**22])
def test_uniform_accesses_miss_what_does_not_fit(size: int) -> None:
    lines = np.random.default_rng(5).integers(0, 2**17, 2_000_000)  # 8 MiB
    curves = stream_curves(lines)
    law = 1 - size / 2**23
    assert exact_miss_ratio(lines, size) == pytest.approx(law, abs=0.04)
    assert alone(curves, size) == pytest.approx(law, abs=0.06)


def test_a_loop_that_does_not_fit_always_misses() -> None:
    lines = np.arange(400_000) % 2**15  # 2 MiB, more than ten times
    assert exact_miss_ratio(lines, 2**20) == 1
    assert exact_miss_ratio(lines, 2**22) == pytest.approx(2**15 / 400_000)
    survival, occupied = stream_curves(lines)
    assert survival[KNOT_BYTES < 2**21] == pytest.approx(1)
    assert survival[KNOT_BYTES >= 2**21] == pytest.approx(2**15 / 400_000)
    assert occupied[KNOT_BYTES <= 2**21] == pytest.approx(KNOT_BYTES[KNOT_BYTES <= 2**21])


def test_a_survival_curve_falls_and_what_it_occupies_is_its_integral() -> None:
    for layer in layers():
        survival, occupied = layer.curves
        assert (np.diff(survival, axis=2) <= 1e-12).all()
        slopes = np.diff(occupied, axis=2) / np.diff(KNOT_BYTES)
        assert (slopes <= survival[:, :, :-1] + 1e-9).all()
        assert (slopes >= survival[:, :, 1:] - 1e-9).all()
