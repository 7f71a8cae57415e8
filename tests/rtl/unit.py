"""A unit of a circuit and its model, fed the same inputs: value for value, cycle for cycle."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from tests.rtl.ports import number, shapes

SEED, SOME, MANY = 1, 1500, 5000  # of the inputs; how many in `make test`, and in `make cosim`
BROKEN_OFF = 70  # cycles of work, some tiles of a small array, that a reset breaks off before a run begins


class Unit(NamedTuple):
    """A unit; `latency` is the number of cycles from inputs to the outputs that the model gives for them."""

    circuit: type
    model: type
    inputs: Callable[[Any, int, int], Sequence[NamedTuple]]  # of config, seed, how many
    latency: Callable[[Any], int]
    reset: Callable[[Any], dict[str, int]] = lambda _: {}  # outputs that a reset does not make 0
    at_once: tuple[str, ...] = ()  # outputs that answer in the same cycle, whatever the latency


class Expected(NamedTuple):
    """What a circuit is to show for inputs: `outputs` from cycle `latency` on, `reset` in the first one."""

    inputs: Sequence[NamedTuple]
    outputs: Sequence[dict[str, int]]
    latency: int
    reset: dict[str, int]
    at_once: tuple[str, ...]


def expect(unit: Unit, config: Any, inputs: Sequence[NamedTuple]) -> Expected:
    """Return the model's answers to `inputs`, packed ports as one number."""
    model, circuit = unit.model(config), unit.circuit(config)
    circuit._MustUse__silence = True  # it is asked for its ports only, and Amaranth would warn of that
    ports = shapes(circuit)
    answers = [
        {name: number(ports[name], value) for name, value in model(given)._asdict().items()}
        for given in inputs
    ]
    reset = dict.fromkeys(answers[0], 0) | unit.reset(config)
    return Expected(inputs, answers, unit.latency(config), reset, unit.at_once)


def assert_shown(expected: Expected, shown: Sequence[dict[str, int]]) -> None:
    """Hold what a circuit showed, cycle by cycle from that of the first input, to what it is to show."""
    inputs, outputs, latency, reset, at_once = expected
    if latency:  # else outputs follow inputs in the same cycle, and nothing is seen of a reset
        _compare(_without(shown[0], at_once), reset, "after reset")
    for cycle, (given, answer) in enumerate(zip(inputs, outputs, strict=True)):
        _compare({name: shown[cycle][name] for name in at_once}, answer, f"in cycle {cycle} with {given}")
        if cycle + latency < len(shown):
            found = _without(shown[cycle + latency], at_once)
            _compare(found, answer, f"after cycle {cycle} with {given}")


def _without(found: dict[str, int], names: tuple[str, ...]) -> dict[str, int]:
    return {name: value for name, value in found.items() if name not in names}


def _compare(found: dict[str, int], wanted: dict[str, int], when: str) -> None:
    wrong = {name: (value, wanted[name]) for name, value in found.items() if value != wanted[name]}
    assert not wrong, f"(circuit, model) differ in {wrong} {when}"
