"""The result of a run: cycles, where they went, traffic, energy, and what did not run.

`Report` is the contract ``tandem-report/1``, printed by ``--json`` and described by
``docs/report.schema.json``, which `sim.report.schema` generates from the annotations in this file. Machines
build it, everything else only reads it: `sim.report.text` (terminal), `sim.report.html` and
`sim.report.plots` (pictures), `sim.report.parquet` (Parquet).

Quantities that follow from others are properties, so they cannot disagree; those that could are checked when
the report is built. A contradiction is an `InvariantError`: a fault of the simulator, never of the user.
"""

from __future__ import annotations

import json
import operator
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any

from tandemsim.sim.arch.checks import digest
from tandemsim.sim.report.accounts import (
    Actions,
    DramTensors,
    Explanation,
    MultiplierCycles,
    check_actions,
    check_explanation,
    check_multiplier_cycles,
    check_tensors,
)
from tandemsim.sim.report.format import exact, percent, shortened, si
from tandemsim.sim.report.parts import (
    PART_KEYS,
    DramTraffic,
    Energy,
    ScratchpadTraffic,
    TensorTraffic,
    check_extra,
)
from tandemsim.sim.report.rules import (
    Amount,
    Count,
    Digest,
    Positive,
    Ratio,
    Rule,
    StallCycles,
    check,
    check_counts,
    check_cycles,
    ratio,
)
from tandemsim.sim.report.summary import settings_text, summary

SCHEMA = "tandem-report/1"
PJ_PER_J = 1e12
# A key of `extra`, where `area_mm2` is a published figure for some of a machine's configurations.
AREA_ESTIMATE = "area_estimate_mm2"
NAME_WIDTH = 160  # columns of a report's name in its repr

