"""The words of the array's four streams, and a tile as they carry it.

Obeys: `sim.arch.ant.ports`, whose tables have the fields of these tuples.
"""

from __future__ import annotations

from typing import NamedTuple

from tandemsim.sim.arch.types import Integers


class GemmCommand(NamedTuple):
    """A tile's command, as in `command_fields`."""

    words: int
    rows: int
    cols: int
    activation_format: int
    weight_format: int
    first: bool
    leaves: bool
    base: int
    blocks: bool = False


class OperandWord(NamedTuple):
    """A word of activations, or of weights."""

    codes: tuple[int, ...]  # [R], or [C]
    scales: tuple[int, ...] = ()  # of blocks: codes, [segments], or [C]


class OutputWord(NamedTuple):
    """A sum of each column."""

    sums: tuple[int, ...]  # [C]
    exponents: tuple[int, ...]  # [C] of blocks, else 0
    end: bool  # the tile's last


class GemmTile(NamedTuple):
    """A tile: its command, and the words that it takes from the two operand streams."""

    command: GemmCommand
    activations: Integers  # [words, R] codes
    weights: Integers  # [rows, C] codes; output stationary [words, C]
    activation_scales: Integers | None = None  # of blocks: codes [words, segments]
    weight_scales: Integers | None = None  # of blocks: codes [segments, C]
