"""`drain` is SCALE-Sim's schedule: its closed form (before the 1 that it subtracts), and its SRAM reads.

Sources: SCALE-Sim 3.0, whose cycles the closed form gives in every row of a comparison over 14,344 products;
figures of its own runs where they are named.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tandemsim.sim.ant.streams import stream_cycles
from tandemsim.sim.arch.ant.config import AntArray, Dataflow, Schedule
from tandemsim.sim.arch.ant.laws import Tile, compute_cycles
from tandemsim.traces.scalesim import from_csv
from tests.ant import draws
from tests.ant.test_gemm_cycles import table

TOPOLOGIES = Path(__file__).parent.parent / "traces" / "data"
Product = tuple[int, int, int]  # M, N, K


def up(size: int, side: int) -> int:
    return -(-size // side)


def law(flow: Dataflow, product: Product, rows: int, cols: int) -> int:
    m, n, k = product
    return {
        Dataflow.OUTPUT_STATIONARY: up(m, rows) * up(n, cols) * (k + rows + cols - 2),
        Dataflow.WEIGHT_STATIONARY: up(k, rows) * up(n, cols) * (m + 2 * rows + cols - 2),
        Dataflow.INPUT_STATIONARY: up(k, rows) * up(m, cols) * (n + 2 * rows + cols - 2),
    }[flow]


def parts(size: int, side: int) -> list[int]:
    return [min(side, size - start) for start in range(0, size, side)]


def tiles_of(flow: Dataflow, product: Product, rows: int, cols: int) -> list[tuple[Tile, int]]:
    """Return the tiles of a product and the columns that each uses."""
    m, n, k = product
    if flow is Dataflow.OUTPUT_STATIONARY:
        return [(Tile(k, height), width) for height in parts(m, rows) for width in parts(n, cols)]
    stream, other = (m, n) if flow is Dataflow.WEIGHT_STATIONARY else (n, m)
    return [(Tile(stream, height), width) for width in parts(other, cols) for height in parts(k, rows)]


def reads(flow: Dataflow, tiles: list[tuple[Tile, int]]) -> tuple[int, int]:
    """Return the elements that enter from the left and from above."""
    above = [tile.stream if flow is Dataflow.OUTPUT_STATIONARY else tile.rows for tile, _ in tiles]
    left = sum(tile.stream * tile.rows for tile, _ in tiles)
    return left, sum(length * width for length, (_, width) in zip(above, tiles, strict=True))


def array(flow: Dataflow, rows: int, cols: int) -> AntArray:
    made = {"pe_bits": 8, "formats": ("int8",), "accumulator_width": 32}
    return AntArray(rows=rows, cols=cols, dataflow=flow, schedule=Schedule.DRAIN, **made)


@pytest.mark.parametrize("flow", Dataflow)
def test_drain_is_the_law_of_random_products_ragged_ones_too(flow: Dataflow) -> None:
    rng = np.random.default_rng(list(map(ord, flow)))
    for _ in range(400):
        rows, cols = (int(each) for each in rng.choice([4, 8, 16, 32], 2))
        m, n, k = (int(each) for each in rng.integers(1, 150, 3))
        tiles = tiles_of(flow, (m, n, k), rows, cols)
        expected = law(flow, (m, n, k), rows, cols)
        assert compute_cycles(array(flow, rows, cols), [tile for tile, _ in tiles]) == expected
        left, above = reads(flow, tiles)
        assert (left, above) == {
            Dataflow.OUTPUT_STATIONARY: (m * k * up(n, cols), k * n * up(m, rows)),
            Dataflow.WEIGHT_STATIONARY: (m * k * up(n, cols), k * n),
            Dataflow.INPUT_STATIONARY: (k * n * up(m, cols), m * k),
        }[flow]


@pytest.mark.parametrize("flow", Dataflow)
def test_the_streams_of_a_drain_take_as_long(flow: Dataflow) -> None:
    rng = np.random.default_rng(list(map(ord, flow)))
    for _ in range(60):
        rows, cols = (int(each) for each in rng.choice([4, 8, 16], 2))
        product = tuple(int(each) for each in rng.integers(1, 70, 3))
        made = {"pe_bits": 8, "formats": ("int8",), "accumulator_width": 32}
        config = draws.config(rows=rows, cols=cols, dataflow=flow, schedule=Schedule.DRAIN, **made)
        tiles = [tile for tile, _ in tiles_of(flow, (product[0], product[1], product[2]), rows, cols)]
        cycles = stream_cycles(table(config, tiles), config.timing)
        expected = law(flow, (product[0], product[1], product[2]), rows, cols)
        assert cycles.activations[-1] + rows + cols - 1 == expected


@pytest.mark.parametrize(
    ("flow", "product", "side", "cycles"),
    [
        ("ws", (384, 768, 768), 128, 27_575),
        ("os", (384, 768, 768), 128, 18_395),
        ("ws", (256, 256, 256), 32, 22_399),
    ],
)
def test_cycles_of_scale_sim_runs(flow: str, product: Product, side: int, cycles: int) -> None:
    tiles = [tile for tile, _ in tiles_of(Dataflow(flow), product, side, side)]
    assert compute_cycles(array(Dataflow(flow), side, side), tiles) - 1 == cycles  # it prints its last cycle


@pytest.mark.parametrize(
    ("flow", "product", "side", "inputs", "filters"),
    [
        ("os", (256, 256, 256), 32, 524_288, 524_288),
        ("ws", (256, 256, 256), 32, 524_288, 65_536),
        ("is", (384, 768, 768), 128, 294_912, 1_769_472),
    ],
)
def test_sram_reads_of_scale_sim_runs(
    flow: str, product: Product, side: int, inputs: int, filters: int
) -> None:
    left, above = reads(Dataflow(flow), tiles_of(Dataflow(flow), product, side, side))
    swapped = flow == "is"
    assert (above, left) == (inputs, filters) if swapped else (left, above) == (inputs, filters)


@pytest.mark.parametrize("name", ["Resnet18", "Resnet50"])
@pytest.mark.parametrize("flow", Dataflow)
@pytest.mark.parametrize("side", [32, 128])
def test_topologies_of_scale_sim(name: str, flow: Dataflow, side: int) -> None:
    """Its own networks, converted: an image's outputs are the rows of a product."""
    trace, _ = from_csv((TOPOLOGIES / f"{name}.csv").read_text(), name)
    tensors = trace.tensor_map()
    for op in trace.ops:
        filters, *kernel = tensors[op.inputs[1]].shape
        product = int(np.prod(tensors[op.outputs[0]].shape)) // filters, filters, int(np.prod(kernel))
        assert np.prod(product) == op.macs
        tiles = tiles_of(flow, product, side, side)
        assert compute_cycles(array(flow, side, side), [tile for tile, _ in tiles]) == law(
            flow, product, side, side
        )


@pytest.mark.parametrize(
    ("side", "flow", "cycles"),
    [
        (128, "os", 262_370),
        (128, "ws", 417_628),
        (128, "is", 595_543),
    ],
)
def test_the_whole_of_resnet18(side: int, flow: str, cycles: int) -> None:
    """All its layers as SCALE-Sim prints them, a cycle less each."""
    trace, _ = from_csv((TOPOLOGIES / "Resnet18.csv").read_text(), "Resnet18")
    tensors, total = trace.tensor_map(), 0
    for op in trace.ops:
        filters, *kernel = tensors[op.inputs[1]].shape
        product = int(np.prod(tensors[op.outputs[0]].shape)) // filters, filters, int(np.prod(kernel))
        tiles = [tile for tile, _ in tiles_of(Dataflow(flow), product, side, side)]
        total += compute_cycles(array(Dataflow(flow), side, side), tiles) - 1
    assert total == cycles
