"""What there is to run on: `machines` and `presets`, by name, each with a line that says what it is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Generic, TypeVar

from tandemsim.sim.arch.checks import nearest, shown
from tandemsim.sim.arch.families import FAMILIES
from tandemsim.sim.arch.family import Family

Entry = TypeVar("Entry")


class Listing(Mapping[str, Entry], Generic[Entry]):
    """Entries by name, read only. It prints as a table; an unknown name is a `KeyError` with the nearest."""

    def __init__(self, what: str, entries: Mapping[str, Entry], lines: Mapping[str, str]) -> None:
        self._what, self._entries, self._lines = what, entries, lines

    def __getitem__(self, name: str) -> Entry:
        if not isinstance(name, str):
            raise KeyError(f"the name of a {self._what} must be a string, not {shown(name)}")
        if name not in self._entries:
            raise KeyError(nearest(self._what, name, self._entries))
        return self._entries[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    def __repr__(self) -> str:
        width = max(map(len, self._lines), default=0)
        return "\n".join(f"{name:{width}}  {line}" for name, line in self._lines.items())


_PRESETS = {name: preset for family in FAMILIES.values() for name, preset in family.presets.items()}

#: What a machine is called -> its family: presets, and what can be set.
machines: Listing[Family] = Listing("machine", FAMILIES, {name: f.line for name, f in FAMILIES.items()})

#: What a preset is called, of whichever machine -> its config, a frozen dataclass.
presets: Listing[Any] = Listing(
    "preset",
    {name: preset.config for name, preset in _PRESETS.items()},
    {name: preset.line for name, preset in _PRESETS.items()},
)
