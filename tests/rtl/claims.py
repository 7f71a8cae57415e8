"""What each function of `rtl.lib.fixed` claims, as assertions on its result; and at which widths it is used.

The claims are the mathematics of the functions' docstrings, in integers wide enough for everything: bounds on
the result, or a case for each amount of a shift. None of the functions occurs in them.
"""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, NamedTuple
from unittest import mock

from amaranth import Module, Shape, Signal, Value
from amaranth.back import rtlil
from amaranth.hdl import Assert
from amaranth.lib import wiring
from amaranth.lib.wiring import In

from tandemsim.rtl.lib import fixed
from tandemsim.rtl.salo import exp, pe, sink, weighted_sum
from tandemsim.sim.arch.salo.family import SALO_FAMILY
from tandemsim.sim.arch.salo.numerics import NUMERICS

# The PE's exponential included.
UNITS = (pe.PE, sink.SinkUnit, weighted_sum.WeightedSum, weighted_sum.GlobalWeightedSum)


class Use(NamedTuple):
    """A function and what it is given: the shape of a signal, or a number that is fixed in the circuit."""

    function: str
    given: tuple[Shape | int, ...]

    def __str__(self) -> str:
        shown = [
            str(part) if isinstance(part, int) else repr(part).replace("(", "").replace(")", "")
            for part in self.given
        ]
        return "_".join([self.function, *shown]).replace("-", "minus")


def _saturated(found: Value, value: Value, minimum: int, maximum: int) -> Iterator[Value]:
    yield (found >= minimum) & (found <= maximum)
    yield (found == value) | (value < minimum) | (value > maximum)
    yield (found == minimum) | (value >= minimum)
    yield (found == maximum) | (value <= maximum)


def _half_up(found: Value, value: Value, drop: int) -> Value:
    """Whether `found` is floor(value / 2**drop + 1/2): 2 found <= 2 value / 2**drop + 1 < 2 found + 2."""
    if drop <= 0:
        return found == value << -drop
    doubled = (value << 1) + (1 << drop)
    return ((found << (drop + 1)) <= doubled) & (doubled < ((found + 1) << (drop + 1)))


def _dropped_half_up(found: Value, value: Value, drop: int) -> Iterator[Value]:
    yield _half_up(found, value, drop)


def _dropped_half_even(found: Value, value: Value, drop: int) -> Iterator[Value]:
    if drop <= 0:
        yield found == value << -drop
        return
    off = ((found << drop) - value) << 1  # from the value, in halves of a unit of the result
    yield (off <= 1 << drop) & (off >= -(1 << drop))
    yield ~found[0] | ((off != 1 << drop) & (off != -(1 << drop)))


def _moved(found: Value, value: Value, drop: int, down: Value) -> Iterator[Value]:
    """One case for each amount; far beyond the value's width all amounts give the same."""
    far = len(value) + 2
    for amount in range(1 << len(down)):
        if drop + amount < far:
            yield (down != amount) | _half_up(found, value, drop + amount)
    yield (down < far - drop) | (found == 0)


def _larger(found: Value, left: Value, right: Value) -> Iterator[Value]:
    yield (found == left) | (found == right)
    yield (found >= left) & (found >= right)


CLAIMS: dict[str, Callable[..., Iterator[Value]]] = {
    "saturate": _saturated,
    "shift_half_up": lambda found, value, shift: _moved(found, value, 0, shift),
    "drop_half_up": _dropped_half_up,
    "drop_half_even": _dropped_half_even,
    "moved": _moved,
    "larger": _larger,
}


class Claim(wiring.Component):
    """A use of a function on any inputs at all, and its claims."""

    def __init__(self, use: Use, function: Callable[..., Value] | None = None) -> None:
        self.use, self.function = use, function or getattr(fixed, use.function)
        super().__init__(
            {f"given_{i}": In(part) for i, part in enumerate(use.given) if isinstance(part, Shape)}
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        given = [getattr(self, f"given_{i}", part) for i, part in enumerate(self.use.given)]
        result = Value.cast(self.function(*given))
        found = Signal(result.shape())
        m.d.comb += found.eq(result)
        m.d.comb += [Assert(claim) for claim in CLAIMS[self.use.function](found, *given)]
        return m


def uses() -> list[Use]:
    """Return every use of every function by the units of the presets, in both number formats."""
    found: set[Use] = set()

    def noting(name: str, function: Callable[..., Value]) -> Callable[..., Value]:
        def noted(*given: Any) -> Value:
            shapes = [part if isinstance(part, int) else Value.cast(part).shape() for part in given]
            found.add(Use(name, tuple(shapes)))
            return function(*given)

        return noted

    modules = (exp, pe, sink, weighted_sum)
    places = [(module, name) for module, name in itertools.product(modules, CLAIMS) if hasattr(module, name)]
    noted = {name: noting(name, getattr(fixed, name)) for name in CLAIMS}
    with contextlib.ExitStack() as stack:
        for module, name in places:
            stack.enter_context(mock.patch.object(module, name, noted[name]))
        for config, numerics, unit in itertools.product(
            SALO_FAMILY.configs.values(), NUMERICS.values(), UNITS
        ):
            rtlil.convert(unit(replace(config, numerics=numerics)))
    return sorted(found, key=str)