__all__ = [  # with the records that a machine fills, wherever they are defined
    "DramTraffic",
    "Energy",
    "NotRun",
    "OpReport",
    "Report",
    "ScratchpadTraffic",
    "TensorTraffic",
    "as_dict",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class OpReport:
    """One op that ran.

    `extra` holds further fields of the machine; in the JSON they stand after these.
    """

    name: Annotated[str, "the op's name in the trace"]
    kind: Annotated[str, "the op's kind in the trace"]
    start_cycle: Annotated[Count, "cycle in which its first transfer or tile began"] = 0
    cycles: Annotated[Count, "compute_cycles plus every stall; ops may overlap"]
    compute_cycles: Annotated[Count, "cycles in which an array works on it"]
    stall_cycles: StallCycles
    macs: Annotated[Count, "useful multiply-accumulates"]
    multipliers: Annotated[Positive, "every multiplier of the machine, for this op's number format"]
    tiles: Annotated[Count, "tiles that ran; fully masked ones are skipped"]
    dram_read_bytes: Annotated[Count, "bytes of the bursts read for it"] = 0
    dram_write_bytes: Annotated[Count, "bytes of the bursts written for it"] = 0
    multiplier_cycles: MultiplierCycles = field(default_factory=dict)
    dram_tensors: DramTensors = field(default_factory=dict)
    extra: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        where = f"op {self.name!r}"
        check_cycles(where, self.cycles, self.compute_cycles, self.stall_cycles)
        names = ("start_cycle", "macs", "tiles", "dram_read_bytes", "dram_write_bytes")
        check_counts(where, {name: getattr(self, name) for name in names})
        peak = self.cycles * self.multipliers
        check(self.macs <= peak, f"{where}: {self.macs} MACs, of at most {peak} in {self.cycles} cycles")
        check_multiplier_cycles(where, self.multiplier_cycles, self.cycles, self.multipliers, self.macs)
        check_tensors(where, self.dram_tensors, self.dram_read_bytes, self.dram_write_bytes)
        check_extra(self, self.extra, KEYS[OpReport])

    @property
    def utilization(self) -> Annotated[Ratio, "macs / (cycles x multipliers)"]:
        return ratio(self.macs, self.cycles * self.multipliers)

    @property
    def dram_bytes(self) -> int:
        return self.dram_read_bytes + self.dram_write_bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class NotRun:
    """One op that the machine does not run, and why. Its MACs are in no total but `Report.macs_share`."""

    name: Annotated[str, "the op's name in the trace"]
    kind: Annotated[str, "the op's kind in the trace"]
    macs: Annotated[Count, "multiply-accumulates that it would have taken"]
    reason: Annotated[str, "why this machine does not run it"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """The result of one run.

    `extra` holds further results of the machine; in the JSON they stand before the ops.
    """

    workload: Annotated[str, "the trace's name"]
    machine: Annotated[str, "as --machine takes it"]
    preset: Annotated[str, "as --preset takes it"]
    config: Annotated[Mapping[str, Any], "the machine's complete configuration, defaults and all"]
    trace_digest: Annotated[Digest, "SHA-256 of the trace"]
    version: Annotated[str, "version of tandemsim"]
    clock_hz: Annotated[Positive, "cycles per second"]
    cycles: Annotated[Count, "from the first event to the last; compute_cycles plus every stall"]
    compute_cycles: Annotated[Count, "cycles in which any array works"]
    stall_cycles: StallCycles
    multipliers: Annotated[Positive, "every multiplier of the machine: its peak MACs per cycle"]
    dram: DramTraffic
    dram_peak_bytes_per_cycle: Annotated[Amount | None, "what the DRAM pins can carry; null when unlimited"]
    scratchpad: Annotated[Mapping[str, ScratchpadTraffic], "by scratchpad"]
    energy_pj: Energy
    area_mm2: Annotated[Amount | None, "null when it is not known"]
    ops: Annotated[tuple[OpReport, ...], "what ran, in the order of the trace"]
    not_run: Annotated[tuple[NotRun, ...], "what did not run, in the order of the trace"]
    notes: Annotated[tuple[str, ...], "what a reader must know before quoting these figures"] = ()
    settings: Annotated[Mapping[str, Any], "config fields that the user has set, by name"] = field(
        default_factory=dict
    )
    multiplier_cycles: MultiplierCycles = field(default_factory=dict)
    dram_tensors: DramTensors = field(default_factory=dict)
    energy_actions_pj: Actions = field(default_factory=dict)
    explanation: Annotated[tuple[Explanation, ...], "what bounds ops and what would help; of --explain"] = ()
    extra: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_cycles("the run", self.cycles, self.compute_cycles, self.stall_cycles)
        peak = self.cycles * self.multipliers
        check(self.macs <= peak, f"the run: {self.macs} MACs, of at most {peak} in {self.cycles} cycles")
        for op in self.ops:
            end = op.start_cycle + op.cycles
            check(end <= self.cycles, f"op {op.name!r} ends in cycle {end} of a run of {self.cycles}")
        check_multiplier_cycles("the run", self.multiplier_cycles, self.cycles, self.multipliers, self.macs)
        self._check_memory()
        check_actions(self.energy_actions_pj, self.energy_pj)
        check_explanation(self.explanation)
        check_extra(self, self.extra, KEYS[Report])

    def _check_memory(self) -> None:
        check_tensors("the run", self.dram_tensors, self.dram.read_bytes, self.dram.write_bytes)
        if self.dram_tensors:
            read, asked = sum(t.read_bytes for t in self.dram_tensors.values()), self.dram.useful_read_bytes
            check(read == asked, f"the run: tensors of {read} bytes read, but {asked} were asked for")

    @property
    def schema(self) -> Annotated[str, Rule("const", SCHEMA)]:
        return SCHEMA

    @property
    def config_digest(self) -> Annotated[Digest, "SHA-256 of the config's canonical JSON"]:
        return digest(self.config)

    @property
    def settings_text(self) -> str:
        """The settings as ``--set`` takes them; empty when the preset is as it stands."""
        return settings_text(self.settings)

    @property
    def seconds(self) -> Annotated[Amount, "cycles / clock_hz"]:
        return self.cycles / self.clock_hz

    @property
    def macs(self) -> Annotated[Count, "useful multiply-accumulates of what ran"]:
        return sum(op.macs for op in self.ops)

    @property
    def macs_not_run(self) -> Annotated[Count, "multiply-accumulates of the model that did not run"]:
        return sum(op.macs for op in self.not_run)

    @property
    def macs_share(self) -> Annotated[Ratio, "the part of the model's MACs that ran"]:
        return ratio(self.macs, self.macs + self.macs_not_run)

    @property
    def utilization(self) -> Annotated[Ratio, "macs / (cycles x multipliers)"]:
        return ratio(self.macs, self.cycles * self.multipliers)

    @property
    def area_estimate_mm2(self) -> float | None:
        """The area on the basis that every configuration of the machine has, to compare them by."""
        estimate: float | None = self.extra.get(AREA_ESTIMATE, self.area_mm2)
        return estimate

    @property
    def further(self) -> dict[str, Any]:
        """What `extra` holds beside the area, which is shown with the other area."""
        return {name: value for name, value in self.extra.items() if name != AREA_ESTIMATE}

    @property
    def power_w(self) -> Annotated[Amount, "energy over seconds"]:
        return ratio(self.energy_pj.total / PJ_PER_J, self.seconds)

    def __repr__(self) -> str:
        name = f"{self.workload} on {self.machine}, preset {self.preset}"
        name += f", with {self.settings_text}" if self.settings else ""
        time = f"{self.cycles:,} cycles, {si(self.seconds, 's')} at {exact(self.clock_hz, 'Hz')}"
        share = percent(self.macs, self.macs + self.macs_not_run)
        ran = f"; {share} of the model's MACs ran" if self.macs_not_run else ""
        return f"<Report: {shortened(name, NAME_WIDTH)}: {time}, utilization {self.utilization:.3f}{ran}>"

    def summary(self) -> dict[str, Any]:
        """Return the report as one row of a data frame: `sim.report.summary.SUMMARY_KEYS`."""
        return summary(self.as_dict())

    def as_dict(self) -> dict[str, Any]:
        """Return the report as plain JSON values, keys in the order of the contract."""
        return dict(_items(self))

    def as_json(self) -> bytes:
        """Return the report as JSON; the same report gives the same bytes."""
        plain = self.as_dict()
        text = json.dumps(plain, indent=1, ensure_ascii=False, allow_nan=False, default=operator.index)
        return (text + "\n").encode()


# Keys of each record in the JSON: those of the contract in its order, then what has grown since.
# "*" is where the record's `extra` fields go.
KEYS: dict[type, tuple[str, ...]] = {
    Report: (
        *("schema", "workload", "machine", "preset", "config", "config_digest", "trace_digest", "version"),
        *("clock_hz", "cycles", "seconds", "macs", "utilization", "compute_cycles", "stall_cycles"),
        *("dram", "scratchpad", "energy_pj", "power_w", "area_mm2"),
        *("multipliers", "dram_peak_bytes_per_cycle", "macs_not_run", "macs_share", "notes", "settings"),
        *("multiplier_cycles", "dram_tensors", "energy_actions_pj", "explanation"),
        *("*", "ops", "not_run"),
    ),
    OpReport: (
        *("name", "kind", "cycles", "compute_cycles", "stall_cycles", "macs", "utilization", "tiles"),
        *("start_cycle", "multipliers", "dram_read_bytes", "dram_write_bytes"),
        *("multiplier_cycles", "dram_tensors", "*"),
    ),
    NotRun: ("name", "kind", "macs", "reason"),
    **PART_KEYS,
}


def as_dict(value: Any) -> Any:
    """Return a record of this module, or what its fields hold, as plain JSON values."""
    if _record_type(value) is not None:
        return dict(_items(value))
    if isinstance(value, Mapping):
        return {key: as_dict(item) for key, item in value.items()}
    if isinstance(value, (tuple, list)):
        return [as_dict(item) for item in value]
    return value


def _record_type(value: object) -> type | None:
    """Return the type of this module that `value` is of; `sim.report.result` adds methods to one of them."""
    return next((kind for kind in type(value).__mro__ if kind in KEYS), None)


def _items(record: Any) -> Iterable[tuple[str, Any]]:
    for key in KEYS[_record_type(record) or type(record)]:
        if key == "*":
            yield from record.extra.items()
        else:
            yield key, as_dict(getattr(record, key))
