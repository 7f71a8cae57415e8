"""Windowed attention as one PyTorch operator, ``tandem::window_attention``, that really computes.

Obeys the ``window_attention`` contract of the trace format (`traces/pattern.py`): a pair counts once, however
many rules admit it; sequence ends are clipped; a query without any key yields zeros. Keys and values may have
fewer heads than the queries, and scores are scaled, capped and shifted as in `workloads.dense_attention`.

A registered operator is what a dispatch tracer sees as one op, where the usual sliding-chunk emulation
(overlapping chunks, masked) would show as a dozen ops that do up to twice the work. The implementation here
walks over blocks of queries and the keys in their reach, so its memory is linear in the sequence length, and
its result is that of a masked dense softmax. It has no gradient: the models of this package only infer.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.flop_counter import register_flop_formula

from tandemsim.sim.arch.checks import ConfigError
from tandemsim.traces.pattern import Pattern
from tandemsim.workloads.dense_attention import attend, check_heads, token_major

#: Queries that are handled at once. Any value gives the same result; 256 keeps one block's scores near 10 MB.
BLOCK = 256

GlobalProjections = tuple[Tensor, Tensor, Tensor]


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

    def forward(self, q: Tensor, k: Tensor, v: Tensor, global_qkv: GlobalProjections | None = None) -> Tensor:
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
    global_qkv: GlobalProjections | None = None,
    *,
    bands: Sequence[Sequence[int]],
    global_tokens: Sequence[int] = (),
    grid: Sequence[int] | None = None,
) -> Tensor:
    """Return the attention over the pairs that these bands and global tokens give on the tokens of `q`.

    Without a grid, `bands` is ``[[low, high, dilation], ...]``; with a grid ``[height, width]`` it is
    ``[[low_y, high_y], [low_x, high_x]]``, and tokens outside the grid come first in the sequence. Shapes and
    errors are those of `pattern_attention`, and `TraceError` for a pattern that breaks a rule.
    """
    dims: dict[str, int | tuple[int, ...]] = {"seq_len": k.shape[2]}
    if grid:
        dims["grid"] = tuple(grid)
    attrs = {"bands": [list(band) for band in bands], "global_tokens": list(global_tokens)}
    return pattern_attention(q, k, v, Pattern.from_statement(dims, attrs), global_qkv)


def pattern_attention(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    pattern: Pattern,
    global_qkv: GlobalProjections | None = None,
    *,
    bias: Tensor | None = None,
    sinks: Tensor | None = None,
    scale: float | None = None,
    softcap: float | None = None,
) -> Tensor:
    """Return softmax(softcap(scale * q k^T) + bias) v over the pairs of a pattern.

    `q` is (batch, heads, queries, head_dim), `k` (batch, kv_heads, seq_len, head_dim), `v` (batch, kv_heads,
    seq_len, v_dim) and the result (batch, heads, queries, v_dim); kv_heads divides heads. `global_qkv` are
    the global tokens' own projections, where the model has them: the query of shape (batch, heads,
    len(global_tokens), head_dim), key and value of all tokens. `bias` is broadcast to (batch, heads, queries,
    seq_len); `sinks` (heads,) is one more logit of each head, without a value. `scale` is 1 / sqrt(head_dim)
    unless given. Raises `ConfigError` for shapes that do not fit together or to the pattern.
    """
    check_heads(q, k, v)
    _check_pattern(q, k, pattern)
    if global_qkv is not None:
        _check_global(q, k, global_qkv, len(pattern.global_tokens))
    own = global_qkv or (None, None, None)
    op = torch.ops.tandem.window_attention
    result: Tensor = op(q, k, v, *own, bias, sinks, statement_of(pattern), scale, softcap)
    return result


def statement_of(pattern: Pattern) -> str:
    """Return a pattern as the operator takes it: JSON of what its op states in a trace."""
    return json.dumps({"dims": pattern.dims(), "attrs": pattern.attrs()})


@lru_cache(maxsize=256)
def pattern_of(statement: str) -> Pattern:
    """Return the pattern of a call of the operator."""
    stated = json.loads(statement)
    dims = {name: tuple(size) if isinstance(size, list) else size for name, size in stated["dims"].items()}
    return Pattern.from_statement(dims, stated["attrs"])


def _check_pattern(q: Tensor, k: Tensor, pattern: Pattern) -> None:
    queries, keys = pattern.q_len, pattern.seq_len
    if (q.shape[2], k.shape[2]) != (queries, keys):
        raise ConfigError(
            f"q and k must have the {queries} and {keys} tokens of their pattern, "
            f"not {q.shape[2]} and {k.shape[2]}"
        )


def _check_global(q: Tensor, k: Tensor, global_qkv: GlobalProjections, tokens: int) -> None:
    global_q, global_k, global_v = global_qkv
    wanted = (*q.shape[:2], tokens, q.shape[3])
    if global_q.shape != wanted or not global_k.shape == global_v.shape == k.shape:
        raise ConfigError(
            f"global q must have shape {list(wanted)} and global k, v that of k, "
            f"not {list(global_q.shape)}, {list(global_k.shape)}, {list(global_v.shape)}"
        )


@torch.library.custom_op("tandem::window_attention", mutates_args=())
def _window_attention(
    q: Tensor, k: Tensor, v: Tensor, global_q: Tensor | None, global_k: Tensor | None,
    global_v: Tensor | None, bias: Tensor | None, sinks: Tensor | None, pattern: str, scale: float | None,
    softcap: float | None,
) -> Tensor:  # fmt: skip
    stated = pattern_of(pattern)
    out = token_major(q, v)
    if bias is not None:
        bias = bias.expand(q.shape[0], q.shape[1], q.shape[2], k.shape[2])
    globally = _global_queries(stated, q.shape[2])
    for rows in (*_blocks(np.setdiff1d(np.arange(q.shape[2]), globally)), *_blocks(globally)):
        keys = stated.reach(rows)
        allowed = torch.from_numpy(stated.mask(rows, keys)).to(q.device)
        part = None if bias is None else bias[:, :, rows][..., keys]
        met = (q[:, :, rows], k[:, :, keys], v[:, :, keys])
        out[:, :, rows] = attend(*met, allowed, part, sinks, scale, softcap)
    if global_q is not None and global_k is not None and global_v is not None:
        own = attend(global_q, global_k, global_v, None, None, None, scale, softcap)
        out[:, :, list(stated.global_tokens)] = own
    return out


@_window_attention.register_fake
def _(
    q: Tensor, k: Tensor, v: Tensor, global_q: Tensor | None, global_k: Tensor | None,
    global_v: Tensor | None, bias: Tensor | None, sinks: Tensor | None, pattern: str, scale: float | None,
    softcap: float | None,
) -> Tensor:  # fmt: skip
    return token_major(q, v)


@register_flop_formula(torch.ops.tandem.window_attention)
def _flops(
    q: Sequence[int], k: Any, v: Sequence[int], global_q: Any, global_k: Any, global_v: Any, bias: Any,
    sinks: Any, pattern: str, *rest: Any, out_shape: Any, **others: Any,
) -> int:  # fmt: skip
    """Return the useful operations for PyTorch's counter: two multiply-adds per pair and head element."""
    batch, heads, _, head_dim = q
    return 2 * batch * heads * (head_dim + v[3]) * pattern_of(pattern).pairs()


def _global_queries(pattern: Pattern, queries: int) -> np.ndarray:
    """Return the queries that are global tokens, sorted: they look at keys far from their neighbors'."""
    places = np.array(sorted(pattern.global_tokens), np.int64) - pattern.q_offset
    return places[(places >= 0) & (places < queries)]


def _blocks(rows: np.ndarray) -> list[np.ndarray]:
    return [rows[start : start + BLOCK] for start in range(0, len(rows), BLOCK)]
