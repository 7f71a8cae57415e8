"""A small trace that needs every kernel of the machine, and all of its engines."""

from __future__ import annotations

from typing import Any

from tandemsim.sim.machines.stated_trace import StatedOp, StatedTensor, stated_trace
from tandemsim.traces.schema import Trace

TOKENS, HEADS, SIZE = 96, 2, 16


def small_trace() -> Trace:
    """Return queries, keys and values of two heads, their windows with a global token, what follows them."""
    wide = HEADS * SIZE
    rows, heads = (TOKENS, wide), (1, HEADS, TOKENS, SIZE)
    tensors = (
        StatedTensor(rows, "input"),
        *[StatedTensor((wide, wide), "weight")] * 4,  # 1 to 4
        *[StatedTensor(rows, "activation")] * 3,  # 5 to 7
        *(StatedTensor(heads, "activation", made) for made in (5, 6, 7)),  # 8 to 10
        StatedTensor(heads, "activation"),  # 11
        StatedTensor(rows, "activation", 11),
        StatedTensor(rows, "activation"),
        StatedTensor(rows, "output"),
        StatedTensor((1, 3, 16, 16), "input"),
        StatedTensor((8, 3, 3, 3), "weight"),
        StatedTensor((1, 8, 14, 14), "output"),
    )
    product = {"m": TOKENS, "n": wide, "k": wide}
    attention: dict[str, Any] = {"heads": HEADS, "head_dim": SIZE, "seq_len": TOKENS}
    pattern: dict[str, Any] = {"bands": [[-4, 4, 1]], "global_tokens": [0]}
    image: dict[str, Any] = {"batch": 1, "in_channels": 3, "out_channels": 8, "height": 16, "width": 16}
    ops = (
        StatedOp("gemm", "query", product, (0, 1), 5),
        StatedOp("gemm", "key", product, (0, 2), 6),
        StatedOp("gemm", "value", product, (0, 3), 7),
        StatedOp("window_attention", "windows", attention, (8, 9, 10), 11, pattern),
        StatedOp("gemm", "project", product, (12, 4), 13),
        StatedOp("norm", "normalize", {"elements": TOKENS * wide, "reduced": wide}, (13,), 14),
        StatedOp("conv2d", "convolve", {**image, "kernel_h": 3, "kernel_w": 3}, (15, 16), 17),
    )
    return stated_trace("small", "sim.machines.fused.small", tensors, ops)
