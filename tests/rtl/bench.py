"""Runs a circuit in Amaranth's own simulator, on the fields of its model's input tuples."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from amaranth.lib import wiring
from amaranth.sim import Simulator


def run(circuit: wiring.Component, inputs: Sequence[NamedTuple]) -> list[dict[str, int]]:
    """Show the circuit one tuple a cycle; return what its outputs show in the cycle after each, by name."""
    names = [name for name, member in circuit.signature.members.items() if member.flow is wiring.Out]
    shown: list[dict[str, int]] = []

    async def testbench(context: Any) -> None:
        for values in inputs:
            for name, value in values._asdict().items():
                context.set(getattr(circuit, name), int(value))
            await context.tick()
            shown.append({name: int(context.get(getattr(circuit, name))) for name in names})

    simulator = Simulator(circuit)
    simulator.add_clock(1e-6)
    simulator.add_testbench(testbench)
    simulator.run()
    return shown


def assert_twins(circuit: wiring.Component, model: Any, inputs: Sequence[NamedTuple]) -> None:
    """Hold a circuit to its model, which is called once a cycle, value for value in every cycle."""
    for cycle, (found, given) in enumerate(zip(run(circuit, inputs), inputs, strict=True)):
        expected = {name: int(value) for name, value in model(given)._asdict().items()}
        wrong = {name: (found[name], expected[name]) for name in expected if found[name] != expected[name]}
        assert not wrong, f"cycle {cycle}: (circuit, model) {wrong} after {given}"
