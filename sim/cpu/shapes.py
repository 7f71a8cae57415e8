"""What a layer computes and moves: its loop nest as a product of matrices, its bytes, its work beside that.

A product is `groups` times (m, k) x (k, n). A convolution is one: m are the places of its output, k the
kernel's places times the channels. Attention is one product for each head, whose right side, keys and values,
each block of queries reads again. Everything else is a pass over rows of values.

Values are float32, as VELTAIR's artifact has them. How much a pass computes for each value is assumed.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import NamedTuple, Protocol

from tandemsim.traces.convolution import FORWARD
from tandemsim.traces.schema import Op

VALUE_BYTES = 4

# Vector operations for each value, assumed: exp and tanh are polynomials of some eight steps.
ELEMENT_OPS: Mapping[str, float] = {
    "eltwise": 1,
    "quantize": 2,
    "norm": 2,  # that rides: a scale and a shift
    "act": 6,
    "gather": 1,
    "scatter": 1,
    "cache_append": 1,
    "softmax": 14,
    "topk": 16,
    "pool": 1,  # of each value of a window
    "reduce": 1,  # of each value that is reduced
}
NORM_OPS = 6.0  # of a norm that is a region: mean, variance, scale, shift
SCORE_OPS = 14.0  # of each pair of query and key: the softmax


class Sizes(Protocol):
    """What is asked of a trace's tensors."""

    batch: int

    def is_weight(self, tensor: int) -> bool:
        """Return whether a tensor is there from the start."""

    def elements(self, tensor: int) -> int:
        """Return the values of a tensor's memory."""

    def viewed(self, tensor: int) -> int:
        """Return the values of a tensor as it is viewed."""

    def plane(self, tensor: int) -> int:
        """Return the places of an image: the sides of a tensor behind the first two."""


class Shape(NamedTuple):
    """A layer without its name: equal shapes have equal code versions."""

    m: int  # rows of outputs, of a group
    n: int = 1  # columns of outputs, of a group
    k: int = 1  # products in a sum
    groups: int = 1
    kernel: int = 1  # places along the kernel's side, by which neighboring rows share inputs
    row: int = 1  # outputs that are neighbors both in memory and in the loop
    strided: bool = False  # whether neighboring outputs read inputs that are no neighbors
    macs: float = 0.0
    left_bytes: float = 0.0  # read by rows
    right_bytes: float = 0.0  # read by columns: weights, or a second activation
    stored: bool = False  # whether the right side is weights
    output_bytes: float = 0.0
    beside_bytes: float = 0.0  # operands of what rides: residuals, biases
    element_ops: float = 0.0
    passes: bool = False  # a pass over m rows of values, and not a product

    @property
    def input_bytes(self) -> float:
        """Bytes of activations that are read."""
        return self.left_bytes + self.beside_bytes + (0.0 if self.stored else self.right_bytes)

    @property
    def weight_bytes(self) -> float:
        """Bytes of weights that are read."""
        return self.right_bytes if self.stored else 0.0


def shape_of(op: Op, sizes: Sizes) -> Shape:
    """Return the shape of an op of any kind, the batch inside it."""
    make = PRODUCTS.get(op.kind)
    return _pass(op, sizes) if make is None else make(op, sizes)


def conv_shape(
    *,
    places: int,
    width: int,
    in_channels: int,
    out_channels: int,
    kernel: tuple[int, ...],
    stride: int,
    groups: int,
    image: int,
    batch: int = 1,
) -> Shape:
    """Return the shape of a convolution with so many `places` of its output and values of its input image."""
    depth = in_channels // groups * math.prod(kernel)
    n = out_channels // groups
    return Shape(
        m=places * batch,
        n=n,
        k=depth,
        groups=groups,
        kernel=max(kernel),
        row=width,
        strided=stride > 1,
        macs=float(places * batch * n * depth * groups),
        left_bytes=float(VALUE_BYTES * image * batch),
        right_bytes=float(VALUE_BYTES * n * depth * groups),
        stored=True,
        output_bytes=float(VALUE_BYTES * places * batch * out_channels),
    )


def _convolution(op: Op, sizes: Sizes) -> Shape:
    rules = FORWARD[op.kind]
    sides = tuple(op.dim(f"kernel_{side.axis}") for side in rules.sides)
    image = math.prod(op.dim(side.name) for side in rules.sides)
    output = rules.output(op.dims)
    batch, groups = op.dim("batch") * sizes.batch, op.dim("groups")
    shape = conv_shape(
        places=math.prod(output),
        width=output[-1],
        in_channels=op.dim("in_channels"),
        out_channels=op.dim("out_channels"),
        kernel=sides,
        stride=op.dim("stride_w"),
        groups=groups,
        image=image * op.dim("in_channels"),
        batch=batch,
    )
    if rules.transposed:  # each place of the image spreads over as many outputs as the kernel has places
        spread = op.dim("out_channels") // groups * math.prod(sides)
        depth = op.dim("in_channels") // groups
        shape = shape._replace(m=image * batch, n=spread, k=depth, kernel=1, strided=False)
    return shape._replace(macs=float(op.macs * sizes.batch), stored=sizes.is_weight(op.inputs[1]))


