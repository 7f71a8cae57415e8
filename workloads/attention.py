"""Windowed attention as one PyTorch operator, ``tandem::window_attention``, that really computes.

Obeys the ``window_attention`` contract of the trace format (`traces/pattern.py`): bands are offsets of the
key from the query, both ends included; a global token sees every token and is seen by every token; a pair
that is both in a band and global counts once; sequence ends are clipped; a query without any key yields
zeros.

A registered operator is what a dispatch tracer sees as one op, where the usual sliding-chunk emulation
(overlapping chunks, masked) would show as a dozen ops that do up to twice the work. The implementation here
walks over blocks of queries, so its memory is linear in the sequence length, and its result is that of a
masked dense softmax. It has no gradient: the models of this package only infer.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import register_flop_formula

from tandemsim.sim.arch.checks import ConfigError
from tandemsim.traces.pattern import Pattern

#: Queries that are handled at once. Any value gives the same result; 256 keeps one block's scores near 10 MB.
BLOCK = 256


class WindowAttention(nn.Module):
    """The operator with its pattern, as a module without parameters, so that its op has a name in a trace."""

    def __init__(
        self,
        bands: Sequence[Sequence[int]],
        global_tokens: Sequence[int] = (),
        grid: Sequence[int] | None = None,
    ) -> None:
        super().__init__()
        self.bands, self.global_tokens, self.grid = bands, global_tokens, grid

    def forward(
        self, q: Tensor, k: Tensor, v: Tensor, global_qkv: tuple[Tensor, Tensor, Tensor] | None = None
    ) -> Tensor:
        """Return the attention output, shaped like `q`; see `window_attention`."""
        return window_attention(
            q, k, v, global_qkv, bands=self.bands, global_tokens=self.global_tokens, grid=self.grid
        )

    def extra_repr(self) -> str:
        return f"bands={self.bands}, global_tokens={list(self.global_tokens)}, grid={self.grid}"


def window_attention(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    global_qkv: tuple[Tensor, Tensor, Tensor] | None = None,
    *,
    bands: Sequence[Sequence[int]],
    global_tokens: Sequence[int] = (),
    grid: Sequence[int] | None = None,
) -> Tensor:
    """Return softmax(q k^T / sqrt(head_dim)) v over the pairs of a pattern.

    `q`, `k`, `v` and the result have the shape (batch, heads, seq_len, head_dim). Without a grid, `bands` is
    ``[[low, high, dilation], ...]``; with a grid ``[height, width]`` it is ``[[low_y, high_y], [low_x,
    high_x]]``, and tokens outside the grid come first in the sequence. `global_qkv` are the global tokens'
    own projections, where the model has them: the query of shape (batch, heads, len(global_tokens),
    head_dim), key and value of all tokens. Raises `TraceError` for a pattern that breaks a rule,
    `ConfigError` for shapes that do not fit together.
    """
    _check_shapes(q, k, v, global_qkv, len(global_tokens))
    _pattern(q.shape[2], bands, global_tokens, grid)
    flat_bands = [number for band in bands for number in band]
    separate = global_qkv or (None, None, None)
    op = torch.ops.tandem.window_attention
    result: Tensor = op(q, k, v, *separate, flat_bands, list(global_tokens), list(grid or ()))
    return result


def pattern_of(
    seq_len: int, bands: Sequence[int], global_tokens: Sequence[int], grid: Sequence[int]
) -> Pattern:
    """Return the pattern of a call of the operator, which takes the numbers of all bands in one list."""
    width = 2 if grid else 3
    return _pattern(seq_len, [bands[i : i + width] for i in range(0, len(bands), width)], global_tokens, grid)


def _pattern(
    seq_len: int, bands: Sequence[Sequence[int]], global_tokens: Sequence[int], grid: Sequence[int] | None
) -> Pattern:
    dims: dict[str, int | tuple[int, ...]] = {"seq_len": seq_len}
    if grid:
        dims["grid"] = tuple(grid)
    attrs = {"bands": [list(band) for band in bands], "global_tokens": list(global_tokens)}
    return Pattern.from_statement(dims, attrs)


def _check_shapes(
    q: Tensor, k: Tensor, v: Tensor, global_qkv: tuple[Tensor, Tensor, Tensor] | None, global_count: int
) -> None:
    if q.dim() != 4 or not q.shape == k.shape == v.shape:
        raise ConfigError(
            "q, k and v must have one shape (batch, heads, seq_len, head_dim), "
            f"not {list(q.shape)}, {list(k.shape)}, {list(v.shape)}"
        )
    if global_qkv is None:
        return
    global_q, global_k, global_v = global_qkv
    wanted = (*q.shape[:2], global_count, q.shape[3])
    if global_q.shape != wanted or not global_k.shape == global_v.shape == k.shape:
        raise ConfigError(
            f"global q must have shape {list(wanted)} and global k, v that of k, "
            f"not {list(global_q.shape)}, {list(global_k.shape)}, {list(global_v.shape)}"
        )


@torch.library.custom_op("tandem::window_attention", mutates_args=())
def _window_attention(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    global_q: Tensor | None,
    global_k: Tensor | None,
    global_v: Tensor | None,
    bands: list[int],
    global_tokens: list[int],
    grid: list[int],
) -> Tensor:
    out = _token_major_like(q)
    for start in range(0, q.shape[2], BLOCK):
        stop = min(start + BLOCK, q.shape[2])
        out[:, :, start:stop] = _local_rows(q, k, v, start, stop, bands, global_tokens, grid)
    if global_tokens:
        if global_q is None or global_k is None or global_v is None:
            global_q, global_k, global_v = q[:, :, global_tokens], k, v
        scores = global_q @ global_k.transpose(-1, -2) / math.sqrt(q.shape[-1])
        out[:, :, global_tokens] = scores.softmax(dim=-1) @ global_v
    return out


@_window_attention.register_fake
def _(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    global_q: Tensor | None,
    global_k: Tensor | None,
    global_v: Tensor | None,
    bands: list[int],
    global_tokens: list[int],
    grid: list[int],
) -> Tensor:
    return _token_major_like(q)


@register_flop_formula(torch.ops.tandem.window_attention)
def _flops(
    q: Sequence[int], k: Any, v: Any, global_q: Any, global_k: Any, global_v: Any,
    bands: list[int], global_tokens: list[int], grid: list[int], *, out_shape: Any,
) -> int:  # fmt: skip
    """Return the useful operations for PyTorch's counter: two multiply-adds per pair and head element."""
    batch, heads, seq_len, head_dim = q
    return 4 * batch * heads * head_dim * pattern_of(seq_len, bands, global_tokens, grid).pairs()


