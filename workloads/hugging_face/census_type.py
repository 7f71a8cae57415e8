"""One row of the census of model types: what a type becomes, and what PyTorch counts in the same run."""

from __future__ import annotations

import time
from typing import Any

import torch
from torch.utils.flop_counter import FlopCounterMode

from tandemsim.sim.arch.checks import ConfigError
from tandemsim.workloads.hugging_face.building import build
from tandemsim.workloads.hugging_face.configs import described
from tandemsim.workloads.hugging_face.model_inputs import default_inputs
from tandemsim.workloads.hugging_face.registrations import interfaces
from tandemsim.workloads.hugging_face.shortened import shortened
from tandemsim.workloads.inputs import Arguments
from tandemsim.workloads.modules import traced
from tandemsim.workloads.recorder import Recorder

#: Products that PyTorch's counter leaves out, by their names in a trace.
UNCOUNTED = {
    "mv",
    "addmv",
    "dot",
    "vdot",
    "addbmm",
    "addr",
    "int_mm",
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
            with FlopCounterMode(display=False) as counter:
                trace = traced(module, [], name, {}, named=arguments.meta()[1], recorder=recorder)
    except Exception as error:  # whatever a model raises is its result
        text = " ".join(str(error).split())
        row["error"] = text if isinstance(error, ConfigError) else f"{type(error).__name__}: {text}"
        return row
    finally:
        row["seconds"] = round(time.perf_counter() - start, 2)
    uncounted = sum(
        op.macs
        for op, step in zip(trace.ops, recorder.steps, strict=True)
        if op.kind in UNCOUNTED_KINDS or step.lowered.function in UNCOUNTED
    )
    counted = counter.get_total_flops() // 2
    row |= {"result": "exported", "ops": len(trace.ops), "macs": trace.macs, "counted": counted}
    row |= {"uncounted": uncounted, "known": function.known, "unknown": function.unknown}
    return row | {"notes": "; ".join(recorder.noted())}
