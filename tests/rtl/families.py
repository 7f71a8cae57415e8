"""Units ``PE`` of made-up families, and a design with two of them, which `rtl.lib.emit` must not mix up."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

from amaranth import Module
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from tandemsim.rtl.lib.emit import unit

WIDTH = 4


@dataclass(frozen=True)
class Circuit:
    """All that a unit depends on."""

    largest: int


@dataclass(frozen=True)
class Bound:
    """The config of a unit: the largest number that it shows, and one that no circuit reads."""

    largest: int = (1 << 2 * WIDTH) - 1
    clock_hz: int = 1

    @property
    def circuit(self) -> Circuit:
        """What the unit depends on."""
        return Circuit(self.largest)


class Inputs(NamedTuple):
    """What a unit and the design see in a cycle."""

    a: int
    b: int


def multiplied(a: Any, b: Any) -> Any:
    """For numbers and for circuits."""
    return a * b


def added(a: Any, b: Any) -> Any:
    """For numbers and for circuits."""
    return a + b


def pe(family: str, joined: Callable[[Any, Any], Any]) -> type[wiring.Component]:
    """Return a class ``PE`` of a family: it joins two numbers and shows a bounded result a cycle later."""

    class PE(wiring.Component):
        def __init__(self, config: Bound) -> None:
            self.config = config
            super().__init__({"a": In(WIDTH), "b": In(WIDTH), "result": Out(2 * WIDTH)})

        def elaborate(self, platform: object) -> Module:
            m, result = Module(), joined(self.a, self.b)
            m.d.sync += self.result.eq(self.config.largest)
            with m.If(result < self.config.largest):
                m.d.sync += self.result.eq(result)
            return m

    PE.__module__, PE.__qualname__ = f"tandemsim.rtl.{family}.pe", "PE"
    return PE


class Fused(wiring.Component):
    """Two units side by side, fed the same numbers."""

    def __init__(self, one: wiring.Component, two: wiring.Component) -> None:
        self.units = {"one": one, "two": two}
        super().__init__({"a": In(WIDTH), "b": In(WIDTH), "one": Out(2 * WIDTH), "two": Out(2 * WIDTH)})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        for name, made in self.units.items():
            m.submodules[name] = unit(platform, made)
            m.d.comb += [made.a.eq(self.a), made.b.eq(self.b), getattr(self, name).eq(made.result)]
        return m


INPUTS = [Inputs(a, b) for a, b in itertools.product(range(1 << WIDTH), repeat=2)]
SMALL, LARGE = Bound(9), Bound(100)
# What stands side by side, and what each of the two shows of a and b.
Shows = Callable[[int, int], int]
DESIGNS: dict[str, tuple[Callable[[], Fused], Shows, Shows]] = {
    "two families": (
        lambda: Fused(pe("salo", multiplied)(Bound()), pe("ant", added)(Bound())),
        lambda a, b: a * b,
        lambda a, b: a + b,
    ),
    "two configurations": (
        lambda: Fused((kind := pe("salo", multiplied))(SMALL), kind(LARGE)),
        lambda a, b: min(a * b, 9),
        lambda a, b: min(a * b, 100),
    ),
    "two families and two configurations": (
        lambda: Fused(pe("salo", added)(SMALL), pe("ant", multiplied)(LARGE)),
        lambda a, b: min(a + b, 9),
        lambda a, b: min(a * b, 100),
    ),
}


def assert_shown(name: str, shown: list[dict[str, int]]) -> None:
    """Hold what a design showed, a cycle after each pair of `INPUTS`, to mathematics."""
    _, one, two = DESIGNS[name]
    assert shown[1:] == [{"one": one(a, b), "two": two(a, b)} for a, b in INPUTS]
