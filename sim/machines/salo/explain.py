"""`sim run --explain`: what bounds each op on SALO, and which settings would help most, by running them.

Each candidate changes one thing of the machine as it was run. It is tried on every different op by itself,
from an idle machine, as the run does it; what the machine cannot be built with is left out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from tandemsim.sim.arch.checks import ConfigError
from tandemsim.sim.arch.salo.config import GlobalProjections, SaloConfig
from tandemsim.sim.arch.salo.numerics import Normalisation
from tandemsim.sim.arch.types import Progress
from tandemsim.sim.machines.contract import Options
from tandemsim.sim.report.format import percent
from tandemsim.sim.salo.layer.account import REASONS
from tandemsim.sim.salo.layer.simulation import LayerResult
from tandemsim.sim.salo.machine import RunLayer, SaloRun, simulate_op

SHOWN = 3
LEAST_GAIN = 0.001  # assumed: a tenth of a per cent is not worth a change
STALLED = 0.05  # assumed: above it the stalls are what to look at first
WORDS = {
    "masked": "PEs whose key is masked",
    "idle_columns": "columns without an offset of the band",
    "idle_rows": "rows without a query",
    "last_block": "rows that the last query block leaves empty",
    "idle_global": "idle global rows and columns",
    "exponential_sum": "exponentials and sums between the two products",
    "flush": "flushes between tiles",
    "drain": "draining the array",
    "stall_cold_fill": "the first operands",
    "stall_dram": "operands from DRAM",
    "stall_output": "room for outputs",
    "stall_scratchpad": "banks of the scratchpads",
    "stall_write_back": "the last outputs",
}


def explain(run: SaloRun, options: Options, progress: Progress | None) -> tuple[Mapping[str, Any], ...]:
    """Return, for each op, what bounds it, and the settings that save most of its cycles."""
    helpful: dict[int, list[dict[str, Any]]] = {}
    distinct = {id(layer.result): layer for layer in run.layers}
    for place, (key, layer) in enumerate(distinct.items()):
        if progress:
            progress("explaining", place, len(distinct))
        helpful[key] = _helpful(layer, options)
    if progress:
        progress("explaining", len(distinct), len(distinct))
    return tuple(
        {"op": layer.op.name, "bound": bound(layer.result), "settings": helpful[id(layer.result)]}
        for layer in run.layers
    )


def bound(result: LayerResult) -> str:
    """Say in a sentence where most of what is not useful went."""
    account, whole = result.multiplier_cycles, sum(result.multiplier_cycles.values())
    stalls = {name: count for name, count in account.items() if name not in REASONS}
    useful = f"{percent(account['useful'], whole)} of the multipliers' cycles are useful"
    if sum(stalls.values()) > STALLED * whole:
        worst = max(stalls, key=stalls.__getitem__)
        return f"waiting for {WORDS[worst]} ({percent(stalls[worst], whole)} of its cycles); {useful}"
    lost = {name: count for name, count in account.items() if name in WORDS and name not in stalls}
    worst = max(lost, key=lost.__getitem__)
    part = f"{WORDS[worst]} ({percent(lost[worst], whole)})"
    return f"the array; {useful}, the largest part of the rest goes to {part}"


def _helpful(layer: RunLayer, options: Options) -> list[dict[str, Any]]:
    """Return the settings that save most cycles of a layer."""
    cycles = layer.result.cycles
    tried: list[dict[str, Any]] = []
    for candidate in _candidates(options.configured({})):
        try:
            after = simulate_op(layer.op, options.configured(candidate), options.batch)
        except ConfigError:
            continue
        text = " ".join(f"{key}={value}" for key, value in candidate.items())
        tried.append({"set": text, "cycles": after.cycles, "gain": 1 - after.cycles / cycles})
    tried.sort(key=lambda one: -one["gain"])
    return [one for one in tried[:SHOWN] if one["gain"] >= LEAST_GAIN]


def _candidates(config: SaloConfig) -> Iterator[dict[str, object]]:
    """Yield settings that change one thing each: twice as much of a resource, or another way to work."""
    array = config.array
    if config.dram.bandwidth_bytes_per_second:
        yield {"dram.bandwidth_bytes_per_second": 2 * config.dram.bandwidth_bytes_per_second}
    else:
        yield {"dram.channels": 2 * config.dram.channels}
    for pads in (("key", "value"), ("query",), ("output",)):
        names = [f"{pad}_scratchpad" for pad in pads]
        yield {f"{name}.capacity_bytes": 2 * getattr(config, name).capacity_bytes for name in names}
    yield {f"{pad}_scratchpad.ports": 2 * config.key_scratchpad.ports for pad in ("key", "value")}
    yield {"array.rows": 2 * array.rows}
    yield {"array.cols": 2 * array.cols}
    yield {"array.column_segments": 3 - array.column_segments}
    for field in ("exp_latency", "flush_cycles"):
        if getattr(array, field) > 1:
            yield {f"array.{field}": 1}
    if array.normalisation is not Normalisation.DEFERRED:
        yield {"array.normalisation": "deferred"}
    if array.overlap.value != "pipelined":
        yield {"array.overlap": "pipelined"}
    if array.global_projections is GlobalProjections.SEPARATE:
        yield {"array.global_projections": "private"}
    for field in ("skip_masked", "leftover_keys"):
        if not getattr(config.scheduling, field):
            yield {f"scheduling.{field}": "true"}
