"""Plans an op of the vector unit: pieces of its rows, each with its operands and its results."""

from __future__ import annotations

from tandemsim.sim.ant.layers import Passes
from tandemsim.sim.ant.loop import Engine, Queue
from tandemsim.sim.ant.planner import Planner

PIECES = 4  # a vector task's operands take one part in so many of their half of the scratchpad
PIECE_BYTES = 8 << 10  # or less where rows are short: larger pieces only begin later; of the preset's half


def plan_passes(planner: Planner, place: int, layer: Passes) -> None:
    after = planner.keep(place)
    half = planner.config.vector_scratchpad.capacity_bytes // 2
    sizes = {tensor: planner.read_bits(tensor) * count // 8 for tensor, count in layer.read.items()}
    written = sum(layer.written * width // 8 for width in planner.written_bits(layer.output))
    most = max(sum(sizes.values()), written)
    pieces = max(1, -(-most * PIECES // half), min(layer.rows, -(-most // PIECE_BYTES)))
    rows = max(1, -(-layer.rows // pieces))
    unit = planner.config.vector
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
        task = planner.task(Engine.VECTOR, place, cycles, 0, 0, unit.pipeline_latency)
        if piece == 0:
            planner.await_array(after, task, layer.output)
        for turn in range(again):
            for tensor, size in sizes.items():
                _operand(planner, place, layer, tensor, size, start, done, task, turn)
        runs = []
        for width in planner.written_bits(layer.output):
            whole = layer.written * width // 8
            first, last = int(start * whole), int(done * whole)
            runs.append((planner.at(layer.output, width) + first, 1, max(1, last - first), 1))
        planner.room(Queue.RESULT, Engine.VECTOR, sum(size for _, _, size, _ in runs), task)
        planner.write(Queue.RESULT, place, task, runs, layer.output, done)


def _operand(
    planner: Planner,
    place: int,
    layer: Passes,
    tensor: int,
    size: int,
    start: float,
    done: float,
    task: int,
    turn: int,
) -> None:
    base = planner.at(tensor, planner.read_bits(tensor))
    if size * 8 <= planner.rings[Queue.OPERAND].capacity and planner.lowering.is_weight(tensor):
        planner.load(Queue.OPERAND, (place, tensor), tensor, task, (base, 1, max(1, size), 1), 1.0)
        return
    first, last = int(start * size), max(int(done * size), int(start * size) + 1)
    part = min(1.0, done + 2 / max(1, layer.rows)) if layer.op.kind == "pool" else done
    if layer.op.kind in ("gather", "scatter", "topk"):
        part = 1.0
    key = (place, tensor, first, turn)
    planner.load(Queue.OPERAND, key, tensor, task, (base + first, 1, last - first, 1), part)
