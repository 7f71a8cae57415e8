"""Runs a circuit in Amaranth's own simulator, on the fields of its model's input tuples."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from amaranth import Module, Signal
from amaranth.lib import wiring
from amaranth.sim import Simulator

from tests.rtl.ports import bits, number, shapes


def run(circuit: wiring.Component, inputs: Sequence[NamedTuple]) -> list[dict[str, int]]:
    """Show the circuit one tuple a cycle; return what its outputs show in each cycle, and in one more.

    Packed ports are single numbers.
    """
    names = [name for name, member in circuit.signature.members.items() if member.flow is wiring.Out]
    names = [name for name in names if len(bits(circuit, name))]
    ports = shapes(circuit)
    shown: list[dict[str, int]] = []

    async def testbench(context: Any) -> None:
        for values in [*inputs, inputs[-1]]:
            for name, value in values._asdict().items():
                context.set(bits(circuit, name), number(ports[name], value))
            shown.append({name: int(context.get(bits(circuit, name))) for name in names})
            await context.tick()

    top = Module()
    top.submodules.circuit = circuit
    top.d.sync += Signal(name="keeps_the_clock").eq(1)  # also where the circuit has no register
    simulator = Simulator(top)
    simulator.add_clock(1e-6)
    simulator.add_testbench(testbench)
    simulator.run()
    return shown
