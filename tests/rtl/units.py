"""The units of the SALO array: circuit, model, and random inputs for both."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from rtl.salo import controller as rtl_controller
from rtl.salo import exp as rtl_exp
from rtl.salo import pe as rtl_pe
from rtl.salo import reciprocal as rtl_reciprocal
from rtl.salo import weighted_sum as rtl_weighted_sum
from sim.arch.salo import SaloConfig
from sim.salo import controller, exp, pe, reciprocal, weighted_sum
from tests.rtl import stimuli


class Unit(NamedTuple):
    """A unit; `latency` is the number of cycles from inputs to the outputs that the model gives for them."""

    circuit: type
    model: type
    inputs: Callable[[SaloConfig, int, int], Sequence[NamedTuple]]  # of config, seed, how many
    latency: Callable[[SaloConfig], int]


def _one(_: SaloConfig) -> int:
    return 1


UNITS: dict[str, Unit] = {
    "exp_unit": Unit(rtl_exp.ExpUnit, exp.ExpUnit, stimuli.exp_unit, lambda config: config.array.exp_latency),
    "reciprocal_unit": Unit(
        rtl_reciprocal.ReciprocalUnit,
        reciprocal.ReciprocalUnit,
        stimuli.reciprocal_unit,
        lambda config: config.array.reciprocal_latency - 1,
    ),
    "pe": Unit(rtl_pe.PE, pe.PE, lambda config, seed, count: stimuli.pe(config, seed, count // 20), _one),
    "weighted_sum": Unit(
        rtl_weighted_sum.WeightedSum,
        weighted_sum.WeightedSum,
        lambda config, seed, count: stimuli.weighted_sum(config, seed, count // 15, False),
        _one,
    ),
    "global_weighted_sum": Unit(
        rtl_weighted_sum.GlobalWeightedSum,
        weighted_sum.GlobalWeightedSum,
        lambda config, seed, count: stimuli.weighted_sum(config, seed, count // 15, True),
        _one,
    ),
    "controller": Unit(rtl_controller.Controller, controller.Controller, stimuli.controller, lambda _: 0),
}


def assert_same(
    unit: Unit, config: SaloConfig, inputs: Sequence[Any], shown: Sequence[dict[str, int]]
) -> None:
    """Hold what a circuit showed, cycle by cycle from that of the first input, to the model's answers."""
    assert_answers(answers(unit, config, inputs), unit.latency(config), inputs, shown)


def answers(unit: Unit, config: SaloConfig, inputs: Sequence[Any]) -> list[dict[str, int]]:
    """Return the model's answers to `inputs`."""
    model = unit.model(config)
    return [{name: int(value) for name, value in model(given)._asdict().items()} for given in inputs]


def assert_answers(
    wanted: Sequence[dict[str, int]], latency: int, inputs: Sequence[Any], shown: Sequence[dict[str, int]]
) -> None:
    """Hold what a circuit showed to answers that are due `latency` cycles after their inputs."""
    for cycle, (given, expected) in enumerate(zip(inputs, wanted, strict=True)):
        if cycle + latency >= len(shown):
            break
        found = shown[cycle + latency]
        wrong = {name: (found[name], expected[name]) for name in found if found[name] != expected[name]}
        assert not wrong, f"cycle {cycle}: (circuit, model) differ in {wrong} after {given}"


__all__ = ["UNITS", "Unit", "answers", "assert_answers", "assert_same"]
