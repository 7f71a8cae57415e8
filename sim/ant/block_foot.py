"""The foot of block formats: a row of taps where blocks end, and where the sums of those of a column meet.

Obeys: `sim.ant.block_sums`: the sums of the upper taps come first. Each tap is `sim.ant.tap`.
"""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

import numpy as np

from tandemsim.sim.ant.block_sums import BlockSums, add
from tandemsim.sim.ant.controller import NOTHING
from tandemsim.sim.ant.tap import Tap, TapInputs, TapOutputs
from tandemsim.sim.ant.words import GemmCommand
from tandemsim.sim.arch.ant.config import AntConfig
from tandemsim.sim.arch.ant.wires import blocks_of, tap_width


class BlockFootInputs(NamedTuple):
    """What it sees in a cycle: psums as they come together, all else as it enters the array."""

    psums: tuple[tuple[int, ...], ...]  # [segments][C]
    activations_valid: bool  # a word of activations enters
    begins: bool  # the first of its tile
    tile: GemmCommand  # its tile
    scales: tuple[int, ...]  # [segments] codes, of that word
    weights_valid: bool  # a word of weights of a tile in blocks enters
    row: int  # to which it goes
    weight_scales: tuple[int, ...]  # [C] codes, of the block that the row is of


class BlockFootOutputs(NamedTuple):
    """What leaves it, in the cycle in which the foot of other tiles has theirs."""

    sums: tuple[int, ...]  # [C] significands
    exponents: tuple[int, ...]  # [C]
    word_valid: bool
    end: bool  # the tile's last word


class BlockFoot:
    """Ends blocks at taps, and adds up what those of a column have when an output leaves.

    What: the words of `Tap`; those of an upper tap wait for the ones below, and `block_sums.add` adds them.

    When: the psums of segment s come together ``(s + 1) * length + C - 1`` cycles after their word entered.
    A word of the lowest tap is shown two cycles later, and one more where others are above.
    """

    def __init__(self, config: AntConfig) -> None:
        blocks = blocks_of(config.array)
        self._length, self._width = blocks.length, tap_width(blocks)
        self._segments = segments = range(config.array.segments)
        self._taps = [Tap(config) for _ in segments]
        lags = [(s + 1) * blocks.length + config.array.cols - 1 for s in segments]
        self._entered: list[deque[BlockFootInputs | None]] = [deque([None] * lag, lag) for lag in lags]
        none = (0,) * config.array.cols
        self._nothing = TapOutputs(none, none, False, False)
        self._shown = [self._nothing for _ in segments]  # by the taps, in this cycle
        # What waits above each tap but the first: the sums of those above it.
        waits = [blocks.length - (s > 1) for s in segments[1:]]
        self._waiting = [deque([self._nothing] * wait, wait) for wait in waits]
        self._merged = [self._nothing for _ in segments[1:]]
        self.merge_saturations = 0

    @property
    def saturations(self) -> int:
        """Additions that took the bound of an accumulator."""
        return self.merge_saturations + sum(tap.saturations for tap in self._taps)

    def __call__(self, inputs: BlockFootInputs) -> BlockFootOutputs:
        """Run one cycle; return what the outputs show in the next."""
        merged = self._merge()
        for segment, tap in enumerate(self._taps):
            entered = self._entered[segment].popleft()
            self._entered[segment].append(inputs)
            self._shown[segment] = tap(self._of_tap(segment, inputs.psums[segment], entered))
        return BlockFootOutputs(*(merged or self._shown[-1]))

    def _of_tap(self, segment: int, psums: tuple[int, ...], entered: BlockFootInputs | None) -> TapInputs:
        if entered is None:
            none = self._nothing.sums
            return TapInputs(psums, False, False, NOTHING, 0, none, False)
        tile = entered.tile
        return TapInputs(
            psums,
            entered.activations_valid and tile.blocks,
            entered.begins,
            tile,
            entered.scales[segment],
            entered.weight_scales,
            entered.weights_valid and entered.row // self._length == segment,
        )

    def _merge(self) -> TapOutputs | None:
        """Add what each tap shows to what has waited above it; None where there is one tap."""
        above = self._shown[0]
        for place, waiting in enumerate(self._waiting):
            waited, below = waiting[0], self._shown[place + 1]
            waiting.append(above)
            above, self._merged[place] = self._merged[place], self._together(waited, below)
        return self._merged[-1] if self._merged else None

    def _together(self, above: TapOutputs, below: TapOutputs) -> TapOutputs:
        if not below.word_valid:
            return self._nothing
        one, other = (BlockSums(np.array(each.sums), np.array(each.exponents)) for each in (above, below))
        sums, saturated = add(one, other, self._width)
        self.merge_saturations += saturated
        found = tuple(sums.significand.tolist()), tuple(sums.exponent.tolist())
        return TapOutputs(*found, True, below.end)
