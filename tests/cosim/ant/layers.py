"""Runs ops of a trace on the machine, and says what the circuit is to do in each of its tasks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from tandemsim.sim.ant.layers import Attention, Product
from tandemsim.sim.ant.simulation import AntRun, simulate
from tandemsim.sim.ant.tile_words import PlacedTile, task_tiles
from tandemsim.sim.ant.values.arithmetic import Multiplied
from tandemsim.sim.ant.values.layers import products_of
from tandemsim.sim.ant.values.tensors import Tensors
from tandemsim.sim.ant.values.walk import Walk
from tandemsim.sim.arch.ant.config import AntConfig
from tandemsim.sim.arch.dram.standards import DRAMS
from tandemsim.sim.machines.ant.bits import widths
from tandemsim.sim.machines.ant.op_reports import Account, op_reports
from tandemsim.sim.report.contract import OpReport
from tandemsim.traces.schema import Op, Trace

# A memory that hardly ever waits: what is left are the cycles of the engines.
FAST = replace(DRAMS["ideal"], bandwidth_bytes_per_second=10**15)


@dataclass(frozen=True)
class Layers:
    """Ops on the machine: its cycles, its tiles, and the sums of `--functional`."""

    config: AntConfig
    run: AntRun
    reports: Mapping[str, OpReport]  # by the name of an op
    products: Mapping[int, list[Multiplied]]  # place of a layer -> its products
    tasks: list[list[PlacedTile]]

    @property
    def tiles(self) -> list[PlacedTile]:
        """All tiles, in the order in which the array runs them."""
        return [tile for task in self.tasks for tile in task]

    def place_of(self, task: int) -> int:
        """Return the place of a task's layer."""
        return int(self.run.program.task_layer[task])


def layers_of(trace: Trace, ops: Sequence[Op], config: AntConfig, bits: str) -> Layers:
    """Run ops of a trace in cycles, and the whole trace in values."""
    config = replace(config, dram=FAST)
    of_op = widths(trace, trace.ops, config.array, bits)
    run = simulate(trace, ops, config, of_op)
    found: dict[int, list[Multiplied]] = {}
    Walk(
        trace, config, of_op, Tensors(trace, None, 0), lambda op, one: found.setdefault(op.id, []).append(one)
    ).run()
    products = {
        place: products_of(layer, found[layer.op.id])
        for place, layer in enumerate(run.lowering.layers)
        if isinstance(layer, Product | Attention)
    }
    tasks = []
    for task, extent in enumerate(run.program.extents):
        of_layer = products[int(run.program.task_layer[task])]
        one = of_layer[extent.product]
        tasks.append(task_tiles(config, extent, one.left, one.right))
    reports = {each.name: each for each in op_reports(Account(run), ops, config.array, 1)}
    return Layers(config, run, reports, products, tasks)
