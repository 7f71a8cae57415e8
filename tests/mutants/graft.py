"""Puts many faults into one netlist, each behind a multiplexer: one build for all of them.

The netlist gets an input `fault`, handed down to every module: with the number of a fault it has that fault,
with 0 none. So a config is built once and not once for each fault, which matters where a build takes a
minute, and the run without a fault tells that nothing else has changed.
"""

from __future__ import annotations

from collections.abc import Callable

from tests.mutants.expressions import outputs
from tests.mutants.faults import FLIPS, Fault
from tests.mutants.rtlil import Bit, Bits, Cell, Module

INPUT = "fault"
WIDTH = 12


class Graft:
    """Adds the faults of one module."""

    def __init__(self, module: Module, modules: dict[str, Module]) -> None:
        self.module, self.modules, self._made = module, modules, 0
        numbers = [int(words.split()[1]) for words in module.options.values() if "put" in words]
        self._input = "\\" + INPUT
        module.wires[self._input] = WIDTH
        module.options[self._input] = f"input {max(numbers, default=0) + 1}"
        for cell in module.cells.values():
            if cell.type in modules:
                cell.ports[INPUT] = module.bits(self._input)

    def add(self, fault: Fault, number: int) -> None:
        """Put a fault behind the multiplexer of its number."""
        active = self.equals(self.module.bits(self._input), number)[0]
        CHANGES[fault.kind](self, self.module.cells[fault.cell], fault, active)

    def into(self, cell: Cell, port: str, bad: Bits, active: Bit | str) -> None:
        """Give an input port `bad` while the fault is active."""
        cell.ports[port] = self.choose(cell.ports[port], bad, active)

    def behind(self, cell: Cell, port: str, bad: Callable[[Bits], Bits], active: Bit | str) -> None:
        """Show ``bad(value)`` in place of an output port's value while the fault is active."""
        shown = cell.ports[port]
        own = cell.ports[port] = self.wire(len(shown))
        if port == "Q":  # a register takes its initial value along
            self._move_init(shown, own)
        self.module.connections.append((shown, self.choose(own, bad(own), active)))

    def _move_init(self, shown: Bits, own: Bits) -> None:
        """Give a wire the initial value of the bits that it replaces, and let those have none."""
        digits = []
        for bit in shown:
            assert isinstance(bit, Bit)
            width, _, init = self.module.init[bit.wire].partition("'")
            place = int(width) - 1 - bit.index
            digits.append(init[place])
            self.module.init[bit.wire] = f"{width}'{init[:place]}x{init[place + 1 :]}"
        self.module.init[own[0].wire] = f"{len(own)}'{''.join(reversed(digits))}"  # type: ignore[union-attr]

    def choose(self, good: Bits, bad: Bits, active: Bit | str) -> Bits:
        """Return `bad` while the fault is active, else `good`."""
        parameters = {"WIDTH": str(len(good))}
        return self.cell("$mux", parameters, {"A": good, "B": bad, "S": [active]}, "Y", len(good))

    def equals(self, bits: Bits, value: int) -> Bits:
        """Return whether `bits` are a number."""
        return self.operator("$eq", bits, constant(value, len(bits)), 1)

    def operator(self, kind: str, left: Bits, right: Bits | None, width: int) -> Bits:
        """Return what an operator makes of unsigned operands."""
        parameters = {"A_SIGNED": "0", "A_WIDTH": str(len(left)), "Y_WIDTH": str(width)}
        ports = {"A": left}
        if right is not None:
            parameters |= {"B_SIGNED": "0", "B_WIDTH": str(len(right))}
            ports["B"] = right
        return self.cell(kind, parameters, ports, "Y", width)

    def register(self, data: Bits, value: str, parameters: dict[str, str], clock: dict[str, Bits]) -> Bits:
        """Return a register of `data` with a reset value."""
        parameters = parameters | {"WIDTH": str(len(data)), "SRST_VALUE": value}
        made = self.cell("$sdff", parameters, {**clock, "D": data}, "Q", len(data))
        self.module.init[made[0].wire] = value  # type: ignore[union-attr]
        return made

    def cell(
        self, kind: str, parameters: dict[str, str], ports: dict[str, Bits], output: str, width: int
    ) -> Bits:
        """Add a cell; return its output."""
        made = self.wire(width)
        name = f"$fault${self._made}"
        self.module.cells[name] = Cell(kind, name, parameters, {**ports, output: made})
        return made

    def wire(self, width: int) -> Bits:
        """Add a wire."""
        self._made += 1
        name = f"$fault${self._made}$"
        self.module.wires[name] = width
        return self.module.bits(name)


def graft(modules: dict[str, Module], faults: list[Fault]) -> None:
    """Put faults into the netlist; the first is number 1."""
    grafts = {name: Graft(module, modules) for name, module in modules.items()}
    for number, fault in enumerate(faults, 1):
        grafts[fault.module].add(fault, number)


