"""What each PyTorch operator becomes in a trace: its kind, dims, attrs and the order of its inputs.

Obeys `traces/kinds.py`. `SPECIAL` and `PER_ELEMENT` are the whole vocabulary: an operator in neither is an
error of the tracer, never dropped. In-place variants (``add_``) share the entry of their plain form.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from torch import Tensor

from tandemsim.sim.arch.checks import ConfigError
from tandemsim.workloads.attention import pattern_of

Dims = dict[str, int | tuple[int, ...]]


class Call(NamedTuple):
    """One call of an operator: its bare name, its arguments by name (defaults included), the tensors."""

    name: str
    args: dict[str, Any]
    inputs: list[Tensor]
    outputs: list[Tensor]


@dataclass(frozen=True, slots=True)
class Lowered:
    """An op of the trace, before it has a name and its tensors have numbers."""

    kind: str
    function: str  # the operator in plain words
    dims: Dims
    inputs: list[Tensor]
    outputs: list[Tensor]
    attrs: dict[str, Any] = field(default_factory=dict)


def lower(call: Call) -> Lowered | None:
    """Return what an operator becomes, None if it is not in the vocabulary.

    Raises `ConfigError` for a known operator in a form that the trace format cannot express.
    """
    if call.name in SPECIAL:
        return SPECIAL[call.name](call)
    if call.name in PER_ELEMENT:
        kind, function = PER_ELEMENT[call.name]
        return _per_element(kind, function, call)
    return None


def _listed(kind: str, names: str) -> dict[str, tuple[str, str]]:
    """Return table entries; the function is the operator's name, or what follows its colon."""
    entries = (word.partition(":") for word in names.split())
    return {name: (kind, function or name) for name, _, function in entries}


#: Operators that do the same work for each element of their output.
PER_ELEMENT: dict[str, tuple[str, str]] = {
    **_listed("eltwise", "add sub rsub mul div neg abs exp exp2 expm1 log log2 log1p sqrt rsqrt reciprocal"),
    **_listed(
        "eltwise", "pow square sin cos erf floor ceil round trunc sign remainder fmod floor_divide lerp"
    ),
    **_listed(
        "eltwise", "addcmul addcdiv maximum minimum clamp clamp_min clamp_max where masked_fill fill zero"
    ),
    **_listed("eltwise", "eq ne lt le gt ge logical_and logical_or logical_not logical_xor isnan isinf"),
    **_listed("eltwise", "bitwise_and bitwise_or bitwise_not bitwise_xor tril triu roll flip repeat"),
    **_listed("eltwise", "clone:copy _to_copy:cast cat:concat stack:concat"),
    **_listed("eltwise", "constant_pad_nd:pad reflection_pad2d:pad upsample_nearest2d upsample_bilinear2d"),
    **_listed(
        "act", "relu gelu silu sigmoid tanh hardswish hardsigmoid hardtanh leaky_relu elu softplus mish"
    ),
    **_listed("act", "threshold log_sigmoid_forward:log_sigmoid _prelu_kernel:prelu glu"),
    **_listed("gather", "embedding index index_select gather pixel_shuffle"),
    **_listed("scatter", "scatter scatter_add scatter_reduce index_add index_put index_copy"),
    **_listed("norm", "native_batch_norm:batch_norm _native_batch_norm_legit_no_training:batch_norm"),
}

SPECIAL: dict[str, Callable[[Call], Lowered]] = {}


def _lowers(*names: str) -> Callable[[Callable[[Call], Lowered]], Callable[[Call], Lowered]]:
    def register(function: Callable[[Call], Lowered]) -> Callable[[Call], Lowered]:
        SPECIAL.update(dict.fromkeys(names, function))
        return function

    return register


@_lowers("copy")
def _copy(call: Call) -> Lowered:
    """A write over a tensor, which is in the call too but is not read."""
    return _per_element("eltwise", "copy", call._replace(inputs=call.inputs[1:]))


# -- multiply-accumulate ------------------------------------------------------------------------------------


@_lowers("mm", "bmm", "addmm", "baddbmm", "mv", "addmv", "dot")
def _gemm(call: Call) -> Lowered:
    """Matrix products: of matrices, of batches of them, or with vectors as thin matrices."""
    adds = call.name.startswith(("add", "badd"))
    a, b, *added = [*call.inputs[1:], call.inputs[0]] if adds else call.inputs
    batch = a.shape[0] if call.name in ("bmm", "baddbmm") else 1
    m = a.shape[-2] if a.dim() > 1 else 1
    n = b.shape[-1] if b.dim() > 1 else 1
    dims: Dims = {"batch": batch, "m": m, "n": n, "k": a.shape[-1]}
    return Lowered("gemm", call.name, dims, [a, b, *added], call.outputs)


