"""Layers of the seven networks of VELTAIR's mixes, their versions, loop nests and curves."""

from functools import cache
from typing import NamedTuple

import numpy as np

from tandemsim.sim.arch.cpu.cache import CacheConfig
from tandemsim.sim.arch.cpu.presets import THREADRIPPER_3990X
from tandemsim.sim.cpu.cache.hierarchy import Hierarchy
from tandemsim.sim.cpu.layers import layers_of
from tandemsim.sim.cpu.reuse import Curves, nest_curves
from tandemsim.sim.cpu.streams import Nests, nests_of
from tandemsim.sim.cpu.versions import versions_of
from tandemsim.traces import codec
from tests.cpu.cache_draws import LINE, alone

NETWORKS = (
    "efficientnet-b0",
    "mobilenet-v2",
    "tiny-yolov2",
    "resnet50",
    "googlenet",
    "ssd-resnet34",
    "bert-large-384",
)


class Layer(NamedTuple):
    nests: Nests
    past_l2_bytes: np.ndarray
    curves: Curves


@cache
def layers() -> tuple[Layer, ...]:
    """Every layer of the networks once, with the versions that are kept."""
    shapes = {}
    for name in NETWORKS:
        trace = codec.load(codec.find(name))
        shapes |= dict.fromkeys(layer.shape for layer in layers_of(trace, trace.ops, 1).layers)
    found = []
    for shape in shapes:
        tilings = versions_of(shape, THREADRIPPER_3990X).tilings
        nests = nests_of(shape, tilings)
        found.append(Layer(nests, tilings.past_l2_bytes, nest_curves(nests)))
    return tuple(found)


def exact_miss_ratio(lines: np.ndarray, size: int, ways: int = 16) -> float:
    return Hierarchy(alone(CacheConfig(bytes=size, ways=ways))).run(lines * LINE).of("l1").miss_ratio
