"""What a cell computes, in words: for names that survive an edit elsewhere, and for the list of survivors."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable

from tests.mutants.rtlil import Bit, Bits, Cell, Module

OUTPUTS = ("Y", "Q")
CONTROL = ("CLK", "SRST")
NUMBERED = re.compile(r"\$\d+$")


def outputs(cell: Cell, modules: dict[str, Module]) -> list[str]:
    """Return the output ports of a cell."""
    if cell.type in modules:
        options = modules[cell.type].options
        return [port for port in cell.ports if "output" in options["\\" + port]]
    return ["DATA"] if cell.type.startswith("$memrd") else [port for port in OUTPUTS if port in cell.ports]


def inputs(cell: Cell, modules: dict[str, Module]) -> list[str]:
    """Return the input ports of a cell."""
    return [port for port in cell.ports if port not in outputs(cell, modules)]


class Expressions:
    """The expressions of a module's cells."""

    def __init__(self, module: Module, modules: dict[str, Module]) -> None:
        self.module, self.modules = module, modules
        self.driver: dict[Bit, tuple[Cell, str]] = {}
        for cell in module.cells.values():
            for port in outputs(cell, modules):
                self.driver |= {bit: (cell, port) for bit in cell.ports[port] if isinstance(bit, Bit)}
        self.alias = {
            one: other
            for left, right in module.connections
            for one, other in zip(left, right, strict=True)
            if isinstance(one, Bit)
        }
        self._digests: dict[str, str] = {}
        self.names = self._names()

    def _names(self) -> dict[str, str]:
        """Return a name for each cell: the instance's, that of what it drives, else operator and digest."""
        names: dict[str, str] = {}
        for cell in self.module.cells.values():
            if cell.type in self.modules:
                name = cell.name[1:]
            else:
                ports = outputs(cell, self.modules)
                driven = self._named(cell.ports[ports[0]]) if ports else None
                plain = driven is not None and driven.isidentifier()
                name = str(driven) if plain else f"{cell.type.strip('$')}-{self._digest(cell)[:4]}"
            taken = sum(other.partition("~")[0] == name for other in names.values())
            names[cell.name] = f"{name}~{taken}" if taken else name
        return names

    def _digest(self, cell: Cell) -> str:
        """Return a digest of all that a cell computes, down to named signals."""
        if cell.name not in self._digests:
            self._digests[cell.name] = ""  # a register in a loop
            operands = [
                self._operand(bits, lambda other: f"{other.type}{self._digest(other)}")
                for port, bits in cell.ports.items()
                if port not in (*OUTPUTS, *CONTROL)
            ]
            whole = f"{cell.type} {sorted(cell.parameters.items())} {operands}"
            self._digests[cell.name] = hashlib.sha256(whole.encode()).hexdigest()
        return self._digests[cell.name]

    def expression(self, cell: Cell, depth: int) -> str:
        """Return the cell's operator and operands, `depth` operators deep."""
        kind = cell.type.strip("$\\")
        if cell.type in self.modules:
            return cell.name.strip("\\")
        if not depth:
            return f"{kind}(...)"
        operands = [
            self._operand(bits, lambda other: self.expression(other, depth - 1))
            for port, bits in cell.ports.items()
            if port not in (*OUTPUTS, *CONTROL)
        ]
        return f"{kind}({', '.join(operands)})"

    def _named(self, bits: Bits) -> str | None:
        """Return the name of a public wire, or of its slice, that the bits are."""
        first = bits[0]
        if not isinstance(first, Bit) or first.wire[0] != "\\" or NUMBERED.search(first.wire):
            return None
        if bits != [Bit(first.wire, first.index + place) for place in range(len(bits))]:
            return None
        if len(bits) == self.module.wires[first.wire]:
            return first.wire[1:]
        return f"{first.wire[1:]}[{first.index + len(bits) - 1}:{first.index}]"

    def _operand(self, bits: Bits, inner: Callable[[Cell], str]) -> str:
        if all(isinstance(bit, str) for bit in bits):
            digits = "".join(str(bit) for bit in reversed(bits))
            return str(int(digits, 2)) if digits and set(digits) <= {"0", "1"} else digits
        name = self._named(bits)
        if name:
            return name
        parts: list[str] = []
        last = None
        for source in map(self._source, bits):
            if source != last:
                cell, text = source
                parts.append(f"{inner(self.module.cells[cell])}{text}" if cell else text)
            last = source
        return "&".join(reversed(parts))

    def _source(self, bit: Bit | str) -> tuple[str, str]:
        """Return the cell that drives a bit, if it is to be named by that, and what is said beside it."""
        while isinstance(bit, Bit) and bit not in self.driver and bit in self.alias:
            bit = self.alias[bit]
        if isinstance(bit, str):
            return "", bit
        if bit not in self.driver or (bit.wire[0] == "\\" and not NUMBERED.search(bit.wire)):
            return "", NUMBERED.sub("", bit.wire).strip("\\")
        cell, port = self.driver[bit]
        return cell.name, f".{port}" if cell.type in self.modules else ""
