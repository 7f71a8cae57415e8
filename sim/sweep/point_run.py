"""One point: from its keys to a row. Whatever goes wrong in it is a row too."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from tandemsim.sim.arch.checks import UserError, one_line, require
from tandemsim.sim.run import Request, bits_named, simulate
from tandemsim.sim.sweep.fields import settings_of, trace_of
from tandemsim.traces.errors import TraceError
from tandemsim.traces.schema import Trace

OK, INVALID, FAILED, TIMED_OUT = "ok", "invalid", "failed", "timed out"
STATUSES = (OK, INVALID, FAILED, TIMED_OUT)


class SweepError(RuntimeError):
    """What ends a sweep and is not the user's mistake: processes do not start, a cluster is gone."""


class Outcome(msgspec.Struct, frozen=True):
    """What became of one point. `row` is the report's summary; empty unless the point ran."""

    number: int
    status: str
    reason: str = ""
    row: dict[str, Any] = {}
    limit: float | None = None  # seconds, of a point that timed out


def run_point(number: int, point: Mapping[str, Any], traces: Mapping[str, Trace]) -> Outcome:
    """Run one point in this process."""
    try:
        return Outcome(number, OK, row=simulate(_request(point, traces)).report.summary())
    except (UserError, TraceError) as error:
        return Outcome(number, INVALID, _line(str(error)))
    except MemoryError:
        return Outcome(number, FAILED, "out of memory")
    except (Exception, SystemExit) as error:
        return Outcome(number, FAILED, _line(f"{type(error).__name__}: {error}"))


def _request(point: Mapping[str, Any], traces: Mapping[str, Trace]) -> Request:
    for name in ("machine", "preset", "only"):
        require(isinstance(point.get(name, ""), str), f"{name} must be a text", point.get(name))
    batch = point.get("batch", 1)
    require(isinstance(batch, int) and not isinstance(batch, bool), "batch must be an integer", batch)
    return Request(
        workload=str(point.get("pattern", point.get("workload"))),
        trace=trace_of(point, traces),
        only=point.get("only"),
        machine=point.get("machine"),
        preset=point.get("preset"),
        settings=settings_of(point),
        batch=batch,
        bits=bits_named(point.get("bits")),
    )


def _line(text: str) -> str:
    return one_line("", text).removeprefix(": ")
