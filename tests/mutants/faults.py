"""The faults: what is changed, where, and how it is called."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Any

from tests.mutants.expressions import Expressions
from tests.mutants.families import short
from tests.mutants.rtlil import Module

# Operator -> what stands in its place. Both take the same parameters.
FLIPS = {
    "$add": "$sub",
    "$sub": "$add",
    "$mul": "$add",
    "$and": "$or",
    "$or": "$and",
    "$lt": "$le",
    "$le": "$lt",
    "$gt": "$ge",
    "$ge": "$gt",
    "$eq": "$ne",
    "$ne": "$eq",
    "$shl": "$shr",
    "$shr": "$shl",
    "$sshr": "$shr",
    "$not": "$pos",
    "$logic_not": "$reduce_bool",
    "$reduce_bool": "$logic_not",
    "$reduce_or": "$reduce_and",
    "$mux": "$mux",  # with its two inputs exchanged
}


@dataclass(frozen=True, kw_only=True)
class Fault:
    """One fault. `module`, `cell` and `port` are RTLIL's names."""

    config: str
    source: str  # yosys, structure
    kind: str
    module: str
    cell: str
    port: str = ""
    bit: int = 0
    argument: int = 0  # of cnot: the other bit; of a constant: 1 or -1; of a table: the entry
    name: str = ""  # unique, and free of what a shell would expand
    text: str = ""  # what the cell computes

    @property
    def unit(self) -> str:
        """The module as people call it."""
        return short(self.module)


def named(fault: Fault, found: Expressions) -> Fault:
    """Return the fault with its name and text."""
    cell = found.module.cells[fault.cell]
    name = f"{fault.config}/{fault.unit}/{found.names[cell.name]}.{change(fault)}"
    return replace(fault, name=name, text=found.expression(cell, depth=2))


def change(fault: Fault) -> str:
    """Return the last part of a fault's name."""
    if fault.source == "yosys":
        other = f"-{fault.argument}" if fault.kind.startswith("cnot") else ""
        return f"{fault.port}{fault.bit}.{fault.kind}{other}"
    if fault.kind == "constant":
        return f"{fault.port}{fault.bit}.{'plus' if fault.argument > 0 else 'minus'}1"
    if fault.kind == "table":
        return f"entry{fault.argument}"
    if fault.kind in ("stuck0", "stuck1"):
        return f"{fault.port}{fault.bit}.{fault.kind}"
    if fault.kind == "reset":
        return f"reset{fault.bit}"
    return f"{fault.port}.{fault.kind}" if fault.port else fault.kind


def parse(name: str, modules: dict[str, Module]) -> Fault:
    """Return the fault of a name; raise `ValueError` where there is none."""
    if name.count("/") < 2:
        raise ValueError(f"a fault is called CONFIG/MODULE/FAULT, as in the report, not {name}")
    config, unit, rest = name.split("/", 2)
    known = {short(module): module for module in modules}
    if unit not in known:
        raise ValueError(f"{config} has no module {unit}, but {', '.join(known)}")
    found = Expressions(modules[known[unit]], modules)
    cell_name, _, changed = rest.partition(".")
    cells = {short: cell for cell, short in found.names.items()}
    given = _change(changed)
    if cell_name not in cells or given is None:
        raise ValueError(f"there is no fault {name}")
    return named(Fault(config=config, module=known[unit], cell=cells[cell_name], **given), found)


def _change(text: str) -> dict[str, Any] | None:
    """Return the fields of a fault for the last part of its name."""
    for pattern in CHANGES:
        match = re.fullmatch(pattern, text)
        if match:
            found: dict[str, Any] = {key: value for key, value in match.groupdict().items() if value}
            found |= {key: int(found[key]) for key in ("bit", "argument") if key in found}
            if "sign" in found:
                found |= {"kind": "constant", "argument": 1 if found.pop("sign") == "plus" else -1}
            found.setdefault("kind", "table")
            found["source"] = "yosys" if found["kind"] in MODES else "structure"
            return found
    return None


MODES = ("inv", "const0", "const1", "cnot0", "cnot1")  # Yosys' own
CHANGES = (
    r"(?P<port>\w+?)(?P<bit>\d+)\.(?P<kind>inv|const0|const1)",
    r"(?P<port>\w+?)(?P<bit>\d+)\.(?P<kind>cnot0|cnot1)-(?P<argument>\d+)",
    r"(?P<port>\w+?)(?P<bit>\d+)\.(?P<sign>plus|minus)1",
    r"(?P<port>\w+?)(?P<bit>\d+)\.(?P<kind>stuck0|stuck1)",
    r"entry(?P<argument>\d+)",
    r"(?P<kind>reset)(?P<bit>\d+)",
    r"((?P<port>\w+)\.)?(?P<kind>flip|added|removed|unreset|stale)",
)
