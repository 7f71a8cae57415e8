"""What stands on the array's wires: the codes that a PE multiplies, their decoder's table, and the encoder's.

Obeys: ANT, MICRO 2022 (arXiv 2208.14286), whose decoders turn every type into an integer and a shift. The
number of a format is its place in `AntArray.formats`. An integer wider than an operand of a PE is two codes,
the upper nibble in the even row or column; a shorter one than 8 bits has its sign in all upper bits.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from tandemsim.sim.arch.ant.config import AntArray
from tandemsim.sim.arch.ant.widths import NIBBLE
from tandemsim.sim.arch.checks import ConfigError, nearest
from tandemsim.sim.arch.codes import FORMATS, CodeFormat, Ties
from tandemsim.sim.arch.types import Integers


class OperandTables(NamedTuple):
    """Base and shift of every code, int64 [formats, 2, codes]; the middle index is 1 for an upper nibble."""

    base: Integers
    shift: Integers


class EncoderTable(NamedTuple):
    """How the numbers of one format become codes."""

    bounds: Integers  # [values - 1] twice the midpoints of neighboring values, ascending
    codes: Integers  # [values] the code of each value, ascending by value
    even: bool  # ties become the even code; else the larger value


def format_number(array: AntArray, name: str) -> int:
    """Return the number that the streams use for a format. Raises `ConfigError`."""
    if name not in array.formats:
        raise ConfigError(nearest("format of the array", name, array.formats))
    return array.formats.index(name)


def code_bits(array: AntArray) -> int:
    """Return the bits of a code on the array's wires."""
    forms = array.code_formats
    return max(form.bits if array.operands_of(form) == 1 else NIBBLE for form in forms)


def operand_tables(array: AntArray) -> OperandTables:
    """Return what the decoders of an array know; bits above a format's own are ignored."""
    codes = np.arange(1 << code_bits(array))
    found = []
    for form in array.code_formats:
        low = high = form
        if array.operands_of(form) == 2:
            low, high = FORMATS["int4u"], FORMATS["int4" if form.signed else "int4u"]
        found.append(
            [(part.base[codes % len(part.base)], part.shift[codes % len(part.base)]) for part in (low, high)]
        )
    tables = np.array(found, np.int64)
    return OperandTables(tables[:, :, 0], tables[:, :, 1])


def split(array: AntArray, form: CodeFormat, codes: Integers) -> Integers:
    """Return codes as they stand on the wires, int64 [..., operands], the upper nibble first."""
    if array.operands_of(form) == 1:
        return np.asarray(codes, np.int64)[..., None]
    wide = form.base[codes]  # of an integer its value, with its sign
    return np.stack([(wide >> NIBBLE) & 15, wide & 15], axis=-1)


def largest_shift(array: AntArray) -> int:
    """Return the largest shift of an operand; weight stationary, an upper nibble of activations has one."""
    paired = any(array.operands_of(form) == 2 for form in array.code_formats)
    return max(int(operand_tables(array).shift.max()), NIBBLE if paired and array.stationary else 0)


def encoder_table(form: CodeFormat) -> EncoderTable:
    """Return the table of a format; midpoints are multiples of a half, so that twice a number is enough."""
    bounds = form.grid[:-1] + form.grid[1:]
    return EncoderTable(bounds.astype(np.int64), form.encode(form.grid), form.ties is Ties.EVEN)
