"""The planner: where tensors lie, what each scratchpad holds, which task waits for which transfer."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Hashable, Sequence

from tandemsim.sim.ant.layers import Attention, Beside, Passes, Product, Width
from tandemsim.sim.ant.loop import ENGINES, NONE, QUEUES, Engine, Queue
from tandemsim.sim.ant.lowering import STORED, Lowering
from tandemsim.sim.ant.mapper import Cycles, Search
from tandemsim.sim.ant.mapper_costs import Shape
from tandemsim.sim.ant.planned import (
    AWAITED,
    NOTHING,
    TASK_COLUMNS,
    TRANSFER_COLUMNS,
    WOKEN,
    WOKEN_ENGINE,
    Columns,
    Extent,
    LayerPlan,
    Run,
    transfer_row,
)
from tandemsim.sim.ant.retention import Keeping, Kept
from tandemsim.sim.ant.rings import Outgoing, Ring
from tandemsim.sim.arch.ant.config import AntConfig, Dataflow, Schedule
from tandemsim.sim.arch.checks import ConfigError

PAGE_BYTES = 8192  # assumed: a DRAM row of most standards
PARAMETER_BITS = 16  # of a bias or of a norm's scale; assumed
# Bytes that loads run ahead of their tasks at most. Assumed: what the presets' scratchpads hold; where they
# hold more, it serves what stays there.
AHEAD = {
    "weight_scratchpad": 128 << 10,
    "activation_scratchpad": 256 << 10,
    "residual_scratchpad": 64 << 10,
    "vector_scratchpad": 32 << 10,  # half of it
}
# Cycles from the end of a task to its last output at the staging buffer's port: beside the output's lag, and
# where the array has drained.
PIPELINED_LAG, DRAIN_LAG = 2, 5


class Planner:
    """Collects tasks and transfers; the modules of the kinds of layer call it."""

    def __init__(self, config: AntConfig, lowering: Lowering) -> None:
        self.config, self.lowering = config, lowering
        self.tasks = [Columns(TASK_COLUMNS) for _ in range(ENGINES)]
        self.extents: list[Extent] = []  # of the tasks of the array
        self.transfers = [Columns(TRANSFER_COLUMNS) for _ in range(QUEUES)]
        half = config.vector_scratchpad.capacity_bytes // 2
        self.rings = {
            Queue.WEIGHT: _ring(config, "weight_scratchpad"),
            Queue.ACTIVATION: _ring(config, "activation_scratchpad"),
            Queue.OPERAND: Ring("vector_scratchpad", half, AHEAD["vector_scratchpad"], parts=2),
        }
        self.riding = _ring(config, "residual_scratchpad")
        self.outgoing = {
            Queue.OUTPUT: Outgoing("output_scratchpad", config.output_scratchpad.capacity_bytes),
            Queue.RESULT: Outgoing("vector_scratchpad", half, parts=2),
        }
        self.plans = [LayerPlan(layer) for layer in lowering.layers]
        self.place = NONE  # of the layer that is being planned
        self._placed: dict[tuple[int, Width], int] = {}
        self.next_byte = 0
        self._last: Cycles | None = None
        self._searches: dict[Shape, Search] = {}
        self._seen: dict[tuple[int, Width], float] = {}
        self.formats = self._formats()
        self.keeping: Keeping = {}
        self.rooms = [config.activation_scratchpad.capacity_bytes] * len(lowering.layers)

    def search(self, shape: Shape) -> Search:
        """Return the mapper's search of a product; equal ones share it."""
        if shape not in self._searches:
            self._searches[shape] = Search(self.config, shape)
        return self._searches[shape]

    def begin(self, place: int) -> None:
        """Begin, or go on with, the plan of a layer."""
        self.place = place

    def end(self, place: int) -> None:
        """End it."""
        ring = self.rings[Queue.ACTIVATION]
        for kept in self.keeping.values():
            if kept.last == place:
                last = len(self.tasks[Engine.ARRAY]) - 1
                self.await_kept(kept, last, 1.0)  # or the vector unit might still write it
                ring.release(kept, last)

    def keep(self, place: int) -> int:
        """Take bytes for the results of a layer that stay; return the task of the array that frees them."""
        ring, after = self.rings[Queue.ACTIVATION], NONE
        for kept in self.keeping.values():
            if kept.first == place:
                after = max(after, ring.reserve(kept, kept.size, len(self.tasks[Engine.ARRAY])))
                self.plans[place].count("activation", 0, kept.size)
        return after

    def kept(self, tensor: int, bits: Width) -> Kept | None:
        """Return the result that the present layer reads on the chip; None: it is in DRAM."""
        kept = self.keeping.get((tensor, bits))
        return kept if kept is not None and self.place in kept.readers else None

    def check_dram(self) -> None:
        """Raise `ConfigError` where the tensors exceed the DRAM."""
        if self.next_byte > self.config.dram.capacity_bytes:
            rule = f"its tensors must fit the DRAM, of {self.config.dram.capacity_bytes:,} bytes"
            raise ConfigError(f"{rule} (dram.channels, dram.ranks), not {self.next_byte:,}")

    def _formats(self) -> dict[int, list[Width]]:
        """Return in which widths each activation is written: those that somebody reads, or 8 bits."""
        formats: dict[int, set[Width]] = {}
        for layer in self.lowering.layers:
            if isinstance(layer, Product):
                for tensor, width in zip((layer.activation, layer.weight), layer.widths, strict=True):
                    formats.setdefault(tensor, set()).add(width)
            elif isinstance(layer, Attention):
                for tensor in layer.inputs:
                    formats.setdefault(tensor, set()).add(layer.bits.activation)
            elif isinstance(layer, Beside):
                for tensor in layer.inputs:
                    formats.setdefault(tensor, set()).add(layer.bits)
            elif isinstance(layer, Passes):
                for tensor in layer.inputs:
                    formats.setdefault(tensor, set()).add(self.read_bits(tensor))
            for tensor in getattr(layer, "operands", ()):
                formats.setdefault(tensor, set()).add(self.read_bits(tensor))
        return {tensor: sorted(widths) for tensor, widths in formats.items()}

    def written_bits(self, tensor: int) -> list[Width]:
        """Return the widths in which a result is written to DRAM."""
        widths: list[Width] = self.formats.get(tensor, [STORED])
        return [width for width in widths if not self._is_spared(tensor, width)]

    def _is_spared(self, tensor: int, bits: Width) -> bool:
        kept = self.keeping.get((tensor, bits))
        return kept is not None and kept.spared

    def at(self, tensor: int, bits: Width) -> int:
        """Return where a tensor lies in one of its widths."""
        key = tensor, bits
        if key not in self._placed:
            self._placed[key] = self.allocate(-(-self.lowering.elements(tensor) * bits // 8))
        return self._placed[key]

    def allocate(self, size: int) -> int:
        """Return the address of so many bytes that nothing else has."""
        base = self.next_byte
        self.next_byte += -(-size // PAGE_BYTES) * PAGE_BYTES
        return base

    def task(self, engine: Engine, place: int, cycles: int, gap: int, fill: int, lag: int) -> int:
        return self.tasks[engine].add(max(1, cycles), gap, fill, lag, 0, NONE, place)

    def array_task(self, place: int, work: Cycles, extent: Extent) -> int:
        self.extents.append(extent)
        array, before = self.config.array, self._last
        gap = fill = 0
        if array.schedule is Schedule.PIPELINED:
            if array.dataflow is Dataflow.OUTPUT_STATIONARY:
                gap = max(0, before.last_rows - work.first_words) if before else 0
            else:
                fill = work.first_rows
                gap = max(0, work.first_rows - before.last_words) if before else work.first_rows
        self._last = work
        lag = array.output_lag + PIPELINED_LAG if array.schedule is Schedule.PIPELINED else DRAIN_LAG
        if array.dataflow is Dataflow.OUTPUT_STATIONARY:
            lag += max(0, work.last_rows - 1)  # the column's results leave one by one
        return self.task(Engine.ARRAY, place, work.stream, gap, fill, lag)

    def load(
        self,
        queue: Queue,
        key: Hashable,
        tensor: int,
        task: int,
        run: Run,
        part: float,
        ring: Ring | None = None,
        after_writes: tuple[int, int] | None = None,
    ) -> None:
        """Load (base, rows, row_bytes, stride) for a task unless it is there.

        `part` of the tensor must have been written; or `after_writes`: of this layer, so many writes.
        """
        _, rows, row_bytes, _ = run
        after = (ring or self.rings[queue]).need(key, rows * row_bytes, task)
        if after is None:
            return
        if ring is self.riding:
            self.plans[self.place].count("residual", 0, rows * row_bytes)
        engine = Engine.VECTOR if queue is Queue.OPERAND else Engine.ARRAY
        maker = self.lowering.made_by.get(tensor, NONE)
        written = 0
        if maker != NONE:
            written = _writes_until(self.plans[maker].covered, part)
        if after_writes is not None:
            maker, written = after_writes
        row = transfer_row(
            run,
            (engine, engine),
            tensor,
            self.place,
            after=after,
            source=maker,
            written=written,
            wakes=task,
        )
        self.transfers[queue].add(*row)
        self.tasks[engine].rows[task][AWAITED] += 1

    def load_outliers(
        self, queue: Queue, key: tuple[Hashable, ...], tensor: int, task: int, elements: int, part: float
    ) -> None:
        """Load what lies apart of `elements` of an operand, if the machine has a path for it."""
        size = self.config.outliers.size_bytes(elements)
        if size:
            run = (self.outliers_at(tensor), 1, size, size)
            self.load(queue, (*key, "outliers"), tensor, task, run, part)

    def outliers_at(self, tensor: int) -> int:
        """Return where the outliers of a tensor lie."""
        key = tensor, 0
        if key not in self._placed:
            size = self.config.outliers.size_bytes(self.lowering.elements(tensor))
            self._placed[key] = self.allocate(size)
        return self._placed[key]

    def await_kept(self, kept: Kept, task: int, part: float) -> None:
        """Let a task of the array wait for `part` of a result that stays on the chip."""
        key = kept.tensor, kept.bits
        if self._seen.get(key, 0.0) >= part:
            return
        self._seen[key] = part
        written = _writes_until(self.plans[kept.first].held, part)
        source = len(self.plans) + kept.first
        self._signal(Queue.ACTIVATION, Engine.ARRAY, task, kept.tensor, source=source, written=written)

    def await_array(self, after: int, task: int, tensor: int) -> None:
        """Let a task of the vector unit wait for the end of one of the array."""
        if after != NONE:
            self._signal(Queue.OPERAND, Engine.VECTOR, task, tensor, after=after)

    def _signal(
        self,
        queue: Queue,
        engine: Engine,
        task: int,
        tensor: int,
        after: int = NONE,
        source: int = NONE,
        written: int = 0,
    ) -> None:
        """Add a transfer of nothing, which takes its turn among those of its queue."""
        ends = Engine.ARRAY, engine
        row = transfer_row(
            NOTHING, ends, tensor, self.place, after=after, source=source, written=written, wakes=task
        )
        self.transfers[queue].add(*row)
        self.tasks[engine].rows[task][AWAITED] += 1

    def room(self, queue: Queue, engine: Engine, size: int, task: int) -> None:
        for write in self.outgoing[queue].room(size):
            row = self.transfers[queue].rows[write]
            row[WOKEN], row[WOKEN_ENGINE] = task, engine
            self.tasks[engine].rows[task][AWAITED] += 1

    def write(
        self,
        queue: Queue,
        place: int,
        task: int,
        runs: Sequence[Run],
        tensor: int,
        part: float,
    ) -> None:
        """Write results once they have left, and note what stays; `part` of the output is there then."""
        engine, plan = Engine.VECTOR if queue is Queue.RESULT else Engine.ARRAY, self.plans[place]
        before, plan.part = plan.part, max(plan.part, part)

        def add(run: Run, layer: int) -> int:
            row = transfer_row(
                run, (engine, engine), tensor, place, is_write=1, after=task, layer=layer, has_left=1
            )
            return self.transfers[queue].add(*row)

        for count, run in enumerate(runs, 1):
            self.outgoing[queue].add(run[1] * run[2], add(run, place))
            plan.covered.append(plan.part if count == len(runs) else before)
        if any(kept.first == place for kept in self.keeping.values()):
            add(NOTHING, len(self.plans) + place)
            plan.held.append(plan.part)

    def written(self, place: int) -> None:
        """Note that all of a layer's output is there after its last write."""
        for parts in (self.plans[place].covered, self.plans[place].held):
            if parts:
                parts[-1] = 1.0

    def read_bits(self, tensor: int) -> int:
        """Return how wide the vector unit reads an element, and riders; integers that steer a gather, too."""
        return PARAMETER_BITS if self.lowering.is_weight(tensor) else STORED


def _writes_until(parts: list[float], part: float) -> int:
    """Return how many writes must be complete before a part of a result is there."""
    return min(len(parts), bisect_left(parts, part - 1e-9) + 1)


def _ring(config: AntConfig, name: str) -> Ring:
    return Ring(name, getattr(config, name).capacity_bytes, AHEAD[name])
