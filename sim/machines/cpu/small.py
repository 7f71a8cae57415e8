"""A small trace with a layer of each sort: products with and without riders, attention, passes."""

from __future__ import annotations

from typing import Any

from tandemsim.sim.machines.stated_trace import StatedOp, StatedTensor, stated_trace
from tandemsim.traces.schema import Trace

TOKENS, SIZE, HEADS = 64, 128, 2


def small_trace() -> Trace:
    """Return a product with a rider, attention, a norm, and a convolution of its own."""
    rows, heads = (TOKENS, SIZE), (1, HEADS, TOKENS, SIZE // HEADS)
    tensors = (
        StatedTensor(rows, "input"),
        StatedTensor((SIZE, SIZE), "weight"),
        StatedTensor(rows, "activation"),
        StatedTensor(rows, "activation"),
        StatedTensor(heads, "activation", 3),
        StatedTensor(heads, "activation"),
        StatedTensor(rows, "output"),
        StatedTensor((1, 16, 30, 30), "input"),
        StatedTensor((32, 16, 3, 3), "weight"),
        StatedTensor((1, 32, 28, 28), "output"),
    )
    elements = TOKENS * SIZE
    head: dict[str, Any] = {"heads": HEADS, "head_dim": SIZE // HEADS, "q_len": TOKENS, "kv_len": TOKENS}
    image: dict[str, Any] = {"batch": 1, "in_channels": 16, "out_channels": 32, "height": 30, "width": 30}
    ops = (
        StatedOp("gemm", "project", {"m": TOKENS, "n": SIZE, "k": SIZE}, (0, 1), 2),
        StatedOp("act", "activate", {"elements": elements}, (2,), 3),
        StatedOp("attention", "attend", head, (4, 4, 4), 5),
        StatedOp("norm", "normalize", {"elements": elements, "reduced": SIZE}, (5,), 6),
        StatedOp("conv2d", "convolve", {**image, "kernel_h": 3, "kernel_w": 3}, (7, 8), 9),
    )
    return stated_trace("small", "sim.machines.cpu.small", tensors, ops)
