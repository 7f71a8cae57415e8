"""What a machine supplies. run, list, compare, sweep, reproduce and the reports are written once over this.

A machine is an object with the attributes of `Machine`, and one line in `sim.machines.table`; its
configurations are a `Family`. tests/machines holds every machine to the laws, and a toy machine too.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from tandemsim.sim.arch.family import Family
from tandemsim.sim.arch.types import Progress
from tandemsim.sim.report.activity import Activity
from tandemsim.sim.report.contract import DramTraffic, Energy, OpReport, ScratchpadTraffic, TensorTraffic
from tandemsim.sim.report.timeline import Timeline
from tandemsim.traces.schema import Op, Trace

NOT_CHOSEN = "left out by --only"  # why an op of the trace is not among those that a machine is given


@dataclass(frozen=True, slots=True, kw_only=True)
class Values:
    """Values to run through the machine's number formats, beside the cycles."""

    tensors: Path | None  # an .npz; None: N(0, 1)
    seed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What a run asks of a machine beside its config. A machine takes those that `Machine.takes` names."""

    preset: str
    settings: Mapping[str, object]  # fields that were set, by whole names
    configured: Callable[[Mapping[str, object]], Any]  # the config of this run with further settings in place
    batch: int = 1  # "batch"
    values: Values | None = None  # "values"
    bits: str | None = None  # "bits": whose list of operand widths; None: the machine's own
    explain: bool = False  # "explain": say what bounds each op, and which settings would help


# Name in `Machine.takes` -> how the command line calls it, and whether a run asks for it.
OPTIONS: Mapping[str, tuple[str, Callable[[Options], bool]]] = {
    "batch": ("--batch", lambda options: options.batch != 1),
    "bits": ("--bits", lambda options: options.bits is not None),
    "values": ("--functional", lambda options: options.values is not None),
    "explain": ("--explain", lambda options: options.explain),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What only the machine knows. `sim.run` adds what every report has: names, digests, what did not run."""

    config: Any  # what ran: the config given, with what follows from the trace
    ops: tuple[OpReport, ...]  # those that ran, in the order of the ops given
    cycles: int
    compute_cycles: int
    stall_cycles: Mapping[str, int]
    multipliers: int
    dram: DramTraffic
    dram_peak_bytes_per_cycle: float | None
    scratchpad: Mapping[str, ScratchpadTraffic]
    energy_pj: Energy
    area_mm2: float | None
    timeline: Callable[[], Timeline] | None = None  # None: a slice for each op
    activity: Callable[[], Activity] | None = None  # None: no plots over time
    left_out: Mapping[int, str] = field(default_factory=dict)  # of the ops given, by id: why one did not run
    # Of ops that ran, by id: their MACs, where the trace counts masked pairs and states more.
    useful_macs: Mapping[int, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    multiplier_cycles: Mapping[str, int] = field(default_factory=dict)
    dram_tensors: Mapping[str, TensorTraffic] = field(default_factory=dict)
    energy_actions_pj: Mapping[str, float] = field(default_factory=dict)
    explanation: tuple[Mapping[str, Any], ...] = ()
    extra: Mapping[str, Any] = field(default_factory=dict)  # further results, into the report as they are


class Machine(Protocol):
    """One machine. Its module is light: what computes is imported when it runs."""

    family: Family
    runs: frozenset[str]  # kinds of op
    default_for: frozenset[str]  # of these, those whose traces it runs where no machine is named
    takes: frozenset[str]  # of `OPTIONS`; `sim.run` refuses the others, by name

    def run(
        self, trace: Trace, ops: Sequence[Op], config: Any, options: Options, progress: Progress | None
    ) -> Outcome:
        """Run `ops` of `trace`, in their order; each is of a kind in `runs`.

        Raises `sim.arch.checks.UserError` for what the user must mend.
        """

    def check(self, trace: Trace, ops: Sequence[Op], config: Any, options: Options) -> None:
        """Raise the `UserError` of `run`, where it shows before anything takes long."""

    def declines(self, op: Op, config: Any) -> str | None:
        """Return why an op of a kind in `runs` does not run on `config`; None for one that does."""

    def reason(self, op: Op) -> str:
        """Return why an op of a kind that is not in `runs` did not run."""

    def small(self) -> Trace:
        """Return a trace that runs in no time, and needs every kernel that a large one needs."""
