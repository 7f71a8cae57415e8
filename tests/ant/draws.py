"""Machines for tests of the array; their tiles, words and pauses are drawn as those of its testbench."""

from __future__ import annotations

from typing import Any

from tandemsim.rtl.testbench.ant_tiles import codes, pauses, scales, tile, tiles
from tandemsim.sim.arch.ant.config import AntArray, AntConfig
from tandemsim.sim.arch.sram import BufferConfig


def config(words: int = 0, accumulators: int = 64, **array: Any) -> AntConfig:
    """Return a machine with room for `words` output words (0: plenty) and so many sums a column."""
    made = AntArray(**array)
    bits = made.cols * made.foot_width
    words = words or 4 * made.output_lag + made.rows
    plenty = BufferConfig(capacity_bytes=1 << 16)
    return AntConfig(
        array=made,
        activation_scratchpad=plenty,
        weight_scratchpad=plenty,
        residual_scratchpad=plenty,
        vector_scratchpad=plenty,
        accumulator_scratchpad=BufferConfig(capacity_bytes=-(-accumulators * bits // 8)),
        output_scratchpad=BufferConfig(capacity_bytes=-(-words * bits // 8)),
    )


__all__ = ["codes", "config", "pauses", "scales", "tile", "tiles"]
