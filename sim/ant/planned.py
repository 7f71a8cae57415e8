"""What a plan consists of: the record of each layer, and the arrays of tasks and transfers."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from tandemsim.sim.ant.loop import Tasks, Transfers
from tandemsim.sim.ant.lowering import Layer
from tandemsim.sim.ant.mapper import Mapping
from tandemsim.sim.arch.types import Integers

CYCLES, GAP, FILL, LAG, AWAITED, WAKES, TASK_LAYER = range(7)
(BASE, ROWS, ROW_BYTES, STRIDE, IS_WRITE, AFTER, SOURCE, WRITTEN, LAYER, WOKEN) = range(10)
AFTER_ENGINE, WOKEN_ENGINE, TENSOR, OWNER = range(10, 14)


@dataclass(slots=True)
class LayerPlan:
    """What became of a layer."""

    layer: Layer
    first: list[int]  # [ENGINES] its first task of each engine
    last: list[int]  # and the one after its last
    mapping: Mapping | None = None
    writes: int = 0
    covered: list[float] = field(default_factory=list)  # after each write, which part of the output is there
    macs: int = 0  # that the array computes, useful or not
    outlier_cycles: int = 0  # of the array, for operands that lie apart
    scratchpad: dict[str, list[int]] = field(default_factory=dict)  # name -> bytes read, written


@dataclass(frozen=True, slots=True)
class Program:
    """Everything about a run that does not depend on time."""

    tasks: Tasks
    first: Integers  # [ENGINES + 1]
    transfers: Transfers
    queues: Integers  # [QUEUES + 1]
    layers: list[LayerPlan]
    task_layer: Integers  # [T]
    transfer_layer: Integers  # [N]
    transfer_tensor: Integers  # [N] root tensor
    placed_bytes: int


class Columns:
    """Rows of numbers that become arrays."""

    def __init__(self, width: int) -> None:
        self.rows: list[list[int]] = []
        self.width = width

    def add(self, *row: int) -> int:
        self.rows.append(list(row))
        return len(self.rows) - 1

    def arrays(self) -> Integers:
        return np.array(self.rows, np.int64).reshape(-1, self.width)
