"""The systolic array, bit for bit: what tiles make of their words.

Obeys: the formats of the array's decoders; each PE is `sim.ant.pe`, and below them is `sim.ant.foot`. Sums
are matrix products of decoded operands, whole tiles at a time, wrapped where a register would. Cycles are
those of `sim.ant.controller` and a fixed delay behind them.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from tandemsim.sim.ant.block_taps import BlockTaps, TileWords
from tandemsim.sim.ant.sums import added, joined, joined_columns, matrix_product, output_words, wrap
from tandemsim.sim.ant.words import GemmCommand, GemmTile, OperandWord, OutputWord
from tandemsim.sim.arch.ant.config import MAX_WORDS, AntConfig
from tandemsim.sim.arch.ant.operands import operand_tables
from tandemsim.sim.arch.ant.widths import NIBBLE
from tandemsim.sim.arch.blocks import BLOCK_FORMATS
from tandemsim.sim.arch.checks import require
from tandemsim.sim.arch.types import Integers


class SystolicArrayInputs(NamedTuple):
    """What the array sees in a cycle, all of it as row 0 and column 0 need it; it delays the rest itself."""

    activations: OperandWord
    weights: OperandWord
    activations_valid: bool  # the word of activations enters; output stationary, the pair
    weights_valid: bool  # the word of weights enters
    begins: bool  # the word of activations is the first of its tile
    ends: bool  # it is the last
    tile: GemmCommand  # its tile
    command: GemmCommand  # the tile of the word of weights
    go: bool  # output stationary: results begin to leave


class SystolicArrayOutputs(NamedTuple):
    """What leaves it, `AntArray.output_lag` cycles after the word that makes it."""

    word: OutputWord
    word_valid: bool


class SystolicArray:
    """Decoders on two sides, rows of PEs, and the foot below them.

    What: the output words of tiles, `run`. Row r decodes its code r cycles after the word has entered, column
    c after c cycles; psums, or results, come together again above the foot.

    When: weight stationary, an output word is made `AntArray.output_lag` cycles after its word of activations
    has entered. Output stationary, so long after the last pair of the tile the first one is made, that of the
    bottom row, and then one a cycle; of activations of two nibbles one each second cycle, from a cycle later.
    """

    def __init__(self, config: AntConfig) -> None:
        array = config.array
        self._config = config
        tables = operand_tables(array)
        self._values = tables.base << tables.shift
        self._paired = [array.operands_of(form) == 2 for form in array.code_formats]
        shape = config.accumulator_rows, array.cols
        self.accumulators = np.zeros(shape, np.int64)
        self._taps = BlockTaps(config) if array.taps else None
        self._saturations = 0

    @property
    def saturations(self) -> int:
        """Additions that took the bound of an accumulator."""
        return self._saturations + (self._taps.saturations if self._taps else 0)

    def run(self, tiles: Iterable[GemmTile]) -> list[TileWords]:
        """Return the output words of each tile in the order in which they leave.

        Of a tile whose sums stay, none. Raises `ConfigError` for a command that the array cannot run.
        """
        return [self._run(tile) for tile in tiles]

    def _run(self, tile: GemmTile) -> TileWords:
        command = tile.command
        check_command(command, self._config)
        if self._taps and command.blocks:
            return self._taps.run(tile, *self._operands(tile))
        sums = self._run_sums(tile)
        return TileWords(sums, np.zeros_like(sums))

    def _run_sums(self, tile: GemmTile) -> Integers:
        command = tile.command
        psums = wrap(self._psums(tile), self._config.array.accumulator_width)
        if self._paired[command.weight_format]:
            psums = joined_columns(psums)
        if self._paired[command.activation_format] and not self._config.array.stationary:
            psums = joined(psums[0::2], psums[1::2])
        at = slice(command.base, command.base + len(psums))
        old = np.zeros_like(psums) if command.first else self.accumulators[at]
        sums, saturated = added(old, psums, self._config)
        self._saturations += saturated
        if not command.leaves:
            self.accumulators[at] = sums
            return sums[:0]
        return sums if self._config.array.stationary else sums[::-1]

    def _psums(self, tile: GemmTile) -> Integers:
        """Return the sums below the PEs, [words, C] or [rows, C], exactly."""
        command, stationary = tile.command, self._config.array.stationary
        activations, weights = self._operands(tile)
        if not stationary:
            return matrix_product(activations.T, weights)
        if self._paired[command.activation_format]:
            activations[:, 0::2] <<= NIBBLE
        return matrix_product(activations, weights)

    def _operands(self, tile: GemmTile) -> tuple[Integers, Integers]:
        """Return the values that the PEs multiply; of columns that the tile does not have 0."""
        command = tile.command
        activations = self._decoded(tile.activations[:, : command.rows], command.activation_format)
        weights = self._decoded(tile.weights, command.weight_format)
        weights[:, command.cols :] = 0
        return activations, weights

    def _decoded(self, codes: Integers, number: int) -> Integers:
        """Return the values of operands; those in even places are upper nibbles, where there are two."""
        lower, upper = self._values[number]
        values: Integers = lower[codes]
        values[:, 0::2] = upper[codes[:, 0::2]]
        return values


def check_command(command: GemmCommand, config: AntConfig) -> None:
    """Raise `ConfigError` for a command that the circuit would not run as it stands."""
    array = config.array
    for name, most in (("words", MAX_WORDS), ("rows", array.rows), ("cols", array.cols)):
        value = getattr(command, name)
        require(1 <= value <= most, f"GemmCommand.{name} must be at least 1 and at most {most}", value)
    forms = array.code_formats
    paired = [("rows", command.activation_format), ("cols", command.weight_format)]
    for name, number in paired:
        if array.operands_of(forms[number]) == 2:
            value = getattr(command, name)
            require(value % 2 == 0, f"GemmCommand.{name} must be even for {forms[number].name}", value)
    if command.blocks:
        _check_blocks(command, config)
    words = output_words(command, config)
    if not (command.first and command.leaves):
        rule = f"GemmCommand.base must leave {words} of {config.accumulator_rows} accumulators"
        require(0 <= command.base <= config.accumulator_rows - words, rule, command.base)
    if command.leaves and not array.stationary:
        rule = f"an output scratchpad of {config.staging_words} words must hold those of a tile"
        require(words <= config.staging_words, rule, words)


def _check_blocks(command: GemmCommand, config: AntConfig) -> None:
    array = config.array
    require(bool(array.taps), "GemmCommand.blocks must be false for an array without taps", True)
    element = array.formats.index(BLOCK_FORMATS[array.taps].element.name)
    for name in ("activation_format", "weight_format"):
        rule = f"GemmCommand.{name} must be {element} for blocks of {array.taps}"
        require(getattr(command, name) == element, rule, getattr(command, name))
