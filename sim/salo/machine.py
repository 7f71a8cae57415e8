"""The SALO machine: how long the attentions of a model take, and what they move.

Each layer starts with an idle array and its tensors in DRAM, since the projections before it ran elsewhere:
equal layers take equal cycles.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from tandemsim.sim.arch.checks import LONGEST_VALUE, ConfigError, printable, shortened
from tandemsim.sim.arch.salo.config import GlobalProjections, SaloConfig
from tandemsim.sim.arch.types import Progress
from tandemsim.sim.salo.layer.layout import Layer
from tandemsim.sim.salo.layer.simulation import LayerResult, simulate_layer
from tandemsim.traces.pattern import Pattern
from tandemsim.traces.schema import Op

ATTENTION = "attention"  # the kind whose pairs are all, or all before each query


@dataclass(frozen=True, slots=True)
class RunLayer:
    """A layer of the trace with its result and the cycle in which it starts."""

    op: Op
    pattern: Pattern
    start: int
    result: LayerResult


@dataclass(frozen=True, slots=True)
class SaloRun:
    """The result of a run: its layers in their order, and what a reader must know of them."""

    layers: tuple[RunLayer, ...]
    notes: tuple[str, ...]

    @property
    def cycles(self) -> int:
        """Cycles of all layers, one after the other."""
        return sum(layer.result.cycles for layer in self.layers)


class Case(NamedTuple):
    """All that the result of a layer depends on, beside the config."""

    pattern: Pattern
    layer: Layer
    global_projections: bool  # the model projects its global tokens separately


def simulate(
    ops: Sequence[Op], config: SaloConfig, batch: int = 1, progress: Progress | None = None
) -> SaloRun:
    """Run attentions, of which there is at least one, in their order.

    `progress` is told (what, steps done, steps in all). Raises `ConfigError` when the machine cannot hold a
    layer.
    """
    cases = [case_of(op, batch) for op in ops]
    layers: list[RunLayer] = []
    results: dict[Case, LayerResult] = {}
    start = 0
    for op, case in zip(ops, cases, strict=True):
        if case not in results:
            results[case] = _simulate_case(op, case, config, progress)
        layers.append(RunLayer(op, case.pattern, start, results[case]))
        start += results[case].cycles
        if progress:
            progress("layers", len(layers), len(ops))
    return SaloRun(tuple(layers), tuple(_notes(config, ops, cases)))


def simulate_op(op: Op, config: SaloConfig, batch: int = 1, progress: Progress | None = None) -> LayerResult:
    """Run one attention from an idle machine. Raises `ConfigError` when the machine cannot hold it."""
    return _simulate_case(op, case_of(op, batch), config, progress)


def case_of(op: Op, batch: int) -> Case:
    """Return the case of an attention that runs `batch` times side by side."""
    pattern = pattern_of(op)
    times = batch * op.dim("batch")
    layer = Layer(
        heads=times * op.dim("heads"),
        head_dim=op.dim("head_dim"),
        seq_len=pattern.seq_len,
        global_tokens=pattern.global_tokens,
        kv_heads=times * op.dim("kv_heads"),
        v_dim=op.dim("v_dim"),
        q_len=pattern.q_len,
    )
    return Case(pattern, layer, op.has_global_projections)


def pattern_of(op: Op) -> Pattern:
    """Return the pattern of a window attention, or of causal attention to all keys: one band.

    A single query that sees all keys stands at the last of them.
    """
    if op.kind != ATTENTION:
        return Pattern.from_op(op)
    length, queries = op.dim("kv_len"), op.dim("q_len")
    return Pattern.causal_window(length, length, q_len=queries, q_offset=length - queries)


def _simulate_case(op: Op, case: Case, config: SaloConfig, progress: Progress | None) -> LayerResult:
    try:
        return simulate_layer(
            config, case.pattern, case.layer, global_projections=case.global_projections, progress=progress
        )
    except ConfigError as error:
        raise ConfigError(f"op {op.name!r}: {error}") from None


def _notes(config: SaloConfig, ops: Sequence[Op], cases: Sequence[Case]) -> Iterator[str]:
    separate = any(case.global_projections for case in cases)
    if separate and config.array.global_projections is GlobalProjections.SHARED:
        yield (
            "The model projects its global tokens apart, but global_projections=shared feeds them the local"
            " keys and values: cycles of another function than the model's."
        )
    wider = next((op for op, case in zip(ops, cases, strict=True) if case.pattern.overhang), None)
    if wider:
        yield (
            f"The window of {shortened(printable(wider.name), LONGEST_VALUE)} reaches beyond the text: keys"
            " before the first and after the last token do not exist, and what reaches them is cut off."
        )
