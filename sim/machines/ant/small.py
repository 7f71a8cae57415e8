"""A small trace that needs every kernel of the machine, and both of its engines."""

from __future__ import annotations

from typing import Any

from tandemsim.traces.kinds import macs
from tandemsim.traces.schema import Op, Source, Tensor, Trace
from tandemsim.traces.validate import seal

TOKENS, SIZE, HEADS = 32, 48, 2


def small_trace() -> Trace:
    """Return a product with a rider, attention, a norm, and a convolution of its own."""
    shapes: list[tuple[tuple[int, ...], str]] = [
        ((TOKENS, SIZE), "input"),
        ((SIZE, SIZE), "weight"),
        ((TOKENS, SIZE), "activation"),
        ((TOKENS, SIZE), "activation"),
        ((1, HEADS, TOKENS, SIZE // HEADS), "activation"),
        ((1, HEADS, TOKENS, SIZE // HEADS), "activation"),
        ((TOKENS, SIZE), "output"),
        ((1, 3, 16, 16), "input"),
        ((8, 3, 3, 3), "weight"),
        ((1, 8, 14, 14), "output"),
    ]
    views = {4: 3}
    tensors = [
        Tensor(id=i, shape=shape, dtype="float32", role=role, alias_of=views.get(i))  # type: ignore[arg-type]
        for i, (shape, role) in enumerate(shapes)
    ]
    elements = TOKENS * SIZE
    head: dict[str, Any] = {"heads": HEADS, "head_dim": SIZE // HEADS, "q_len": TOKENS, "kv_len": TOKENS}
    image: dict[str, Any] = {"batch": 1, "in_channels": 3, "out_channels": 8, "height": 16, "width": 16}
    stated: list[tuple[str, str, dict[str, Any], tuple[int, ...], int]] = [
        ("gemm", "project", {"m": TOKENS, "n": SIZE, "k": SIZE}, (0, 1), 2),
        ("act", "activate", {"elements": elements}, (2,), 3),
        ("attention", "attend", head, (4, 4, 4), 5),
        ("norm", "normalize", {"elements": elements, "reduced": SIZE}, (5,), 6),
        ("conv2d", "convolve", {**image, "kernel_h": 3, "kernel_w": 3}, (7, 8), 9),
    ]
    ops = [
        Op(id=i, kind=kind, name=name, inputs=inputs, outputs=(output,), dims=dims, macs=macs(kind, dims, {}))
        for i, (kind, name, dims, inputs, output) in enumerate(stated)
    ]
    source = Source(model="small", configuration={}, exporter="sim.machines.ant.small", exporter_version="1")
    return seal(source=source, tensors=tensors, ops=ops)
