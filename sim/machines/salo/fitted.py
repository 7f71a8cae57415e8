"""The config that the ops of a trace ask for: what follows from them, unless it is set.

* `array.head_dim`: the longest head, up to `LONGEST_HEAD` elements, and all that follows from it.
* the global scratchpad holds the global tokens, and the sink tokens that the global column serves;
* where heads share their keys and values, and for causal attention to all keys, the key and value scratchpads
  hold the window of a query block, up to `MOST_BYTES` each: otherwise each block would load it anew.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace

from tandemsim.sim.arch.salo.config import SaloConfig
from tandemsim.sim.arch.salo.family import SALO_FAMILY
from tandemsim.sim.arch.sram import BufferConfig
from tandemsim.sim.machines.contract import Options
from tandemsim.sim.salo.layer.program import global_bytes_held
from tandemsim.sim.salo.layer.size import bands_of
from tandemsim.sim.salo.machine import ATTENTION, pattern_of
from tandemsim.traces.pattern import Pattern
from tandemsim.traces.schema import Op

HEAD_DIM = "array.head_dim"
GLOBAL_PAD = "global_scratchpad.capacity_bytes"
LONGEST_HEAD = 256  # the longest of today's language models, Gemma's
MOST_BYTES = 1 << 21  # assumed: what a key scratchpad of an accelerator for language models may have
RUN_AHEAD = 4  # granules beside the window: the next block's, while this one still uses its own


def fitted(options: Options, ops: Sequence[Op]) -> Options:
    """Return the options whose configs have room for `ops`."""

    def configured(settings: Mapping[str, object]) -> SaloConfig:
        return _fitted(options, settings, ops)

    return replace(options, configured=configured)


def _fitted(options: Options, settings: Mapping[str, object], ops: Sequence[Op]) -> SaloConfig:
    config: SaloConfig = options.configured(settings)
    stated = {**options.settings, **settings}

    def grown(more: Mapping[str, object]) -> SaloConfig:
        config: SaloConfig = SALO_FAMILY.config(options.preset, {**stated, **more})
        return config

    # Of a config that was built by hand nothing follows.
    return fitted_config(config, ops, stated, grown if grown({}) == config else None)


def fitted_config(
    config: SaloConfig,
    ops: Sequence[Op],
    stated: Collection[str],
    grown: Callable[[Mapping[str, object]], SaloConfig] | None,
) -> SaloConfig:
    """Return `config` with room for `ops`, attentions; fields in `stated` stay as they are.

    `grown`: the config with a setting in place and what follows from it; None: nothing follows.
    """
    longest = max(max(op.dim("head_dim"), op.dim("v_dim")) for op in ops)
    if grown and HEAD_DIM not in stated and config.array.head_dim < longest <= LONGEST_HEAD:
        config = grown({HEAD_DIM: longest})
    for pad in ("key", "value"):
        if f"{pad}_scratchpad.capacity_bytes" not in stated:
            config = _with_window(config, pad, ops)
    return config if GLOBAL_PAD in stated else _with_room_for_globals(config, ops)


def _with_window(config: SaloConfig, pad: str, ops: Sequence[Op]) -> SaloConfig:
    name = f"{pad}_scratchpad"
    own, row_bytes = getattr(config, name), config.array.head_dim * config.element_bytes
    windows = [
        window_keys(pattern_of(op))
        for op in ops
        if op.kind == ATTENTION or op.dim("kv_heads") < op.dim("heads")
    ]
    rows = config.array.rows
    granules = -(-(max(windows, default=0) + rows - 1) // rows) + 1 + RUN_AHEAD
    unit = math.lcm(own.banks * row_bytes, rows * row_bytes)  # whole granules, and as much in each bank
    needed = -(-granules * rows * row_bytes // unit) * unit
    if not windows or not own.capacity_bytes < needed:
        return config
    most = max(own.capacity_bytes, MOST_BYTES // unit * unit)
    return replace(config, **{name: replace(own, capacity_bytes=min(needed, most))})


def window_keys(pattern: Pattern) -> int:
    """Return about how many keys lie between the first and the last that a query sees."""
    if pattern.grid is not None or pattern.blocks is not None:
        return pattern.seq_len
    bands = bands_of(pattern)
    low, high = min((b.low for b in bands), default=0), max((b.high for b in bands), default=0)
    keys = high - low + 1
    if pattern.causal:
        keys = max(1, min(high, 0) - low + 1)
    if pattern.chunks is not None:
        size, before, after, _ = pattern.chunks
        keys = min(keys, size * (before + 1 + after))
    return min(keys, pattern.seq_len)


def _with_room_for_globals(config: SaloConfig, ops: Sequence[Op]) -> SaloConfig:
    patterns = [pattern_of(op) for op in ops]
    row_bytes = config.array.head_dim * config.element_bytes
    shares = 2 * 2 * config.array.cols * row_bytes  # keys and values, at work and on their way
    held = max(
        (global_bytes_held(len(p.global_tokens), len(p.sink_tokens), p.outside, row_bytes) for p in patterns),
        default=0,
    )
    capacity = max(config.global_scratchpad.capacity_bytes, held + shares)
    return replace(config, global_scratchpad=BufferConfig(capacity_bytes=capacity))
