"""What an op of a trace becomes on the machine: a layer, which an engine or two work on.

A product is ``count`` times (m, k) x (k, n) on the array. Attention is two products and a softmax for each
block of queries of a head. Passes are those of the vector unit over the rows of a tensor. `sim.ant.lowering`
makes them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import TypeAlias

import numpy as np

from tandemsim.traces.pattern import Pattern
from tandemsim.traces.schema import Op

WHOLE = 1 << 60  # all of K, however long
Width: TypeAlias = int | Fraction  # bits of an element in memory, its share of a scale included


@dataclass(frozen=True, slots=True)
class Bits:
    """Widths of the two operands of a product, and how many operands of a PE an element of each is."""

    activation: int
    weight: int
    operands: tuple[int, int]  # of an activation and of a weight: 1, or 2 nibbles
    blocks: tuple[str, str] = ("", "")  # formats of blocks along K that share a scale, where both have one
    fold: int = WHOLE  # elements of K that the PEs sum up at most, before the foot does
    # Formats that the trace states, by place of the op's inputs, "" where none; what states none has that of
    # its width with the least error.
    stated: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Image:
    """Where the activations of a convolution lie: rows of pixels, channels innermost."""

    height: int
    width: int
    channels: int  # of the groups that share a tile
    kernel_h: int
    kernel_w: int
    stride_h: int
    stride_w: int
    dilation_h: int
    dilation_w: int
    pad_top: int
    pad_left: int
    out_height: int
    out_width: int
    padding: int = 0  # zeros behind the channels of each place of the kernel, up to a whole block

    @property
    def places(self) -> int:
        """Places of the output."""
        return self.out_height * self.out_width

    @property
    def depth(self) -> int:
        """Elements of K of a place of the kernel."""
        return self.channels + self.padding


@dataclass(slots=True)
class Product:
    """Products on the array; `riders` are the ids of ops that ride on its outputs."""

    op: Op
    m: int
    n: int
    k: int
    count: int
    bits: Bits
    widths: tuple[Width, Width]  # of an activation and of a weight
    activation: int  # ids of tensors
    weight: int
    is_stored: bool  # the weight is there from the start, and lies in the order of its tiles
    output: int
    weights: int = 0  # matrices of weights, which items take in turn; 0: each item has its own
    packed: int = 1  # groups of a convolution in one tile
    # Elements of weights over n k: less where zeros fill a tile, between groups and behind blocks.
    density: Width = 1
    image: Image | None = None
    share: float = 1.0  # useful multiply-accumulates over m n k count: less where zeros fill a tile
    riders: list[int] = field(default_factory=list)
    operands: list[int] = field(default_factory=list)  # tensors that the riders read beside
    # Places from (included) to (not included) in the order in which they run; none: all, ascending.
    row_blocks: tuple[tuple[int, int], ...] = ()


@dataclass(slots=True)
class Attention:
    """Scores, softmax and weighted sum of `heads` heads, block of queries by block."""

    op: Op
    heads: int
    group: int  # heads that share their keys
    queries: int
    kv_len: int
    head_dim: int
    v_dim: int
    bits: Bits
    inputs: tuple[int, ...]
    output: int
    pattern: Pattern | None  # None: all keys, or where `causal` all up to the query's place
    causal: bool
    riders: list[int] = field(default_factory=list)
    operands: list[int] = field(default_factory=list)

    def keys(self, first: int, last: int) -> int:
        """Return how many keys the queries `first` to `last` - 1 meet."""
        if self.pattern is not None:
            return len(self.pattern.reach(np.arange(first, last)))
        return min(self.kv_len, last) if self.causal else self.kv_len


@dataclass(slots=True)
class Passes:
    """`passes` passes of the vector unit over `rows` rows of `elements` elements."""

    op: Op
    rows: int
    elements: int
    passes: int
    inputs: tuple[int, ...]
    read: Mapping[int, int]  # elements that are read of each input
    output: int
    written: int  # elements


@dataclass(slots=True)
class Beside:
    """Attention on an array beside, which reads elements of `bits` and writes those of `output_bits`."""

    op: Op
    inputs: tuple[int, ...]  # queries, keys, values, and those of global tokens
    output: int
    bits: int
    output_bits: int


@dataclass(slots=True)
class Conversion:
    """The vector unit turns results of an attention, [heads, tokens, v_dim], into codes, [tokens, n]."""

    op: Op
    heads: int  # of one item of the batch
    items: int
    tokens: int
    v_dim: int
    source: int  # place of the attention
    bits: int  # of an element of it
    output: int
    token_blocks: tuple[tuple[int, int], ...] = ()  # as `Product.row_blocks`


Layer = Product | Attention | Passes | Beside | Conversion
