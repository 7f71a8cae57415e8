"""Results of an attention become codes: the vector unit reads all heads of some tokens, and writes codes.

Tokens go in blocks, in an order of their own. A global token sees the whole text, so its row is done with
the last tile of the last head; the block with such tokens comes last, and all others follow the last head's
tiles while that head still runs. The product that reads the codes goes through the blocks in the same order.
"""

from __future__ import annotations

from collections.abc import Iterable

from tandemsim.sim.ant.layers import Conversion
from tandemsim.sim.ant.loop import Engine, Queue
from tandemsim.sim.ant.plan_passes import PIECES
from tandemsim.sim.ant.planner import Planner
from tandemsim.sim.ant.too_small import Least, TooSmallError
from tandemsim.sim.arch.types import Integers

BLOCK = 256  # tokens of a block; assumed: four heights of an array, weights are read once for each


def token_blocks(tokens: int, last: Iterable[int]) -> tuple[tuple[int, int], ...]:
    """Return blocks of tokens in their order: those with a token of `last` come last."""
    blocks = [(first, min(first + BLOCK, tokens)) for first in range(0, tokens, BLOCK)]
    late = {token // BLOCK for token in last}
    return (
        *(block for place, block in enumerate(blocks) if place not in late),
        *(block for place, block in enumerate(blocks) if place in late),
    )


def check_conversion(planner: Planner, layer: Conversion) -> int:
    """Return the bytes of a token. Raises `TooSmallError` where the vector scratchpad does not hold one."""
    half = planner.config.vector_scratchpad.capacity_bytes // 2
    elements = layer.heads * layer.v_dim
    token_bytes = max(elements * layer.bits, elements * sum(planner.written_bits(layer.output))) // 8
    if token_bytes > half:
        need = Least(2 * int(token_bytes), "results of a token")
        raise TooSmallError(planner.config, {"vector_scratchpad": need})
    return int(token_bytes)


def plan_conversion(planner: Planner, place: int, layer: Conversion, finished: Integers) -> None:
    """Plan the passes of a conversion.

    `finished`, [heads of all items, tokens]: how many of the attention's writes it takes until a result is
    there. Raises `ConfigError` where the vector scratchpad does not hold one token.
    """
    half = planner.config.vector_scratchpad.capacity_bytes // 2
    elements = layer.heads * layer.v_dim
    most = max(1, half // (PIECES * check_conversion(planner, layer)))
    unit = planner.config.vector
    done, all_rows = 0, layer.items * layer.tokens
    for item in range(layer.items):
        for low, high in layer.token_blocks:
            for first in range(low, high, most):
                tokens = min(most, high - first)
                cycles = unit.cycles(tokens, elements, 1) - unit.pipeline_latency
                task = planner.task(Engine.VECTOR, place, cycles, 0, 0, unit.pipeline_latency)
                _read(planner, place, layer, finished, item, first, tokens, task)
                done += tokens
                # Of tokens in another order than theirs there is one reader, which follows that order.
                row = item * layer.tokens + first
                _write(planner, place, layer, row, tokens, task, done / all_rows)


def _read(
    planner: Planner,
    place: int,
    layer: Conversion,
    finished: Integers,
    item: int,
    first: int,
    tokens: int,
    task: int,
) -> None:
    size = layer.heads * layer.v_dim * layer.bits // 8  # of a token
    heads = slice(item * layer.heads, (item + 1) * layer.heads)
    base = planner.at(layer.output, layer.bits) + (item * layer.tokens + first) * size
    writes = int(finished[heads, first : first + tokens].max())
    run = base, 1, tokens * size, tokens * size
    key = place, item, first
    awaited = layer.source, writes
    planner.load(Queue.OPERAND, key, layer.output, task, run, 1.0, after_writes=awaited)


def _write(
    planner: Planner, place: int, layer: Conversion, row: int, tokens: int, task: int, part: float
) -> None:
    elements = layer.heads * layer.v_dim
    runs = []
    for width in planner.written_bits(layer.output):
        size = max(1, tokens * elements * width // 8)
        runs.append((planner.at(layer.output, width) + row * elements * width // 8, 1, size, size))
    planner.room(Queue.RESULT, Engine.VECTOR, sum(size for _, _, size, _ in runs), task)
    planner.write(Queue.RESULT, place, task, runs, layer.output, part)
