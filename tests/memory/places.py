"""Where a byte address lies, read off a map's text with division and remainder: no shifts, no model."""

from __future__ import annotations

from dataclasses import dataclass

from tandemsim.sim.arch.dram.config import DramConfig

MAPS = {  # high to low, as Ramulator 2.1 has them
    "robaracoch": "row-bank-group-rank-column-channel",
    "mop4clxor": "row^-column-bank^-group^-rank^-channel^-column2",
}


@dataclass(frozen=True)
class Place:
    """A burst's place; rank is also the pseudo-channel."""

    channel: int
    rank: int
    group: int
    bank: int
    row: int
    column: int


def sizes(config: DramConfig) -> dict[str, int]:
    s = config.standard
    return {
        "channel": config.channels,
        "rank": config.ranks * s.pseudo_channels,
        "group": s.bank_groups,
        "bank": s.banks,
        "row": s.rows,
        "column": s.row_bytes // s.burst_bytes,
    }


def place(config: DramConfig, address: int) -> Place:
    """Take the fields off the address, lowest first; then XOR the column into the marked ones."""
    size, rest = sizes(config), address // config.standard.burst_bytes
    found, columns, marked = dict.fromkeys(size, 0), 1, []
    split = 1
    for token in reversed(MAPS.get(config.mapping, config.mapping).split("-")):
        name = token.rstrip("^0123456789")
        if token.endswith("^"):
            marked.append(name)
        if name == "column":
            digits = token.removeprefix("column")
            width = 2 ** int(digits) if digits else size["column"] // _numbered(config)
            found["column"] += columns * (rest % width)
            columns *= width
        else:
            width = size[name]
            found[name] = rest % width
        rest //= width
    column = found["column"]
    for name in marked:
        found[name] ^= column // split % size[name]
        split *= size[name]
    return Place(**found)


def _numbered(config: DramConfig) -> int:
    """Columns that the numbered pieces of the map take."""
    total = 1
    for token in MAPS.get(config.mapping, config.mapping).split("-"):
        digits = token.removeprefix("column")
        if token.startswith("column") and digits:
            total *= 2 ** int(digits)
    return total


def bank_of(config: DramConfig, where: Place) -> int:
    """The number of a bank in its channel."""
    s = config.standard
    return (where.rank * s.bank_groups + where.group) * s.banks + where.bank
