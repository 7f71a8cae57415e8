"""Where the tensors of an attention layer lie in DRAM: back to back, each starting on a page boundary."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from tandemsim.sim.arch.checks import ConfigError
from tandemsim.sim.arch.salo.config import SaloConfig
from tandemsim.sim.arch.types import Integers
from tandemsim.sim.salo.scheduling.schedule import Schedule

PAGE_BYTES = 8192  # assumed: a DRAM row of most standards
NAMES = ("query", "key", "value", "global_query", "global_key", "global_value", "output", "partial")


class Layer(NamedTuple):
    """The size of an attention layer."""

    heads: int  # times the batch
    head_dim: int
    seq_len: int
    global_tokens: tuple[int, ...]


class Placement(NamedTuple):
    """The addresses of the tensors of a layer, each [heads, seq_len, row] without gaps."""

    base: dict[str, int]  # byte address of each of NAMES
    row_bytes: dict[str, int]
    seq_len: int

    def at(self, name: str, head: npt.ArrayLike, token: npt.ArrayLike) -> Integers:
        """Return the byte addresses of rows; `head` and `token` broadcast together."""
        row = np.asarray(head, np.int64) * self.seq_len + np.asarray(token, np.int64)
        return self.base[name] + row * self.row_bytes[name]


def place_tensors(config: SaloConfig, schedule: Schedule, layer: Layer) -> Placement:
    """Place the tensors of a layer back to back. Raises `ConfigError` when they exceed the DRAM."""
    merge = config.numerics.sums(config.array.normalisation).merge
    partial = layer.head_dim * -(-merge.width // 8) + -(-config.numerics.merge_sum.width // 8) + 1
    element = layer.head_dim * config.element_bytes
    row_bytes = dict.fromkeys(NAMES, element) | {
        "output": layer.head_dim * config.output_bytes,
        "partial": partial,
    }
    base: dict[str, int] = {}
    address = 0
    for name in NAMES:
        shared = name.startswith("global_") and not schedule.separate_rows
        base[name] = base[name.removeprefix("global_")] if shared else address
        if not shared:
            size = layer.heads * layer.seq_len * row_bytes[name]
            address += -(-size // PAGE_BYTES) * PAGE_BYTES
    if address > config.dram.capacity_bytes:
        rule = f"its tensors must fit the DRAM, of {config.dram.capacity_bytes:,} bytes"
        raise ConfigError(f"{rule} (dram.channels, dram.ranks, dram.standard.rows), not {address:,}")
    return Placement(base, row_bytes, layer.seq_len)
