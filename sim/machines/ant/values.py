"""Values through the ANT array, beside the cycles: what ``--functional`` adds to a report."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from tandemsim.sim.ant.layers import Bits
from tandemsim.sim.ant.lowering import ATTENTIONS, PRODUCTS
from tandemsim.sim.ant.values.tensors import Tensors
from tandemsim.sim.ant.values.walk import ModelValues, Walk
from tandemsim.sim.arch.ant.config import AntConfig
from tandemsim.sim.arch.types import Progress
from tandemsim.sim.machines.contract import NOT_CHOSEN, Options, Values
from tandemsim.sim.report.contract import OpReport
from tandemsim.sim.shell.files import printable
from tandemsim.traces.schema import Op, Trace

OUTPUTS = "outputs of the model"


@dataclass(frozen=True, slots=True)
class Checked:
    """What a report says of values; nothing where no values ran."""

    extra: Mapping[str, Any] = field(default_factory=dict)
    by_op: Mapping[int, Mapping[str, Any]] = field(default_factory=dict)  # id -> what was found
    notes: tuple[str, ...] = ()

    def beside(self, ops: Sequence[Op], reports: Sequence[OpReport]) -> list[OpReport]:
        """Return the reports of `ops`, those of the array with what was found of their values."""
        return [
            replace(report, extra={**report.extra, "values": self.by_op[op.id]})
            if op.id in self.by_op
            else report
            for op, report in zip(ops, reports, strict=True)
        ]


def given_tensors(trace: Trace, values: Values | None) -> Tensors | None:
    """Return the tensors of a run in values; None where none is asked for.

    Those of a file are looked at now, before anything takes long. Raises `UserError`.
    """
    if values is None:
        return None
    return Tensors(trace, values.tensors, values.seed)


def checked(
    trace: Trace,
    config: AntConfig,
    bits: Mapping[int, Bits],
    left_out: Mapping[int, str],
    tensors: Tensors | None,
    options: Options,
    progress: Progress | None,
) -> Checked:
    """Run one input of a model in values; of a batch they are all alike.

    `bits` are those of the ops that run on the array; `left_out` says why the machine does not run others, by
    id.
    """
    if tensors is None or options.values is None:
        return Checked()
    found = Walk(trace, config, bits, tensors).run(progress)
    path = options.values.tensors
    model = {
        "op": OUTPUTS,
        "tensors": "N(0, 1)" if path is None else printable(path),
        "inputs_checked": 1,
        "inputs": options.batch,
        "saturations": {"sum": sum(op.saturations for op in found.ops)},
        **(
            found.outputs.as_record() if found.outputs.elements or not found.not_compared else {"elements": 0}
        ),
        **({"not_compared": found.not_compared} if found.not_compared else {}),
    }
    by_op = {
        each.op.id: {
            "formats": dict(each.formats),
            "saturations": {"sum": each.saturations},
            **each.difference.as_record(),
        }
        for each in found.ops
    }
    return Checked(
        {"functional": [model]}, by_op, tuple(_notes(found, bits, left_out, tensors, options.batch))
    )


def _notes(
    found: ModelValues, bits: Mapping[int, Bits], left_out: Mapping[int, str], tensors: Tensors, batch: int
) -> Iterator[str]:
    yield "--functional: products by the array's rules, all else in float64; errors add up from op to op."
    if tensors.is_from_file:
        stored, own = len(tensors.stored), len(tensors.own)
        yield f"--functional: of {own} tensors that no op makes, {stored} are in the file; others are drawn."
    if batch > 1:
        yield f"--functional checked 1 of the {batch} inputs of the batch; in cycles they are all alike."
    if found.not_compared:
        which = "Outputs" if found.outputs.elements == 0 else f"{found.not_compared:,} elements of outputs"
        yield f"{which} of the model are not compared: no product that ran reaches them."
    by_cause: dict[str, list[Op]] = {}
    for op in found.drawn:
        by_cause.setdefault(_cause(op, bits, left_out), []).append(op)
    for cause, ops in by_cause.items():
        named = ", ".join(sorted({str(op.attrs.get("function", op.kind)) for op in ops}))
        count = "1 op" if len(ops) == 1 else f"{len(ops)} ops"
        yield f"--functional: results of {count} are drawn, the same in both runs ({named}): {cause}."


def _cause(op: Op, bits: Mapping[int, Bits], left_out: Mapping[int, str]) -> str:
    """Return why the results of an op were drawn."""
    if op.id in bits or op.kind not in (*PRODUCTS, *ATTENTIONS):
        return "the trace does not state all that they need, or they are not finite"
    return left_out.get(op.id, NOT_CHOSEN)
