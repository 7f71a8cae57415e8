"""What a plan consists of: the record of each layer, and the arrays of tasks and transfers."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from tandemsim.sim.ant.layers import Layer
from tandemsim.sim.ant.loop import NONE, Tasks, Transfers, Writes
from tandemsim.sim.ant.mapper import Mapping
from tandemsim.sim.ant.retention import Keeping
from tandemsim.sim.arch.types import Integers

CYCLES, GAP, FILL, LAG, AWAITED, WAKES, TASK_LAYER = range(7)
(BASE, ROWS, ROW_BYTES, STRIDE, IS_WRITE, AFTER, SOURCE, WRITTEN, LAYER, WOKEN, HAS_LEFT, IN_TURN) = range(12)
AFTER_ENGINE, WOKEN_ENGINE, TENSOR, OWNER = range(12, 16)
TASK_COLUMNS, TRANSFER_COLUMNS = TASK_LAYER + 1, OWNER + 1
Run = tuple[int, int, int, int]  # byte address, rows, bytes of a row, bytes from one row to the next
NOTHING: Run = (0, 0, 0, 0)  # what stays on the chip


def transfer_row(
    run: Run,
    engines: tuple[int, int],
    tensor: int,
    owner: int,
    *,
    is_write: int = 0,
    after: int = NONE,
    source: int = NONE,
    written: int = 0,
    layer: int = NONE,
    wakes: int = NONE,
    has_left: int = 0,
) -> tuple[int, ...]:
    """Return a transfer, as `sim.ant.loop.Transfers` has it, for layer `owner`.

    `engines`: those of the tasks `after` and `wakes`, which are counted within their engine.
    """
    waits = is_write, after, source, written, layer, wakes, has_left, 0
    return (*run, *waits, *engines, tensor, owner)


class Extent(NamedTuple):
    """Which part of a layer's products a task of the array computes, in elements."""

    product: int  # an item of the layer; of head h of attention 2 h for its scores, 2 h + 1 for its results
    m: int  # the first row of the product; of a head, the first query
    tm: int
    n: int  # the first column; of scores, among the keys that the block of queries meets
    tn: int
    k: int  # the first term of the sums; of results, among these keys
    tk: int
    ends: bool  # with these terms the sums end

    @property
    def is_whole(self) -> bool:
        """Whether the sums begin and end in the task."""
        return self.k == 0 and self.ends


@dataclass(slots=True)
class LayerPlan:
    """What became of a layer."""

    layer: Layer
    mapping: Mapping | None = None
    part: float = 0.0  # of the output, which the writes so far cover
    covered: list[float] = field(default_factory=list)  # after each write to DRAM, which part is there
    held: list[float] = field(default_factory=list)  # the same of what stays on the chip
    macs: int = 0  # that the array computes, useful or not
    conflicts: int = 0  # cycles in which the array waits for banks of its scratchpad
    outlier_cycles: int = 0  # of the array, for operands that lie apart
    scratchpad: dict[str, list[int]] = field(default_factory=dict)  # name -> bytes read, written

    def count(self, scratchpad: str, read: int, written: int) -> None:
        """Count bytes that an engine reads of a scratchpad, and writes."""
        counts = self.scratchpad.setdefault(scratchpad, [0, 0])
        counts[0] += read
        counts[1] += written


@dataclass(frozen=True, slots=True)
class Program:
    """Everything about a run that does not depend on time."""

    tasks: Tasks
    first: Integers  # [ENGINES + 1]
    extents: list[Extent]  # of each task of the array
    transfers: Transfers
    queues: Integers  # [QUEUES + 1]
    writes: Writes
    layers: list[LayerPlan]
    task_layer: Integers  # [T]
    transfer_layer: Integers  # [N]
    transfer_tensor: Integers  # [N] root tensor
    placed_bytes: int
    keeping: Keeping  # results that stay in the activation scratchpad


class Columns:
    """Rows of numbers that become arrays: single ones in `rows`, which may change, then whole arrays."""

    def __init__(self, width: int) -> None:
        self.rows: list[list[int]] = []
        self.width = width
        self._blocks: list[Integers] = []
        self._in_blocks = 0

    def __len__(self) -> int:
        return len(self.rows) + self._in_blocks

    def add(self, *row: int) -> int:
        """Add a row; return its number."""
        assert not self._blocks
        self.rows.append(list(row))
        return len(self.rows) - 1

    def add_all(self, block: Integers) -> int:
        """Add the rows of an array, [rows, width]; return the number of the first."""
        first = len(self)
        self._blocks.append(block)
        self._in_blocks += len(block)
        return first

    def arrays(self) -> Integers:
        """Return all rows, [rows, width]."""
        rows = np.array(self.rows, np.int64).reshape(-1, self.width)
        return np.concatenate([rows, *self._blocks])
