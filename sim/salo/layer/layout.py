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
    seq_len: int  # keys
    global_tokens: tuple[int, ...]
    # Heads of keys and values, times the batch: each serves as many neighboring heads. 0: `heads`
    kv_heads: int = 0
    v_dim: int = 0  # elements of a value and of an output; 0: `head_dim`
    q_len: int = 0  # queries; 0: `seq_len`

    @property
    def group(self) -> int:
        """Heads that share their keys and values."""
        return self.heads // (self.kv_heads or self.heads)

    @property
    def value_dim(self) -> int:
        """Elements of a value and of an output."""
        return self.v_dim or self.head_dim

    @property
    def queries(self) -> int:
        """Queries of a head."""
        return self.q_len or self.seq_len

    def rows(self, name: str) -> int:
        """Return the rows of a tensor, one of `NAMES`, over all heads."""
        if name.endswith(("key", "value")):
            return self.heads // self.group * self.seq_len
        return self.heads * self.queries


class Placement(NamedTuple):
    """The addresses of the tensors of a layer, each [heads, tokens, row] without gaps."""

    base: dict[str, int]  # byte address of each of NAMES
    row_bytes: dict[str, int]
    layer: Layer

    def at(self, name: str, head: npt.ArrayLike, token: npt.ArrayLike) -> Integers:
        """Return the byte addresses of rows; `head` and `token` broadcast together.

        `head` is that of a query; of keys and values it takes those that the head shares.
        """
        layer, of_head = self.layer, np.asarray(head, np.int64)
        if name.endswith(("key", "value")):
            row = of_head // layer.group * layer.seq_len
        else:
            row = of_head * layer.queries
        return self.base[name] + (row + np.asarray(token, np.int64)) * self.row_bytes[name]


def place_tensors(config: SaloConfig, schedule: Schedule, layer: Layer) -> Placement:
    """Place the tensors of a layer back to back. Raises `ConfigError` when they exceed the DRAM."""
    merge = config.numerics.sums(config.array.normalisation).merge
    partial = layer.value_dim * -(-merge.width // 8) + -(-config.numerics.merge_sum.width // 8) + 1
    value = layer.value_dim * config.element_bytes
    row_bytes = dict.fromkeys(NAMES, layer.head_dim * config.element_bytes) | {
        "value": value,
        "global_value": value,
        "output": layer.value_dim * config.output_bytes,
        "partial": partial,
    }
    base: dict[str, int] = {}
    address = 0
    for name in NAMES:
        shared = name.startswith("global_") and not schedule.separate_rows
        base[name] = base[name.removeprefix("global_")] if shared else address
        if not shared:
            size = layer.rows(name) * row_bytes[name]
            address += -(-size // PAGE_BYTES) * PAGE_BYTES
    if address > config.dram.capacity_bytes:
        rule = f"its tensors must fit the DRAM, of {config.dram.capacity_bytes:,} bytes"
        raise ConfigError(f"{rule} (dram.channels, dram.ranks, dram.standard.rows), not {address:,}")
    return Placement(base, row_bytes, layer)
