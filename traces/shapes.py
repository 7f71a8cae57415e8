"""Whether the shapes of an op's tensors are those that its dims say; the table is in `traces.kinds`.

Attention and convolution must match shape by shape, a gemm and the kinds without MACs by number of elements,
since exporters fold leading dimensions in different ways. Operands beyond those of the table (bias, mask) are
free.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from tandemsim.traces.errors import violation
from tandemsim.traces.kinds import KINDS, conv_output
from tandemsim.traces.schema import Op, Tensor

Shape = tuple[int, ...]


def check_shapes(op: Op, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> None:
    """Raise `TraceError` if the tensors contradict the op's dims, which are valid."""
    counts = KINDS[op.kind].input_counts
    if len(inputs) not in counts:
        raise violation("inputs", f"must be {_said(counts)} tensors", len(inputs))
    if not outputs:
        raise violation("outputs", "must be at least 1 tensor", 0)
    if op.kind == "gemm":
        _check_gemm(op, inputs, outputs)
        return
    wanted_inputs, wanted_output = _wanted(op)
    for position, (tensor, shape) in enumerate(zip(inputs, wanted_inputs, strict=False)):
        if tensor.shape != shape:
            _fail(f"inputs[{position}]", tensor, f"have shape {list(shape)}")
    if wanted_output is None:
        _check_elements("outputs[0]", outputs[0], op.dim("elements"))
    elif outputs[0].shape != wanted_output:
        _fail("outputs[0]", outputs[0], f"have shape {list(wanted_output)}")


def _wanted(op: Op) -> tuple[list[Shape], Shape | None]:
    """Return the shapes of the first inputs, and of the output unless only its elements count."""
    if op.kind == "conv2d":
        return _conv_shapes(op)
    if op.kind == "attention":
        query, key = (_heads_shape(op, op.dim(length)) for length in ("q_len", "kv_len"))
        return [query, key, key], query
    if op.kind == "window_attention":
        every = _heads_shape(op, op.dim("seq_len"))
        return [every, every, every, _heads_shape(op, len(op.attrs["global_tokens"])), every, every], every
    return [], None


def _heads_shape(op: Op, length: int) -> Shape:
    return op.dim("batch"), op.dim("heads"), length, op.dim("head_dim")


def _conv_shapes(op: Op) -> tuple[list[Shape], Shape]:
    batch, out_channels = op.dim("batch"), op.dim("out_channels")
    image = (batch, op.dim("in_channels"), op.dim("height"), op.dim("width"))
    group_channels = op.dim("in_channels") // op.dim("groups")
    weight = (out_channels, group_channels, op.dim("kernel_h"), op.dim("kernel_w"))
    return [image, weight], (batch, out_channels, *conv_output(op.dims))


def _check_gemm(op: Op, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> None:
    batch, m, n, k = (op.dim(name) for name in ("batch", "m", "n", "k"))
    _check_elements("inputs[0]", inputs[0], batch * m * k)
    if inputs[1].elements != k * n:  # one b for the whole batch, or one for each of it
        _check_elements("inputs[1]", inputs[1], batch * k * n)
    _check_elements("outputs[0]", outputs[0], batch * m * n)


def _check_elements(field: str, tensor: Tensor, elements: int) -> None:
    if math.prod(tensor.shape) != elements:
        _fail(field, tensor, f"hold {elements} elements")


def _fail(field: str, tensor: Tensor, rule: str) -> None:
    raise violation(field, f"(tensor {tensor.id}) must {rule}", list(tensor.shape))


def _said(allowed: range) -> str:
    """Say which numbers of inputs are allowed."""
    return f"at least {allowed.start}" if allowed.step == 1 else " or ".join(map(str, allowed))
