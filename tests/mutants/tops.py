"""Below which module of the netlist a stage runs a fault, and as which circuit of the tree.

A unit inside another, the exponential of a PE or the reciprocal of a weighted sum, is the same class that
tests/rtl runs alone. Yosys named its ports after the signals that they are; here they get the unit's names.
"""

from __future__ import annotations

import copy
from dataclasses import replace

from amaranth.lib import wiring

from tandemsim.rtl.lib.names import module_of
from tandemsim.rtl.salo.tile_engine import TileEngine
from tests.cosim.salo.configs import CONFIGS
from tests.mutants.netlist import TOP, verilog
from tests.mutants.rtlil import Module
from tests.rtl.salo.units import UNITS

INNER = {"reciprocal": "reciprocal_unit", "exp": "exp_unit"}
CONSTANTS = {"\\pe.exp": {"exp_stage": 1}}  # inputs that the unit alone does not have


def unit_of(module: str) -> str:
    """Return the unit of tests/rtl that a module is; nothing for the others."""
    name = module.lstrip("\\").rpartition(".")[2]
    name = INNER.get(name, name)
    return name if name in UNITS else ""


def around(module: str) -> str:
    """Return the unit's module that a unit's module lies in; nothing for the others."""
    outer = module.rpartition(".")[0]
    return outer if unit_of(outer) else ""


def component(config: str, top: str) -> wiring.Component:
    """Return the circuit that a module is."""
    made = TileEngine(CONFIGS[config]) if top == TOP else UNITS[unit_of(top)].circuit(CONFIGS[config])
    made._MustUse__silence = True  # it is asked for its ports only, and Amaranth would warn of that
    return made


def top_verilog(config: str, modules: dict[str, Module], top: str) -> str:
    """Return the Verilog of a module as that of the circuit that it is."""
    made = component(config, top)
    module = copy.copy(modules[top])
    module.options = dict(module.options)
    for number, (name, member) in enumerate(made.signature.members.items(), 1000):
        wire = "\\" + name
        if top != TOP and wire in module.wires and "put" not in module.options[wire]:
            module.options[wire] = f"{'input' if member.flow is wiring.In else 'output'} {number}"
    return verilog(modules | {top: replace(module, name="\\" + module_of(made))}, top)
