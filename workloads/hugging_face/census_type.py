"""One row of the census of model types: what a type becomes, and what PyTorch counts of it.

PyTorch's counter sees the model run by its parts (`workloads.parts`), so that it knows every operator. It
then counts all pairs of a windowed attention, and so does `dense_macs`.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from tandemsim.sim.arch.checks import ConfigError
from tandemsim.traces.pattern import Pattern
from tandemsim.traces.schema import Op, Trace
from tandemsim.workloads.hugging_face.building import build
from tandemsim.workloads.hugging_face.configs import described
from tandemsim.workloads.hugging_face.model_inputs import default_inputs
from tandemsim.workloads.hugging_face.registrations import interfaces
from tandemsim.workloads.hugging_face.shortened import shortened
from tandemsim.workloads.inputs import Arguments
from tandemsim.workloads.modules import traced
from tandemsim.workloads.parts import in_parts
from tandemsim.workloads.recorder import Recorder

#: Products that PyTorch's counter leaves out, by their names in a trace.
UNCOUNTED = {
    "mv",
    "addmv",
    "dot",
    "vdot",
    "addbmm",
    "addr",
    "_int_mm",
    "scaled_mm",
    "grouped_mm",
    "cdist",
    "bilinear",
}

#: Kinds that it leaves out.
UNCOUNTED_KINDS = {"fft", "triangular_solve"}


def census_row(name: str, tokens: int = 64) -> dict[str, Any]:
    """Return what a model type's default config of two layers becomes."""
    row: dict[str, Any] = {"type": name, "result": "not_built"}
    recorder = Recorder()
    start = time.perf_counter()
    try:
        model = described(name)
        config = shortened(model.config)
        with interfaces(recorder.note) as function:
            with torch.device("meta"):
                module = build(model.architecture, config, recorder.note)
            module.requires_grad_(False)  # PyTorch's counter watches gradients where they are wanted
            row["result"], noted = "needs_inputs", recorder.notes.copy()
            arguments = Arguments(named=default_inputs(module, model.architecture, config, tokens))
            row["result"] = "refused"
            function.known = function.unknown = 0
            recorder.notes = noted  # without those of the runs that tried inputs
            named = arguments.meta()[1]
            trace = traced(module, [], name, {}, named=named, recorder=recorder)
            known, unknown = function.known, function.unknown
            counted, uncounted = counted_macs(module, named)
    except Exception as error:  # whatever a model raises is its result
        text = " ".join(str(error).split())
        row["error"] = text if isinstance(error, ConfigError) else f"{type(error).__name__}: {text}"
        return row
    finally:
        row["seconds"] = round(time.perf_counter() - start, 2)
    row |= {"result": "exported", "ops": len(trace.ops), "macs": trace.macs, "dense": dense_macs(trace)}
    row |= {"counted": counted, "uncounted": uncounted, "known": known, "unknown": unknown}
    return row | {"notes": "; ".join(recorder.noted())}


def counted_macs(module: nn.Module, named: Mapping[str, Any]) -> tuple[int, int]:
    """Return the MACs that PyTorch counts in a run by parts, and those of operators that it leaves out."""
    recorder = Recorder()
    with in_parts(), FlopCounterMode(display=False) as counter:
        parts = traced(module, [], "", {}, named=named, recorder=recorder)
    uncounted = sum(
        op.macs
        for op, step in zip(parts.ops, recorder.steps, strict=True)
        if op.kind in UNCOUNTED_KINDS or step.lowered.function in UNCOUNTED
    )
    return counter.get_total_flops() // 2, uncounted


def dense_macs(trace: Trace) -> int:
    """Return the MACs of a trace if every query of its windowed attentions met every key."""
    return sum(op.macs if op.pattern is None else _all_pairs(op, op.pattern) for op in trace.ops)


def _all_pairs(op: Op, pattern: Pattern) -> int:
    pairs = op.dim("batch") * op.dim("heads") * pattern.q_len * pattern.seq_len
    return pairs * (op.dim("head_dim") + op.dim("v_dim"))
