"""Values through SALO's fixed-point array, beside the cycles: what ``--functional`` adds to a report."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tandemsim.sim.arch.checks import to_dict
from tandemsim.sim.arch.salo.config import SaloConfig
from tandemsim.sim.arch.types import Progress
from tandemsim.sim.salo.machine import SaloRun, pattern_of
from tandemsim.sim.salo.scheduling.schedule import schedule
from tandemsim.sim.salo.values import functional
from tandemsim.sim.salo.values.tensors import Operands, Tensors, load_tensors, random_tensors, stored_op
from tandemsim.sim.shell.files import printable
from tandemsim.traces.schema import Op


@dataclass(frozen=True, slots=True)
class FileTensors:
    """Tensors from a file, and the place of their op among those that run."""

    path: Path
    place: int
    tensors: Tensors


def given_tensors(ops: Sequence[Op], path: Path) -> FileTensors:
    """Read the tensors of the first op that the file has some for.

    Asked before a run, so that a long one does not end in a refusal. Raises `UserError`.
    """
    place = stored_op(path, [op.name for op in ops])
    return FileTensors(path, place, load_tensors(path, operands_of(ops[place])))


def operands_of(op: Op) -> Operands:
    """Return the shapes of what a file must hold for an op."""
    pattern = pattern_of(op)
    return Operands(
        op=op.name,
        batch=op.dim("batch"),
        heads=op.dim("heads"),
        seq_len=pattern.seq_len,
        head_dim=op.dim("head_dim"),
        global_tokens=len(pattern.global_tokens),
        sinks=op.operand("sinks") is not None,
        kv_heads=op.dim("kv_heads"),
        v_dim=op.dim("v_dim"),
        q_len=pattern.q_len,
        scale=op.attrs.get("scale"),
    )


def run_values(
    run: SaloRun,
    config: SaloConfig,
    file: FileTensors | None,
    seed: int,
    progress: Progress | None,
    batch: int = 1,
) -> dict[str, Any]:
    """Run the given tensors through their layer, or N(0, 1) through the first, and compare with float64.

    A file holds the inputs of the trace's own batch; of random ones, all alike, one is run. `batch` is how
    often the trace's batch is simulated.
    """
    layer = run.layers[file.place if file else 0]
    pattern = layer.pattern
    tiling = layer.result.program.schedule
    if file is None:
        apart = len(pattern.global_tokens) if tiling.separate_rows else 0
        need = operands_of(layer.op)
        tensors = random_tensors(
            need.heads,
            need.seq_len,
            need.head_dim,
            seed=seed,
            global_tokens=apart,
            sinks=need.sinks,
            kv_heads=need.kv_heads,
            v_dim=need.v_dim,
            q_len=need.q_len,
            scale=need.scale,
        )
    else:
        tensors = file.tensors
        if tensors.global_query is not None and not tiling.separate_rows:
            tiling = schedule(pattern, config.array, config.scheduling, global_projections=True)
    heads_done = (lambda head, count: progress("heads", head, count)) if progress else None
    result = functional.run(tiling, pattern, tensors, config, heads_done)
    stored = layer.op.dim("batch")
    return {
        "op": layer.op.name,
        "tensors": printable(file.path) if file else "N(0, 1)",
        "inputs_checked": stored if file else 1,
        "inputs": stored * batch,
        **to_dict(result),
    }


def unchecked(functional: Iterable[dict[str, Any]]) -> Iterator[str]:
    """Say how many inputs of a batch were run through the array, where those are not all."""
    for entry in functional:
        checked, inputs = entry["inputs_checked"], entry["inputs"]
        if checked < inputs:
            yield (
                f"--functional checked {checked} of the {inputs} inputs of the batch;"
                " in cycles they are all alike."
            )
