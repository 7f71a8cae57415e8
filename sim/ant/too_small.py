"""The refusal of scratchpads that hold no tile of a layer, and one refusal for many layers.

A scratchpad must be as large as the most demanding layer asks: who obeys a refusal is not refused again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from tandemsim.sim.arch.ant.config import AntConfig
from tandemsim.sim.arch.checks import ConfigError


class Least(NamedTuple):
    """The bytes that a scratchpad must have at least, and what for."""

    size: int
    what: str


class TooSmallError(ConfigError):
    """Scratchpads are too small, by their config fields."""

    def __init__(self, config: AntConfig, needs: Mapping[str, Least]) -> None:
        self.needs = needs
        self.rules = {
            name: f"{name}.capacity_bytes must be at least {need.size} for {need.what}, not"
            f" {getattr(config, name).capacity_bytes}"
            for name, need in needs.items()
        }
        super().__init__(" and ".join(self.rules.values()))


def check_all(checks: Iterable[tuple[str, Callable[[], object]]]) -> None:
    """Make all checks, each with the name of its op; a `ConfigError` has the most for each scratchpad."""
    most: dict[str, tuple[int, str, str]] = {}
    for op, check in checks:
        try:
            check()
        except TooSmallError as error:
            for name, need in error.needs.items():
                if need.size > most.get(name, (0,))[0]:
                    most[name] = need.size, op, error.rules[name]
    by_op: dict[str, list[str]] = {}
    for _, op, rule in most.values():
        by_op.setdefault(op, []).append(rule)
    if by_op:
        raise ConfigError(*(f"op {op!r}: {' and '.join(rules)}" for op, rules in by_op.items()))
