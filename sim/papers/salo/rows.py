"""The comparison with SALO: three workloads step by step, synthesis, speedups, and this machine's CPU.

Runs are handed in as a function, so that the same rows can be made with any machine, and in tests with none.
"Paper" holds only what was read in the abstract or the artifact's README; the cost model is the artifact's
script. Latency at 1 GHz (the script's clock) and power at 500 MHz (the synthesis') never share a row.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping

from tandemsim.sim.arch.energy import EnergyConfig
from tandemsim.sim.arch.salo.config import SaloArray
from tandemsim.sim.arch.salo.energy import PUBLISHED_SYNTHESIS_HZ, array_power_w
from tandemsim.sim.arch.salo.gates import array_mm2
from tandemsim.sim.arch.salo.numerics import PUBLISHED
from tandemsim.sim.papers.comparison import Ours, Paper, Row
from tandemsim.sim.papers.cpu_baseline import CpuBaseline
from tandemsim.sim.papers.salo.cost_model import CostModel, Workload, published, workload
from tandemsim.sim.papers.salo.steps import OUR_PRESET, STEPS, TRACES, Step

SCRIPT = "performance_model.py at commit 07252a8"
AT_SYNTHESIS_CLOCK = {"clock_hz": str(PUBLISHED_SYNTHESIS_HZ)}

FORMULA = "closed form: no masks, no data movement, no time for the global token"
ALTERNATIVE = "a commented-out line of the script: no wait and no normalization in a tile"
CLOCK_OF_SCRIPT = "the clock of the script; no synthesis states that it is reached"
CLOCK_OF_SYNTHESIS = "the clock of the synthesis: the latency that belongs to its power"
UTILIZATION = (
    "not one quantity: the script counts the operations of all stages, and the global row and column for two "
    "keys of every query; ours are the useful multiply-accumulates of the pattern"
)
AREA = "array alone; ours are the gates of a circuit that rounds and saturates, counted by another tool"
POWER = (
    "the array alone, every PE at work, from per-action energies of other 45 and 40 nm libraries, no clock "
    "gated; what activity the synthesis assumed is not stated"
)
CLOCK = (
    "synthesized at 500 MHz, counted at 1 GHz; the synthesis script constrains a port 'clk', the circuit has "
    "a 'clock'. That power must not stand beside that latency"
)
SPEEDUPS = {
    "mean speedup over a GPU": (
        "not reproduced: the baseline times whole layers, projections included, against attention alone; in "
        "fp32; ViL with chunks of 15 x 15 and their neighbors, up to 45 x 45 keys against 15 x 15"
    ),
    "mean speedup over a CPU": (
        "not reproduced, for the same reasons; besides, ViL runs with 8 heads, its stage 1 stops with an "
        "AssertionError as shipped, and Longformer's mask is random, without a global token"
    ),
}
WAYS = {
    "dense": "PyTorch, all pairs",
    "masked": "PyTorch, all pairs and a mask of the pattern",
    "window": "blocks of queries against the keys in their reach",
}


def salo_rows(ours: Ours, cpu: CpuBaseline | str) -> list[Row]:
    """Return every comparison with SALO. `cpu` is what `measure_cpu` found, or why it found nothing."""
    rows: list[Row] = []
    once = _Remembered(ours)
    for name in STEPS:
        rows += [*_ladder(name, once), *_summary(name, once)]
    return [*rows, *_synthesis(), *_speedups(), *_this_machine(cpu)]


class _Remembered:
    """Runs each request once, and remembers its result."""

    def __init__(self, ours: Ours) -> None:
        self._ours = ours
        self._known: dict[tuple[object, ...], Mapping[str, float]] = {}

    def __call__(
        self,
        workload: str,
        preset: str,
        settings: Mapping[str, str],
        bits: str | None = None,
        batch: int = 1,
    ) -> Mapping[str, float]:
        key = (workload, preset, *sorted(settings.items()), bits, batch)
        if key not in self._known:
            self._known[key] = self._ours(workload, preset, settings, bits, batch)
        return self._known[key]


def _ladder(name: str, ours: Ours) -> Iterator[Row]:
    """Yield the published cycles, then each step from there to ours. Gaps are against the same layer."""
    yield _model_row(name, workload(name), "published formula", FORMULA)
    yield _model_row(name, workload(name), "its deferred alternative", ALTERNATIVE, deferred=True)
    model = start = CostModel().cycles(workload(name))
    for step in STEPS[name]:
        if step.variant:
            row = _model_row(name, workload(step.variant), step.figure, step.reason)
            row = dataclasses.replace(row, step=CostModel().cycles(workload(step.variant)) - start)
            model = start + int(row.step or 0)
        else:
            row = _run_row(name, step, model, start, ours)
        yield row
        if not step.aside:
            start += int(row.step or 0)


def _model_row(name: str, layer: Workload, figure: str, reason: str, deferred: bool = False) -> Row:
    return Row(
        workload=name,
        figure=figure,
        unit="cycles",
        cost_model=CostModel(deferred=deferred).cycles(layer),
        reason=reason,
        source=f"{SCRIPT}: {layer.source}",
    )


def _run_row(name: str, step: Step, model: int, start: int, ours: Ours) -> Row:
    counted = "cycles" if step.waits else "compute_cycles"
    cycles = int(ours(name, step.preset, step.settings)[counted])
    settings = "".join(f" --set {key}={value}" for key, value in step.settings.items())
    return Row(
        workload=name,
        figure=step.figure,
        unit="cycles",
        cost_model=model,
        ours=cycles,
        gap=cycles / model - 1,
        step=cycles - start,
        reason=step.reason,
        source=f"--preset {step.preset}{settings}: {counted}",
    )


def _summary(name: str, ours: Ours) -> Iterator[Row]:
    """Yield tiles, utilization, and latency at each of the two published clocks."""
    layer = workload(next((step.variant for step in STEPS[name] if step.variant), name))
    model, run = CostModel(), ours(name, OUR_PRESET, {})
    slow = dataclasses.replace(model, clock_hz=PUBLISHED_SYNTHESIS_HZ)
    at_1_ghz, at_500_mhz = run["seconds"], ours(name, OUR_PRESET, AT_SYNTHESIS_CLOCK)["seconds"]
    figures = (
        ("tiles", "tiles", model.tiles(layer), run["tiles"], "passes of the array, all heads"),
        ("utilization", "", model.utilization(workload(name)), run["utilization"], UTILIZATION),
        ("latency at 1 GHz", "ms", model.seconds(layer) * 1e3, at_1_ghz * 1e3, CLOCK_OF_SCRIPT),
        ("latency at 500 MHz", "ms", slow.seconds(layer) * 1e3, at_500_mhz * 1e3, CLOCK_OF_SYNTHESIS),
    )
    for figure, unit, theirs, found, reason in figures:
        yield Row(
            workload=name,
            figure=figure,
            unit=unit,
            cost_model=theirs,
            ours=found,
            gap=None if reason is UTILIZATION else found / theirs - 1,
            reason=reason,
            source=f"{SCRIPT}: {layer.source}; --preset {OUR_PRESET}",
        )


def _synthesis() -> Iterator[Row]:
    power, area = published("power of the array"), published("area of the array")
    clock, script = published("clock of the synthesis"), published("clock of the performance script")
    found = array_power_w(EnergyConfig(), SaloArray(), PUBLISHED, PUBLISHED_SYNTHESIS_HZ) * 1e3
    gates = array_mm2(SaloArray(), PUBLISHED)
    assert gates is not None  # this configuration was counted
    yield Row(
        workload="synthesis",
        figure="power at 500 MHz",
        unit=power.unit,
        paper=power.value,
        ours=found,
        gap=found / power.value - 1,
        reason=POWER,
        source=power.source,
    )
    yield Row(
        workload="synthesis",
        figure="area",
        unit=area.unit,
        paper=area.value,
        ours=gates,
        gap=gates / area.value - 1,
        reason=AREA,
        source=area.source,
    )
    yield Row(
        workload="synthesis",
        figure="clock",
        unit=clock.unit,
        paper=clock.value,
        cost_model=script.value,
        reason=CLOCK,
        source=f"{clock.source}; {script.source}",
    )


def _speedups() -> Iterator[Row]:
    for figure, reason in SPEEDUPS.items():
        publication = published(figure)
        yield Row(
            workload="speedup",
            figure=figure,
            unit=publication.unit,
            paper=publication.value,
            reason=reason,
            source=publication.source,
        )


def _this_machine(cpu: CpuBaseline | str) -> Iterator[Row]:
    """Yield what was measured here, or the line that says why nothing was."""
    if isinstance(cpu, str):
        yield Row(workload="this machine", figure="not measured", unit="", reason=cpu, source="")
        return
    for layer, found in cpu.layers.items():
        for way, reason in WAYS.items():
            yield Row(
                workload=f"this machine: {cpu.machine}",
                figure=f"{layer}, {way}",
                unit="ms",
                ours=found[way],
                reason=f"{reason}; float32, attention alone, median of {cpu.repeats}; ranks software only",
                source="workloads/cpu_attention.py",
            )


SALO = Paper(
    title="SALO, DAC 2022, arXiv 2206.14550",
    machine="salo",
    workloads=TRACES,
    rows=salo_rows,
    measures_cpu=True,
)
