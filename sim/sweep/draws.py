"""Random values of a study: the same for the same seed, on every machine and in every version of Python.

A draw is SHA-256 of seed, sample and key, read as a number from 0 to 1. So a value depends on nothing else:
another key, or more samples, leave all that were there as they are.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Context, Decimal
from functools import lru_cache
from typing import Any

from tandemsim.sim.arch.checks import MAX_INTEGER, ConfigError, nearest, require, shown

WORDS = ("low", "high", "step", "log")
EXACT = Context(prec=30)  # assumed: digits; a float has 17
DIGITS = 53  # bits of a float's fraction


def fraction(seed: int, sample: int, key: str) -> float:
    """Return the draw: 0 <= fraction < 1."""
    found = hashlib.sha256(f"{seed}/{sample}/{key}".encode()).digest()
    return (int.from_bytes(found[:8], "big") >> (64 - DIGITS)) / float(2**DIGITS)


def place(fraction: float, count: int) -> int:
    """Return which of `count` places a draw falls into; exact, so that it is never one too many."""
    return int(fraction * 2**DIGITS) * count >> DIGITS


@dataclass(frozen=True, slots=True)
class Choice:
    """One of some values, each as likely."""

    values: Sequence[object]

    @property
    def kinds(self) -> Sequence[object]:
        """Values of every type that a draw may have."""
        return self.values

    def at(self, fraction: float) -> object:
        return self.values[place(fraction, len(self.values))]


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """A number from `low` to `high`, both included: an integer where both are.

    With `step` only low, low + step and so on. With `log` each doubling is as likely as the next.
    """

    low: int | float
    high: int | float
    step: int | float | None = None
    log: bool = False

    @property
    def kinds(self) -> Sequence[object]:
        """Values of every type that a draw may have."""
        return [value for value in (self.low, self.high, self.step) if value is not None]

    def at(self, fraction: float) -> object:
        if self.step is not None:
            steps = math.floor((self.high - self.low) / self.step + 1e-9)
            return self.low + self.step * place(fraction, steps + 1)
        whole = isinstance(self.low, int) and isinstance(self.high, int)
        if self.log:  # of integers each one has the share between it and the next
            value = _power(self.low, self.high + whole, fraction)
            return min(math.floor(value), self.high) if whole else min(float(value), self.high)
        if whole:
            return self.low + place(fraction, int(self.high - self.low) + 1)
        return self.low + fraction * (self.high - self.low)


def _power(low: int | float, high: int | float, fraction: float) -> Decimal:
    """Return low * (high / low) ** fraction; in decimals: the last bit of a float's power may differ."""
    return EXACT.multiply(Decimal(low), EXACT.exp(EXACT.multiply(_logarithm(low, high), Decimal(fraction))))


@lru_cache(64)
def _logarithm(low: int | float, high: int | float) -> Decimal:
    return EXACT.ln(EXACT.divide(Decimal(high), Decimal(low)))


Draw = Choice | Interval


def draw_of(key: str, given: object) -> Draw:
    """Return what a study says of one random key: a list, or a table of `WORDS`. Raises `ConfigError`."""
    if isinstance(given, list):
        require(len(given) > 0, f"random.{key} must have values", given)
        return Choice(tuple(given))
    rule = f"random.{key} must be a list, or a table with low and high"
    require(isinstance(given, Mapping), rule, given)
    table: Mapping[str, Any] = given  # type: ignore[assignment]
    for word in table:
        if word not in WORDS:
            raise ConfigError(nearest(f"word of random.{key}", word, WORDS))
    require("low" in table and "high" in table, rule, given)
    for word in ("low", "high", "step"):
        if word in table:
            value = table[word]
            number = isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) <= 2**62
            require(number, f"random.{key}.{word} must be a number", value)
    require(
        isinstance(table.get("log", False), bool), f"random.{key}.log must be true or false", table.get("log")
    )
    made = Interval(**table)
    require(made.low <= made.high, f"random.{key}.low must be at most high ({shown(made.high)})", made.low)
    require(made.step is None or made.step > 0, f"random.{key}.step must be positive", made.step)
    if made.log and made.step is not None:
        raise ConfigError(f"random.{key} takes step or log, not both")
    require(not made.log or made.low > 0, f"random.{key}.low must be positive with log", made.low)
    if made.step is not None:
        many = (made.high - made.low) / made.step
        require(many <= MAX_INTEGER, f"random.{key} must have at most {MAX_INTEGER} steps", many)
    return made
