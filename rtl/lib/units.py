"""The circuits of a family: what `python -m rtl.build` writes, and what it says of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from amaranth.lib import wiring

from tandemsim.rtl.lib.names import unit_name


@dataclass(frozen=True, slots=True, kw_only=True)
class Units:
    """The units of one family: each takes its config, and is a file and a module that bear its name."""

    kinds: tuple[type[wiring.Component], ...]
    said: Mapping[str, Any]  # what the JSON of every unit has beside its configuration and its ports
    seconds: Callable[[str, Any], float]  # how long a unit, by name, takes for a config, roughly
    # Why a config does not have a unit, by name; "": it does.
    missing: Callable[[str, Any], str] = lambda unit, config: ""

    @property
    def by_name(self) -> dict[str, type[wiring.Component]]:
        """The units by name."""
        return {unit_name(kind): kind for kind in self.kinds}


def units_of(families: Iterable[str]) -> dict[str, Units]:
    """Return the units of each family that has circuits: ``UNITS`` of its module ``rtl.<family>.units``."""
    found = {}
    for family in families:
        package = f"tandemsim.rtl.{family}"
        if find_spec(package):
            found[family] = import_module(f"{package}.units").UNITS
    return found
