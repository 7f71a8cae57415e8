"""Assembles a trace from the ops of a run, in the order in which they were seen.

Names come from the modules that called the ops, tensors that are used are numbered, and `traces.validate`
checks the whole.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from msgspec.structs import replace

from tandemsim.sim.arch.checks import ConfigError
from tandemsim.traces.kinds import macs
from tandemsim.traces.schema import Op, Source, Tensor, Trace
from tandemsim.traces.validate import seal
from tandemsim.workloads.lowered import Lowered


@dataclass(frozen=True, slots=True)
class Step:
    """One op as it was seen: the module that called it, what it became, the numbers of its tensors."""

    owner: str
    lowered: Lowered[Any]
    inputs: list[int]
    outputs: list[int]


def assemble(
    source: Source, steps: Sequence[Step], tensors: Sequence[Tensor], returned: Sequence[int]
) -> Trace:
    """Return the checked trace of all steps. `returned` numbers the tensors that the model returns.

    Tensors that no step uses are left out (an unused second output too, such as a norm's statistics), and the
    others are renumbered. Raises `TraceError` where a rule of the format is broken.
    """
    read = {number for step in steps for number in step.inputs} | set(returned)
    read |= {base for number in read if (base := tensors[number].alias_of) is not None}
    outputs = [_kept(step, read) for step in steps]
    used = read.union(*outputs)
    used |= {base for number in used if (base := tensors[number].alias_of) is not None}
    number = {old: new for new, old in enumerate(sorted(used))}
    ops = [
        Op(
            id=position,
            kind=step.lowered.kind,
            name=name,
            inputs=tuple(number[old] for old in step.inputs),
            outputs=tuple(number[old] for old in kept),
            dims=step.lowered.dims,
            attrs=step.lowered.attrs,
            macs=macs(step.lowered.kind, step.lowered.dims, step.lowered.attrs),
        )
        for position, (step, kept, name) in enumerate(zip(steps, outputs, names(steps), strict=True))
    ]
    kept_tensors = [_renumbered(tensors[old], number) for old in sorted(used)]
    return seal(source=source, tensors=kept_tensors, ops=ops)


def _kept(step: Step, read: set[int]) -> list[int]:
    """Return the outputs that are used, and the first; of gradients all, as their op says which it has."""
    if step.lowered.kind == "conv_backward":
        return step.outputs
    return [number for position, number in enumerate(step.outputs) if position == 0 or number in read]


def too_many(limit: int) -> ConfigError:
    """Return the error of a model whose trace would hold more ops than `traces.limits.MAX_OPS`."""
    return ConfigError(
        f"a trace must hold at most {limit} ops: recurrences are unrolled step by step and loops round by "
        "round, so take a shorter sequence"
    )


def names(steps: Sequence[Step]) -> list[str]:
    """Name each op by its owner, and its function if the owner calls several; number duplicates."""
    per_owner = Counter(step.owner for step in steps)
    result: list[str] = []
    seen: Counter[str] = Counter()
    for step in steps:
        alone = step.owner and per_owner[step.owner] == 1
        name = step.owner if alone else label(step.owner, step.lowered.function)
        seen[name] += 1
        result.append(name if seen[name] == 1 else f"{name}_{seen[name]}")
    return result


def label(owner: str, function: str) -> str:
    """Return ``owner.function``; the model itself is the owner without a name."""
    return f"{owner}.{function}" if owner else function


def _renumbered(tensor: Tensor, number: dict[int, int]) -> Tensor:
    base = None if tensor.alias_of is None else number[tensor.alias_of]
    return replace(tensor, id=number[tensor.id], alias_of=base)
