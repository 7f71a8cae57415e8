"""The units of the SALO array: circuit, model, and random inputs for both."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from tandemsim.rtl.salo import controller as rtl_controller
from tandemsim.rtl.salo import exp as rtl_exp
from tandemsim.rtl.salo import pe as rtl_pe
from tandemsim.rtl.salo import reciprocal as rtl_reciprocal
from tandemsim.rtl.salo import sink as rtl_sink
from tandemsim.rtl.salo import weighted_sum as rtl_weighted_sum
from tandemsim.sim.arch.salo.config import SaloConfig
from tandemsim.sim.salo import controller, exp, pe, reciprocal, sink, weighted_sum
from tests.rtl import stimuli

SEED, SOME, MANY = 1, 1500, 5000  # of the inputs; how many in `make test`, and in `make cosim`


class Unit(NamedTuple):
    """A unit; `latency` is the number of cycles from inputs to the outputs that the model gives for them."""

    circuit: type
    model: type
    inputs: Callable[[SaloConfig, int, int], Sequence[NamedTuple]]  # of config, seed, how many
    latency: Callable[[SaloConfig], int]
    reset: Callable[[SaloConfig], dict[str, int]] = lambda _: {}  # outputs that a reset does not make 0


class Expected(NamedTuple):
    """What a circuit is to show for inputs: `outputs` from cycle `latency` on, `reset` in the first one."""

    inputs: Sequence[NamedTuple]
    outputs: Sequence[dict[str, int]]
    latency: int
    reset: dict[str, int]


def _one(_: SaloConfig) -> int:
    return 1


def _nothing_merged(config: SaloConfig) -> dict[str, int]:
    return {"merged_max": config.numerics.exp.exponent_minimum}


UNITS: dict[str, Unit] = {
    "exp_unit": Unit(rtl_exp.ExpUnit, exp.ExpUnit, stimuli.exp_unit, lambda config: config.array.exp_latency),
    "reciprocal_unit": Unit(
        rtl_reciprocal.ReciprocalUnit,
        reciprocal.ReciprocalUnit,
        stimuli.reciprocal_unit,
        lambda config: config.array.reciprocal_latency - 1,
    ),
    "sink_unit": Unit(
        rtl_sink.SinkUnit, sink.SinkUnit, stimuli.sink_unit, lambda config: config.array.exp_latency
    ),
    "pe": Unit(rtl_pe.PE, pe.PE, lambda config, seed, count: stimuli.pe(config, seed, count // 20), _one),
    "weighted_sum": Unit(
        rtl_weighted_sum.WeightedSum,
        weighted_sum.WeightedSum,
        lambda config, seed, count: stimuli.weighted_sum(config, seed, count // 15, False),
        _one,
        _nothing_merged,
    ),
    "global_weighted_sum": Unit(
        rtl_weighted_sum.GlobalWeightedSum,
        weighted_sum.GlobalWeightedSum,
        lambda config, seed, count: stimuli.weighted_sum(config, seed, count // 15, True),
        _one,
        _nothing_merged,
    ),
    "controller": Unit(rtl_controller.Controller, controller.Controller, stimuli.controller, lambda _: 0),
}


def expect(unit: Unit, config: SaloConfig, inputs: Sequence[NamedTuple]) -> Expected:
    """Return the model's answers to `inputs`."""
    model = unit.model(config)
    answers = [{name: int(value) for name, value in model(given)._asdict().items()} for given in inputs]
    reset = dict.fromkeys(answers[0], 0) | unit.reset(config)
    return Expected(inputs, answers, unit.latency(config), reset)


def assert_shown(expected: Expected, shown: Sequence[dict[str, int]]) -> None:
    """Hold what a circuit showed, cycle by cycle from that of the first input, to what it is to show."""
    inputs, outputs, latency, reset = expected
    if latency:  # else outputs follow inputs in the same cycle, and nothing is seen of a reset
        _compare(shown[0], reset, "after reset")
    for cycle, (given, answer) in enumerate(zip(inputs, outputs, strict=True)):
        if cycle + latency >= len(shown):
            break
        _compare(shown[cycle + latency], answer, f"after cycle {cycle} with {given}")


def _compare(found: dict[str, int], wanted: dict[str, int], when: str) -> None:
    wrong = {name: (value, wanted[name]) for name, value in found.items() if value != wanted[name]}
    assert not wrong, f"(circuit, model) differ in {wrong} {when}"


__all__ = ["MANY", "SEED", "SOME", "UNITS", "Expected", "Unit", "assert_shown", "expect"]
