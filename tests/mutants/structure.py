"""Faults as a designer makes them: an operator, a constant, a mask bit, a register, its reset, a table."""

from __future__ import annotations

import random
import re
from collections.abc import Iterable, Iterator
from typing import Any

from tests.mutants.expressions import Expressions, inputs
from tests.mutants.families import family_of
from tests.mutants.faults import FLIPS, Fault, named
from tests.mutants.rtlil import Bit, Bits, Cell, Module

CLASSES = {
    "flip": "operator flipped",
    "constant": "constant changed by one",
    "stuck0": "mask bit dropped",
    "stuck1": "mask bit dropped",
    "added": "register stage added",
    "removed": "register stage removed",
    "reset": "reset changed or dropped",
    "unreset": "reset changed or dropped",
    "table": "table entry changed by one",
    "stale": "what is written not seen by the read",
}


def every(config: str, modules: dict[str, Module], seed: int) -> Iterator[Fault]:
    """Yield all structural faults of a config's netlist; what has many values has one, by the seed."""
    for module in modules.values():
        found, rng = Expressions(module, modules), random.Random(f"{seed}/{config}/{module.name}")
        for cell in module.cells.values():
            for given in _of_cell(module, cell, modules, found, rng, family_of(config).masks):
                place = {"config": config, "module": module.name, "cell": cell.name}
                yield named(Fault(source="structure", **place, **given), found)


def pick(faults: Iterable[Fault], count: int, seed: int) -> list[Fault]:
    """Return `count` faults: as many of each class, within it of each module, as far as there are any."""
    rng = random.Random(seed)
    classes: dict[str, dict[str, list[Fault]]] = {name: {} for name in CLASSES.values()}
    for fault in faults:
        classes[CLASSES[fault.kind]].setdefault(fault.unit, []).append(fault)
    lines = [_in_turn(list(of_module.values()), rng) for of_module in classes.values()]
    return _in_turn(lines)[:count]


def _in_turn(lines: list[list[Fault]], rng: random.Random | None = None) -> list[Fault]:
    """Return the elements of all lists, one of each after the other; shuffled first if there is an `rng`."""
    if rng:
        rng.shuffle(lines)
        for line in lines:
            rng.shuffle(line)
    longest = max(map(len, lines), default=0)
    return [line[place] for place in range(longest) for line in lines if place < len(line)]


def _of_cell(
    module: Module,
    cell: Cell,
    modules: dict[str, Module],
    found: Expressions,
    rng: random.Random,
    masks: re.Pattern[str],
) -> Iterator[dict[str, Any]]:
    if cell.type in modules:
        for port in inputs(cell, modules):
            if port not in ("clk", "rst") and not set(cell.ports[port]) <= {"0", "1"}:
                yield {"kind": "added", "port": port}
                if masks.search(port):
                    place, level = rng.randrange(cell.width(port)), str(rng.randint(0, 1))
                    if cell.ports[port][place] != level:  # as it is where nothing is connected
                        yield {"kind": f"stuck{level}", "port": port, "bit": place}
        return
    if cell.type in FLIPS:
        yield {"kind": "flip"}
    if cell.type == "$and" and cell.width("Y") == 1:
        yield {"kind": "stuck1", "port": rng.choice("AB")}
    if cell.type == "$sdff":
        yield {"kind": "added"}
        yield {"kind": "reset", "bit": rng.randrange(cell.width("Q"))}
        yield {"kind": "unreset"} if _feeds_itself(cell, found) else {"kind": "removed"}
    if cell.type.startswith("$memrd") and _is_table(cell, module):
        yield {"kind": "table", "argument": rng.randrange(1 << cell.width("ADDR"))}
    if "1" in cell.parameters.get("TRANSPARENCY_MASK", "").partition("'")[2]:
        yield {"kind": "stale"}
    if not cell.type.startswith("$mem"):
        yield from _constants(cell, modules, rng)


def _constants(cell: Cell, modules: dict[str, Module], rng: random.Random) -> Iterator[dict[str, Any]]:
    for port in inputs(cell, modules):
        bits = cell.ports[port]
        step = cell.width("Y") if cell.type == "$pmux" and port == "B" else len(bits)
        for start in range(0, len(bits), step or 1):  # some ports have no bit
            if set(bits[start : start + step]) <= {"0", "1"}:
                yield {"kind": "constant", "port": port, "bit": start, "argument": rng.choice([1, -1])}


def _is_table(cell: Cell, module: Module) -> bool:
    """Whether nobody writes the memory that the cell reads."""
    return not any(
        other.type.startswith("$memwr") and other.parameters["MEMID"] == cell.parameters["MEMID"]
        for other in module.cells.values()
    )


def is_possible(fault: Fault, modules: dict[str, Module]) -> bool:
    """Whether a fault leaves a circuit: a register that feeds itself cannot be removed."""
    module = modules[fault.module]
    removed = fault.kind == "removed"
    return not (removed and _feeds_itself(module.cells[fault.cell], Expressions(module, modules)))


def _feeds_itself(cell: Cell, found: Expressions) -> bool:
    """Whether a register's next value depends on its value of the same cycle: without it there is a loop."""
    seen: set[Bit] = set()
    waiting: Bits = list(cell.ports["D"])
    while waiting:
        bit = waiting.pop()
        while isinstance(bit, Bit) and bit not in found.driver and bit in found.alias:
            bit = found.alias[bit]
        if isinstance(bit, str) or bit in seen or bit not in found.driver:
            continue
        seen.add(bit)
        source, _ = found.driver[bit]
        if source is cell:
            return True
        if source.type != "$sdff":
            waiting += [bit for port in inputs(source, found.modules) for bit in source.ports[port]]
    return False
