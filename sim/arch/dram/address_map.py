"""Address maps of DRAM: which address bits name the channel, rank, bank group, bank and row.

A map is a string of fields from high to low address bits: ``row-bank-group-rank-column-channel``. The bits
below it are the offset in a burst. A number takes that many low bits of the column (``column2``), the rest
stands where ``column`` stands. ``^`` XORs a field with the column: the column's lowest bits go into the
rightmost such field, the next into the one to its left. Rank also means pseudo-channel.

Obeys: RoBaRaCoCh and MOP4CLXOR of Ramulator 2.1 (Kaseridis et al., "Minimalist Open-page", MICRO 2011).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

from tandemsim.sim.arch.checks import ConfigError, nearest, require

NAMED_MAPS = {
    "robaracoch": "row-bank-group-rank-column-channel",  # a stream stays in one bank for a whole row
    "mop4clxor": "row^-column-bank^-group^-rank^-channel^-column2",  # and here for four bursts
}
MAX_MAPPING = 100  # assumed: twice as long as `mop4clxor`
FIELDS = ("channel", "rank", "group", "bank", "row", "column")


class Piece(NamedTuple):
    """Address bits ``shift ..`` under `mask`, XORed into `field` at `position`."""

    field: str
    shift: int
    mask: int
    position: int


def pieces_of(mapping: str, bits: Mapping[str, int], offset_bits: int) -> list[Piece]:
    """Return the pieces of `mapping` for fields of the given `bits`; a burst has `offset_bits`.

    Raises `ConfigError` for a field that does not exist, is missing or stands twice.
    """
    rule = f"DramConfig.mapping must have at most {MAX_MAPPING} characters"
    require(len(mapping) <= MAX_MAPPING, rule, mapping)
    tokens = [_token(text, mapping) for text in reversed(NAMED_MAPS.get(mapping, mapping).split("-"))]
    widths = _widths(tokens, bits, mapping)
    pieces, shift = [], offset_bits
    filled = dict.fromkeys(FIELDS, 0)
    for (field, _, _), width in zip(tokens, widths, strict=True):
        pieces.append(Piece(field, shift, (1 << width) - 1, filled[field]))
        filled[field] += width
        shift += width
    columns = [piece for piece in pieces if piece.field == "column"]
    pieces += _xors([field for field, _, xored in tokens if xored], bits, columns)
    return [piece for piece in pieces if piece.mask and piece.field != "column"]


def _token(text: str, mapping: str) -> tuple[str, int | None, bool]:
    match = re.fullmatch(r"([a-z]+)(\d*)(\^?)", text)
    if match is None or match[1] not in FIELDS:
        if "-" in mapping:
            raise ConfigError(nearest("field of DramConfig.mapping", text, FIELDS))
        raise ConfigError(nearest("DramConfig.mapping", text, NAMED_MAPS))
    if match[1] != "column" and match[2]:
        raise ConfigError(f"only the column of DramConfig.mapping may be split, not {text!r}")
    if match[1] == "column" and match[3]:
        raise ConfigError(f"the column of DramConfig.mapping cannot be XORed with itself: {mapping!r}")
    return match[1], int(match[2]) if match[2] else None, bool(match[3])


def _widths(tokens: list[tuple[str, int | None, bool]], bits: Mapping[str, int], mapping: str) -> list[int]:
    """Width of each token: the bare ``column`` takes what the numbered ones leave."""
    taken = sum(number for _, number, _ in tokens if number is not None)
    whole = [field for field, number, _ in tokens if number is None]
    if sorted(whole) != sorted(FIELDS):
        raise ConfigError(f"DramConfig.mapping must name each of {', '.join(FIELDS)} once, not {mapping!r}")
    if taken > bits["column"]:
        raise ConfigError(f"DramConfig.mapping must take at most {bits['column']} column bits, not {taken}")
    free = {**bits, "column": bits["column"] - taken}
    return [free[field] if number is None else number for field, number, _ in tokens]


def _xors(fields: list[str], bits: Mapping[str, int], columns: list[Piece]) -> list[Piece]:
    """XOR successive column bits into `fields`, lowest first; a run never crosses the column's own pieces."""
    pieces, column_bit = [], 0
    for field in fields:
        for position in range(bits[field]):
            for part in columns:
                place = column_bit - part.position
                if 0 <= place < part.mask.bit_length():
                    pieces.append(Piece(field, part.shift + place, 1, position))
            column_bit += 1
    return _joined(pieces)


def _joined(bits: list[Piece]) -> list[Piece]:
    """Join single bits that are neighbors in the address and in their field."""
    pieces: list[Piece] = []
    for bit in bits:
        last = pieces[-1] if pieces else None
        width = last.mask.bit_length() if last else 0
        if last and (last.field, last.shift + width, last.position + width) == (bit.field, *bit[1::2]):
            pieces[-1] = last._replace(mask=2 * last.mask + 1)
        else:
            pieces.append(bit)
    return pieces
