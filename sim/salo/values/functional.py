"""The functional run: real queries, keys and values through the schedule and the fixed-point array.

Obeys: `sim.arch.salo.numerics` for the quantization. The query is multiplied by `query_factor`, a sink by
`sink_factor`, and quantized once, keys and values are quantized as they are; `sim.salo.array` does the rest.
The result is compared with float64 softmax attention over the exact pattern (`sim.salo.values.reference`),
which knows nothing of the schedule.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from tandemsim.sim.arch.checks import UserError
from tandemsim.sim.arch.formats import Fixed
from tandemsim.sim.arch.salo.config import SaloConfig
from tandemsim.sim.arch.salo.numerics import query_factor, sink_factor
from tandemsim.sim.arch.types import Doubles, Floats
from tandemsim.sim.salo.array import PEArray
from tandemsim.sim.salo.row import HeadOperands, Projection, projection
from tandemsim.sim.salo.scheduling.schedule import Schedule
from tandemsim.sim.salo.values.reference import PairSet, attention
from tandemsim.sim.salo.values.tensors import Tensors

HeadProgress = Callable[[int, int], None]  # heads done, heads in all


@dataclass(frozen=True, slots=True, kw_only=True)
class FunctionalResult:
    """How far the array is from float64 over all elements; `saturations` are by operand and register."""

    heads: int
    seq_len: int
    head_dim: int
    mean_abs_error: float
    max_abs_error: float
    mean_abs_reference: float
    saturations: dict[str, int]

    @property
    def saturated(self) -> int:
        """Values that took the bound of their format."""
        return sum(self.saturations.values())


def run(
    schedule: Schedule,
    pattern: PairSet,
    tensors: Tensors,
    config: SaloConfig,
    progress: HeadProgress | None = None,
) -> FunctionalResult:
    """Run a layer and compare it; `progress` is called after each head.

    Where the model has projections for its global tokens but `schedule` shares the local ones, the difference
    between the two functions is part of the error. Raises `UserError` for tensors that fit neither schedule
    nor array.
    """
    computed, saturations = attend(schedule, pattern.global_tokens, tensors, config, progress)
    expected = attention(pattern, tensors)
    error = np.abs(computed - expected)
    return FunctionalResult(
        heads=tensors.heads,
        seq_len=tensors.seq_len,
        head_dim=tensors.head_dim,
        mean_abs_error=float(error.mean()),
        max_abs_error=float(error.max()),
        mean_abs_reference=float(np.abs(expected).mean()),
        saturations=saturations,
    )


def attend(
    schedule: Schedule,
    global_tokens: Sequence[int],
    tensors: Tensors,
    config: SaloConfig,
    progress: HeadProgress | None = None,
    threads: int | None = None,
) -> tuple[Doubles, dict[str, int]]:
    """Return what the array makes of a layer, float64 [heads, queries, v_dim], and its saturations.

    Heads run side by side on `threads` threads, by default on as many as there are processors.
    """
    _check(schedule, global_tokens, tensors, config)
    array = PEArray(config)
    out = np.zeros((*tensors.query.shape[:2], tensors.v_dim))
    saturations: Counter[str] = Counter()

    def run_head(head: int) -> dict[str, int]:
        raw, clipped = operands(tensors, head, global_tokens, config)
        result = array.run(schedule, *raw)
        out[head] = config.numerics.output.dequantize(result.output)
        return clipped | result.saturations

    with ThreadPoolExecutor(max_workers=min(tensors.heads, threads or os.cpu_count() or 1)) as pool:
        for heads, counts in enumerate(pool.map(run_head, range(tensors.heads)), start=1):
            saturations.update(counts)
            if progress:
                progress(heads, tensors.heads)
    return out, dict(saturations)


def _check(schedule: Schedule, global_tokens: Sequence[int], tensors: Tensors, config: SaloConfig) -> None:
    config.check_head(tensors.head_dim, tensors.v_dim)
    if tensors.sinks is not None:
        config.array.check_sinks()
    if tensors.seq_len != schedule.seq_len:
        raise UserError(f"the tensors must have the trace's {schedule.seq_len} tokens, not {tensors.seq_len}")
    if tensors.q_len != schedule.q_len:
        raise UserError(f"the tensors must have the trace's {schedule.q_len} queries, not {tensors.q_len}")
    if tensors.global_query is not None and tensors.global_query.shape[1] != len(global_tokens):
        rows = tensors.global_query.shape[1]
        raise UserError(f"global_q must hold the trace's {len(global_tokens)} global tokens, not {rows}")


def operands(
    tensors: Tensors, head: int, global_tokens: Sequence[int], config: SaloConfig
) -> tuple[HeadOperands, dict[str, int]]:
    """Return the raw operands of a head, and how many of each saturated."""
    size, scale = config.array.head_dim, tensors.scale
    factor = query_factor(tensors.head_dim, size) if scale is None else scale * sink_factor(size)
    stored, shared = config.numerics.stored, head // tensors.group
    query = tensors.query[head] * np.float64(factor)
    own, clipped = _quantized(stored, query, tensors.key[shared], tensors.value[shared])
    sink = None
    if tensors.sinks is not None:
        logit = tensors.sinks[head] * np.float64(sink_factor(config.array.head_dim))
        raw, clipped["sink"] = config.numerics.score.quantize(logit)
        sink = int(raw)
    if tensors.global_query is None or tensors.global_key is None or tensors.global_value is None:
        return HeadOperands(own, None, sink), clipped
    query = np.zeros((tensors.seq_len, tensors.head_dim))
    query[list(global_tokens)] = tensors.global_query[head] * np.float64(factor)
    separate, more = _quantized(stored, query, tensors.global_key[head], tensors.global_value[head])
    both = {name: count + more.get(name, 0) for name, count in clipped.items()}
    return HeadOperands(own, separate, sink), both


def _quantized(stored: Fixed, query: Floats, key: Floats, value: Floats) -> tuple[Projection, dict[str, int]]:
    raw = [stored.quantize(operand) for operand in (query, key, value)]
    counts = dict(zip(("query", "key", "value"), (count for _, count in raw), strict=True))
    return projection(*(array for array, _ in raw)), counts
