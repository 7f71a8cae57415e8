"""What follows from the file alone: initializers, and what is computed from them when it is asked for.

Computed by the reference implementation that comes with the package `onnx`, one node at a time.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from onnx import NodeProto, SparseTensorProto, TensorProto
from onnx.reference import ReferenceEvaluator

from tandemsim.sim.arch.checks import ConfigError, shown
from tandemsim.workloads.onnx.dtypes import NAMES, onnx_name
from tandemsim.workloads.onnx.files import content
from tandemsim.workloads.onnx.values import Array, Constant, Value

LARGEST = 2**27  # elements of an operand or result that is computed: a mask of 11,585 tokens


def initializer(tensor: TensorProto, folder: Path) -> Value:
    """Return an initializer; its content is read when it is asked for."""
    return Value(
        tuple(tensor.dims),
        _dtype(tensor),
        name=tensor.name,
        constant=Constant(lambda: content(tensor, folder)),
    )


def sparse_initializer(tensor: SparseTensorProto) -> Value:
    """Return a sparse initializer as the dense weight that operators read."""
    return Value(
        tuple(tensor.dims), _dtype(tensor.values), name=tensor.values.name, constant=Constant(lambda: None)
    )


def known(array: Array, dtype: str, name: str = "") -> Value:
    """Return the value of an array that is there."""
    return Value(array.shape, dtype, name=name, constant=Constant(lambda: array))


def computed(
    proto: NodeProto, position: int, inputs: Mapping[str, Value], elements: int, opsets: Mapping[str, int]
) -> Constant:
    """Return what a node of constants makes as its result `position`."""
    return Constant(lambda: _evaluated(proto, position, inputs, elements, opsets))


def _evaluated(
    proto: NodeProto, position: int, inputs: Mapping[str, Value], elements: int, opsets: Mapping[str, int]
) -> Array | None:
    if (
        proto.domain not in ("", "ai.onnx")
        or max([elements, *(v.elements for v in inputs.values())]) > LARGEST
    ):
        return None
    arrays = {name: value.constant.array() if value.constant else None for name, value in inputs.items()}
    if any(array is None for array in arrays.values()):
        return None
    try:
        evaluator = ReferenceEvaluator(proto, opsets=dict(opsets))
        # As with torch, a mask is made of infinities, and of their sums.
        with np.errstate(all="ignore"):
            found = evaluator.run([proto.output[position]], arrays)
    except Exception:  # whatever its reference implementation may raise: the content stays unknown
        return None
    return np.asarray(found[0])


def spread(shape: Sequence[int]) -> int:
    """Return the number of elements of a shape."""
    return math.prod(shape)


def _dtype(tensor: TensorProto) -> str:
    if tensor.data_type not in NAMES:
        what = onnx_name(tensor.data_type)
        raise ConfigError(f"initializer {shown(tensor.name)} must hold numbers, not {what}")
    return NAMES[tensor.data_type]
