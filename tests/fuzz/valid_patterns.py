"""Random attention patterns that are right, of every kind, their pairs by brute force, and traces of them."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tandemsim.traces.kinds import macs
from tandemsim.traces.pattern import Band, Pattern
from tandemsim.traces.schema import Op, Source, Tensor, Trace
from tandemsim.traces.validate import seal

KIND = "window_attention"


def pattern(rng: random.Random) -> Pattern:
    """Return a pattern, most often of at most about a hundred tokens."""
    return rng.choice((named, named, banded, banded, boxed))(rng)


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


def pairs(found: Pattern) -> int:
    """Count the pairs (query, key) one by one, from the definition in docs/traces.md."""
    n = found.seq_len
    attends: NDArray[np.bool_] = np.zeros((n, n), bool)
    for low, high, dilation in found.bands:
        for offset in range(low, high + 1, dilation):
            if abs(offset) < n:
                queries = np.arange(max(0, -offset), min(n, n - offset))
                attends[queries, queries + offset] = True
    if found.grid is not None and found.window_2d is not None:
        height, width = found.grid
        (low_y, high_y), (low_x, high_x) = found.window_2d
        for place in range(height * width):
            y, x = divmod(place, width)
            for row in range(max(0, y + low_y), min(height, y + high_y + 1)):
                for col in range(max(0, x + low_x), min(width, x + high_x + 1)):
                    attends[found.outside + place, found.outside + row * width + col] = True
    attends[list(found.global_tokens), :] = True
    attends[:, list(found.global_tokens)] = True
    return int(attends.sum())


def trace(attentions: list[tuple[Pattern, int, int, bool]]) -> Trace:
    """Return a trace of attentions: pattern, heads, head_dim, are global tokens projected apart."""
    tensors: list[Tensor] = []
    ops: list[Op] = []

    def tensor(shape: tuple[int, ...], role: str) -> int:
        tensors.append(Tensor(id=len(tensors), shape=shape, dtype="float32", role=role))  # type: ignore[arg-type]
        return len(tensors) - 1

    for found, heads, head_dim, apart in attentions:
        shape = (1, heads, found.seq_len, head_dim)
        inputs = [tensor(shape, "input") for _ in range(5 if apart else 3)]
        if apart:
            inputs.insert(3, tensor((1, heads, len(found.global_tokens), head_dim), "input"))
        dims: dict[str, Any] = {"batch": 1, "heads": heads, "head_dim": head_dim, "seq_len": found.seq_len}
        dims |= {"grid": found.grid} if found.grid else {}
        counted = {"dims": dims, "attrs": found.attrs(), "macs": macs(KIND, dims, found.attrs())}
        outputs = (tensor(shape, "output"),)
        name = f"layer.{len(ops)}"
        ops.append(Op(id=len(ops), kind=KIND, name=name, inputs=tuple(inputs), outputs=outputs, **counted))
    source = Source(model="made up", configuration={}, exporter="tests", exporter_version="1")
    return seal(source=source, tensors=tensors, ops=ops)
