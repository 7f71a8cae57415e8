"""Random attention patterns that are right, of every kind, their pairs by brute force, and traces of them."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tandemsim.traces.errors import TraceError
from tandemsim.traces.kinds import macs
from tandemsim.traces.pattern import Band, Pattern
from tandemsim.traces.schema import Op, Source, Tensor, Trace
from tandemsim.traces.validate import seal

KIND = "window_attention"


def pattern(rng: random.Random) -> Pattern:
    """Return a pattern, most often of at most about a hundred tokens."""
    return rng.choice((named, named, banded, banded, boxed, grown, grown, grown))(rng)


def tokens_of(rng: random.Random, least: int) -> int:
    """Return a number of tokens; some are many, so that much is on its way at once."""
    return rng.randint(least, 700 if rng.random() < 0.05 else 100)


def named(rng: random.Random) -> Pattern:
    """One of the patterns of the literature; windows may be wider than the text."""
    n, window = tokens_of(rng, 3), rng.randint(1, 130)
    tokens = tuple(rng.sample(range(n), rng.choice((0, 1, 1, 2, min(n, 12), rng.randint(0, n)))))
    return rng.choice(
        (
            lambda: Pattern.longformer(n, window, tokens),
            lambda: Pattern.sliding(n, window),
            lambda: Pattern.dilated(n, rng.randint(1, 9), rng.randint(1, 40)),
            lambda: Pattern.star(n),
            lambda: Pattern.strided_sparse(n, rng.randint(1, n), rng.randint(1, n)),
            lambda: Pattern.bigbird(n, window, rng.randint(0, min(n, 6))),
            lambda: Pattern.dense(n),
            lambda: Pattern.vil(rng.randint(1, 9), rng.randint(1, 9), rng.randint(1, 12), rng.randint(0, 3)),
            lambda: Pattern.causal_window(n, window, rng.choice((0, 1, min(n, 4)))),
            lambda: Pattern.chunked(n, rng.randint(1, n), rng.random() < 0.5),
            lambda: Pattern.neighborhood(rng.randint(4, 9), rng.randint(4, 9), rng.randint(1, 4)),
        )
    )()


def banded(rng: random.Random) -> Pattern:
    """Bands of several dilations, one-sided ones and single offsets too, and global tokens."""
    n = tokens_of(rng, 1)
    bands = []
    for _ in range(rng.choice((1, 1, 2, 3))):
        dilation = rng.choice((1, 1, 2, 3, 4, 7, rng.randint(1, n)))
        low, keys = rng.randint(1 - n, n - 1), rng.choice((1, 2, 5, rng.randint(1, n)))
        bands.append(Band(low, low + (keys - 1) * dilation, dilation))
    tokens = rng.sample(range(n), rng.choice((0, 0, 1, min(n, 3), rng.randint(0, n))))
    return Pattern(seq_len=n, bands=tuple(bands), global_tokens=tuple(tokens))


def boxed(rng: random.Random) -> Pattern:
    """A window on a grid, with global tokens before it and in it."""
    height, width, outside = rng.randint(1, 10), rng.randint(1, 10), rng.choice((0, 0, 1, 2, 5))
    n = outside + height * width
    spans = []
    for side in (height, width):
        low = rng.randint(1 - side, side - 1)
        spans.append((low, low + rng.randint(0, side)))
    inside = rng.sample(range(outside, n), rng.choice((0, 0, 1, min(height * width, 3))))
    return Pattern(
        seq_len=n,
        global_tokens=(*range(outside), *inside),
        grid=(height, width),
        window_2d=(spans[0], spans[1]),
    )


def grown(rng: random.Random) -> Pattern:
    """Any window, of a part of the queries, cut by chunks or causality, and with sinks; no query is blind."""
    n = tokens_of(rng, 1)
    queries = rng.choice((n, n, 1, rng.randint(1, n)))
    fields: dict[str, Any] = {"seq_len": n, "q_len": queries, "q_offset": rng.choice((0, n - queries))}
    fields |= rng.choice((_band, _band, _clamped, _blocks))(rng, n, queries)
    fields["causal"] = rng.random() < 0.4
    if rng.random() < 0.4:
        size = rng.randint(1, n)
        fields["chunks"] = (size, rng.choice((0, 0, 1, 2)), rng.choice((0, 0, 1)), rng.randrange(size))
    fields["sink_tokens"] = tuple(rng.sample(range(n), rng.choice((0, 0, 1, min(n, 4)))))
    fields["global_tokens"] = tuple(rng.sample(range(n), rng.choice((0, 0, 0, 1, min(n, 3)))))
    try:
        return Pattern(**fields)
    except TraceError:  # a query sees nothing, or a band none of the keys
        return Pattern(**fields | {"sink_tokens": (0,), "q_offset": n - queries, **(_band(rng, n, queries))})


def _band(rng: random.Random, n: int, queries: int) -> dict[str, Any]:
    """A band of the query itself and of those before it, and sometimes behind it."""
    dilation = rng.choice((1, 1, 1, 2, 5))
    before, behind = rng.randint(0, n), rng.choice((0, 0, rng.randint(0, n)))
    return {"bands": ((-before * dilation, behind * dilation, dilation),), "clamped": False, "blocks": None}


def _clamped(rng: random.Random, n: int, queries: int) -> dict[str, Any]:
    dilation = rng.randint(1, min(n, 3))
    keys = rng.randint(1, n // dilation)
    low = -dilation * rng.randint(0, keys - 1)
    return {"bands": ((low, low + dilation * (keys - 1), dilation),), "clamped": True}


def _blocks(rng: random.Random, n: int, queries: int) -> dict[str, Any]:
    query, key = rng.randint(1, 20), rng.randint(1, 20)
    blocks = range(-(-n // key))
    rows = [rng.sample(blocks, rng.randint(1, min(len(blocks), 4))) for _ in range(-(-queries // query))]
    return {"blocks": (query, key, rows)}


def pairs(found: Pattern) -> int:
    """Count the pairs (query, key) one by one, from the definition in docs/traces.md."""
    n, tokens = found.seq_len, np.arange(found.q_len)[:, None] + found.q_offset
    attends: NDArray[np.bool_] = np.zeros((found.q_len, n), bool)
    for query, token in enumerate(tokens[:, 0].tolist()):
        attends[query, list(_window(found, query, token))] = True
    if found.chunks is not None:
        size, before, after, phase = found.chunks
        apart = (np.arange(n) + phase) // size - (tokens + phase) // size
        attends &= (-before <= apart) & (apart <= after)
    attends[:, [*found.sink_tokens, *found.global_tokens]] = True
    attends[np.isin(tokens[:, 0], found.global_tokens), :] = True
    if found.causal:
        attends &= np.arange(n) <= tokens
    return int(attends.sum())


def _window(found: Pattern, query: int, token: int) -> Iterator[int]:
    """Yield the keys that a query sees in its window; some may be named twice."""
    if found.grid is not None and found.window_2d is not None:
        height, width = found.grid
        if token >= found.outside:
            y, x = divmod(token - found.outside, width)
            rows = _along(y, *found.window_2d[0], 1, height, found.clamped)
            cols = _along(x, *found.window_2d[1], 1, width, found.clamped)
            yield from (found.outside + row * width + col for row in rows for col in cols)
    if found.blocks is not None:
        for block in found.blocks.rows[query // found.blocks.query]:
            yield from range(block * found.blocks.key, min((block + 1) * found.blocks.key, found.seq_len))
    for low, high, dilation in found.bands:
        yield from _along(token, low, high, dilation, found.seq_len, found.clamped)


def _along(place: int, low: int, high: int, step: int, length: int, clamped: bool) -> list[int]:
    """Return the places of a window on one side; a clamped one is pushed inward, step by step."""
    seen = [place + offset for offset in range(low, high + 1, step)]
    while clamped and seen[-1] >= length:
        seen = [other - step for other in seen]
    while clamped and seen[0] < 0:
        seen = [other + step for other in seen]
    return [other for other in seen if 0 <= other < length]


def trace(attentions: list[tuple[Pattern, int, int, bool]]) -> Trace:
    """Return a trace of attentions: pattern, heads, head_dim, are global tokens projected apart."""
    tensors: list[Tensor] = []
    ops: list[Op] = []

    def tensor(shape: tuple[int, ...], role: str) -> int:
        tensors.append(Tensor(id=len(tensors), shape=shape, dtype="float32", role=role))  # type: ignore[arg-type]
        return len(tensors) - 1

    for found, heads, head_dim, apart in attentions:
        shape = (1, heads, found.q_len, head_dim)
        keys = (1, heads, found.seq_len, head_dim)
        inputs = [tensor(shape, "input"), *(tensor(keys, "input") for _ in range(4 if apart else 2))]
        if apart:
            inputs.insert(3, tensor((1, heads, len(found.global_tokens), head_dim), "input"))
        dims: dict[str, Any] = {"batch": 1, "heads": heads, "head_dim": head_dim, **found.dims()}
        counted = {"dims": dims, "attrs": found.attrs(), "macs": macs(KIND, dims, found.attrs())}
        outputs = (tensor(shape, "output"),)
        name = f"layer.{len(ops)}"
        ops.append(Op(id=len(ops), kind=KIND, name=name, inputs=tuple(inputs), outputs=outputs, **counted))
    source = Source(model="made up", configuration={}, exporter="tests", exporter_version="1")
    return seal(source=source, tensors=tensors, ops=ops)