def _backward(op: Op, sizes: Sizes) -> Shape:
    """Gradients: the loop nest of the convolution, once for each of image and weight."""
    read, written = (VALUE_BYTES * sum(map(sizes.viewed, each)) for each in (op.inputs, op.outputs))
    weights = VALUE_BYTES * sizes.viewed(op.inputs[2])
    batch, groups = op.dim("batch") * sizes.batch, op.dim("groups")
    n = op.dim("out_channels") // groups
    kernel = math.prod(op.dim(f"kernel_{axis}") for axis in "dhw")
    k = op.dim("in_channels") // groups * kernel
    return Shape(
        m=max(1, op.dim("depth") * op.dim("height") * op.dim("width") * batch),
        n=n,
        k=k,
        groups=groups,
        row=op.dim("width"),
        macs=float(op.macs * sizes.batch),
        left_bytes=float(read - weights),
        right_bytes=float(weights),
        stored=sizes.is_weight(op.inputs[2]),
        output_bytes=float(written),
    )


def _gemm(op: Op, sizes: Sizes) -> Shape:
    m, n, k = (op.dim(name) for name in ("m", "n", "k"))
    each, stored = op.dim("batch"), sizes.is_weight(op.inputs[1])
    one = sizes.viewed(op.inputs[1]) == n * k * (1 if stored else sizes.batch)  # right side of all items
    if stored and one:
        m, groups, right = m * each * sizes.batch, 1, n * k
    else:
        groups = each * sizes.batch
        right = n * k * (each if stored else groups)
    return _product(op, sizes, m, n, k, groups, right, stored)


def _grouped_gemm(op: Op, sizes: Sizes) -> Shape:
    """Rows of experts: as many of each, and weights of no more experts than there are rows."""
    m, n, k = (op.dim(name) for name in ("m", "n", "k"))
    rows = m * sizes.batch
    groups = min(op.dim("groups"), rows)
    return _product(op, sizes, -(-rows // groups), n, k, groups, groups * n * k, True)


def _product(op: Op, sizes: Sizes, m: int, n: int, k: int, groups: int, right: int, stored: bool) -> Shape:
    beside = sum(map(sizes.viewed, op.inputs[2:]))
    return Shape(
        m=m,
        n=n,
        k=k,
        groups=groups,
        row=n,
        macs=float(op.macs * sizes.batch),
        left_bytes=float(VALUE_BYTES * sizes.viewed(op.inputs[0])),
        right_bytes=float(VALUE_BYTES * right),
        stored=stored,
        output_bytes=float(VALUE_BYTES * sizes.viewed(op.outputs[0])),
        beside_bytes=float(VALUE_BYTES * beside),
    )


def _attention(op: Op, sizes: Sizes) -> Shape:
    """Both products of a head and the softmax between them; a sparse pattern reads its own pairs alone."""
    pattern = op.pattern
    heads, group = op.dim("heads") * op.dim("batch") * sizes.batch, op.dim("heads") // op.dim("kv_heads")
    queries = op.dim("q_len") if pattern is None else pattern.q_len
    keys = op.dim("kv_len") if pattern is None else pattern.seq_len
    size = op.dim("head_dim") + op.dim("v_dim")
    pairs = op.macs * sizes.batch / size
    read = sizes.viewed(op.inputs[0]) + sum(map(sizes.viewed, op.inputs[3:]))
    return Shape(
        m=queries,
        n=max(1, round(pairs / (heads * queries))),  # keys of a query
        k=size,
        groups=heads,
        row=keys,
        macs=float(op.macs * sizes.batch),
        left_bytes=float(VALUE_BYTES * read),
        right_bytes=float(VALUE_BYTES * keys * size * (heads // group)),
        output_bytes=float(VALUE_BYTES * sizes.viewed(op.outputs[0])),
        element_ops=SCORE_OPS * pairs,
    )


def _pass(op: Op, sizes: Sizes) -> Shape:
    """A pass over the rows of its output; of a gather no more of the table than the rows that it takes."""
    written = sum(map(sizes.viewed, op.outputs))
    weights = [each for each in op.inputs if sizes.is_weight(each)]
    values = [each for each in op.inputs if not sizes.is_weight(each)]
    read, stored = sum(map(sizes.viewed, values)), sum(map(sizes.viewed, weights))
    if op.kind in ("gather", "cache_append"):
        written = op.dim("elements") * sizes.batch  # the cache itself stays where it is
        read, stored = (min(written, size) for size in (read, stored))
    reduced = int(op.dims.get("reduced", 1))  # type: ignore[arg-type]
    if op.kind in ("norm", "softmax") and reduced > 1:
        rows, work = max(1, written // reduced), (NORM_OPS if op.kind == "norm" else ELEMENT_OPS["softmax"])
        work *= written
    elif op.kind in ("pool", "reduce"):
        window = min(reduced, sizes.plane(op.inputs[0])) if op.kind == "pool" else reduced
        rows, work = written, ELEMENT_OPS[op.kind] * written * window
    else:
        rows, work = written, ELEMENT_OPS.get(op.kind, 0.0) * written
    return Shape(
        m=max(1, rows),
        macs=float(op.macs * sizes.batch),
        row=max(1, written // max(1, rows)) if rows < written else written,
        left_bytes=float(VALUE_BYTES * read),
        right_bytes=float(VALUE_BYTES * stored),
        stored=True,
        output_bytes=float(VALUE_BYTES * written),
        element_ops=float(work),
        passes=True,
    )


PRODUCTS: Mapping[str, Callable[[Op, Sizes], Shape]] = {
    **dict.fromkeys(FORWARD, _convolution),
    "conv_backward": _backward,
    "gemm": _gemm,
    "grouped_gemm": _grouped_gemm,
    "attention": _attention,
    "window_attention": _attention,
}
