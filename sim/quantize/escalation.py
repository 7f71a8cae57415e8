"""Which layers get 8 bits instead of 4: the artifact's lists, its rule for BERT, and a greedy rule of ours.

Weight and activation of a layer are escalated together. The artifact has no loop over accuracy: of CNNs and
ViT it lists layers by hand (`data/escalation.json`); of BERT it takes the last two, then the layers with the
largest sum of the squared errors of weight and activation.

Ours is greedy by *relative* error, noise over signal of the weight plus that of the activation, because
squared errors of different layers are in different units: the layer with the largest one is escalated, until
so many are, or until none is above a limit. Escalating a layer leaves the errors of the others as they are,
so the greedy choice is that of the largest ones.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from importlib import resources
from types import MappingProxyType
from typing import NamedTuple

from tandemsim.sim.arch.checks import ConfigError, nearest, require

ALWAYS = 2  # of BERT, the last layers, its pooler and classifier
DECIBELS = re.compile(r"(\d+(?:\.\d+)?)dB")


class LayerError(NamedTuple):
    """The error of one layer at few bits."""

    squared: float  # mean squared errors of weight and activation, summed
    relative: float  # noise over signal of weight and activation, summed


Chosen = Callable[[Sequence[LayerError]], tuple[int, ...]]  # indices of layers, ascending


def largest_squared(errors: Sequence[LayerError], count: int) -> tuple[int, ...]:
    """Return what the artifact escalates in BERT: of `count` layers the last two, then the largest errors."""
    last = list(range(len(errors)))[-min(ALWAYS, count) :] if count else []
    others = [index for index in range(len(errors)) if index not in last]
    others.sort(key=lambda index: -errors[index].squared)  # stable: of equal ones the first
    return tuple(sorted(last + others[: count - len(last)]))


def largest_relative(errors: Sequence[LayerError], count: int) -> tuple[int, ...]:
    """Return the `count` layers with the largest relative error; of equal ones the first."""
    order = sorted(range(len(errors)), key=lambda index: -errors[index].relative)
    return tuple(sorted(order[:count]))


def above(errors: Sequence[LayerError], limit: float) -> tuple[int, ...]:
    """Return the layers whose relative error is above `limit`."""
    return tuple(index for index, error in enumerate(errors) if error.relative > limit)


def parse(text: str) -> Chosen:
    """Return what ``--escalate`` stands for. Raises `ConfigError`."""
    lists, counts = published()
    if text in lists:
        return lambda errors: _within(lists[text], len(errors), text)
    if text in counts:
        return lambda errors: largest_squared(errors, _count(counts[text], len(errors)))
    if match := DECIBELS.fullmatch(text):
        return lambda errors: above(errors, 10 ** (-float(match[1]) / 10))
    if re.fullmatch(r"\d+", text):
        return lambda errors: largest_relative(errors, _count(int(text), len(errors)))
    if re.fullmatch(r"\d+(,\d+)*,?", text):
        listed = tuple(sorted({int(part) for part in text.split(",") if part}))
        return lambda errors: _within(listed, len(errors), text)
    if re.fullmatch(r"[a-z][a-z0-9-]*", text):
        raise ConfigError(nearest("list of layers", text, [*lists, *counts]))
    forms = (
        "a number of layers (4), their indices (0,15), a limit (15dB) or a network of the artifact (vgg16)"
    )
    raise ConfigError(f"--escalate takes {forms}, not {text!r}")


@cache
def published() -> tuple[Mapping[str, tuple[int, ...]], Mapping[str, int]]:
    """Return the artifact's lists of layers, and its numbers of layers, by network."""
    file = resources.files("tandemsim.sim.quantize") / "data" / "escalation.json"
    stored = json.loads(file.read_text(encoding="utf-8"))
    lists = {name: tuple(indices) for name, indices in stored["layers"].items()}
    return MappingProxyType(lists), MappingProxyType(stored["largest"])


def _within(indices: tuple[int, ...], layers: int, text: str) -> tuple[int, ...]:
    beyond = [index for index in indices if index >= layers]
    rule = f"--escalate {text} must name layers in 0..{layers - 1}, those of the model"
    require(not beyond, rule, beyond[0] if beyond else None)
    return indices


def _count(count: int, layers: int) -> int:
    require(count <= layers, f"--escalate must be at most the {layers} layers of the model", count)
    return count