def constant(value: int, width: int) -> Bits:
    """Return a constant, modulo 2**width."""
    return [str(value >> place & 1) for place in range(width)]


def _flip(graft: Graft, cell: Cell, _: Fault, active: Bit | str) -> None:
    ports = {port: bits for port, bits in cell.ports.items() if port != "Y"}
    if cell.type == "$mux":
        ports |= {"A": ports["B"], "B": ports["A"]}
    other = graft.cell(FLIPS[cell.type], dict(cell.parameters), ports, "Y", cell.width("Y"))
    graft.behind(cell, "Y", lambda _: other, active)


def _constant(graft: Graft, cell: Cell, fault: Fault, active: Bit | str) -> None:
    bits = cell.ports[fault.port]
    width = cell.width("Y") if cell.type == "$pmux" and fault.port == "B" else len(bits)
    part = slice(fault.bit, fault.bit + width)
    value = sum(1 << place for place, bit in enumerate(bits[part]) if bit == "1")
    changed = constant(value + fault.argument, width)
    graft.into(cell, fault.port, [*bits[: part.start], *changed, *bits[part.stop :]], active)


def _bit(graft: Graft, cell: Cell, fault: Fault, active: Bit | str) -> None:
    def changed(bits: Bits) -> Bits:
        one = [bits[fault.bit]]
        if fault.kind in STUCK:
            new: Bits = [STUCK[fault.kind]]
        elif fault.kind == "inv":
            new = graft.operator("$not", one, None, 1)
        else:
            new = graft.operator(CONDITIONAL[fault.kind], one, [bits[fault.argument]], 1)
        return [*bits[: fault.bit], *new, *bits[fault.bit + 1 :]]

    if fault.port in outputs(cell, graft.modules):
        graft.behind(cell, fault.port, changed, active)
    else:
        graft.into(cell, fault.port, changed(cell.ports[fault.port]), active)


def _added(graft: Graft, cell: Cell, fault: Fault, active: Bit | str) -> None:
    if fault.port:
        bits = cell.ports[fault.port]
        positive = {"CLK_POLARITY": "1", "SRST_POLARITY": "1"}
        clock: dict[str, Bits] = {"CLK": [Bit("\\clk", 0)], "SRST": [Bit("\\rst", 0)]}
        late = graft.register(bits, f"{len(bits)}'{'0' * len(bits)}", positive, clock)
        graft.into(cell, fault.port, late, active)
    else:
        graft.behind(cell, "Q", lambda bits: _copy(graft, cell, bits, cell.parameters["SRST_VALUE"]), active)


def _copy(graft: Graft, cell: Cell, data: Bits, value: str) -> Bits:
    clock = {port: bits for port, bits in cell.ports.items() if port not in ("D", "Q")}
    return graft.register(data, value, cell.parameters, clock)


def _removed(graft: Graft, cell: Cell, _: Fault, active: Bit | str) -> None:
    graft.behind(cell, "Q", lambda _: cell.ports["D"], active)


def _reset(graft: Graft, cell: Cell, fault: Fault, active: Bit | str) -> None:
    width, _, digits = cell.parameters["SRST_VALUE"].partition("'")
    value = f"{width}'{int(digits, 2) ^ 1 << fault.bit:0{width}b}"
    changed = _copy(graft, cell, cell.ports["D"], value)
    graft.behind(cell, "Q", lambda _: changed, active)


def _unreset(graft: Graft, cell: Cell, _: Fault, active: Bit | str) -> None:
    graft.into(cell, "SRST", ["0"], active)


def _table(graft: Graft, cell: Cell, fault: Fault, active: Bit | str) -> None:
    here = graft.equals(cell.ports["ADDR"], fault.argument)

    def changed(bits: Bits) -> Bits:
        one_more = graft.operator("$add", bits, constant(1, len(bits)), len(bits))
        return graft.choose(bits, one_more, here[0])

    graft.behind(cell, "DATA", changed, active)


def _stale(graft: Graft, cell: Cell, _: Fault, active: Bit | str) -> None:
    ports = {port: bits for port, bits in cell.ports.items() if port != "DATA"}
    parameters = cell.parameters | {"TRANSPARENCY_MASK": "1'0"}
    other = graft.cell(cell.type, parameters, ports, "DATA", cell.width("DATA"))
    graft.behind(cell, "DATA", lambda _: other, active)


STUCK = {"const0": "0", "const1": "1", "stuck0": "0", "stuck1": "1"}
CONDITIONAL = {"cnot0": "$xnor", "cnot1": "$xor"}  # the bit inverted while the other one is 0, or 1
CHANGES: dict[str, Callable[[Graft, Cell, Fault, Bit | str], None]] = {
    "flip": _flip,
    "constant": _constant,
    "added": _added,
    "removed": _removed,
    "reset": _reset,
    "unreset": _unreset,
    "table": _table,
    "stale": _stale,
    **dict.fromkeys(("inv", *STUCK, *CONDITIONAL), _bit),
}
