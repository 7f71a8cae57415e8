"""A matrix product as tiles of the array, in the plainest order; `sim.ant` has its own ways."""

from __future__ import annotations

import numpy as np

from tandemsim.sim.ant.words import GemmCommand, GemmTile
from tandemsim.sim.arch.ant.config import AntConfig
from tandemsim.sim.arch.ant.operands import split
from tandemsim.sim.arch.types import Integers


def cut(
    config: AntConfig,
    names: tuple[str, str],
    left: Integers,
    right: Integers,
    fold: int | list[slice],
    rng: np.random.Generator,
) -> tuple[list[GemmTile], list[tuple[slice, slice]]]:
    """Return the tiles of ``left @ right`` (codes, [M, K] and [K, N]), and the part that each output is.

    Parts of K are `fold`, or have that many elements, or as many as there are rows for.
    """
    array = config.array
    numbers = array.formats.index(names[0]), array.formats.index(names[1])
    forms = array.code_formats[numbers[0]], array.code_formats[numbers[1]]
    each = array.operands_of(forms[0]), array.operands_of(forms[1])
    (m, k), n = left.shape, right.shape[1]
    tall = min(config.accumulator_rows, 24) if array.stationary else array.rows // each[0]
    wide = array.cols // each[1]
    if isinstance(fold, int):
        step = min(fold, array.rows // each[0]) if array.stationary else fold
        fold = [slice(begin, min(begin + step, k)) for begin in range(0, k, step)]
    tiles, parts = [], []
    for top in range(0, m, tall):
        for start in range(0, n, wide):
            block = left[top : top + tall], right[:, start : start + wide]
            words = len(block[0])
            base = int(rng.integers(0, config.accumulator_rows - words + 1))
            for part in fold:
                a, w = block[0][:, part], block[1][part]
                pairs = split(array, forms[0], a), split(array, forms[1], w)
                above = pairs[1].reshape(len(w), -1)
                first, leaves = part.start == 0, part.stop == k
                if array.stationary:
                    entering = pairs[0].reshape(words, -1)
                    above = np.repeat(above, each[0], axis=0)
                    rows = entering.shape[1]
                else:
                    entering = pairs[0].transpose(1, 0, 2).reshape(a.shape[1], -1)
                    rows = entering.shape[1]
                command = GemmCommand(len(entering), rows, above.shape[1], *numbers, first, leaves, base)
                tiles.append(
                    GemmTile(command, _filled(rng, entering, array.rows), _filled(rng, above, array.cols))
                )
            parts.append((slice(top, top + tall), slice(start, start + wide)))
    return tiles, parts


def _filled(rng: np.random.Generator, words: Integers, side: int) -> Integers:
    """Return words of the whole side; what a tile does not use is rubbish."""
    rubbish = rng.integers(0, 8, (len(words), side - words.shape[1]))
    return np.hstack([words, rubbish]).astype(np.int64)
