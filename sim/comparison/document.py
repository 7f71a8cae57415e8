"""A comparison as data: the contract ``tandem-comparison/1``, which grows and does not change.

Figures stand as in the reports. A ratio is a run's figure over that of the first run of its group, and null
where there is none; between groups there are no ratios, and ``apart`` says why.
"""

from __future__ import annotations

import operator
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct

from tandemsim.sim.comparison.differences import ABSENT, differences_of
from tandemsim.sim.comparison.metrics import dram_bytes, stalled_cycles
from tandemsim.sim.comparison.ops import op_rows
from tandemsim.sim.comparison.runs import Runs
from tandemsim.sim.comparison.scope import batch_of
from tandemsim.sim.report.contract import as_dict as plain_values
from tandemsim.sim.shell.version import __version__

SCHEMA = "tandem-comparison/1"

Count = Annotated[int, Meta(ge=0)]
Amount = Annotated[float, Meta(ge=0)]
Share = Annotated[float, Meta(ge=0, le=1)]
Place = Annotated[int, Meta(ge=0, description="a place in `runs`, counted from 0")]
Digest = Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]


class MetricEntry(Struct, frozen=True):
    """What runs are compared by."""

    key: Annotated[str, Meta(description="the key in `ratios` and `best` of a run")]
    title: str
    unit: Annotated[str, Meta(description="empty for a ratio")]
    better: Literal["lower", "higher"]


class GroupEntry(Struct, frozen=True):
    """Runs of one scope: the same trace and batch, and the same ops that ran and that did not."""

    workload: str
    trace_digest: Digest
    batch: Annotated[int, Meta(ge=1)]
    runs: list[Place]
    ops: Annotated[Count, Meta(description="ops that ran")]
    not_run: Annotated[Count, Meta(description="ops that did not run")]
    macs_share: Annotated[Share, Meta(description="the part of the model's MACs that ran")]
    apart: Annotated[
        str, Meta(description="why no ratio leads to the workload's first group; empty for that group")
    ]


class RunEntry(Struct, frozen=True):
    """One run; figures as in its report."""

    name: Annotated[str, Meta(description="label, with the workload where there are several; unique")]
    label: str
    workload: str
    machine: str
    preset: str
    settings: Annotated[dict[str, Any], Meta(description="config fields that the user has set, by name")]
    batch: Annotated[int, Meta(ge=1)]
    group: Annotated[int, Meta(ge=0, description="a place in `groups`, counted from 0")]
    config_digest: Digest
    trace_digest: Digest
    version: Annotated[str, Meta(description="version of tandemsim that ran it")]
    clock_hz: Annotated[int, Meta(ge=1)]
    multipliers: Annotated[int, Meta(ge=1)]
    macs: Count
    macs_share: Share
    cycles: Count
    seconds: Amount
    utilization: Share
    compute_cycles: Count
    stalled_cycles: Annotated[Count, Meta(description="the sum of stall_cycles")]
    stall_cycles: dict[str, Count]
    dram_read_bytes: Count
    dram_write_bytes: Count
    dram_bytes: Annotated[Count, Meta(description="the sum of both")]
    energy_pj: Annotated[Amount, Meta(description="the sum of energy_parts_pj")]
    energy_parts_pj: dict[str, Amount]
    power_w: Amount
    area_mm2: Amount | None
    area_estimate_mm2: Annotated[
        Amount | None, Meta(description="on one basis for all configurations: what runs are compared by")
    ]
    best: Annotated[
        list[str], Meta(description="metrics in which it is best in its group; of equal ones all are")
    ]
    ratios: Annotated[
        dict[str, Amount | None], Meta(description="metric over that of the first run of the group")
    ]


class DifferenceEntry(Struct, frozen=True):
    """A config field that is not the same in all runs."""

    field: str
    values: Annotated[
        dict[str, Any], Meta(description="by the name of the run; a run without that field is missing")
    ]


class OpEntry(Struct, frozen=True):
    """An op of one workload, or ops that are alike, in each run that ran it."""

    name: str
    kind: str
    cycles: Annotated[dict[str, Count], Meta(description="of all its ops, by the name of the run")]
    utilization: Annotated[dict[str, Share], Meta(description="by the name of the run")]


