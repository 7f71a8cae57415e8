"""What tiles of a product move through the scratchpads, and how long they wait for banks.

With `drain`, which is the machine that SCALE-Sim models, pads are read like pixels, and no bank is ever busy.
"""

from __future__ import annotations

from functools import lru_cache

from tandemsim.sim.ant.block_sums import sum_bytes
from tandemsim.sim.ant.im2col import Patches
from tandemsim.sim.ant.layers import Bits, Image, Product, Width
from tandemsim.sim.ant.planned import LayerPlan
from tandemsim.sim.arch.ant.config import AntArray, Dataflow, Schedule

Part = tuple[int, int]  # where it begins, how many there are
TILES = 1 << 12  # of which results are kept: the columns of a product ask for the same


def codes_read(array: AntArray, layer: Product, rows: Part, k: Part) -> int:
    """Return the codes of a tile's activations that are read in one pass over it."""
    if layer.image is None or array.schedule is Schedule.DRAIN:
        return rows[1] * k[1]
    return _reads(layer.image, rows, k)


def bank_conflicts(array: AntArray, layer: Product, rows: Part, columns: int, k: Part) -> tuple[int, int]:
    """Return the cycles that a task waits for banks: before its first block has all its words, and in all.

    Output stationary alone: a block's words arrive in K cycles, and those in which it waits come on top,
    unless the results of the block before are not through yet.
    """
    if layer.image is None or array.stationary or array.schedule is Schedule.DRAIN:
        return 0, 0
    left, above = layer.bits.operands
    block = array.tile_rows(left)
    waits = _waits(layer.image, rows, k, block, array.rows)
    if not any(waits):
        return 0, 0
    last = left * (rows[1] - (len(waits) - 1) * block)
    inner = sum(_longer(k[1], wait, array.rows) for wait in waits[1:])
    passes = -(-columns // array.tile_cols(above))
    total = waits[0] + inner + (passes - 1) * (_longer(k[1], waits[0], last) + inner)
    return waits[0], total


def _longer(words: int, wait: int, rows: int) -> int:
    """Return how much longer a block takes whose words wait, behind one of `rows` rows."""
    return max(words + wait, rows) - max(words, rows)


def count_traffic(
    array: AntArray,
    plan: LayerPlan,
    bits: Bits,
    tile: tuple[int, int, int],
    activations: int,
    widths: tuple[Width, Width] | None = None,
) -> None:
    """Count the bytes that a (tm, tn, tk) tile of a product reads and writes in the scratchpads.

    An operand that streams is read once for each pass over the other one, of which `activations` are the
    codes that a pass reads. `widths`: bits of a code of each, its share of a scale included.
    """
    tm, tn, tk = tile
    rows, cols = array.tile_rows(bits.operands[0]), array.tile_cols(bits.operands[1])
    left, above = widths or (bits.activation, bits.weight)
    activation, weight = activations * left // 8, tk * tn * above // 8
    if array.dataflow is Dataflow.OUTPUT_STATIONARY:
        reads = activation * -(-tn // cols), weight * -(-tm // rows)
        sums = 1
    elif array.dataflow is Dataflow.INPUT_STATIONARY:
        reads = activation, weight * -(-tm // array.tile_cols(bits.operands[0]))
        sums = -(-tk // array.tile_rows(bits.operands[1]))
    else:
        reads = activation * -(-tn // cols), weight
        sums = -(-tk // rows)
    word = sum_bytes(array, bits)
    plan.count("activation", reads[0], 0)
    plan.count("weight", reads[1], 0)
    plan.count("accumulator", tm * tn * word * sums, tm * tn * word * sums)


@lru_cache(maxsize=8)
def _patches(image: Image) -> Patches:
    return Patches(image)


@lru_cache(maxsize=TILES)
def _reads(image: Image, rows: Part, k: Part) -> int:
    return _patches(image).reads(*rows, *k)


@lru_cache(maxsize=TILES)
def _waits(image: Image, rows: Part, k: Part, block: int, banks: int) -> tuple[int, ...]:
    return tuple(_patches(image).conflicts(*rows, *k, block, banks).tolist())
