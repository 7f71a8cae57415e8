"""Captures the queries, keys and values of a model's windowed attention in a run with random weights.

They feed a simulator's functional mode. The run stops at the last attention that is wanted, so the first
layer of a large model costs seconds.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch._ops import OpOverload
from torch.utils._python_dispatch import TorchDispatchMode

from tandemsim.sim.arch.checks import ConfigError
from tandemsim.sim.shell.files import written
from tandemsim.traces.attention import OPERANDS
from tandemsim.traces.schema import Trace
from tandemsim.workloads.calls import bound
from tandemsim.workloads.workload import Workload


def save_tensors(workload: Workload, trace: Trace, path: Path, layers: int | None, seed: int) -> list[str]:
    """Write the operands of the first `layers` window attentions (None: of all) to an ``.npz``; return its
    keys.

    `trace` is the workload's own and names the ops. The file appears by rename. Raises `ConfigError` if the
    model has no window attention.
    """
    names = [op.name for op in trace.ops if op.pattern][:layers]
    if not names:
        raise ConfigError(f"--tensors needs a model with window attention; {workload.name} has none")
    calls = capture(workload, len(names), seed)
    arrays = {
        f"{op}/{key}": array for op, call in zip(names, calls, strict=True) for key, array in call.items()
    }
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=False, **arrays)
    with written(path) as stream:
        stream.write(buffer.getvalue())
    return list(arrays)


def capture(workload: Workload, count: int, seed: int) -> list[dict[str, np.ndarray]]:
    """Run the model up to its `count`-th window attention; return the operands of each."""
    torch.manual_seed(seed)
    recorder = _Recorder(count)
    with workload.around(lambda note: None):
        module = workload.build().eval()
        listed, named = workload.inputs.random(torch.Generator().manual_seed(seed))
        try:
            with torch.no_grad(), recorder:
                module(*listed, **named)
        except _EnoughError:
            pass
    return recorder.calls


class _EnoughError(Exception):
    """Ends the run once every wanted operand is there."""


class _Recorder(TorchDispatchMode):
    def __init__(self, count: int) -> None:
        super().__init__()
        self.count = count
        self.calls: list[dict[str, np.ndarray]] = []

    def __torch_dispatch__(
        self,
        func: OpOverload,
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        if func is torch.ops.tandem.window_attention.default:
            named = bound(func, args, kwargs or {})
            taken = {name: named[name] for name in (*OPERANDS, "sinks") if named[name] is not None}
            self.calls.append({name: tensor.float().numpy().copy() for name, tensor in taken.items()})
            if len(self.calls) == self.count:
                raise _EnoughError
        return func(*args, **(kwargs or {}))