class Document(Struct, frozen=True):
    """Runs side by side."""

    schema: Literal["tandem-comparison/1"]
    version: Annotated[str, Meta(description="version of tandemsim that compared")]
    metrics: list[MetricEntry]
    runs: list[RunEntry]
    groups: list[GroupEntry]
    differences: list[DifferenceEntry]
    equal_fields: Annotated[Count, Meta(description="config fields that are the same in all runs")]
    ops: list[OpEntry]


def document(runs: Runs) -> Document:
    """Return the comparison as the contract has it."""
    different = differences_of(runs)
    return Document(
        schema="tandem-comparison/1",
        version=__version__,
        metrics=[MetricEntry(m.key, m.title, m.unit, m.better) for m in runs.metrics],
        runs=run_entries(runs),
        groups=_groups(runs),
        differences=[
            DifferenceEntry(
                field.field,
                {
                    runs.names[place]: plain_values(value)
                    for column, value in zip(different.columns, field.values, strict=True)
                    for place in column.runs
                    if value is not ABSENT
                },
            )
            for field in different.fields
        ],
        equal_fields=different.equal,
        ops=_ops(runs),
    )


def run_entries(runs: Runs) -> list[RunEntry]:
    """Return every run of the comparison."""
    group_of = {place: number for number, group in enumerate(runs.groups) for place in group.runs}
    best = {metric.key: runs.best(metric) for metric in runs.metrics}
    entries = []
    for place, report in enumerate(runs.reports):
        first = runs.groups[group_of[place]].runs[0]
        entries.append(
            RunEntry(
                name=runs.names[place],
                label=runs.labels[place],
                workload=report.workload,
                machine=report.machine,
                preset=report.preset,
                settings=plain_values(report.settings),
                batch=batch_of(report),
                group=group_of[place],
                config_digest=report.config_digest,
                trace_digest=report.trace_digest,
                version=report.version,
                clock_hz=report.clock_hz,
                multipliers=report.multipliers,
                macs=report.macs,
                macs_share=report.macs_share,
                cycles=report.cycles,
                seconds=report.seconds,
                utilization=report.utilization,
                compute_cycles=report.compute_cycles,
                stalled_cycles=stalled_cycles(report),
                stall_cycles=dict(report.stall_cycles),
                dram_read_bytes=report.dram.read_bytes,
                dram_write_bytes=report.dram.write_bytes,
                dram_bytes=dram_bytes(report),
                energy_pj=report.energy_pj.total,
                energy_parts_pj=report.energy_pj.parts,
                power_w=report.power_w,
                area_mm2=report.area_mm2,
                area_estimate_mm2=report.area_estimate_mm2,
                best=[key for key, places in best.items() if place in places],
                ratios={m.key: runs.ratio_or_none(m.key, place, first) for m in runs.metrics},
            )
        )
    return entries


def as_dict(runs: Runs) -> dict[str, Any]:
    """Return the document as plain JSON values."""
    plain: dict[str, Any] = msgspec.json.decode(as_json(runs))
    return plain


def as_json(runs: Runs) -> bytes:
    """Return the document as JSON; the same runs give the same bytes."""
    encoded = msgspec.json.encode(document(runs), enc_hook=operator.index)  # integers of numpy
    return msgspec.json.format(encoded, indent=1) + b"\n"


def _groups(runs: Runs) -> list[GroupEntry]:
    entries = []
    for group in runs.groups:
        first = runs.reports[group.runs[0]]
        entries.append(
            GroupEntry(
                workload=first.workload,
                trace_digest=first.trace_digest,
                batch=batch_of(first),
                runs=list(group.runs),
                ops=len(first.ops),
                not_run=len(first.not_run),
                macs_share=first.macs_share,
                apart=group.apart,
            )
        )
    return entries


def _ops(runs: Runs) -> list[OpEntry]:
    entries = []
    for section in runs.sections:
        names = [runs.names[place] for place in section.runs]
        for row in op_rows(runs, section):
            ran = {name: cell for name, cell in zip(names, row.cells, strict=True) if cell is not None}
            cycles = {name: cell.cycles for name, cell in ran.items()}
            utilization = {name: cell.utilization for name, cell in ran.items()}
            entries.append(OpEntry(row.name, row.kind, cycles, utilization))
    return entries
