"""``--only``: some ops of a trace, and the others in the report as left out."""

from __future__ import annotations

import re
from dataclasses import replace

import msgspec

from tandemsim.sim.arch.checks import ConfigError, shown
from tandemsim.sim.report.contract import NotRun, Report
from tandemsim.traces.schema import Trace

REASON = "left out by --only"
FIRST = 3  # names that a message gives as examples


def selected(trace: Trace, expression: str, runs: frozenset[str]) -> Trace:
    """Return the trace with those ops alone in whose names `expression` is found; its digest stays.

    Raises `ConfigError` where it finds none of a kind in `runs`.
    """
    try:
        wanted = re.compile(expression)
    except (re.error, OverflowError, RecursionError) as error:
        raise ConfigError(f"--only takes a regular expression ({error}), not {shown(expression)}") from None
    ops = tuple(op for op in trace.ops if wanted.search(op.name))
    if not any(op.kind in runs for op in ops):
        names = dict.fromkeys(op.name for op in trace.ops if op.kind in runs)
        some = ", ".join(shown(name) for name in [*names][:FIRST])
        rule = f"--only must match an op that the machine runs, such as {some or 'there is none here'}"
        raise ConfigError(f"{rule}, not {shown(expression)}")
    return msgspec.structs.replace(trace, ops=ops)


def with_left_out(report: Report, whole: Trace, ran: Trace, runs: frozenset[str], batch: int) -> Report:
    """Return the report of `ran` with what it leaves out of `whole` as not run, in the trace's order."""
    kept, others = {op.id for op in ran.ops}, iter(report.not_run)
    not_run = []
    for op in whole.ops:
        if op.id not in kept:
            not_run.append(NotRun(name=op.name, kind=op.kind, macs=op.macs * batch, reason=REASON))
        elif op.kind not in runs:
            not_run.append(next(others))
    return replace(report, not_run=tuple(not_run))