@_lowers("convolution")
def _convolution(call: Call) -> Lowered:
    """1-D and 2-D convolutions; a 1-D one is that of an image of height 1."""
    args, spatial = call.args, call.inputs[0].dim() - 2
    if args["transposed"] or spatial not in (1, 2):
        raise ConfigError("a traced convolution must be 1-D or 2-D and not transposed")
    image, weight = (_as_image(tensor) for tensor in call.inputs[:2])
    pad_h, pad_w = _pair(args["padding"], spatial, 0)
    stride_h, stride_w = _pair(args["stride"], spatial, 1)
    dilation_h, dilation_w = _pair(args["dilation"], spatial, 1)
    dims: Dims = {
        "batch": image.shape[0], "in_channels": image.shape[1], "out_channels": weight.shape[0],
        "height": image.shape[2], "width": image.shape[3],
        "kernel_h": weight.shape[2], "kernel_w": weight.shape[3],
        "stride_h": stride_h, "stride_w": stride_w, "dilation_h": dilation_h, "dilation_w": dilation_w,
        "pad_top": pad_h, "pad_bottom": pad_h, "pad_left": pad_w, "pad_right": pad_w, "groups":
        args["groups"],
    }  # fmt: skip
    return Lowered(
        "conv2d", "convolution", dims, [image, weight, *call.inputs[2:]], [_as_image(call.outputs[0])]
    )


@_lowers("window_attention")
def _window_attention(call: Call) -> Lowered:
    batch, heads, seq_len, head_dim = call.inputs[0].shape
    args = call.args
    pattern = pattern_of(seq_len, args["bands"], args["global_tokens"], args["grid"])
    dims: Dims = {"batch": batch, "heads": heads, "head_dim": head_dim, "seq_len": seq_len}
    if pattern.grid is not None:
        dims["grid"] = pattern.grid
    return Lowered("window_attention", call.name, dims, call.inputs, call.outputs, pattern.attrs())


@_lowers("attention")
def _attention(call: Call) -> Lowered:
    batch, heads, q_len, head_dim = call.inputs[0].shape
    dims: Dims = {"batch": batch, "heads": heads, "head_dim": head_dim, "q_len": q_len}
    dims["kv_len"] = call.inputs[1].shape[2]
    attrs = {"causal": True} if call.args["causal"] else {}
    return Lowered("attention", call.name, dims, call.inputs, call.outputs, attrs)


# -- several elements meet in one ---------------------------------------------------------------------------


@_lowers("native_layer_norm", "_fused_rms_norm")
def _layer_norm(call: Call) -> Lowered:
    function = "layer_norm" if call.name == "native_layer_norm" else "rms_norm"
    return _per_element("norm", function, call, math.prod(call.args["normalized_shape"]))


@_lowers("native_group_norm")
def _group_norm(call: Call) -> Lowered:
    return _per_element("norm", "group_norm", call, call.args["C"] * call.args["HxW"] // call.args["group"])


@_lowers("_softmax", "_log_softmax", "_safe_softmax")
def _softmax(call: Call) -> Lowered:
    function = "log_softmax" if call.name == "_log_softmax" else "softmax"
    return _per_element("softmax", function, call, call.outputs[0].shape[call.args["dim"]])


@_lowers("max_pool2d_with_indices", "avg_pool2d")
def _pool(call: Call) -> Lowered:
    kernel_h, kernel_w = _pair(call.args["kernel_size"], 2, 1)
    return _per_element(
        "pool", "max" if call.name.startswith("max") else "average", call, kernel_h * kernel_w
    )


@_lowers("_adaptive_avg_pool2d")
def _adaptive_pool(call: Call) -> Lowered:
    """Windows of almost equal size; where they are not, the average size, rounded up."""
    return _per_element("pool", "average", call, -(-call.inputs[0].numel() // call.outputs[0].numel()))


@_lowers(
    "mean", "sum", "amax", "amin", "max", "min", "argmax", "argmin", "prod", "any", "all", "var", "var_mean"
)
def _reduce(call: Call) -> Lowered:
    if len(call.inputs) > 1:  # torch.max(a, b) compares two tensors
        return _per_element("eltwise", f"{call.name}imum", call)
    return _per_element("reduce", call.name, call, call.inputs[0].numel() // call.outputs[0].numel())


@_lowers("cumsum", "cumprod")
def _scan(call: Call) -> Lowered:
    return _per_element("reduce", call.name, call, call.outputs[0].shape[call.args["dim"]])


@_lowers("topk", "sort")
def _topk(call: Call) -> Lowered:
    return _per_element("topk", call.name, call, call.inputs[0].shape[call.args["dim"]])


def _per_element(kind: str, function: str, call: Call, reduced: int = 1) -> Lowered:
    """Return an op without multiply-accumulates; `reduced` input elements make one output element."""
    dims: Dims = {"elements": call.outputs[0].numel()}
    if reduced > 1:
        dims["reduced"] = reduced
    return Lowered(kind, function, dims, call.inputs, call.outputs, {"function": function})


def _as_image(tensor: Tensor) -> Tensor:
    """Return a 3-D tensor as the view of it that has height 1."""
    return tensor.unsqueeze(2) if tensor.dim() == 3 else tensor


def _pair(values: Sequence[int], spatial: int, missing: int) -> tuple[int, int]:
    """Return the numbers of (height, width). One alone is for both; a 1-D convolution has none for height."""
    numbers = list(values) * spatial if len(values) == 1 else list(values)
    return (missing, numbers[0]) if spatial == 1 else (numbers[0], numbers[1])
