"""What can be exported: a model, how to build it, and what it is called with."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

from torch import nn

from tandemsim.workloads.inputs import Arguments


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
