"""Random tiles of ANT's matrix engine: anything that a command can say, and pauses at all its streams."""

from __future__ import annotations

import itertools

import numpy as np

from tandemsim.sim.ant.streams import StreamEnd, StreamEnds
from tandemsim.sim.ant.sums import output_words
from tandemsim.sim.ant.words import GemmCommand, GemmTile
from tandemsim.sim.arch.ant.config import AntArray, AntConfig
from tandemsim.sim.arch.ant.operands import split
from tandemsim.sim.arch.blocks import E8M0_BIAS, E8M0_NAN, SCALE, BlockFormat
from tandemsim.sim.arch.codes import CodeFormat
from tandemsim.sim.arch.types import Integers

Random = np.random.Generator


def codes(rng: Random, form: CodeFormat, shape: tuple[int, ...]) -> Integers:
    """Return finite codes."""
    return rng.choice(np.flatnonzero(form.finite), shape).astype(np.int64)


def scales(rng: Random, form: BlockFormat, shape: tuple[int, ...]) -> Integers:
    """Return codes of scales: most of them near one another, so that sums meet, and some far apart."""
    if form.float_scale:
        return rng.choice(np.flatnonzero(SCALE.finite), shape).astype(np.int64)
    near, far = rng.integers(-3, 4, shape), rng.integers(-E8M0_BIAS, E8M0_NAN - E8M0_BIAS, shape)
    spread = rng.integers(-20, 21, shape)
    kind = rng.random(shape)
    return E8M0_BIAS + np.where(kind < 0.6, near, np.where(kind < 0.9, spread, far)).astype(np.int64)


def _words(rng: Random, array: AntArray, form: CodeFormat, words: int, side: int) -> Integers:
    """Return operand words, [words, side]: whole codes as they stand on the wires."""
    count = array.operands_of(form)
    return split(array, form, codes(rng, form, (words, side // count))).reshape(words, side)


def tile(
    rng: Random,
    config: AntConfig,
    most: int,
    first: bool,
    leaves: bool,
    like: GemmCommand | None = None,
    pair: tuple[int, int] | None = None,
) -> GemmTile:
    """Return a tile of at most `most` words; `like` a command that has its accumulators, if not `first`.

    `pair` are the numbers of its formats, if not those of `like`; without, any.
    """
    array = config.array
    forms = array.code_formats
    blocks = like.blocks if like else bool(array.taps and not pair and rng.random() < 0.7)
    if blocks and array.blocks:
        pair = (array.formats.index(array.blocks.element.name),) * 2
    one, other = pair or rng.integers(0, len(forms), 2).tolist()
    if like:
        one, other = like.activation_format, like.weight_format
    activation, weight = forms[one], forms[other]
    each = array.operands_of(activation), array.operands_of(weight)
    words = int(rng.integers(1, most + 1))
    rows = each[0] * int(rng.integers(1, array.rows // each[0] + 1))
    cols = each[1] * int(rng.integers(1, array.cols // each[1] + 1))
    if like:
        words, rows, cols = (
            (like.words, rows, like.cols) if array.stationary else (words, like.rows, like.cols)
        )
    command = GemmCommand(words, rows, cols, one, other, first, leaves, 0, blocks)
    room = config.accumulator_rows - output_words(command, config)
    base = like.base if like else int(rng.integers(0, room + 1))
    loaded = rows if array.stationary else words
    weights = _words(rng, array, weight, loaded, array.cols)
    if array.stationary and each[0] == 2:
        weights[1::2] = weights[0::2]
    made = GemmTile(command._replace(base=base), _words(rng, array, activation, words, array.rows), weights)
    if not array.blocks:
        return made
    return made._replace(
        activation_scales=scales(rng, array.blocks, (words, array.segments)),
        weight_scales=scales(rng, array.blocks, (array.segments, array.cols)),
    )


def tiles(
    rng: Random, config: AntConfig, count: int, most: int = 12, pairs: list[tuple[int, int]] | None = None
) -> list[GemmTile]:
    """Return tiles, many of them parts of one sum; sum after sum with the next of `pairs` of formats."""
    made: list[GemmTile] = []
    before: GemmCommand | None = None
    turns = itertools.cycle(pairs or [None])
    for index in range(count):
        leaves = bool(rng.random() < 0.5) or index == count - 1
        pair = None if before else next(turns)
        made.append(tile(rng, config, most, before is None, leaves, before, pair))
        before = None if leaves else made[-1].command
    return made


def pauses(rng: Random, tiles: list[GemmTile], config: AntConfig, long: int = 12) -> StreamEnds:
    """Return pauses on each stream or on none of it, rare or frequent, and words that come late."""
    lengths = (
        len(tiles),
        sum(len(each.activations) for each in tiles),
        sum(len(each.weights) for each in tiles),
        sum(output_words(each.command, config) for each in tiles if each.command.leaves),
    )
    ends = []
    for length in lengths:
        gaps = rng.integers(1, long, length) * (rng.random(length) < rng.choice([0, 0.1, 0.6]))
        late = np.sort(rng.integers(0, 40 * len(tiles), length)) * int(rng.random() < 0.2)
        ends.append(StreamEnd(late.astype(np.int64), gaps.astype(np.int64)))
    return StreamEnds(*ends)
