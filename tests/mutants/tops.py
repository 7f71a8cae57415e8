"""Below which module of the netlist a stage runs a fault, and as which circuit of the tree.

A unit inside another, the exponential of a PE, or the controller of a matrix engine, is the same class that
tests/rtl runs alone. Yosys named its ports after the signals that they are; here they get the unit's names.
"""

from __future__ import annotations

import re
from dataclasses import replace

from amaranth import Shape
from amaranth.lib import wiring

from tandemsim.rtl.lib.names import module_of
from tests.mutants.families import Family, family_of, module
from tests.mutants.netlist import verilog
from tests.mutants.rtlil import Bit, Module


def unit_of(family: Family, name: str) -> str:
    """Return the unit of tests/rtl that a module is; nothing for the others."""
    last = re.sub(r"_\d+$", "", name.lstrip("\\").rpartition(".")[2])
    last = family.inner.get(last, last)
    return last if last in family.units else ""


def around(family: Family, name: str) -> str:
    """Return the unit's module that a unit's module lies in; nothing for the others."""
    outer = name.rpartition(".")[0]
    return outer if unit_of(family, outer) else ""


def holds(family: Family, name: str) -> bool:
    """Whether the whole circuit has a module."""
    return name not in map(module, family.apart)


def component(config: str, top: str) -> wiring.Component:
    """Return the circuit that a module is."""
    family = family_of(config)
    kind = family.circuit if top == family.top else family.units[unit_of(family, top)].circuit
    made: wiring.Component = kind(family.configs[config])
    made._MustUse__silence = True  # it is asked for its ports only, and Amaranth would warn of that
    return made


def top_verilog(config: str, modules: dict[str, Module], top: str) -> str:
    """Return the Verilog of a module as that of the circuit that it is."""
    made = component(config, top)
    module = modules[top] if top == family_of(config).top else _with_ports(modules[top], made)
    return verilog(modules | {top: replace(module, name="\\" + module_of(made))}, top)


def _with_ports(module: Module, made: wiring.Component) -> Module:
    """Return a module whose ports are those of a unit."""
    wires, options = dict(module.wires), dict(module.options)
    changed = replace(module, wires=wires, options=options, connections=[])
    entering = set()
    for number, (name, member) in enumerate(made.signature.members.items(), 1000):
        wire = "\\" + name
        if wire not in module.wires:  # what is the same everywhere, or what nobody reads
            changed.wires[wire] = Shape.cast(member.shape).width
            if member.flow is wiring.Out:
                changed.connections.append((changed.bits(wire), ["0"] * changed.wires[wire]))
        if "put" not in changed.options.get(wire, ""):
            changed.options[wire] = f"{'input' if member.flow is wiring.In else 'output'} {number}"
            entering |= {wire} if member.flow is wiring.In else set()
    for left, right in module.connections:
        for one, other in zip(left, right, strict=True):
            if isinstance(one, str) or one.wire not in entering:
                changed.connections.append(([one], [other]))
            elif isinstance(other, Bit):  # what it was a part of becomes what it is connected to
                changed.connections.append(([other], [one]))
                changed.options[other.wire] = ""
    return changed
