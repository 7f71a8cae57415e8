"""A small trace that needs every kernel of the machine, and all of its engines."""

from __future__ import annotations

from typing import Any

from tandemsim.traces.kinds import macs
from tandemsim.traces.schema import Op, Source, Tensor, Trace
from tandemsim.traces.validate import seal

TOKENS, HEADS, SIZE = 96, 2, 16


def small_trace() -> Trace:
    """Return queries, keys and values of two heads, their windows with a global token, what follows them."""
    wide = HEADS * SIZE
    rows, heads = (TOKENS, wide), (1, HEADS, TOKENS, SIZE)
    shapes: list[tuple[tuple[int, ...], str, int | None]] = [
        (rows, "input", None),
        *[((wide, wide), "weight", None)] * 4,  # 1 to 4
        *[(rows, "activation", None)] * 3,  # 5 to 7
        (heads, "activation", 5),
        (heads, "activation", 6),
        (heads, "activation", 7),
        (heads, "activation", None),  # 11
        (rows, "activation", 11),
        (rows, "activation", None),
        (rows, "output", None),
        ((1, 3, 16, 16), "input", None),
        ((8, 3, 3, 3), "weight", None),
        ((1, 8, 14, 14), "output", None),
    ]
    tensors = [
        Tensor(id=i, shape=shape, dtype="float32", role=role, alias_of=alias)  # type: ignore[arg-type]
        for i, (shape, role, alias) in enumerate(shapes)
    ]
    product = {"m": TOKENS, "n": wide, "k": wide}
    attention: dict[str, Any] = {"heads": HEADS, "head_dim": SIZE, "seq_len": TOKENS}
    pattern: dict[str, Any] = {"bands": [[-4, 4, 1]], "global_tokens": [0]}
    image: dict[str, Any] = {"batch": 1, "in_channels": 3, "out_channels": 8, "height": 16, "width": 16}
    stated: list[tuple[str, str, dict[str, Any], dict[str, Any], tuple[int, ...], int]] = [
        ("gemm", "query", product, {}, (0, 1), 5),
        ("gemm", "key", product, {}, (0, 2), 6),
        ("gemm", "value", product, {}, (0, 3), 7),
        ("window_attention", "windows", attention, pattern, (8, 9, 10), 11),
        ("gemm", "project", product, {}, (12, 4), 13),
        ("norm", "normalize", {"elements": TOKENS * wide, "reduced": wide}, {}, (13,), 14),
        ("conv2d", "convolve", {**image, "kernel_h": 3, "kernel_w": 3}, {}, (15, 16), 17),
    ]
    ops = [
        Op(
            id=i,
            kind=kind,
            name=name,
            inputs=inputs,
            outputs=(output,),
            dims=dims,
            attrs=attrs,
            macs=macs(kind, dims, attrs),
        )  # fmt: skip
        for i, (kind, name, dims, attrs, inputs, output) in enumerate(stated)
    ]
    source = Source(
        model="small", configuration={}, exporter="sim.machines.fused.small", exporter_version="1"
    )
    return seal(source=source, tensors=tensors, ops=ops)
