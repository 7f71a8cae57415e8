"""Gate counts that every family has: its modules and units, the reference of their energy, an FPGA's clock.

What a family adds, its whole machine as the sum of its modules say, is a module beside this one that has the
names of `FamilyCount`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol, cast

from amaranth import Module
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from tandemsim.rtl.lib.emit import verilog
from tandemsim.rtl.lib.names import module_of, unit_name
from tandemsim.rtl.synthesis import yosys
from tandemsim.rtl.synthesis.few_pins import FewPins
from tandemsim.rtl.synthesis.yosys import Counted

Tell = Callable[[str], None]
Kinds = Iterable[type[wiring.Component]]


class FamilyCount(Protocol):
    """What `python -m rtl.synth` takes from a family's module."""

    PLACEABLE: Sequence[str]  # what can be placed on an FPGA

    def measure(self, config: Any, placed: Sequence[str], folder: Path, tell: Tell) -> dict[str, Any]:
        """Return all counts of a configuration as JSON values; `folder` is where the tools work."""

    def show(self, config: Any, report: Mapping[str, Any]) -> None:
        """Print the tables of what was measured, and whether the checked-in counts still hold."""


def counts_of(families: Iterable[str]) -> dict[str, FamilyCount]:
    """Return the counts of each family that has any: the module beside this one of its name."""
    names = {family: f"{__package__}.{family}" for family in families}
    return {
        family: cast(FamilyCount, import_module(name)) for family, name in names.items() if find_spec(name)
    }


def by_name(kinds: Kinds) -> dict[str, type[wiring.Component]]:
    """Return classes of units by name."""
    return {unit_name(kind): kind for kind in kinds}


def count_modules(whole: wiring.Component, kept: Iterable[str], folder: Path) -> dict[str, Counted]:
    """Return the modules of a machine, each counted once, without the modules that it holds.

    Modules are called as units are, and as their place in the machine where they are not a unit. `kept` are
    those, beside the machine itself, that are not dissolved in the modules that hold them.
    """
    top, unit = module_of(whole), unit_name(type(whole))
    family, _, digits = top.partition(unit)  # salo_ and _1f0c88a2
    long = [f"{top}{name.removeprefix(unit)}" if "." in name else f"{family}{name}{digits}" for name in kept]
    found = yosys.count(verilog(whole), top, folder, long)

    def short(name: str) -> str:
        return name.removeprefix(f"{top}.").removeprefix(family).removesuffix(digits)

    return {
        short(name): counted._replace(holds={short(held): count for held, count in counted.holds.items()})
        for name, counted in found.items()
    }


def count_units(
    kinds: Kinds, config: Any, modules: Mapping[str, Counted], folder: Path, tell: Tell
) -> dict[str, Counted]:
    """Return the units: those that are modules of the machine as they are there, the others by themselves."""
    found = {}
    for name, kind in by_name(kinds).items():
        if name in modules:
            found[name] = modules[name]
        else:
            tell(f"counting {name}")
            found[name] = count_alone(kind(config), folder)
    return found


def count_alone(unit: wiring.Component, folder: Path, memories: bool = True) -> Counted:
    """Return a unit in which all that it holds is dissolved; `memories` as in `yosys.count`."""
    top = module_of(unit)
    return yosys.count(verilog(unit), top, folder, memories=memories)[top]


def as_json(units: Mapping[str, Counted]) -> dict[str, Any]:
    """Return the counts of units as JSON values."""
    return {
        name: {
            "cells": counted.cells,
            "nand2": round(counted.nand2),
            "flip_flops": counted.flip_flops,
            "memory_bits": counted.memory_bits,
        }
        for name, counted in units.items()
    }


class Multiplier(wiring.Component):
    """The reference: an 8-bit integer multiplier, whose energy is published."""

    def __init__(self) -> None:
        super().__init__({"a": In(8), "b": In(8), "product": Out(16)})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.d.comb += self.product.eq(self.a * self.b)
        return m


def multiplier_nand2(folder: Path, tell: Tell) -> float:
    """Return what the reference costs in the same cells."""
    tell("counting a multiplier of 8 bits")
    return count_alone(Multiplier(), folder).nand2


def place(circuits: Mapping[str, wiring.Component], folder: Path, tell: Tell) -> dict[str, Any]:
    """Return area and clock on an ECP5 of circuits by name."""
    found = {}
    for name, circuit in circuits.items():
        tell(f"placing the {name} on an ECP5: some minutes")
        wrapped = FewPins(circuit)
        found[name] = yosys.place(verilog(wrapped), module_of(wrapped), folder)
    return found
