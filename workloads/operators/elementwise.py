"""Operators that work element by element: arithmetic, comparisons, copies, casts, activations, losses."""

from __future__ import annotations

from tandemsim.workloads.operators.table import Call, Lowered, listed, lowers, per_element

listed(
    "eltwise",
    "add sub rsub mul div neg abs exp exp2 expm1 log log2 log10 log1p sqrt rsqrt reciprocal",
    "pow square sin cos tan asin acos atan atan2 sinh cosh asinh acosh atanh sinc erf erfc erfinv lgamma",
    "digamma polygamma logit xlogy logaddexp logaddexp2 hypot copysign nextafter heaviside frac sgn signbit",
    "floor ceil round trunc sign remainder fmod floor_divide lerp gcd lcm ldexp i0 linalg_cross:cross",
    "addcmul addcdiv maximum minimum fmax fmin clamp clamp_min clamp_max where masked_fill fill zero",
    "eq ne lt le gt ge logical_and logical_or logical_not logical_xor isnan isinf isposinf isneginf",
    "isin bitwise_and bitwise_or bitwise_not bitwise_xor bitwise_left_shift bitwise_right_shift",
    "and:bitwise_and or:bitwise_or xor:bitwise_xor lshift:bitwise_left_shift rshift:bitwise_right_shift",
    "iand:bitwise_and ior:bitwise_or ixor:bitwise_xor ilshift irshift nan_to_num",
    "special_entr special_erfcx special_ndtri special_log_ndtr special_xlog1py special_zeta special_i0e",
    "special_i1 special_i1e tril triu roll flip repeat deg2rad rad2deg complex polar angle",
    "_conj_physical:conj conj_physical:conj clone:copy _to_copy:cast cat:concat stack:concat",
    "rot90 block_diag igamma igammac frexp mvlgamma bernoulli normal poisson binomial diag_embed",
    "native_dropout:dropout copy_as:reinterpret",
)
listed(
    "act",
    "relu gelu silu sigmoid tanh hardswish hardsigmoid hardtanh leaky_relu elu softplus mish celu",
    "threshold log_sigmoid_forward:log_sigmoid _prelu_kernel:prelu glu hardshrink softshrink",
    "rrelu_with_noise:rrelu relu6",
)
listed(
    "quantize",
    "fake_quantize_per_tensor_affine_cachemask:fake_quantize",
    "fake_quantize_per_channel_affine_cachemask:fake_quantize",
    "_fake_quantize_per_tensor_affine_cachemask_tensor_qparams:fake_quantize",
    "quantize_per_tensor:quantize quantize_per_channel:quantize quantize_per_token:quantize",
    "dequantize_per_tensor:dequantize dequantize_per_channel:dequantize",
    "dequantize_per_token:dequantize",
)


@lowers("copy")
def _copy(call: Call) -> Lowered:
    """A write over a tensor, which is in the call too but is not read."""
    return per_element("eltwise", "copy", call._replace(inputs=call.inputs[1:]))


@lowers(
    *("mse_loss", "smooth_l1_loss", "huber_loss", "soft_margin_loss"),
    *("binary_cross_entropy", "binary_cross_entropy_with_logits"),
)
def _loss(call: Call) -> Lowered:
    """A loss of each element, and usually its mean or sum over all of them."""
    reduced = call.inputs[0].numel() // call.outputs[0].numel()
    return per_element("reduce" if reduced > 1 else "eltwise", call.name, call, reduced)
