"""The units of the SALO array: circuit, model, and random inputs for both."""

from __future__ import annotations

from tandemsim.rtl.salo import controller as rtl_controller
from tandemsim.rtl.salo import exp as rtl_exp
from tandemsim.rtl.salo import pe as rtl_pe
from tandemsim.rtl.salo import reciprocal as rtl_reciprocal
from tandemsim.rtl.salo import sink as rtl_sink
from tandemsim.rtl.salo import weighted_sum as rtl_weighted_sum
from tandemsim.sim.arch.salo.config import SaloConfig
from tandemsim.sim.salo import controller, exp, pe, reciprocal, sink, weighted_sum
from tests.rtl.salo import stimuli
from tests.rtl.unit import Unit


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
