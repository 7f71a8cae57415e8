"""What a PyTorch operator becomes in a trace: the table that the modules of this package fill.

Each of them registers the operators of one family, with `lowers` where an operator has a rule of its own and
with `listed` where the work is the same for each element. An operator in neither is an error of the tracer,
never dropped. In-place variants (``add_``) share the entry of their plain form.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from torch import Tensor

from tandemsim.workloads import lowered


class Call(NamedTuple):
    """One call of an operator: its bare name, its arguments by name (defaults included), the tensors."""

    name: str
    args: dict[str, Any]
    inputs: list[Tensor]
    outputs: list[Tensor]


Dims = lowered.Dims
Lowered = lowered.Lowered[Tensor]
Rule = Callable[[Call], Lowered]

#: Operators with a rule of their own.
SPECIAL: dict[str, Rule] = {}

#: Kind and function of operators that do the same work for each element of their output.
PER_ELEMENT: dict[str, tuple[str, str]] = {}


def lower(call: Call) -> Lowered | None:
    """Return what an operator becomes, None if it is not in the vocabulary.

    Raises `ConfigError` for a known operator in a form that the trace format cannot express.
    """
    if call.name in SPECIAL:
        return SPECIAL[call.name](call)
    if call.name in PER_ELEMENT:
        kind, function = PER_ELEMENT[call.name]
        return per_element(kind, function, call)
    return None


def lowers(*names: str) -> Callable[[Rule], Rule]:
    """Register a rule for these operators."""

    def register(rule: Rule) -> Rule:
        SPECIAL.update(dict.fromkeys(names, rule))
        return rule

    return register


def listed(kind: str, *names: str, suffix: str = "") -> None:
    """Register operators without a rule, several in each string, each with the `suffix` after its name.

    The function is the operator's name, or what follows its colon.
    """
    for word in " ".join(names).split():
        name, _, function = word.partition(":")
        PER_ELEMENT[name + suffix] = kind, (function or name) + suffix


def per_element(kind: str, function: str, call: Call, reduced: int = 1) -> Lowered:
    """Return an op without multiply-accumulates; `reduced` input elements make one output element."""
    dims: Dims = {"elements": call.outputs[0].numel()}
    if reduced > 1:
        dims["reduced"] = reduced
    return Lowered(kind, function, dims, call.inputs, call.outputs, {"function": function})
