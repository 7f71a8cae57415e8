"""What each ONNX operator becomes in a trace: the table that the other modules of this package fill.

An operator has a rule of its own (`rule`), or the same work for each element of its result (`listed`). One
that stands nowhere is an error, never dropped.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from typing import NamedTuple

from onnx import NodeProto

from tandemsim.sim.arch.checks import ConfigError, hint, shown
from tandemsim.workloads.onnx.files import domain_of
from tandemsim.workloads.onnx.node import Node, owner_of
from tandemsim.workloads.onnx.recorder import Recorder
from tandemsim.workloads.onnx.values import Value

MICROSOFT = "com.microsoft"  # onnxruntime's own operators

#: A rule records the ops of a node and returns its results, in order.
Rule = Callable[[Node, Recorder], list[Value]]


class Entry(NamedTuple):
    """What is known of an operator."""

    rule: Rule
    folds: bool  # of constants alone it makes a constant, not an op


OPERATORS: dict[tuple[str, str], Entry] = {}

#: Operators that are refused by name, and why.
REFUSED: dict[tuple[str, str], str] = {}


def rule(*names: str, domain: str = "", folds: bool = False) -> Callable[[Rule], Rule]:
    """Register a rule for these operators of a domain."""

    def register(function: Rule) -> Rule:
        for name in names:
            OPERATORS[domain, name] = Entry(function, folds)
        return function

    return register


def listed(kind: str, *names: str, domain: str = "", folds: bool = True) -> None:
    """Register operators that do the same work for each element of their result, several in each string.

    The function is the operator's name in small letters, or what follows its colon.
    """
    for word in " ".join(names).split():
        name, _, function = word.partition(":")
        OPERATORS[domain, name] = Entry(_per_element(kind, function or name.lower()), folds)


def refused(reason: str, *names: str, domain: str = "") -> None:
    """Register operators that a trace cannot hold."""
    for name in " ".join(names).split():
        REFUSED[domain, name] = reason


def check_known(nodes: Iterable[NodeProto]) -> None:
    """Raise `ConfigError` for operators without an entry: the first by its node, the others by name."""
    missing: Counter[tuple[str, str]] = Counter()
    first: dict[tuple[str, str], str] = {}
    for node in nodes:
        key = (domain_of(node), str(node.op_type))
        if key not in OPERATORS:
            missing[key] += 1
            first.setdefault(key, owner_of(node))
    if not missing:
        return
    (domain, name), count = next(iter(missing.items()))
    message = (
        f"operator {shown(name)}{_of(domain)}, {_times(count)}, first in node {shown(first[domain, name])}, "
    )
    message += REFUSED.get((domain, name)) or f"is unknown; {_advice(domain, name)}"
    others = [f"{name}{_of(domain)}" for domain, name in list(missing)[1:]]
    raise ConfigError(message + (f"; missing too: {', '.join(others)}" if others else ""))


def _advice(domain: str, name: str) -> str:
    domains = {known for known, _ in OPERATORS}
    if domain not in domains:
        named = [shown(known) for known in sorted(domains) if known]
        return f"the domains are that of ONNX and {', '.join(named)}"
    return hint(name, [known for of, known in OPERATORS if of == domain])


def _of(domain: str) -> str:
    return f" of domain {shown(domain)}" if domain else ""


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"


#: Operators whose inputs beyond the first are not operands: they say how large, how often, from where.
STEERED = {"CenterCropPad", "Clip", "Pad", "Resize", "ReverseSequence", "Tile", "Trilu", "Upsample"}


def _per_element(kind: str, function: str) -> Rule:
    def record(node: Node, recorder: Recorder) -> list[Value]:
        inputs = [node.input(0)] if node.op in STEERED else node.operands
        return [recorder.per_element(kind, function, inputs, node.result())]

    return record
