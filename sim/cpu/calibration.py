"""The fit of the time of a layer to measured ones: four numbers, and what they are worth on other layers.

Fitted are what each thread adds to the fork of a region, and three factors of a core's rate (`RateLaw`), by
least squares of log times. Everything else follows from the layer, the tiling that a compiler ships above
all. What counts is the error on layers whose shapes were not in the fit, so `held_out` splits shapes, not
layers: a network repeats them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from tandemsim.sim.arch.cpu.config import CpuConfig
from tandemsim.sim.arch.types import Doubles
from tandemsim.sim.cpu.layer_profile import MeasuredLayer
from tandemsim.sim.cpu.rates import chunk_seconds, work_seconds
from tandemsim.sim.cpu.shapes import Shape
from tandemsim.sim.cpu.tiles import tilings
from tandemsim.sim.cpu.versions import cost_of

ROUNDS = 4  # of choosing tilings, and fitting with these
STEPS = 6  # of Gauss and Newton, in a round
US = 1e-6  # in which the fork is fitted
BASELINE_START, BASELINE_RATE = 26e-6, 25e9  # the two constants: seconds, MAC/s of a core

Predict = Callable[[Shape, int], float]


class Fidelity(NamedTuple):
    """How far a model is from a profile."""

    median: float  # of |predicted / measured - 1| over layers and cores
    totals: Mapping[int, float]  # predicted / measured time of all layers, by cores


def predictor(config: CpuConfig) -> Predict:
    """Return the seconds of a layer on some cores of a warm and idle machine, in the version that ships."""
    found: dict[Shape, tuple[int, float, float, float]] = {}

    def predict(shape: Shape, cores: int) -> float:
        if shape not in found:
            every = tilings(shape, config.core.l2_bytes)
            cost = cost_of(shape, every, config)
            row = int(cost.tuned(config.cores).argmin())
            start, thread, chunk = (float(each[row]) for each in (cost.start, cost.thread, cost.chunk))
            found[shape] = int(cost.chunks[row]), start, thread, chunk
        chunks, start, thread, chunk = found[shape]
        return start + cores * thread + -(-chunks // cores) * chunk

    return predict


def two_constants(shape: Shape, cores: int) -> float:
    """Return what the simplest model says: a constant, and MACs at one rate."""
    return BASELINE_START + shape.macs / (BASELINE_RATE * cores)


def fidelity(layers: Sequence[MeasuredLayer], cores: Sequence[int], predict: Predict) -> Fidelity:
    """Return how far `predict` is from a profile at these numbers of cores."""
    said = np.array([[predict(layer.shape, count) for count in cores] for layer in layers])
    measured = np.array([[layer.seconds[count] for count in cores] for layer in layers])
    totals = said.sum(0) / measured.sum(0)
    return Fidelity(
        median=float(np.median(np.abs(said / measured - 1))),
        totals=dict(zip(cores, map(float, totals), strict=True)),
    )


def fitted(layers: Sequence[MeasuredLayer], cores: Sequence[int], config: CpuConfig) -> CpuConfig:
    """Return `config` with the numbers that fit a profile best at these numbers of cores."""
    shapes = list(dict.fromkeys(layer.shape for layer in layers))
    place = {shape: number for number, shape in enumerate(shapes)}
    every = [tilings(shape, config.core.l2_bytes) for shape in shapes]
    row = np.array([place[layer.shape] for layer in layers])
    measured = np.log([[layer.seconds[count] for count in cores] for layer in layers])
    features = np.array([_features(shape, config) for shape in shapes])
    counts = np.array(cores)
    for _ in range(ROUNDS):
        choice = [
            int(cost_of(shape, cut, config).tuned(config.cores).argmin())
            for shape, cut in zip(shapes, every, strict=True)
        ]
        chunks = np.array([cut.chunks[at] for cut, at in zip(every, choice, strict=True)])[:, None]
        for _ in range(STEPS):
            of_shape = [
                float(chunk_seconds(shape, cut, config)[at])
                for shape, cut, at in zip(shapes, every, choice, strict=True)
            ]
            rounds = -(-chunks // counts)
            team = config.team
            times = team.start_seconds + counts * team.thread_seconds + rounds * np.array(of_shape)[:, None]
            work = np.array([work_seconds(shape, config) for shape in shapes])[:, None]
            slopes = -(rounds * work / chunks / times)[:, :, None] * features[:, None, :]
            columns = np.concatenate([(US * counts / times)[:, :, None], slopes], 2)[row]
            misses = (measured - np.log(times)[row]).ravel()
            step = np.linalg.lstsq(columns.reshape(len(misses), -1), misses, rcond=None)[0]
            config = _moved(config, step)
    return config


def held_out(
    layers: Sequence[MeasuredLayer], cores: Sequence[int], config: CpuConfig, *, splits: int, seed: int
) -> tuple[list[float], list[float]]:
    """Return the median errors on the half of the shapes that each fit has not seen: ours, two constants'."""
    shapes = list(dict.fromkeys(layer.shape for layer in layers))
    random = np.random.default_rng(seed)
    ours, others = [], []
    for _ in range(splits):
        order = random.permutation(len(shapes))
        seen = {shapes[number] for number in order[: math.ceil(len(shapes) / 2)]}
        fit = fitted([layer for layer in layers if layer.shape in seen], cores, config)
        rest = [layer for layer in layers if layer.shape not in seen]
        ours.append(fidelity(rest, cores, predictor(fit)).median)
        others.append(fidelity(rest, cores, two_constants).median)
    return ours, others


def _features(shape: Shape, config: CpuConfig) -> Doubles:
    """Return which factors of the rate a layer has: 1 or 0 each."""
    return np.array([1.0, float(shape.row % config.rates.lanes == 0), float(shape.strided)])


def _moved(config: CpuConfig, step: Doubles) -> CpuConfig:
    """Return `config` after a step: microseconds of a thread, logarithms of the factors."""
    thread, efficiency, whole, strided = map(float, step)
    law = config.rates
    rates = replace(
        law,
        efficiency=law.efficiency * math.exp(efficiency),
        whole_rows=law.whole_rows * math.exp(whole),
        strided=law.strided * math.exp(strided),
    )
    team = replace(
        config.team,
        thread_seconds=max(0.0, config.team.thread_seconds + thread * US),
    )
    return replace(config, rates=rates, team=team)