def _token_major_like(q: Tensor) -> Tensor:
    """Return an empty tensor of `q`'s shape whose heads of one token lie side by side.

    Joining the heads afterwards is then a view, and not a copy that the hardware would not make.
    """
    batch, heads, seq_len, head_dim = q.shape
    return q.new_empty(batch, seq_len, heads, head_dim).transpose(1, 2)


def _local_rows(
    q: Tensor, k: Tensor, v: Tensor, start: int, stop: int,
    bands: list[int], global_tokens: list[int], grid: list[int],
) -> Tensor:  # fmt: skip
    """Attend from the queries start..stop-1 to the global tokens and to the keys that the bands reach."""
    seq_len, head_dim = q.shape[2:]
    queries = torch.arange(start, stop, device=q.device)
    first, last = _reach(start, stop, seq_len, bands, grid)
    keys = torch.arange(first, last, device=q.device)
    allowed = _in_grid_bands(queries, keys, seq_len, bands, grid) if grid else _in_bands(queries, keys, bands)
    for token in global_tokens:
        allowed &= keys != token
    scores = q[:, :, start:stop] @ k[:, :, first:last].transpose(-1, -2)
    scores = scores.masked_fill_(~allowed, -math.inf)
    to_global = q[:, :, start:stop] @ k[:, :, global_tokens].transpose(-1, -2)
    probs = (torch.cat([to_global, scores], dim=-1) / math.sqrt(head_dim)).softmax(dim=-1)
    if not global_tokens:
        probs = probs.masked_fill_(~allowed.any(dim=1, keepdim=True), 0.0)  # a query without any key
    values = torch.cat([v[:, :, global_tokens], v[:, :, first:last]], dim=2)
    return probs @ values


def _reach(start: int, stop: int, seq_len: int, bands: list[int], grid: list[int]) -> tuple[int, int]:
    """Return the range of keys, first and one past the last, that the bands of these queries reach."""
    if grid:
        (height, width), (low_y, high_y) = grid, bands[:2]
        outside = seq_len - height * width
        first_row = (max(start, outside) - outside) // width + low_y
        last_row = (max(stop, outside + 1) - 1 - outside) // width + high_y
        first, last = outside + max(first_row, 0) * width, outside + (min(last_row, height - 1) + 1) * width
    else:
        first, last = start + min(bands[0::3], default=0), stop + max(bands[1::3], default=-1)
    first = min(max(first, 0), seq_len)
    return first, min(max(last, first), seq_len)


def _in_bands(queries: Tensor, keys: Tensor, bands: list[int]) -> Tensor:
    offset = keys[None, :] - queries[:, None]
    allowed = torch.zeros_like(offset, dtype=torch.bool)
    for low, high, dilation in zip(bands[0::3], bands[1::3], bands[2::3], strict=True):
        allowed |= (offset >= low) & (offset <= high) & ((offset - low) % dilation == 0)
    return allowed


def _in_grid_bands(queries: Tensor, keys: Tensor, seq_len: int, bands: list[int], grid: list[int]) -> Tensor:
    (height, width), (low_y, high_y, low_x, high_x) = grid, bands
    outside = seq_len - height * width
    query, key = queries[:, None] - outside, keys[None, :] - outside
    dy = key // width - query // width
    dx = key % width - query % width
    near = (dy >= low_y) & (dy <= high_y) & (dx >= low_x) & (dx <= high_x)
    return near & (query >= 0) & (key >= 0)
