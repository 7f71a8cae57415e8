"""The models that are exported to `traces/data`: name, one line, how to build, and the input of the trace."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from torch import nn

from tandemsim.sim.arch.checks import to_dict
from tandemsim.workloads import longformer, vil
from tandemsim.workloads.inputs import Arguments, InputSpec
from tandemsim.workloads.longformer import Longformer, LongformerConfig
from tandemsim.workloads.vil import ViL, ViLConfig


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """A model that can be exported. `configuration` goes into the header of the trace.

    It is built and run within `around`, which is given what takes lines about what a trace does not say.
    """

    name: str
    summary: str
    build: Callable[[], nn.Module]
    inputs: Arguments
    configuration: Mapping[str, Any]
    around: Callable[[Callable[[str], None]], AbstractContextManager[object]] = lambda note: nullcontext()


def _longformer(name: str, summary: str, config: LongformerConfig) -> Workload:
    shape, first = (1, config.seq_len), config.padding_index + 1
    ids = InputSpec(shape=shape, dtype="int64", first=first, end=config.vocab)
    return _workload(name, summary, lambda: Longformer(config), ids, config)


def _vil(name: str, summary: str, config: ViLConfig) -> Workload:
    image = InputSpec(shape=(1, config.channels, config.image, config.image))
    return _workload(name, summary, lambda: ViL(config), image, config)


def _workload(
    name: str,
    summary: str,
    build: Callable[[], nn.Module],
    spec: InputSpec,
    config: LongformerConfig | ViLConfig,
) -> Workload:
    configuration = to_dict(config)
    return Workload(
        name=name, summary=summary, build=build, inputs=Arguments((spec,)), configuration=configuration
    )


_ALL = (
    _longformer("longformer", "Longformer base, 4096 tokens, 513 keys, 1 global token", longformer.BASE),
    _longformer("longformer-large", "Longformer large, 4096 tokens, 24 layers, 16 heads", longformer.LARGE),
    _longformer("longformer-16k", "Longformer base on 16384 tokens", longformer.BASE_16K),
    _vil("vil-tiny", "ViL tiny, 224x224 image, 15x15 windows in stages 1 and 2, 6.7 M parameters", vil.TINY),
    _vil("vil-small", "ViL small, 224x224 image, 24.6 M parameters", vil.SMALL),
    _vil("vil-medium-wide", "ViL medium-wide, 224x224 image, 39.8 M parameters", vil.MEDIUM_WIDE),
)

#: Every workload by name, in the order in which they are listed.
WORKLOADS: Mapping[str, Workload] = MappingProxyType({workload.name: workload for workload in _ALL})
