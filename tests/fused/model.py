"""A layer of a small Longformer: five projections, one global query, windows, the output, a norm."""

from __future__ import annotations

from functools import cache
from typing import Any

from tandemsim.traces.kinds import macs
from tandemsim.traces.schema import Op, Source, Tensor, Trace
from tandemsim.traces.validate import seal

TOKENS = 600


@cache
def longformer_layer(heads: int = 2, size: int = 16, global_token: int = 0) -> Trace:
    """Return the layer; products are named q, k, v, K, V (of the global token) and output."""
    wide = heads * size
    rows, of_heads = (TOKENS, wide), (1, heads, TOKENS, size)
    tensors: list[Tensor] = []

    def tensor(shape: tuple[int, ...], role: str = "activation", alias: int | None = None) -> int:
        tensors.append(
            Tensor(id=len(tensors), shape=shape, dtype="float32", role=role, alias_of=alias)  # type: ignore[arg-type]
        )
        return len(tensors) - 1

    x = tensor(rows, "input")
    stated: list[tuple[str, str, dict[str, Any], dict[str, Any], tuple[int, ...], int]] = []
    product = {"m": TOKENS, "n": wide, "k": wide}
    inputs: dict[str, int] = {}
    for name in "qkv":
        made = tensor(rows)
        stated.append(("gemm", name, product, {}, (x, tensor((wide, wide), "weight")), made))
        inputs[name] = tensor(of_heads, alias=made)
    first = tensor((1, wide))
    index = tensor((1,), "index")
    stated.append(("gather", "first", {"elements": wide}, {}, (x, index), first))
    made = tensor((1, wide))
    stated.append(("gemm", "Q", {**product, "m": 1}, {}, (first, tensor((wide, wide), "weight")), made))
    inputs["Q"] = tensor((1, heads, 1, size), alias=made)
    for name in "KV":
        made = tensor(rows)
        stated.append(("gemm", name, product, {}, (x, tensor((wide, wide), "weight")), made))
        inputs[name] = tensor(of_heads, alias=made)
    attended = tensor(of_heads)
    dims: dict[str, Any] = {"heads": heads, "head_dim": size, "seq_len": TOKENS}
    attrs: dict[str, Any] = {"bands": [[-12, 12, 1]], "global_tokens": [global_token]}
    stated.append(("window_attention", "windows", dims, attrs, tuple(inputs.values()), attended))
    flat, made = tensor(rows, alias=attended), tensor(rows)
    stated.append(("gemm", "output", product, {}, (flat, tensor((wide, wide), "weight")), made))
    norm = {"elements": TOKENS * wide, "reduced": wide}
    stated.append(("norm", "norm", norm, {}, (made,), tensor(rows, "output")))
    ops = [
        Op(
            id=i,
            kind=kind,
            name=name,
            inputs=operands,
            outputs=(output,),
            dims=sizes,
            attrs=more,
            macs=macs(kind, sizes, more),
        )  # fmt: skip
        for i, (kind, name, sizes, more, operands, output) in enumerate(stated)
    ]
    source = Source(model="layer", configuration={}, exporter="tests", exporter_version="1")
    return seal(source=source, tensors=tensors, ops=ops)


def two_attentions() -> Trace:
    """Return two window attentions that do not depend on one another."""
    shape = (1, 2, 120, 16)
    tensors = [
        Tensor(id=i, shape=shape, dtype="float32", role=role)  # type: ignore[arg-type]
        for i, role in enumerate(("input", "output", "output"))
    ]
    dims: dict[str, Any] = {"heads": 2, "head_dim": 16, "seq_len": 120}
    attrs: dict[str, Any] = {"bands": [[-6, 6, 1]], "global_tokens": []}
    count = macs("window_attention", dims, attrs)
    ops = [
        Op(
            id=i,
            kind="window_attention",
            name=f"windows {i}",
            inputs=(0, 0, 0),
            outputs=(1 + i,),
            dims=dims,
            attrs=attrs,
            macs=count,
        )  # fmt: skip
        for i in range(2)
    ]
    source = Source(model="two", configuration={}, exporter="tests", exporter_version="1")
    return seal(source=source, tensors=tensors, ops=ops)
