"""Names of modules in Verilog: a unit's own, and more of it where two units of a design have the same.

A unit is a class and its configuration. It is called after the class, ``PE`` is ``pe``, as long as the design
has one such unit: so the Verilog of one machine reads as its sources do. Two units of one name also have that
of the family that the class is of, ``salo_pe`` and ``ant_pe``; two of one class a part of the digest of their
configurations, ``salo_pe_1f0c88a2`` and ``salo_pe_93d6b7e0``. A name follows from what the design has, not
from the order in which it was put together.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import NamedTuple

DIGITS = 8  # of a configuration's digest


class Key(NamedTuple):
    """What a unit is."""

    kind: type
    digest: str  # of its configuration

    @property
    def name(self) -> str:
        """The name of its class as that of a module."""
        return module_name(self.kind.__name__)

    @property
    def family(self) -> str:
        """The package of its class: ``salo`` of ``rtl.salo.pe``."""
        return self.kind.__module__.split(".")[-2:][0]


def module_name(class_name: str) -> str:
    """Return the name of a class as that of a module or file: ``WeightedSum`` is ``weighted_sum``."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", class_name).lower()


# From the shortest name on.
STYLES: tuple[Callable[[Key], str], ...] = (
    lambda unit: unit.name,
    lambda unit: f"{unit.family}_{unit.name}",
    lambda unit: f"{unit.family}_{unit.name}_{unit.digest[:DIGITS]}",
)


def names_of(units: Iterable[Key], top: str) -> dict[Key, str]:
    """Return the module of each unit of a design whose own module is `top`.

    Units that would have one name, or that of `top`, all have the shortest of the longer names that differ.
    Raises `ValueError` where none does: two classes of one family, one name and one configuration.
    """
    alike: dict[str, list[Key]] = defaultdict(list)
    for unit in units:
        alike[unit.name].append(unit)
    names: dict[Key, str] = {}
    for _, group in sorted(alike.items()):
        for style in STYLES:
            found = [style(unit) for unit in group]
            if len({*found}) == len(found) and {top, *names.values()}.isdisjoint(found):
                break
        else:
            clash = " and ".join(sorted(f"{unit.kind.__module__}.{unit.kind.__qualname__}" for unit in group))
            raise ValueError(f"modules of one name, {found[0]}, that nothing tells apart: {clash}")
        names |= dict(zip(group, found, strict=True))
    return names
