"""Values through the ANT array, beside the cycles: what ``--functional`` adds to a report."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from tandemsim.sim.ant.lowering import Bits
from tandemsim.sim.ant.values.tensors import Tensors
from tandemsim.sim.ant.values.walk import ModelValues, Walk
from tandemsim.sim.arch.ant.config import AntConfig
from tandemsim.sim.arch.types import Progress
from tandemsim.sim.machines.contract import Values
from tandemsim.sim.report.contract import OpReport
from tandemsim.sim.shell.files import printable
from tandemsim.traces.schema import Op, Trace

OUTPUTS = "outputs of the model"


def given_tensors(trace: Trace, values: Values) -> Tensors:
    """Return the tensors of a run; those of a file are looked at now, before anything takes long.

    Raises `UserError`.
    """
    return Tensors(trace, values.tensors, values.seed)


def run_values(
    trace: Trace,
    config: AntConfig,
    bits: Mapping[int, Bits],
    tensors: Tensors,
    progress: Progress | None,
) -> ModelValues:
    """Run one input of a model in values. `bits` are those of the ops that run on the array."""
    return Walk(trace, config, bits, tensors).run(progress)


def of_model(found: ModelValues, values: Values, batch: int) -> dict[str, Any]:
    """Return what the report says of a model's outputs; the inputs of a batch are all alike."""
    return {
        "op": OUTPUTS,
        "tensors": "N(0, 1)" if values.tensors is None else printable(values.tensors),
        "inputs_checked": 1,
        "inputs": batch,
        "saturations": {"sum": sum(op.saturations for op in found.ops)},
        **found.outputs.as_record(),
    }


def with_values(ops: Sequence[Op], reports: Sequence[OpReport], found: ModelValues) -> list[OpReport]:
    """Return the reports of `ops`, those of the array with what was found of their values."""
    records = {
        each.op.id: {
            "formats": dict(each.formats),
            "saturations": {"sum": each.saturations},
            **each.difference.as_record(),
        }
        for each in found.ops
    }
    return [
        replace(report, extra={**report.extra, "values": records[op.id]}) if op.id in records else report
        for op, report in zip(ops, reports, strict=True)
    ]


def notes(found: ModelValues, tensors: Tensors, batch: int) -> Iterator[str]:
    """Yield what a reader must know before quoting the values."""
    yield "--functional: products by the array's rules, all else in float64; errors add up from op to op."
    if tensors.is_from_file:
        stored, own = len(tensors.stored), len(tensors.own)
        yield f"--functional: of {own} tensors that no op makes, {stored} are in the file; others are drawn."
    if batch > 1:
        yield f"--functional checked 1 of the {batch} inputs of the batch; in cycles they are all alike."
    if found.drawn:
        count, named = sum(found.drawn.values()), ", ".join(sorted(found.drawn))
        yield (
            f"--functional: the trace does not state all that {count} ops need ({named});"
            " their results are drawn, the same in both runs."
        )
