"""Ops of the vector unit in float64: what the trace states of them decides whether they can be computed.

A trace names the function of an op and the shapes of its tensors, not its constants, such as the exponent of
a power or the slope of a leaky ReLU. What cannot be known raises `UnstatedError`. Assumed: norms have an
epsilon of 1e-5, windows of pools are square, pads are zeros.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from tandemsim.sim.ant.values.shaping import (
    UnstatedError,
    concatenated,
    index_axis,
    padded,
    pooled,
    reduced_axes,
)
from tandemsim.sim.arch.types import Doubles
from tandemsim.sim.engine.jit import jit
from tandemsim.traces.schema import Op

EPSILON = 1e-5  # assumed
Shape = tuple[int, ...]

_ONE: Mapping[str, Callable[[Doubles], Doubles]] = {
    "relu": lambda x: np.maximum(x, 0),
    "relu6": lambda x: np.clip(x, 0, 6),
    "gelu": lambda x: x * (1 + erf(x / math.sqrt(2))) / 2,
    "silu": lambda x: x * _sigmoid(x),
    "sigmoid": lambda x: _sigmoid(x),
    "tanh": np.tanh,
    "hardswish": lambda x: x * np.clip(x + 3, 0, 6) / 6,
    "hardsigmoid": lambda x: np.clip(x + 3, 0, 6) / 6,
    "mish": lambda x: x * np.tanh(np.logaddexp(0, x)),
    "log_sigmoid": lambda x: -np.logaddexp(0, -x),
    "neg": np.negative,
    "abs": np.abs,
    "exp": np.exp,
    "log": np.log,
    "sqrt": np.sqrt,
    "rsqrt": lambda x: 1 / np.sqrt(x),
    "reciprocal": lambda x: 1 / x,
    "square": np.square,
    "sin": np.sin,
    "cos": np.cos,
    "erf": lambda x: erf(x),
    "cast": lambda x: x,
    "copy": lambda x: x,
    "zero": np.zeros_like,
}
_TWO: Mapping[str, Callable[[Doubles, Doubles], Doubles]] = {
    "add": np.add,
    "sub": np.subtract,
    "mul": np.multiply,
    "div": np.divide,
    "pow": np.power,
    "maximum": np.maximum,
    "minimum": np.minimum,
}
_REDUCTIONS: Mapping[str, Callable[..., Doubles]] = {
    "mean": np.mean,
    "sum": np.sum,
    "amax": np.max,
    "amin": np.min,
    "prod": np.prod,
}


def computed(op: Op, given: Sequence[Doubles], shape: Shape) -> Doubles:
    """Return the output, of `shape`, of an op without an index. Raises `UnstatedError`."""
    try:
        with np.errstate(all="ignore"):
            out = _FAMILIES.get(op.kind, _unstated)(op, given, shape)
    except ValueError:  # shapes that none of the rules fits
        raise UnstatedError from None
    if out.size != math.prod(shape) or not np.isfinite(out).all():
        raise UnstatedError
    return out.reshape(shape)


def gathered(op: Op, table: Doubles, index: np.ndarray, shape: Shape) -> Doubles:
    """Return rows of a table, or of one axis of a tensor. Raises `UnstatedError`."""
    axis = index_axis(op, table.shape, index.shape, shape)
    return np.take(table, index, axis).reshape(shape)


def _unstated(op: Op, given: Sequence[Doubles], shape: Shape) -> Doubles:
    raise UnstatedError


def _elementwise(op: Op, given: Sequence[Doubles], shape: Shape) -> Doubles:
    function = str(op.attrs.get("function"))
    if function == "concat":
        return concatenated(given, shape)
    if function == "pad":
        return padded(given[0], shape)
    if len(given) == 1 and function in _ONE:
        return _ONE[function](given[0])
    if len(given) == 2 and function in _TWO:
        return np.asarray(_TWO[function](*(_wide(each, shape) for each in given)))
    raise UnstatedError


def _wide(given: Doubles, shape: Shape) -> Doubles:
    try:
        return np.broadcast_to(given, shape)
    except ValueError:
        raise UnstatedError from None


def _norm(op: Op, given: Sequence[Doubles], shape: Shape) -> Doubles:
    function, (values, *rest) = str(op.attrs.get("function")), given
    if function == "batch_norm" and len(rest) == 4:
        scale, offset, mean, variance = (each.reshape(-1, *[1] * (values.ndim - 2)) for each in rest)
        whole: Doubles = (values - mean) / np.sqrt(variance + EPSILON) * scale + offset
        return whole
    rows = values.reshape(-1, op.dim("reduced"))
    center = 0.0 if function == "rms_norm" else rows.mean(axis=1, keepdims=True)
    spread = np.sqrt(((rows - center) ** 2).mean(axis=1, keepdims=True) + EPSILON)
    out: Doubles = ((rows - center) / spread).reshape(values.shape)
    if function in ("layer_norm", "rms_norm"):
        scaled = [each.reshape(values.shape[-each.ndim :]) for each in rest]
    elif function == "group_norm":
        scaled = [each.reshape(-1, *[1] * (values.ndim - 2)) for each in rest]
    else:
        raise UnstatedError
    out = out * scaled[0] if scaled else out
    return out + scaled[1] if len(scaled) > 1 else out


def _softmax(op: Op, given: Sequence[Doubles], shape: Shape) -> Doubles:
    values, reduced = given[0], op.dim("reduced")
    axes = [axis for axis, size in enumerate(values.shape) if size == reduced]
    if not axes:
        raise UnstatedError
    shifted: Doubles = values - values.max(axis=axes[-1], keepdims=True)
    total: Doubles = np.log(np.exp(shifted).sum(axis=axes[-1], keepdims=True))
    logs: Doubles = shifted - total
    return logs if str(op.attrs.get("function")) == "log_softmax" else np.exp(logs)


def _pool(op: Op, given: Sequence[Doubles], shape: Shape) -> Doubles:
    return pooled(given[0], shape, op.dim("reduced"), str(op.attrs.get("function")))


def _reduce(op: Op, given: Sequence[Doubles], shape: Shape) -> Doubles:
    function = str(op.attrs.get("function"))
    if function not in _REDUCTIONS or len(given) != 1:
        raise UnstatedError
    return _REDUCTIONS[function](given[0], axis=reduced_axes(given[0].shape, shape))


def _append(op: Op, given: Sequence[Doubles], shape: Shape) -> Doubles:
    return concatenated(given[:2], shape)


_FAMILIES = {
    "act": _elementwise,
    "eltwise": _elementwise,
    "norm": _norm,
    "softmax": _softmax,
    "pool": _pool,
    "reduce": _reduce,
    "cache_append": _append,
}


def _sigmoid(values: Doubles) -> Doubles:
    return np.exp(-np.logaddexp(0, -values))


def erf(values: Doubles) -> Doubles:
    """Return the error function of each value."""
    out = np.empty(values.size)
    _erf(np.ascontiguousarray(values).reshape(-1), out)
    return out.reshape(values.shape)


@jit
def _erf(values: Doubles, out: Doubles) -> None:
    for place in range(len(values)):
        out[place] = math.erf(values[place])
