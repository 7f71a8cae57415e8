"""The program of a run: tasks of the array and of the vector unit, and the transfers that feed them.

Layers follow one another in the order of the trace, and each operand has a queue of its own: the weights of
the next layer are loaded while the present one computes, as far ahead as the scratchpad holds. What a layer
reads of another it reads once that part of it has been written. `sim.ant.loop` computes when.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field

import numpy as np

from tandemsim.sim.ant.loop import ENGINES, NONE, QUEUES, Engine, Queue, Tasks, Transfers
from tandemsim.sim.ant.lowering import STORED, Attention, Layer, Lowering, Passes, Product
from tandemsim.sim.ant.mapper import Cycles, Mapping, Shape, best_mapping, task_cycles
from tandemsim.sim.ant.rings import Outgoing, Ring
from tandemsim.sim.arch.ant.config import AntConfig, Dataflow, Schedule
from tandemsim.sim.arch.checks import ConfigError
from tandemsim.sim.arch.types import Integers

PAGE_BYTES = 8192  # assumed: a DRAM row of most standards
PARAMETER_BITS = 16  # of a bias or of a norm's scale; assumed
PIECES = 4  # a vector task's operands take one part in so many of their half of the scratchpad
QUERY_BLOCKS = (16, 32, 48, 64, 96, 128, 192, 256)  # sizes that are tried
AT_LAST = 3  # cycles from the foot's sum to the staging buffer's port, and two to its offer


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


class _Columns:
    """Rows of numbers that become arrays."""

    def __init__(self, width: int) -> None:
        self.rows: list[list[int]] = []
        self.width = width

    def add(self, *row: int) -> int:
        self.rows.append(list(row))
        return len(self.rows) - 1

    def arrays(self) -> Integers:
        return np.array(self.rows, np.int64).reshape(-1, self.width)


CYCLES, GAP, FILL, LAG, AWAITED, WAKES, FREES, TASK_LAYER = range(8)
(BASE, ROWS, ROW_BYTES, STRIDE, IS_WRITE, AFTER, SOURCE, WRITTEN, LAYER, WOKEN) = range(10)
AFTER_ENGINE, WOKEN_ENGINE, TENSOR, OWNER = range(10, 14)


class Planner:
    """Plans the layers of a lowering, one after the other."""

    def __init__(self, config: AntConfig, lowering: Lowering) -> None:
        self.config, self.lowering = config, lowering
        self.bytes_per_cycle = config.dram.peak_bytes_per_second / config.clock_hz
        self.tasks = [_Columns(8) for _ in range(ENGINES)]
        self.transfers = [_Columns(14) for _ in range(QUEUES)]
        half = config.vector_scratchpad.capacity_bytes // 2
        self.rings = {
            Queue.WEIGHT: Ring("weight_scratchpad", config.weight_scratchpad.capacity_bytes),
            Queue.ACTIVATION: Ring("activation_scratchpad", config.activation_scratchpad.capacity_bytes),
            Queue.OPERAND: Ring("vector_scratchpad", half),
        }
        self.riding = Ring("residual_scratchpad", config.residual_scratchpad.capacity_bytes)
        self.outgoing = {
            Queue.OUTPUT: Outgoing("output_scratchpad", config.output_scratchpad.capacity_bytes),
            Queue.RESULT: Outgoing("vector_scratchpad", half),
        }
        self.plans: list[LayerPlan] = []
        self._placed: dict[tuple[int, int], int] = {}
        self._next_byte = 0
        self._last: Cycles | None = None
        self._mappings: dict[Shape, Mapping] = {}
        self.formats = self._formats()

    def program(self) -> Program:
        """Plan every layer. `ConfigError` names the op that does not fit."""
        for place, layer in enumerate(self.lowering.layers):
            starts = [len(engine.rows) for engine in self.tasks]
            self.plans.append(LayerPlan(layer, starts, starts))
            try:
                self._layer(place, layer)
            except ConfigError as error:
                raise ConfigError(f"op {layer.op.name!r}: {error}") from None
            self.plans[-1].last = [len(engine.rows) for engine in self.tasks]
        if self._next_byte > self.config.dram.capacity_bytes:
            rule = f"its tensors must fit the DRAM, of {self.config.dram.capacity_bytes:,} bytes"
            raise ConfigError(f"{rule} (dram.channels, dram.ranks), not {self._next_byte:,}")
        return self._assembled()

    def _layer(self, place: int, layer: Layer) -> None:
        if isinstance(layer, Product):
            self._product(place, layer)
        elif isinstance(layer, Attention):
            self._attention(place, layer)
        else:
            self._passes(place, layer)

    # -- tensors ----------------------------------------------------------------------------------------

    def _formats(self) -> dict[int, list[int]]:
        """Return in which widths each activation is written: those that somebody reads, or 8 bits."""
        formats: dict[int, set[int]] = {}
        for layer in self.lowering.layers:
            if isinstance(layer, Product):
                formats.setdefault(layer.activation, set()).add(layer.bits.activation)
                formats.setdefault(layer.weight, set()).add(layer.bits.weight)
            elif isinstance(layer, Attention):
                for tensor in layer.inputs:
                    formats.setdefault(tensor, set()).add(layer.bits.activation)
            else:
                for tensor in layer.inputs:
                    formats.setdefault(tensor, set()).add(STORED)
            for tensor in getattr(layer, "operands", ()):
                formats.setdefault(tensor, set()).add(STORED)
        return {tensor: sorted(widths) for tensor, widths in formats.items()}

    def _written_bits(self, tensor: int) -> list[int]:
        return self.formats.get(tensor, [STORED])

    def _at(self, tensor: int, bits: int) -> int:
        """Return where a tensor lies in one of its widths."""
        key = tensor, bits
        if key not in self._placed:
            self._placed[key] = self._next_byte
            size = -(-self.lowering.elements(tensor) * bits // 8)
            self._next_byte += -(-size // PAGE_BYTES) * PAGE_BYTES
        return self._placed[key]

    # -- tasks and transfers ----------------------------------------------------------------------------

    def _task(self, engine: Engine, place: int, cycles: int, gap: int, fill: int, lag: int) -> int:
        return self.tasks[engine].add(max(1, cycles), gap, fill, lag, 0, NONE, NONE, place)

    def _array_task(self, place: int, work: Cycles) -> int:
        array, before = self.config.array, self._last
        gap = fill = 0
        if array.schedule is Schedule.PIPELINED:
            if array.dataflow is Dataflow.OUTPUT_STATIONARY:
                gap = max(0, before.last_rows - work.first_words) if before else 0
            else:
                fill = work.first_rows
                gap = max(0, work.first_rows - before.last_words) if before else work.first_rows
        self._last = work
        lag = AT_LAST + (array.output_lag if array.schedule is Schedule.PIPELINED else 0)
        return self._task(Engine.ARRAY, place, work.stream, gap, fill, lag)

    def _load(
        self,
        queue: Queue,
        key: Hashable,
        tensor: int,
        task: int,
        run: tuple[int, int, int, int],
        part: float,
        ring: Ring | None = None,
    ) -> None:
        """Load (base, rows, row_bytes, stride) for a task unless it is there; `part`: of the tensor that must be."""
        base, rows, row_bytes, stride = run
        after = (ring or self.rings[queue]).need(key, rows * row_bytes, task)
        if after is None:
            return
        engine = Engine.VECTOR if queue is Queue.OPERAND else Engine.ARRAY
        maker = self.lowering.made_by.get(tensor, NONE)
        written = 0
        if maker != NONE:
            covered = self.plans[maker].covered
            written = min(len(covered), bisect_left(covered, part - 1e-9) + 1)
        self.transfers[queue].add(
            base,
            rows,
            row_bytes,
            stride,
            0,
            after,
            maker,
            written,
            NONE,
            task,
            engine,
            engine,
            tensor,
            len(self.plans) - 1,
        )
        self.tasks[engine].rows[task][AWAITED] += 1

    def _room(self, queue: Queue, engine: Engine, size: int, task: int) -> None:
        for write in self.outgoing[queue].room(size):
            row = self.transfers[queue].rows[write]
            row[WOKEN], row[WOKEN_ENGINE] = task, engine
            self.tasks[engine].rows[task][AWAITED] += 1

    def _write(
        self,
        queue: Queue,
        place: int,
        task: int,
        runs: Sequence[tuple[int, int, int, int]],
        tensor: int,
        part: float,
    ) -> None:
        """Write results once they have left; `part` of the output is there then."""
        engine = Engine.VECTOR if queue is Queue.RESULT else Engine.ARRAY
        for place_of_run, (base, rows, row_bytes, stride) in enumerate(runs):
            number = self.transfers[queue].add(
                base, rows, row_bytes, stride, 1, task, NONE, 0, place, NONE, engine, engine, tensor, place
            )
            self.outgoing[queue].add(rows * row_bytes, number)
            plan = self.plans[place]
            plan.writes += 1
            done = part if place_of_run == len(runs) - 1 else (plan.covered[-1] if plan.covered else 0.0)
            plan.covered.append(done)

    # -- products ---------------------------------------------------------------------------------------

    def _shape(self, layer: Product) -> Shape:
        image, bits = layer.image, layer.bits
        output_bits = sum(self._written_bits(layer.output))
        size = layer.m * layer.k * bits.activation / 8
        halo, granule, places = 0.0, 1, 1
        if image is not None:
            images = layer.m / (image.out_height * image.out_width)
            size = images * image.height * image.width * image.channels * bits.activation / 8
            extent = image.dilation_h * (image.kernel_h - 1) + 1
            halo = max(0, extent - image.stride_h) * image.width * image.channels * bits.activation / 8
            granule, places = image.out_width, image.kernel_h * image.kernel_w
        return Shape(
            layer.m,
            layer.n,
            layer.k,
            layer.count,
            bits.activation,
            bits.weight,
            output_bits,
            granule,
            places,
            size,
            halo,
            *self._beside(layer, layer.count * layer.m * layer.n),
        )

    def _beside(self, layer: Product, elements: int) -> tuple[int, int]:
        """Return the bits that riding ops read for each of the output's elements, and the bytes they read once."""
        bits = once = 0
        for tensor in layer.operands:
            size = self._once_bytes(tensor, elements)
            bits += 0 if size else self._read_bits(tensor)
            once += size
        return bits, once

    def _once_bytes(self, tensor: int, elements: int) -> int:
        """Return the bytes of what riders read once, such as a bias; 0 of what goes with the output's tiles."""
        size = -(-self.lowering.elements(tensor) * self._read_bits(tensor) // 8)
        small = size * 8 <= self.riding.capacity
        return size if small and self.lowering.elements(tensor) < elements else 0

    def _product(self, place: int, layer: Product) -> None:
        shape = self._shape(layer)
        if shape not in self._mappings:
            self._mappings[shape] = best_mapping(self.config, shape, self.bytes_per_cycle)
        mapping = self._mappings[shape]
        self.plans[place].mapping = mapping
        for item in range(layer.count):
            outer, inner = (layer.n, layer.m) if mapping.n_outer else (layer.m, layer.n)
            steps = (mapping.tn, mapping.tm) if mapping.n_outer else (mapping.tm, mapping.tn)
            for start in range(0, outer, steps[0]):
                for other in range(0, inner, steps[1]):
                    m, n = (other, start) if mapping.n_outer else (start, other)
                    self._tile(place, layer, shape, mapping, item, m, n)

    def _tile(
        self, place: int, layer: Product, shape: Shape, mapping: Mapping, item: int, m: int, n: int
    ) -> None:
        """Plan one (tm, tn) tile of the output: a task for each part of k."""
        tm, tn = min(mapping.tm, layer.m - m), min(mapping.tn, layer.n - n)
        plan = self.plans[place]
        bits = layer.bits.activation, layer.bits.weight
        part = self._input_part(layer, item, m + tm)
        task = NONE
        for k in range(0, layer.k, mapping.tk):
            tk = min(mapping.tk, layer.k - k)
            task = self._array_task(place, task_cycles(self.config, tm, tn, tk, bits))
            plan.macs += tm * tn * tk
            self._load(
                Queue.ACTIVATION, (place, "A", item, m, k), layer.activation, task,
                self._activation_run(layer, shape, item, m, tm, k, tk), part,
            )  # fmt: skip
            size = -(-tk * tn * bits[1] // 8)
            base = self._at(layer.weight, bits[1])
            offset = ((item * layer.n + n) * layer.k + k * tn) * bits[1] // 8
            self._load(
                Queue.WEIGHT,
                (place, "W", item, n, k),
                layer.weight,
                task,
                (base + offset, 1, size, size),
                1.0,
            )
            self._scratchpads(plan, layer, tm, tn, tk)
        self._riders(place, layer, task, item * layer.m + m, tm, n, tn, layer.count * layer.m, layer.n)
        runs = []
        for width in self._written_bits(layer.output):
            row = max(1, tn * width // 8)
            stride = max(row, layer.n * width // 8)
            base = self._at(layer.output, width) + ((item * layer.m + m) * layer.n + n) * width // 8
            runs.append((base, 1, row * tm, row * tm) if tn == layer.n else (base, tm, row, stride))
        self._room(Queue.OUTPUT, Engine.ARRAY, sum(rows * size for _, rows, size, _ in runs), task)
        is_last = n + tn == layer.n
        ordered = not mapping.n_outer or mapping.tn >= layer.n
        done = (item + (m + tm) / layer.m) / layer.count if is_last and ordered else 0.0
        if not ordered and is_last and m + tm == layer.m:
            done = (item + 1) / layer.count
        before = plan.covered[-1] if plan.covered else 0.0
        self._write(Queue.OUTPUT, place, task, runs, layer.output, max(done, before))

    def _activation_run(
        self, layer: Product, shape: Shape, item: int, m: int, tm: int, k: int, tk: int
    ) -> tuple[int, int, int, int]:
        bits, image = layer.bits.activation, layer.image
        base = self._at(layer.activation, bits)
        if image is not None:
            share = shape.activation_bytes / layer.m * tk / layer.k
            halo = shape.halo_bytes * tk / layer.k if m == 0 else 0.0
            size = max(1, min(int(shape.activation_bytes), int(share * tm + halo)))
            whole = max(1, int(shape.activation_bytes))
            offset = min(int(share * m) * layer.count + item * size, max(0, whole * layer.count - size))
            return base + offset, 1, size, size
        offset = base + ((item * layer.m + m) * layer.k + k) * bits // 8
        row = max(1, -(-tk * bits // 8))
        if tk == layer.k:
            return offset, 1, max(1, tm * tk * bits // 8), row
        return offset, tm, row, max(row, layer.k * bits // 8)

    def _input_part(self, layer: Product, item: int, m_end: int) -> float:
        """Return which part of the activation must be there for the places up to `m_end` of a product."""
        image = layer.image
        if image is None:
            return (item + m_end / layer.m) / layer.count
        rows = -(-m_end // image.out_width)
        images, inside = divmod(rows - 1, image.out_height)
        extent = image.dilation_h * (image.kernel_h - 1) + 1
        needed = min(image.height, inside * image.stride_h + extent)
        total = layer.m // (image.out_height * image.out_width)
        return (images * image.height + needed) / (total * image.height)

    def _riders(
        self, place: int, layer: Product | Attention, task: int, row: int, rows: int, col: int, cols: int,
        all_rows: int, all_cols: int,
    ) -> None:  # fmt: skip
        """Load what the riding ops read beside the array's results."""
        for tensor in layer.operands:
            elements, bits = self.lowering.elements(tensor), self._read_bits(tensor)
            base = self._at(tensor, bits)
            once = self._once_bytes(tensor, all_rows * all_cols)
            if once:
                self._load(
                    Queue.ACTIVATION,
                    (place, "B", tensor),
                    tensor,
                    task,
                    (base, 1, once, once),
                    1.0,
                    self.riding,
                )
                continue
            size = max(1, cols * bits // 8)
            start = base + (row * all_cols + col) * bits // 8 % max(1, elements * bits // 8)
            run = (
                (start, 1, size * rows, size)
                if cols == all_cols
                else (start, rows, size, max(size, all_cols * bits // 8))
            )
            part = (row + rows) / all_rows
            self._load(Queue.ACTIVATION, (place, "R", tensor, row, col), tensor, task, run, part, self.riding)

    def _scratchpads(self, plan: LayerPlan, layer: Product, tm: int, tn: int, tk: int) -> None:
        """Count what the array reads and writes: streams once for each pass over the other side."""
        array, bits = self.config.array, layer.bits
        rows, cols = array.tile_rows(bits.activation), array.tile_cols(bits.weight)
        activation = tm * tk * bits.activation // 8
        weight = tk * tn * bits.weight // 8
        if array.dataflow is Dataflow.OUTPUT_STATIONARY:
            reads = activation * -(-tn // cols), weight * -(-tm // rows)
            sums = 1
        elif array.dataflow is Dataflow.INPUT_STATIONARY:
            reads = activation, weight * -(-tm // array.tile_cols(bits.activation))
            sums = -(-tk // array.tile_rows(bits.weight))
        else:
            reads = activation * -(-tn // cols), weight
            sums = -(-tk // rows)
        word = self.config.array.foot_width // 8
        for name, read, write in (
            ("activation", reads[0], 0),
            ("weight", reads[1], 0),
            ("accumulator", tm * tn * word * sums, tm * tn * word * sums),
        ):
            counts = plan.scratchpad.setdefault(name, [0, 0])
            counts[0] += read
            counts[1] += write

    # -- attention --------------------------------------------------------------------------------------

    def _attention(self, place: int, layer: Attention) -> None:
        block = self._query_block(layer)
        pending: tuple[int, int, int, int, int] | None = None  # head, first, last, keys, softmax
        for head in range(layer.heads):
            for first in range(0, layer.queries, block):
                last = min(first + block, layer.queries)
                keys = layer.keys(first, last)
                softmax = self._scores(place, layer, head, first, last, keys)
                if pending is not None:
                    self._weighted(place, layer, *pending)
                pending = head, first, last, keys, softmax
        if pending is not None:
            self._weighted(place, layer, *pending)
        self.plans[place].covered[-1] = 1.0

    def _query_block(self, layer: Attention) -> int:
        """Return the queries of a block: of those that fit, the size with the fewest cycles of the array."""
        config, bits = self.config, (layer.bits.activation, layer.bits.weight)
        best, chosen = None, 0
        for size in (*QUERY_BLOCKS, layer.queries):
            size = min(size, layer.queries)
            keys = max(layer.keys(0, size), layer.keys(max(0, layer.queries - size), layer.queries))
            scores = 4 * size * keys <= config.activation_scratchpad.capacity_bytes
            sums = 4 * size * config.array.cols <= config.accumulator_scratchpad.capacity_bytes
            output = size * layer.v_dim * sum(self._written_bits(layer.output)) // 8
            if not (scores and sums and 2 * output <= config.output_scratchpad.capacity_bytes):
                continue
            first = task_cycles(config, size, keys, layer.head_dim, bits).stream
            total = (first + task_cycles(config, size, layer.v_dim, keys, bits).stream) * -(
                -layer.queries // size
            )
            if best is None or total < best:
                best, chosen = total, size
        if best is None:
            keys = layer.keys(0, 1)
            rule = (
                f"activation_scratchpad.capacity_bytes must be at least {64 * keys} for scores of {keys} keys"
            )
            raise ConfigError(f"{rule}, not {config.activation_scratchpad.capacity_bytes}")
        return chosen

    def _chunk(self, layer: Attention, size: int) -> int:
        """Return how many keys, or values of `size` elements, are loaded together."""
        row = max(1, size * layer.bits.weight // 8)
        chunk = max(1, self.config.weight_scratchpad.capacity_bytes // (4 * row))
        cols = self.config.array.tile_cols(layer.bits.weight)
        return max(1, chunk // cols * cols) if chunk >= cols else chunk

    def _keys(
        self,
        place: int,
        layer: Attention,
        name: str,
        tensor: int,
        head: int,
        size: int,
        first: int,
        last: int,
        task: int,
    ) -> None:
        """Load the rows `first` to `last` - 1 of the keys or values of a head, as granules of a tile."""
        bits, group = layer.bits.weight, head // layer.group
        row = max(1, size * bits // 8)
        granule = self.config.array.tile_cols(bits)
        base = self._at(tensor, bits)
        for start in range(first // granule * granule, last, granule):
            rows = min(granule, layer.kv_len - start)
            run = (base + (group * layer.kv_len + start) * row, 1, rows * row, rows * row)
            self._load(Queue.WEIGHT, (place, name, group, start), tensor, task, run, 1.0)

    def _reached(self, layer: Attention, first: int, last: int, keys: int) -> int:
        """Return the first of the keys that a block meets; those of sinks and global tokens count with them."""
        if layer.pattern is None:
            return 0
        reached = layer.pattern.reach(np.arange(first, last))
        return int(max(0, reached[-1] + 1 - keys)) if len(reached) else 0

    def _scores(self, place: int, layer: Attention, head: int, first: int, last: int, keys: int) -> int:
        """Plan the scores of a block and its softmax; return the softmax's task."""
        plan, bits = self.plans[place], (layer.bits.activation, layer.bits.weight)
        queries, chunk = last - first, self._chunk(layer, layer.head_dim)
        start = self._reached(layer, first, last, keys)
        tasks = []
        for key in range(0, keys, chunk):
            some = min(chunk, keys - key)
            task = self._array_task(place, task_cycles(self.config, queries, some, layer.head_dim, bits))
            tasks.append(task)
            plan.macs += queries * some * layer.head_dim
            row = max(1, layer.head_dim * bits[0] // 8)
            base = self._at(layer.inputs[0], bits[0]) + (head * layer.queries + first) * row
            self._load(
                Queue.ACTIVATION,
                (place, "Q", head, first),
                layer.inputs[0],
                task,
                (base, 1, queries * row, row),
                1.0,
            )
            self._keys(
                place,
                layer,
                "K",
                layer.inputs[1],
                head,
                layer.head_dim,
                start + key,
                start + key + some,
                task,
            )
        self.rings[Queue.ACTIVATION].need((place, "S", head, first), queries * keys, tasks[0])
        self.rings[Queue.ACTIVATION].keep((place, "S", head, first), tasks[-1])
        unit = self.config.vector
        cycles = unit.cycles(queries, keys, 3) - unit.pipeline_latency
        softmax = self._task(Engine.VECTOR, place, cycles, 0, 0, unit.pipeline_latency)
        for task in tasks:
            self.tasks[Engine.ARRAY].rows[task][WAKES] = -2 - softmax
            self.tasks[Engine.VECTOR].rows[softmax][AWAITED] += 1
        return softmax

    def _weighted(
        self, place: int, layer: Attention, head: int, first: int, last: int, keys: int, softmax: int
    ) -> None:
        """Plan the weighted sum of a block."""
        plan, bits = self.plans[place], (layer.bits.activation, layer.bits.weight)
        queries, chunk = last - first, self._chunk(layer, layer.v_dim)
        start = self._reached(layer, first, last, keys)
        task = NONE
        for key in range(0, keys, chunk):
            some = min(chunk, keys - key)
            task = self._array_task(place, task_cycles(self.config, queries, layer.v_dim, some, bits))
            plan.macs += queries * some * layer.v_dim
            self._keys(
                place, layer, "V", layer.inputs[2], head, layer.v_dim, start + key, start + key + some, task
            )
            if key == 0:
                self.tasks[Engine.VECTOR].rows[softmax][WAKES] = task
                self.tasks[Engine.ARRAY].rows[task][AWAITED] += 1
        self.rings[Queue.ACTIVATION].keep((place, "S", head, first), task)
        rows = layer.heads * layer.queries
        self._riders(
            place, layer, task, head * layer.queries + first, queries, 0, layer.v_dim, rows, layer.v_dim
        )
        runs = []
        for width in self._written_bits(layer.output):
            row = max(1, layer.v_dim * width // 8)
            base = self._at(layer.output, width) + (head * layer.queries + first) * row
            runs.append((base, 1, row * queries, row * queries))
        self._room(Queue.OUTPUT, Engine.ARRAY, sum(size for _, _, size, _ in runs), task)
        self._write(Queue.OUTPUT, place, task, runs, layer.output, 0.0)

    # -- passes -----------------------------------------------------------------------------------------

    def _passes(self, place: int, layer: Passes) -> None:
        half = self.config.vector_scratchpad.capacity_bytes // 2
        sizes = {tensor: self._read_bits(tensor) * count // 8 for tensor, count in layer.read.items()}
        written = sum(layer.written * width // 8 for width in self._written_bits(layer.output))
        pieces = max(1, -(-max(sum(sizes.values()), written) * PIECES // half))
        pieces = max(pieces, 1)
        rows = max(1, -(-layer.rows // pieces))
        unit = self.config.vector
        total = unit.cycles(layer.rows, layer.elements, layer.passes) - unit.pipeline_latency
        again = layer.passes if pieces > layer.rows and layer.passes > 1 else 1
        done = 0.0
        for piece in range(pieces):
            if pieces <= layer.rows:
                some = min(rows, layer.rows - piece * rows)
                if some <= 0:
                    break
                cycles = unit.cycles(some, layer.elements, layer.passes) - unit.pipeline_latency
                start, done = piece * rows / layer.rows, (piece * rows + some) / layer.rows
            else:
                cycles, start, done = -(-total // pieces), piece / pieces, (piece + 1) / pieces
            task = self._task(Engine.VECTOR, place, cycles, 0, 0, unit.pipeline_latency)
            for turn in range(again):
                for tensor, size in sizes.items():
                    self._operand(place, layer, tensor, size, start, done, task, turn)
            runs = []
            for width in self._written_bits(layer.output):
                whole = layer.written * width // 8
                first, last = int(start * whole), int(done * whole)
                runs.append((self._at(layer.output, width) + first, 1, max(1, last - first), 1))
            self._room(Queue.RESULT, Engine.VECTOR, sum(size for _, _, size, _ in runs), task)
            self._write(Queue.RESULT, place, task, runs, layer.output, done)

    def _operand(
        self,
        place: int,
        layer: Passes,
        tensor: int,
        size: int,
        start: float,
        done: float,
        task: int,
        turn: int,
    ) -> None:
        base = self._at(tensor, self._read_bits(tensor))
        if size * 8 <= self.rings[Queue.OPERAND].capacity and self.lowering.is_weight(tensor):
            self._load(Queue.OPERAND, (place, tensor), tensor, task, (base, 1, max(1, size), 1), 1.0)
            return
        first, last = int(start * size), max(int(done * size), int(start * size) + 1)
        part = min(1.0, done + 2 / max(1, layer.rows)) if layer.op.kind == "pool" else done
        if layer.op.kind in ("gather", "scatter", "topk"):
            part = 1.0
        key = (place, tensor, first, turn)
        self._load(Queue.OPERAND, key, tensor, task, (base + first, 1, last - first, 1), part)

    def _read_bits(self, tensor: int) -> int:
        return PARAMETER_BITS if self.lowering.is_weight(tensor) else STORED

    # -- the whole --------------------------------------------------------------------------------------

    def _assembled(self) -> Program:
        counts = [len(engine.rows) for engine in self.tasks]
        first = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
        rows = np.concatenate([engine.arrays() for engine in self.tasks])
        wakes = rows[:, WAKES].copy()
        in_array = np.arange(len(rows)) < first[1]
        crossing = in_array & (wakes <= -2)
        wakes[crossing] = first[1] - 2 - wakes[crossing]
        tasks = Tasks(
            *(np.ascontiguousarray(rows[:, c]) for c in (CYCLES, GAP, FILL, LAG, AWAITED)),
            wakes,
            rows[:, FREES].copy(),
        )
        queues = np.concatenate([[0], np.cumsum([len(queue.rows) for queue in self.transfers])]).astype(
            np.int64
        )
        moved = np.concatenate([queue.arrays() for queue in self.transfers])
        for column, engine in ((AFTER, AFTER_ENGINE), (WOKEN, WOKEN_ENGINE)):
            known = moved[:, column] != NONE
            moved[known, column] += first[moved[known, engine]]
        transfers = Transfers(*(np.ascontiguousarray(moved[:, c]) for c in range(BASE, WOKEN + 1)))
        return Program(
            tasks=tasks,
            first=first,
            transfers=transfers,
            queues=queues,
            layers=self.plans,
            task_layer=rows[:, TASK_LAYER].copy(),
            transfer_layer=moved[:, OWNER].copy(),
            transfer_tensor=moved[:, TENSOR].copy(),
            placed_bytes=self._next_byte,
        )
