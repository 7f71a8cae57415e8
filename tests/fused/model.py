"""A layer of a small Longformer: five projections, one global query, windows, the output, a norm."""

from __future__ import annotations

from functools import cache
from typing import Any

from tandemsim.sim.machines.stated_trace import StatedOp, StatedTensor, stated_trace
from tandemsim.traces.schema import Trace

TOKENS = 600


@cache
def longformer_layer(heads: int = 2, size: int = 16, global_token: int = 0) -> Trace:
    """Return the layer; products are named q, k, v, K, V (of the global token) and output."""
    wide = heads * size
    rows, of_heads, square = (TOKENS, wide), (1, heads, TOKENS, size), (wide, wide)
    tensors: list[StatedTensor] = []
    ops: list[StatedOp] = []

    def tensor(shape: tuple[int, ...], role: str = "activation", alias: int | None = None) -> int:
        tensors.append(StatedTensor(shape, role, alias))
        return len(tensors) - 1

    x = tensor(rows, "input")
    product = {"m": TOKENS, "n": wide, "k": wide}
    inputs: dict[str, int] = {}
    for name in "qkvQKV":
        source = x
        if name == "Q":
            source = tensor((1, wide))
            ops.append(StatedOp("gather", "first", {"elements": wide}, (x, tensor((1,), "index")), source))
        made = tensor(rows if name != "Q" else (1, wide))
        sizes = {**product, "m": 1} if name == "Q" else product
        ops.append(StatedOp("gemm", name, sizes, (source, tensor(square, "weight")), made))
        inputs[name] = tensor(of_heads if name != "Q" else (1, heads, 1, size), alias=made)
    attended = tensor(of_heads)
    dims: dict[str, Any] = {"heads": heads, "head_dim": size, "seq_len": TOKENS}
    attrs: dict[str, Any] = {"bands": [[-12, 12, 1]], "global_tokens": [global_token]}
    ops.append(StatedOp("window_attention", "windows", dims, tuple(inputs.values()), attended, attrs))
    flat, made = tensor(rows, alias=attended), tensor(rows)
    ops.append(StatedOp("gemm", "output", product, (flat, tensor(square, "weight")), made))
    norm = {"elements": TOKENS * wide, "reduced": wide}
    ops.append(StatedOp("norm", "norm", norm, (made,), tensor(rows, "output")))
    return stated_trace("layer", "tests", tensors, ops)


def two_attentions() -> Trace:
    """Return two window attentions that do not depend on one another."""
    tensors = [StatedTensor((1, 2, 120, 16), role) for role in ("input", "output", "output")]
    dims = {"heads": 2, "head_dim": 16, "seq_len": 120}
    attrs = {"bands": [[-6, 6, 1]], "global_tokens": []}
    ops = [StatedOp("window_attention", f"windows {i}", dims, (0, 0, 0), 1 + i, attrs) for i in range(2)]
    return stated_trace("two", "tests", tensors, ops)
