"""The scope of a run: which part of which work its figures are about.

Two runs are measured against each other only where their scopes are equal: the same trace, the same batch,
and the same ops that ran and that did not. A run of 6 % of a model is not faster than one of the whole model
because it takes less time.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from tandemsim.sim.arch.checks import shown
from tandemsim.sim.report.contract import NotRun, OpReport, Report
from tandemsim.sim.report.format import percent

FIRST = 2  # names of ops that a reason gives as examples
DIGITS = 8  # of a digest, in a reason

Work = tuple[tuple[str, int], ...]  # name and MACs of each op, in the order of the trace


@dataclass(frozen=True, slots=True)
class Scope:
    """What ran and what did not."""

    trace_digest: str
    batch: int
    ran: Work
    not_run: Work


def scope_of(report: Report) -> Scope:
    """Return the scope of a run."""
    return Scope(report.trace_digest, batch_of(report), _work(report.ops), _work(report.not_run))


def batch_of(report: Report) -> int:
    """Return how many inputs the run took at once."""
    return int(report.extra.get("batch", 1))


def bits_of(report: Report) -> str:
    """Return the name of the run's operand widths; empty for a machine that has one for all."""
    return str(report.extra.get("bits", ""))


def why_apart(one: Report, other: Report) -> str:
    """Say why there is no ratio between two runs, as a sentence without its stop; empty if there is one."""
    first, second = scope_of(one), scope_of(other)
    if first == second:
        return ""
    if first.trace_digest != second.trace_digest:
        names = [f"{report.workload} ({report.trace_digest[:DIGITS]})" for report in (one, other)]
        return f"they ran different traces, {names[0]} and {names[1]}"
    if first.batch != second.batch:
        return f"their batches are {first.batch} and {second.batch}"
    shares = [percent(report.macs, report.macs + report.macs_not_run) for report in (one, other)]
    reason = f"one ran {shares[0]} of the model's MACs and the other {shares[1]}"
    only = [_only(first.ran, second.ran), _only(second.ran, first.ran)]
    extras = [
        f"only the {which} ran {_some(names)}"
        for which, names in zip(("first", "second"), only, strict=True)
        if names
    ]
    return "; ".join([reason, *extras]) if extras else f"{reason}; what ran or did not run of each op differs"


def _work(ops: Iterable[OpReport] | Iterable[NotRun]) -> Work:
    return tuple((op.name, op.macs) for op in ops)


def _only(ran: Work, other: Work) -> list[str]:
    """Names of the ops of `ran` that are not in `other`, as often as they are missing there."""
    return list((Counter(name for name, _ in ran) - Counter(name for name, _ in other)).elements())


def _some(names: list[str]) -> str:
    more = len(names) - FIRST
    return ", ".join(shown(name) for name in names[:FIRST]) + (f" and {more} more" if more > 0 else "")
