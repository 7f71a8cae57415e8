"""Ops of a trace on the machine: the tiles of its tasks, their cycles, and the sums of `--functional`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from tandemsim.sim.ant.gemm import GemmRun
from tandemsim.sim.ant.layers import Attention, Product
from tandemsim.sim.ant.simulation import AntRun, simulate
from tandemsim.sim.ant.streams import StreamEnd, StreamEnds
from tandemsim.sim.ant.sums import output_words
from tandemsim.sim.ant.tile_words import PlacedTile, sums_of, task_tiles
from tandemsim.sim.ant.values.arithmetic import Multiplied
from tandemsim.sim.ant.values.layers import products_of
from tandemsim.sim.ant.values.tensors import Tensors
from tandemsim.sim.ant.values.walk import Walk
from tandemsim.sim.ant.words import GemmTile
from tandemsim.sim.arch.ant.config import AntConfig, Schedule
from tandemsim.sim.arch.dram.standards import DRAMS
from tandemsim.sim.arch.types import Integers
from tandemsim.sim.machines.ant.bits import widths
from tandemsim.sim.machines.ant.op_reports import Account, op_reports
from tandemsim.sim.report.contract import OpReport
from tandemsim.traces.schema import Op, Trace

# A memory that hardly ever waits: what is left are the cycles of the engines.
FAST = replace(DRAMS["ideal"], bandwidth_bytes_per_second=10**15)


class Spans:
    """From the first cycle (included) to the last (not included) of each task."""

    def __init__(self, start: Integers, end: Integers) -> None:
        self.start, self.end = start, end
        self.cycles = end - start
        self.idle = start - np.concatenate([[0], end[:-1]])  # before each


@dataclass(frozen=True)
class Layers:
    """What the machine makes of some ops."""

    config: AntConfig
    run: AntRun
    reports: Mapping[int, OpReport]  # by the place of a layer
    products: Mapping[int, list[Multiplied]]  # of each layer that the array runs
    tasks: list[list[PlacedTile]]

    @property
    def tiles(self) -> list[GemmTile]:
        """All tiles, in the order in which the array runs them."""
        return [placed.tile for task in self.tasks for placed in task]

    @property
    def places(self) -> list[int]:
        """The place of each task's layer."""
        return [int(place) for place in self.run.program.task_layer[: len(self.tasks)]]

    @property
    def planned(self) -> Spans:
        """When the machine runs each task."""
        times, tasks = self.run.plan.times, slice(0, len(self.tasks))
        return Spans(times.start[tasks], times.end[tasks])

    def gaps(self) -> Integers:
        """Return the idle cycles that the machine needs before each task, whatever is there."""
        return self.run.program.tasks.gap[: len(self.tasks)]

    def ran(self, run: GemmRun) -> Spans:
        """Return when the array ran each task, as the machine counts: with `drain` until it is empty."""
        words = [sum(placed.tile.command.words for placed in task) for task in self.tasks]
        last = np.cumsum(words) - 1
        start, end = run.cycles.activations[last + 1 - words], run.cycles.activations[last] + 1
        array = self.config.array
        if array.schedule is Schedule.DRAIN:
            start = start - array.rows if array.stationary else start
            end = end + array.rows + array.cols - 2
        return Spans(start, end)

    def pauses(self) -> StreamEnds:
        """Return activations that come when the machine starts their tasks: `pipelined` alone."""
        words = [sum(placed.tile.command.words for placed in task) for task in self.tasks]
        gaps = np.zeros(sum(words), np.int64)
        gaps[np.cumsum(words) - words] = self.planned.idle
        return StreamEnds(activations=StreamEnd(gaps=gaps))


def layers_of(trace: Trace, ops: Sequence[Op], config: AntConfig, bits: str) -> Layers:
    """Run ops of a trace in cycles, and the whole trace in values."""
    config = replace(config, dram=FAST)
    of_op = widths(trace, trace.ops, config.array, bits)
    run = simulate(trace, ops, config, of_op)
    found: dict[int, list[Multiplied]] = {}

    def watch(op: Op, multiplied: Multiplied) -> None:
        found.setdefault(op.id, []).append(multiplied)

    Walk(trace, config, of_op, Tensors(trace, None, 0), watch).run()
    layers, extents = run.lowering.layers, run.program.extents
    products = {
        place: products_of(layer, found.get(layer.op.id, []))
        for place, layer in enumerate(layers)
        if isinstance(layer, Product | Attention)
    }
    tasks = []
    for place, extent in zip(run.program.task_layer, extents, strict=False):
        product = products[int(place)][extent.product]
        fold = layers[int(place)].bits.fold
        tasks.append(task_tiles(config, extent, product.left, product.right, fold))
    by_op = dict(zip((op.id for op in ops), op_reports(Account(run), ops, config.array, 1), strict=True))
    reports = {place: by_op[layer.op.id] for place, layer in enumerate(layers)}
    return Layers(config, run, reports, products, tasks)


def assert_sums(layers: Layers, run: GemmRun) -> None:
    """Hold the output words, put together, to the sums of `--functional`: all of them, each once.

    Of causal scores those are left out that no query of a block sees.
    """
    made = {place: [np.zeros_like(one.sums) for one in some] for place, some in layers.products.items()}
    times = {place: [np.zeros_like(one.sums) for one in some] for place, some in layers.products.items()}
    first = 0
    for place, extent, task in zip(layers.places, layers.run.program.extents, layers.tasks, strict=True):
        for placed in task:
            command = placed.tile.command
            if command.leaves:
                words = run.sums[first : first + output_words(command, layers.config)]
                at = placed.rows.within, placed.columns.within
                made[place][extent.product][at] = sums_of(layers.config, placed, words)
                times[place][extent.product][at] += 1
                first += len(words)
    assert first == len(run.sums)
    for place, products in layers.products.items():
        layer = layers.run.lowering.layers[place]
        for number, product in enumerate(products):
            count = times[place][number]
            causal = isinstance(layer, Attention) and layer.causal and number % 2 == 0
            assert count.max() == 1, f"{layer.op.name}: product {number}"
            assert causal or count.min() == 1, f"{layer.op.name}: product {number}"
            np.testing.assert_array_equal(made[place][number], product.sums * count)
