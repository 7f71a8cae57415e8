"""A run of a unit with streams, as its model tells it: what moves over each stream, and in which cycle.

What a family adds, random tiles and its model, is a module beside this one that has the names of `Bench`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from importlib import import_module
from importlib.util import find_spec
from typing import Any, NamedTuple, Protocol, cast

from tandemsim.rtl.testbench.words import pack
from tandemsim.sim.arch.wires import Fields, width

Tables = Mapping[str, Callable[[Any], Fields]]  # the fields of each stream's words, of a config


class Moved(NamedTuple):
    """A stream as the model has it; cycles count from the end of reset."""

    words: Sequence[tuple[int, NamedTuple]]  # (cycle, word)
    gaps: Sequence[int]  # idle cycles of its other end before each word; beyond the last, none
    enters: bool


class Stream(NamedTuple):
    """The same as numbers."""

    name: str
    enters: bool
    width: int  # bits of a word
    words: list[int]
    cycles: list[int]
    gaps: list[int]  # as many as words


class Bench(Protocol):
    """What a family's module has."""

    UNIT: str  # the unit that has streams
    TABLES: Tables

    def run(self, config: Any, tiles: int, seed: int) -> dict[str, Moved]:
        """Return what the unit does with random tiles, while the other ends of all streams pause at random.

        Raises `ConfigError` for a config of which no circuit can be made.
        """


def benches_of(families: Iterable[str]) -> dict[str, Bench]:
    """Return the benches of the families that have one, by the names of their units: ``family/unit``."""
    names = {family: f"{__package__}.{family}" for family in families}
    made = {family: cast(Bench, import_module(name)) for family, name in names.items() if find_spec(name)}
    return {f"{family}/{bench.UNIT}": bench for family, bench in made.items()}


def streams(config: Any, tables: Tables, moved: Mapping[str, Moved]) -> list[Stream]:
    """Return what moves over each stream, packed."""
    made = []
    for name, (words, gaps, enters) in moved.items():
        fields = tables[name](config)
        idle = [int(gap) for gap in gaps[: len(words)]]
        made.append(
            Stream(
                name,
                enters,
                width(fields),
                [pack(fields, word) for _, word in words],
                [int(cycle) for cycle, _ in words],
                idle + [0] * (len(words) - len(idle)),
            )
        )
    return made
