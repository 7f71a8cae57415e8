"""A configuration with one of its fields changed, for each of them: what does the circuit make of it?"""

from __future__ import annotations

import enum
import typing
from collections.abc import Iterator
from typing import Any

from tandemsim.rtl.lib.emit import rtlil_of
from tandemsim.rtl.lib.names import DIGITS, circuit_digest
from tandemsim.sim.arch.checks import ConfigError
from tandemsim.sim.arch.settings import fields_of, with_settings


def single_changes(config: Any) -> Iterator[tuple[str, Any]]:
    """Yield each field that can be changed by itself, and a configuration in which it is."""
    for name, value, kind in fields_of(config):
        for other in _others(value, kind):
            try:
                changed = with_settings(config, {name: other})
                changed.check_circuit()
            except ConfigError:
                continue
            if changed != config:
                yield name, changed
                break


def _others(value: object, kind: Any) -> list[object]:
    """Return values in place of `value`, those first that a rule will hardly forbid."""
    if isinstance(value, enum.Enum):
        return [other for other in type(value) if other is not value]
    if isinstance(value, bool):
        return [not value]
    if isinstance(value, int):
        return [value + 1, 2 * value, value - 1, value // 2]
    if isinstance(value, float):
        return [2 * value, value / 2, 0.5]
    if isinstance(value, tuple) and value:
        return [(*value[:-1], other) for other in _others(value[-1], typing.get_args(kind)[0])] + [value[:-1]]
    return [f"{value}x", ""] if isinstance(value, str) else []


def anonymous(kind: type, config: Any) -> str:
    """Return the RTLIL of a unit in which names do not tell the configuration."""
    return rtlil_of(kind(config)).replace(circuit_digest(config)[:DIGITS], "")
