"""Reads and writes the part of Yosys' RTLIL that is left after `proc`: wires, cells, connections.

Obeys: "Textual RTLIL" of the Yosys manual. Signals are lists of bits, the lowest first; a bit is a constant
``0``, ``1``, ``x`` or ``z``, or the name of a wire with an index.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple


class Bit(NamedTuple):
    """A bit of a wire."""

    wire: str
    index: int


Bits = list["Bit | str"]
TOKEN = re.compile(r"[{}]|\[\d+(?::\d+)?\]|\d+'[01xz]*|[\\$]\S+|-?\d+")
INTEGER = 32  # bits of a constant that is written as a plain number


@dataclass
class Cell:
    """A cell: `type` begins with ``$`` for operators and with a backslash for instances of modules."""

    type: str
    name: str
    parameters: dict[str, str] = field(default_factory=dict)  # without the backslash, as written
    ports: dict[str, Bits] = field(default_factory=dict)

    def width(self, port: str) -> int:
        """Return the bits of a port."""
        return len(self.ports[port])


@dataclass
class Module:
    """A module; `wires` are widths, `options` what else stands in a wire's line."""

    name: str
    wires: dict[str, int] = field(default_factory=dict)
    options: dict[str, str] = field(default_factory=dict)
    init: dict[str, str] = field(default_factory=dict)
    memories: list[str] = field(default_factory=list)
    cells: dict[str, Cell] = field(default_factory=dict)
    connections: list[tuple[Bits, Bits]] = field(default_factory=list)

    def bits(self, wire: str) -> Bits:
        """Return all bits of a wire."""
        return [Bit(wire, index) for index in range(self.wires[wire])]

    def read(self, text: str) -> Bits:
        """Return the bits of a signal as RTLIL writes it."""
        found: list[Bits] = []
        for token in TOKEN.findall(text):
            if token in "{}":
                continue
            if token[0] == "[":
                high, _, low = token[1:-1].partition(":")
                found[-1] = found[-1][int(low or high) : int(high) + 1]
            elif token[0] in "\\$":
                found.append(self.bits(token))
            else:
                width, _, digits = constant(token).partition("'")
                fill = digits[:1] if digits[:1] in ("x", "z") else "0"
                found.append(list(reversed(digits.rjust(int(width), fill))))
        return [bit for chunk in reversed(found) for bit in chunk]


def constant(word: str) -> str:
    """Return a constant with its width and its bits."""
    return f"{INTEGER}'{int(word) % (1 << INTEGER):0{INTEGER}b}" if re.fullmatch(r"-?\d+", word) else word


def read(text: str) -> dict[str, Module]:
    """Return the modules of an RTLIL text by their names, in its order."""
    modules: dict[str, Module] = {}
    lines = iter(text.splitlines())
    for line in lines:
        if line.startswith("module "):
            module = Module(line.split()[1])
            modules[module.name] = module
            _read_module(module, lines)
    return modules


def _read_module(module: Module, lines: Iterator[str]) -> None:
    attributes: dict[str, str] = {}
    for line in lines:
        kind, _, rest = line.strip().partition(" ")
        if kind == "attribute":
            name, _, value = rest.partition(" ")
            attributes[name] = value
            continue
        if kind == "wire":
            *options, name = rest.split()
            width = int(options[options.index("width") + 1]) if "width" in options else 1
            module.wires[name] = width
            module.options[name] = re.sub(r"width \d+ ?", "", " ".join(options))
            if "\\init" in attributes:
                module.init[name] = constant(attributes["\\init"])
        elif kind == "memory":
            module.memories.append(rest)
        elif kind == "cell":
            cell = Cell(*rest.split())
            module.cells[cell.name] = cell
            _read_cell(module, cell, lines)
        elif kind == "connect":
            left, right = _two_signals(rest)
            module.connections.append((module.read(left), module.read(right)))
        elif kind == "end":
            return
        elif kind:
            raise ValueError(f"RTLIL after proc has no {kind!r}: {line}")
        attributes = {}


def _read_cell(module: Module, cell: Cell, lines: Iterator[str]) -> None:
    for line in lines:
        kind, _, rest = line.strip().partition(" ")
        if kind == "end":
            return
        name, _, value = rest.removeprefix("signed ").partition(" ")
        if kind == "parameter":
            own = name.removeprefix("\\")
            cell.parameters[own] = constant(value) if own == "SRST_VALUE" else value
        else:
            cell.ports[name.removeprefix("\\")] = module.read(value)


def _two_signals(text: str) -> tuple[str, str]:
    """Split the two signals of a connection."""
    match = re.match(r"(\{[^}]*\}|\S+(?: \[\d+(?::\d+)?\])?) (.*)", text)
    assert match, text
    return match[1], match[2]


def write(modules: dict[str, Module]) -> str:
    """Return the RTLIL of modules."""
    return "\n".join(line for module in modules.values() for line in _lines(module)) + "\n"


def _lines(module: Module) -> Iterator[str]:
    yield f"module {module.name}"
    yield from (f"  memory {memory}" for memory in module.memories)
    for name, width in module.wires.items():
        if name in module.init:
            yield f"  attribute \\init {module.init[name]}"
        yield f"  wire width {width} {module.options.get(name, '')} {name}"
    for cell in module.cells.values():
        yield f"  cell {cell.type} {cell.name}"
        yield from (f"    parameter \\{name} {value}" for name, value in cell.parameters.items())
        yield from (f"    connect \\{name} {signal(bits)}" for name, bits in cell.ports.items())
        yield "  end"
    yield from (f"  connect {signal(left)} {signal(right)}" for left, right in module.connections)
    yield "end"


def signal(bits: Bits) -> str:
    """Return a signal as RTLIL writes it: runs of bits, the highest first."""
    runs: list[str] = []
    place = len(bits)
    while place:
        end, bit = place, bits[place - 1]
        place -= 1
        if isinstance(bit, str):
            while place and isinstance(bits[place - 1], str):
                place -= 1
            digits = "".join(str(digit) for digit in reversed(bits[place:end]))
            runs.append(f"{end - place}'{digits}")
        else:
            while place and bits[place - 1] == Bit(bit.wire, bit.index - (end - place)):
                place -= 1
            runs.append(f"{bit.wire} [{bit.index}:{bit.index - (end - place) + 1}]")
    return runs[0] if len(runs) == 1 else "{ " + " ".join(runs) + " }"
