"""What tiles of a product read of the activation scratchpad, and how long they wait for its banks.

With `drain`, which is the machine that SCALE-Sim models, pads are read like pixels, and no bank is ever busy.
"""

from __future__ import annotations

from functools import lru_cache

from tandemsim.sim.ant.im2col import Patches
from tandemsim.sim.ant.lowering import Image, Product
from tandemsim.sim.arch.ant.config import AntArray, Schedule

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


@lru_cache(maxsize=8)
def _patches(image: Image) -> Patches:
    return Patches(image)


@lru_cache(maxsize=TILES)
def _reads(image: Image, rows: Part, k: Part) -> int:
    return _patches(image).reads(*rows, *k)


@lru_cache(maxsize=TILES)
def _waits(image: Image, rows: Part, k: Part, block: int, banks: int) -> tuple[int, ...]:
    return tuple(_patches(image).conflicts(*rows, *k, block, banks).tolist())
