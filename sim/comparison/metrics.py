"""What runs are compared by: the columns of the table, and which direction is better in each."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal

from tandemsim.sim.report.contract import Report
from tandemsim.sim.report.format import PJ, si, title

Better = Literal["lower", "higher"]
STALL = "stall_"  # before a cause, as in the columns of ops.parquet


@dataclass(frozen=True, slots=True)
class Metric:
    """One figure of a run. `value` is None where the run does not know it."""

    key: str
    title: str
    unit: str
    better: Better
    best: str  # what is best, in words: "fewest cycles"
    value: Callable[[Report], int | float | None]
    shown: Callable[[float], str]
    word: str  # the key under which the glossary explains it


def stalled_cycles(report: Report) -> int:
    """Return the cycles in which nothing was computed, whatever the cause."""
    return sum(report.stall_cycles.values())


def dram_bytes(report: Report) -> int:
    """Return the bytes that crossed the pins of the DRAM, in both directions."""
    return report.dram.read_bytes + report.dram.write_bytes


CYCLES = Metric(
    "cycles",
    "cycles",
    "cycles",
    "lower",
    "fewest cycles",
    lambda run: run.cycles,
    lambda n: f"{n:,}",
    "cycles",
)
SECONDS = Metric(
    "seconds", "time", "s", "lower", "shortest time", lambda run: run.seconds, lambda n: si(n, "s"), "seconds"
)
UTILIZATION = Metric(
    "utilization",
    "utilization",
    "",
    "higher",
    "highest utilization",
    lambda run: run.utilization,
    lambda n: f"{n:.3f}",
    "utilization",
)
STALLED = Metric(
    "stalled_cycles",
    "stalled",
    "cycles",
    "lower",
    "fewest stall cycles",
    stalled_cycles,
    lambda n: f"{n:,}",
    "stall_cycles",
)
DRAM = Metric(
    "dram_bytes", "DRAM", "bytes", "lower", "fewest DRAM bytes", dram_bytes, lambda n: si(n, "B"), "dram"
)
ENERGY = Metric(
    "energy_pj",
    "energy",
    "pJ",
    "lower",
    "least energy",
    lambda run: run.energy_pj.total,
    lambda n: si(n * PJ, "J"),
    "energy_pj",
)
AREA = Metric(
    "area_estimate_mm2",
    "area",
    "mm²",
    "lower",
    "smallest area",
    lambda run: run.area_estimate_mm2,
    lambda n: f"{n:.2f} mm²",
    "area_estimate_mm2",
)
METRICS = (CYCLES, SECONDS, UTILIZATION, STALLED, DRAM, ENERGY, AREA)


def causes(reports: Iterable[Report]) -> list[str]:
    """Return every cause of stalls that these runs know, in the order in which they name them."""
    return list(dict.fromkeys(cause for report in reports for cause in report.stall_cycles))


def stall_metric(cause: str) -> Metric:
    """Return the metric of one cause; a machine that does not know the cause never stalls of it."""

    def value(report: Report) -> int:
        return report.stall_cycles.get(cause, 0)

    return Metric(
        f"{STALL}{cause}",
        title(cause),
        "cycles",
        "lower",
        f"fewest cycles of {title(cause)}",
        value,
        lambda n: f"{n:,}",
        "stall_cycles",
    )


def metrics_of(reports: Iterable[Report]) -> tuple[Metric, ...]:
    """Return all metrics of these runs: those of every run, then one for each cause of stalls."""
    return (*METRICS, *map(stall_metric, causes(reports)))
