"""The report of an op that rides with another: its work is done in the cycles of its host, and costs none."""

from __future__ import annotations

from tandemsim.sim.report.contract import OpReport
from tandemsim.traces.schema import Op


def riding_report(op: Op, host: Op, batch: int, multipliers: int) -> OpReport:
    """Return the report of `op`, which runs as a part of `host`; `multipliers` are the machine's."""
    return OpReport(
        name=op.name,
        kind=op.kind,
        cycles=0,
        compute_cycles=0,
        stall_cycles={},
        macs=op.macs * batch,
        multipliers=multipliers,
        tiles=0,
        extra={"rides_on": host.name},
    )
