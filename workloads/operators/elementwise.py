"""Operators that work element by element: arithmetic, comparisons, copies, casts and activations."""

from __future__ import annotations

from tandemsim.workloads.operators.table import Call, Lowered, listed, lowers, per_element

listed(
    "eltwise",
    "add sub rsub mul div neg abs exp exp2 expm1 log log2 log1p sqrt rsqrt reciprocal",
    "pow square sin cos erf floor ceil round trunc sign remainder fmod floor_divide lerp",
    "addcmul addcdiv maximum minimum clamp clamp_min clamp_max where masked_fill fill zero",
    "eq ne lt le gt ge logical_and logical_or logical_not logical_xor isnan isinf",
    "bitwise_and bitwise_or bitwise_not bitwise_xor tril triu roll flip repeat",
    "clone:copy _to_copy:cast cat:concat stack:concat",
)
listed(
    "act",
    "relu gelu silu sigmoid tanh hardswish hardsigmoid hardtanh leaky_relu elu softplus mish",
    "threshold log_sigmoid_forward:log_sigmoid _prelu_kernel:prelu glu",
)


@lowers("copy")
def _copy(call: Call) -> Lowered:
    """A write over a tensor, which is in the call too but is not read."""
    return per_element("eltwise", "copy", call._replace(inputs=call.inputs[1:]))
