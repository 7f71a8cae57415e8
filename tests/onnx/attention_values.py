"""What an attention of a trace says, computed by numpy: its summand of the scores, and its output."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tandemsim.traces.schema import Op, Tensor, Trace

Floats = NDArray[np.floating[Any]]
Given = Mapping[str, NDArray[Any]]  # inputs and constants of a model, by name


class Values:
    """The tensors of a trace by number, as far as caches and masks are made of what is given.

    Where a mask is cut out of a longer one, its first query is `first`.
    """

    def __init__(self, trace: Trace, given: Given, first: int = 0) -> None:
        self.tensors, self.given, self.first = trace.tensor_map(), given, first
        self.makers = {output: op for op in trace.ops for output in op.outputs}

    def __getitem__(self, number: int) -> NDArray[Any]:
        tensor = self.tensors[number]
        if number in self.makers:
            return self._made(self.makers[number], tensor)
        if tensor.alias_of in self.makers:
            return self[tensor.alias_of].reshape(tensor.shape)
        name = self.tensors[number if tensor.alias_of is None else tensor.alias_of].name
        return self._named(name, tensor.shape)

    def _named(self, name: str, shape: tuple[int, ...]) -> NDArray[Any]:
        """What is given by this name, or follows from it, as in ``logical_not mask``."""
        function, _, rest = name.partition(" ")
        if function in FUNCTIONS:
            return FUNCTIONS[function](self._named(rest, shape), shape)
        value = self.given[name]
        if value.size == np.prod(shape):
            return value.reshape(shape)
        if value.ndim == 4 and len(shape) == 4:
            return value[:, :, self.first : self.first + shape[2], : shape[3]]
        return value  # to be padded

    def _made(self, op: Op, tensor: Tensor) -> NDArray[Any]:
        inputs = [self[number] for number in op.inputs]
        if op.kind == "cache_append":
            return np.concatenate(inputs, axis=2)
        function = op.attrs["function"]
        if function in FUNCTIONS:
            return FUNCTIONS[function](inputs[0], tensor.shape)
        if function == "logical_and":
            return np.logical_and.reduce(np.broadcast_arrays(*inputs))
        assert function in ("where", "add")
        return sum(map(as_summand, inputs), np.zeros(tensor.shape))


def padded(mask: NDArray[Any], shape: tuple[int, ...]) -> NDArray[Any]:
    """A mask for fewer keys, with the last ones denied."""
    sides = [(0, 0)] * (mask.ndim - 1) + [(0, shape[-1] - mask.shape[-1])]
    return np.pad(mask, sides, constant_values=False if mask.dtype == np.bool_ else -np.inf)


#: What makes one mask of another, by the function of its op.
FUNCTIONS = {
    "logical_not": lambda mask, shape: ~mask,
    "not_equal": lambda mask, shape: mask != 0,
    "pad": padded,
}


def as_summand(mask: NDArray[Any]) -> Floats:
    """A mask of booleans as what is added, in double precision; another one is added as it is."""
    return np.where(mask, 0.0, -np.inf) if mask.dtype == np.bool_ else mask.astype(np.float64)


def summand(op: Op, values: Values) -> Floats:
    """What is added to the scores, (batch, heads, q_len, kv_len): minus infinity where a pair is denied."""
    kv_len = op.pattern.seq_len if op.pattern is not None else op.dim("kv_len")
    q_len = op.pattern.q_len if op.pattern is not None else op.dim("q_len")
    made = np.zeros((op.dim("batch"), op.dim("heads"), q_len, kv_len))
    if op.pattern is not None:
        made = made + as_summand(op.pattern.mask(range(q_len)))
    elif op.attrs.get("causal"):
        made = made + as_summand(np.tril(np.ones((q_len, kv_len), bool)))
    for name in ("mask", "bias"):
        number = op.operand(name)
        if number is not None:
            assert (values.tensors[number].dtype == "bool") == (name == "mask")
            made = made + as_summand(values[number])
    return made


def output(op: Op, values: Values, qkv: tuple[Floats, Floats, Floats] | None = None) -> Floats:
    """The output of an attention; scores are single precision, as denying ones round small ones away."""
    q, k, v = qkv or tuple(values[number] for number in op.inputs[:3])
    groups = op.dim("heads") // op.dim("kv_heads")
    k, v = (np.repeat(x, groups, axis=1) for x in (k, v))
    scores = q @ k.swapaxes(-1, -2) * op.attrs.get("scale", op.dim("head_dim") ** -0.5)
    if "softcap" in op.attrs:
        scores = op.attrs["softcap"] * np.tanh(scores / op.attrs["softcap"])
    scores = (scores + summand(op, values)).astype(np.float32).astype(np.float64)
    highest = scores.max(axis=-1, keepdims=True)
    weights = np.exp(scores - np.where(np.isneginf(highest), 0, highest))
    total = weights.sum(axis=-1, keepdims=True)
    return np.divide(weights, total, out=np.zeros_like(weights), where=total > 0) @ v
