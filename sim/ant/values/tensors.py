"""The tensors that no op makes: from an ``.npz`` by name, or drawn, the same from the same seed.

An array goes by the name of its tensor in the trace, or by the tensor's id. What the file does not have is
drawn: N(0, 1); weights of products over the root of their k, so that numbers keep their size from layer to
layer; scales of norms and variances about 1; a mask that hides nothing. What the trace states to have no sign
has none.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import numpy as np

from tandemsim.sim.ant.lowering import ATTENTIONS, PRODUCTS
from tandemsim.sim.arch.checks import UserError, nearest, printable, shown
from tandemsim.sim.arch.types import Doubles, Integers
from tandemsim.sim.quantize.finite import as_doubles
from tandemsim.traces.npz import open_arrays
from tandemsim.traces.schema import Op, Tensor, Trace

SPREAD = 0.1  # of a norm's parameters; assumed
SCALE, OFFSET, VARIANCE = 1, 2, 4  # places of a norm's inputs


class Tensors:
    """Values by id of the tensor, float64 in its shape.

    Raises `UserError` for a file that is not an ``.npz``, for arrays of no tensor or of another shape, and
    for anything but finite real numbers.
    """

    def __init__(self, trace: Trace, path: Path | None, seed: int) -> None:
        self._tensors, self._path, self._seed = trace.tensor_map(), path, seed
        self._uses: dict[int, tuple[Op, int]] = {}
        for op in trace.ops:
            for place, tensor in enumerate(op.inputs):
                self._uses.setdefault(self.root(tensor).id, (op, place))
        made = {self.root(tensor).id for op in trace.ops for tensor in op.outputs}
        self.own = [each for each in trace.tensors if each.alias_of is None and each.id not in made]
        self._names = _names(self.own)
        self.stored: Mapping[int, str] = MappingProxyType({} if path is None else self._checked(path))

    @property
    def is_from_file(self) -> bool:
        """Whether there is a file."""
        return self._path is not None

    def root(self, tensor: int) -> Tensor:
        """Return the tensor whose memory one is a view of."""
        found = self._tensors[tensor]
        while found.alias_of is not None:
            found = self._tensors[found.alias_of]
        return found

    def described(self, tensor: int) -> str:
        """Return what a message calls a tensor: its name, and the file where its values are from there."""
        root = self.root(tensor)
        if root.id in self.stored:
            return f"tensor {shown(self.stored[root.id])} of {self._file}"
        return f"tensor {shown(root.name) if root.name else root.id}"

    def values(self, root: int) -> Doubles:
        """Return the values of a tensor that is not a view."""
        if root in self.stored:
            return self._read(self.stored[root])
        return self._drawn(root)

    def index(self, root: int, most: int) -> Integers:
        """Return the values of an index into `most` places. Raises `UserError` for a stored one beyond."""
        shape = self._tensors[root].shape
        if root not in self.stored:
            return np.random.default_rng([self._seed, root]).integers(0, most, shape)
        found = self._read(self.stored[root])
        outside = found[(found < 0) | (found >= most) | (found != np.floor(found))]
        if outside.size:
            rule = f"tensor {shown(self.stored[root])} must hold indices in 0..{most - 1}"
            raise UserError(f"{self._file}: {rule}, not {outside[0]:g}")
        return found.astype(np.int64)

    def noise(self, root: int) -> Doubles:
        """Return N(0, 1) in the shape of a tensor; magnitudes where the trace states that it has no sign."""
        rng = np.random.default_rng([self._seed, root])
        values = rng.standard_normal(self._tensors[root].shape)
        return np.abs(values) if self._has_no_sign(root) else values

    def _has_no_sign(self, root: int) -> bool:
        """Whether the trace states that no value is negative."""
        quant = self._tensors[root].quant
        return quant is not None and not quant.signed

    def _drawn(self, root: int) -> Doubles:
        values = self.noise(root)
        op, place = self._uses.get(root, (None, 0))
        if op is None or self._tensors[root].role == "input":
            return values
        if op.kind in PRODUCTS and place > 0:
            values /= np.sqrt(_length(op))
        if op.kind == "norm" and place >= SCALE:
            spread: Doubles = values * SPREAD
            return np.abs(1 + spread) if place in (SCALE, VARIANCE) else spread
        if place > OFFSET and op.operand("mask") in op.inputs[place : place + 1]:
            is_bool = self._tensors[root].dtype == "bool"
            return np.ones_like(values) if is_bool else np.zeros_like(values)
        return values

    @property
    def _file(self) -> str:
        return printable(str(self._path))

    def _checked(self, path: Path) -> dict[int, str]:
        """Return the arrays of the file by tensor, each of them looked at."""
        with open_arrays(path) as arrays:
            names = list(arrays.names)
            headers = {name: arrays.header(name) for name in names}
        found: dict[int, str] = {}
        for name in names:
            if name not in self._names:
                raise UserError(f"{self._file}: {nearest('tensor', name, self._names)}")
            tensor = self._tensors[self._names[name]]
            if headers[name].shape != tensor.shape:
                rule = f"tensor {shown(name)} must have the shape {list(tensor.shape)} of the trace"
                raise UserError(f"{self._file}: {rule}, not {list(headers[name].shape)}")
            if tensor.id in found:
                rule = f"{shown(found[tensor.id])} and {shown(name)} are one tensor"
                raise UserError(f"{self._file}: {rule}; give only one of them")
            found[tensor.id] = name
        for root, name in found.items():
            values = self._read(name)
            self._check_size(name, values)
            least = values.min(initial=0.0)
            if least < 0 and self._has_no_sign(root):
                rule = f"tensor {shown(name)} must hold nothing below 0, as its quant.signed is false"
                raise UserError(f"{self._file}: {rule}, not {least:g}")
        return found

    def _check_size(self, name: str, values: Doubles) -> None:
        """Refuse what no float32 holds, and operands of the array whose scale is bound to be zero in one."""
        op, place = self._uses.get(self._names[name], (None, 0))
        is_operand = op is not None and place < operands_of(op)
        peak = np.abs(values).max(initial=0.0)
        with np.errstate(over="ignore", under="ignore"):
            single = np.float32(peak)
        if not np.isfinite(single) or (is_operand and peak > 0 and single == 0):
            rule = "must have a largest value that float32 holds"
            raise UserError(f"{self._file}: tensor {shown(name)} {rule}, not {peak:.3g}")

    def _read(self, name: str) -> Doubles:
        assert self._path is not None
        with open_arrays(self._path) as arrays:
            array = arrays.read(name)
        try:
            return as_doubles(name, array)
        except UserError as error:
            raise UserError(f"{self._file}: {error}") from None


def _names(own: list[Tensor]) -> dict[str, int]:
    """Return tensors by name, and by id as text."""
    return {str(each.id): each.id for each in own} | {each.name: each.id for each in own if each.name}


def operands_of(op: Op) -> int:
    """Return how many of an op's inputs are operands of the array."""
    if op.kind in ATTENTIONS:
        return 6 if op.has_global_projections else 3
    return 2 if op.kind in PRODUCTS else 0


def _length(op: Op) -> int:
    if op.kind == "conv2d":
        return op.dim("in_channels") // op.dim("groups") * op.dim("kernel_h") * op.dim("kernel_w")
    return op.dim("k")
