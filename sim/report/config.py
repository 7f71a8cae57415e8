"""A machine's configuration for a reader: what was changed first, what is not in use dimmed."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tandemsim.sim.report.contract import Report
from tandemsim.sim.report.format import plain


@dataclass(frozen=True, slots=True)
class Setting:
    """One field of the configuration, by its name as --set takes it."""

    name: str
    value: str
    changed: bool  # by the user
    used: bool

    @property
    def pieces(self) -> list[str]:
        """The name in the pieces between which a line may break."""
        return re.split(r"(?<=[._])", self.name)


def sections(report: Report) -> Iterator[tuple[str, list[Setting]]]:
    """Yield (title, fields): first those that the user has changed, then all, by part of the machine."""
    unused = tuple(f"{name}." for name in unused_parts(report.config))
    changed_parts = tuple(f"{name}." for name in report.settings)
    every = [
        Setting(name, plain(value), f"{name}.".startswith(changed_parts), not name.startswith(unused))
        for name, value in flat(report.config)
    ]
    if report.settings:
        yield "changed", [Setting(name, plain(value), True, True) for name, value in report.settings.items()]
    parts: dict[str, list[Setting]] = {}
    for setting in every:
        part = setting.name.partition(".")[0] if "." in setting.name else "machine"
        parts.setdefault(part, []).append(setting)
    yield from parts.items()


def flat(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield nested values by dotted names."""
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from flat(value, f"{prefix}{name}.")
        else:
            yield prefix + name, value


def unused_parts(config: Mapping[str, Any]) -> list[str]:
    """Return the dotted names of the parts of a machine that its configuration does not use.

    Parts with the same fields, side by side, are alternatives where some field of the configuration has the
    name of one of them as its value: ``array.normalisation = deferred`` leaves ``numerics.per_pass`` unused.
    """
    chosen = {value for _, value in flat(config) if isinstance(value, str)}
    return list(_unused(config, chosen, ""))


def _unused(config: Mapping[str, Any], chosen: set[str], prefix: str) -> Iterator[str]:
    parts = {name: value for name, value in config.items() if isinstance(value, Mapping)}
    for name, part in parts.items():
        alike = [other for other, fields in parts.items() if fields.keys() == part.keys()]
        if name not in chosen and chosen & set(alike):
            yield prefix + name
        else:
            yield from _unused(part, chosen, f"{prefix}{name}.")
