"""The kinds of convolution: 2-D and 3-D, transposed or not, and the gradients of each.

A 1-D convolution is that of an image of height 1.
Along each side, a convolution makes ``(size + pads - dilation * (kernel - 1) - 1) // stride + 1`` places, a
transposed one ``(size - 1) * stride - pads + dilation * (kernel - 1) + output_pad + 1``.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import NamedTuple

from tandemsim.traces.errors import violation
from tandemsim.traces.kind import NO_LIMIT, Attr, Kind, Operand, Operands
from tandemsim.traces.pattern_statement import Attrs, Dims

GRADIENTS = ("input", "weight", "bias")


class Side(NamedTuple):
    """How the dims along one side of an image are called."""

    name: str
    axis: str  # ends the names of its other dims
    before: str
    after: str

    @property
    def pads(self) -> tuple[str, str]:
        """The dims of its pads."""
        return f"pad_{self.before}", f"pad_{self.after}"


DEPTH = Side("depth", "d", "front", "back")
HEIGHT = Side("height", "h", "top", "bottom")
WIDTH = Side("width", "w", "left", "right")


class Convolution:
    """The rules of a convolution over some sides, transposed or not."""

    def __init__(self, name: str, line: str, sides: tuple[Side, ...], *, transposed: bool) -> None:
        self.sides, self.transposed = sides, transposed
        axes = [side.axis for side in sides]
        ones = [*(f"stride_{axis}" for axis in axes), *(f"dilation_{axis}" for axis in axes), "groups"]
        zeros = [pad for side in sides for pad in side.pads]
        zeros += [f"output_pad_{axis}" for axis in axes] if transposed else []
        named = {side.axis: side.name for side in sides}
        kernels = [f"kernel_{axis}" for axis in axes]
        own, other = ("out_channels", "in_channels") if transposed else ("in_channels", "out_channels")
        places = "image" if transposed else "output"
        image, kernel = ", ".join(named.values()), ", ".join(kernels)
        self.kind = Kind(
            name=name,
            line=line,
            required=(
                *("batch", "in_channels", "out_channels"),
                *named.values(),
                *kernels,
            ),
            optional=dict.fromkeys(ones, 1) | dict.fromkeys(zeros, 0),
            input_counts=range(2, NO_LIMIT),
            inputs=f"image (batch, in_channels, {image}), weight ({other}, {own} / groups, {kernel}), bias",
            counted=" · ".join([f"{places} elements", f"{own} / groups", *kernels]),
            operands=self.operands,
            macs=self.macs,
        )

    def dim(self, dims: Dims, name: str) -> int:
        """Return a dimension, or its default."""
        return self.kind.dim(dims, name)

    def output(self, dims: Dims) -> tuple[int, ...]:
        """Return the sides of the output. Raises `TraceError` for one that would have no place."""
        return tuple(self._output(dims, side) for side in self.sides)

    def _output(self, dims: Dims, side: Side) -> int:
        axis = side.axis
        size, kernel, stride, dilation, before, after = (
            self.dim(dims, name)
            for name in (side.name, f"kernel_{axis}", f"stride_{axis}", f"dilation_{axis}", *side.pads)
        )
        extent = dilation * (kernel - 1) + 1
        if self.transposed:
            whole = (size - 1) * stride + extent + self.dim(dims, f"output_pad_{axis}")
            if before + after >= whole:
                rule = f"must leave some of the {whole} places of the {side.name}"
                raise violation(f"dims.{side.pads[0]}", rule, before)
            return whole - before - after
        padded = size + before + after
        if extent > padded:
            raise violation(
                f"dims.kernel_{axis}", f"must span at most the padded {side.name} of {padded}", extent
            )
        return (padded - extent) // stride + 1

    def macs(self, dims: Dims, attrs: Attrs) -> int:
        """Return the products of the kernel with each place: of the output, or of the image if transposed."""
        groups = self.dim(dims, "groups")
        for name in ("in_channels", "out_channels"):
            if self.dim(dims, name) % groups:
                raise violation(f"dims.{name}", f"must be a multiple of the {groups} groups", dims[name])
        output = self.output(dims)
        places = self._input(dims) if self.transposed else output
        channels = self.kind.product(dims, "batch", "in_channels", "out_channels") // groups
        return channels * math.prod(places) * math.prod(self._kernel(dims))

    def _input(self, dims: Dims) -> tuple[int, ...]:
        return tuple(self.dim(dims, side.name) for side in self.sides)

    def _kernel(self, dims: Dims) -> tuple[int, ...]:
        return tuple(self.dim(dims, f"kernel_{side.axis}") for side in self.sides)

    def tensors(self, dims: Dims) -> tuple[Operand, Operand, Operand]:
        """Return image, weight and output."""
        batch, in_channels, out_channels, groups = (
            self.dim(dims, name) for name in ("batch", "in_channels", "out_channels", "groups")
        )
        image = Operand((batch, in_channels, *self._input(dims)))
        first, second = (in_channels, out_channels) if self.transposed else (out_channels, in_channels)
        weight = Operand((first, second // groups, *self._kernel(dims)))
        return image, weight, Operand((batch, out_channels, *self.output(dims)))

    def operands(self, dims: Dims, attrs: Attrs) -> Operands:
        """Return image and weight; a bias may follow."""
        image, weight, output = self.tensors(dims)
        return Operands((image, weight), output)


def _backward_rules(attrs: Attrs) -> Convolution:
    return FORWARD[attrs["of"]]


def _backward_macs(dims: Dims, attrs: Attrs) -> int:
    """Return the MACs of the convolution for the gradient of its image, and as many for its weight's."""
    rules = _backward_rules(attrs)
    rules.kind.check(dims, {})
    return rules.macs(dims, attrs) * len({"input", "weight"} & set(attrs["gradients"]))


def _backward_operands(dims: Dims, attrs: Attrs) -> Operands:
    """Return the gradient of the output, image and weight, and the gradients that are asked for."""
    rules = _backward_rules(attrs)
    image, weight, output = rules.tensors(dims)
    bias = Operand(elements=(rules.kind.dim(dims, "out_channels"),))
    gradients = dict(zip(GRADIENTS, (image, weight, bias), strict=True))
    first, *more = (gradients[name] for name in attrs["gradients"])
    return Operands((output, image, weight), first, outputs=tuple(more))


def _is_forward(value: object) -> bool:
    return isinstance(value, str) and value in FORWARD


def _is_gradients(value: object) -> bool:
    """Tell whether a value is some of the gradients, each once, in their order."""
    return (
        isinstance(value, (list, tuple)) and [*value] == [name for name in GRADIENTS if name in value] != []
    )


_CONV2D = Convolution(
    "conv2d", "2-D convolution, also grouped, depthwise or dilated", (HEIGHT, WIDTH), transposed=False
)
_CONV3D = Convolution(
    "conv3d", "3-D convolution, of videos and volumes", (DEPTH, HEIGHT, WIDTH), transposed=False
)
_UP2D = Convolution(
    "conv_transpose2d",
    "2-D transposed convolution, which makes an image larger",
    (HEIGHT, WIDTH),
    transposed=True,
)
_UP3D = Convolution("conv_transpose3d", "3-D transposed convolution", (DEPTH, HEIGHT, WIDTH), transposed=True)

FORWARD: Mapping[str, Convolution] = {rules.kind.name: rules for rules in (_CONV2D, _CONV3D, _UP2D, _UP3D)}


def conv_output(dims: Dims) -> tuple[int, int]:
    """Return (out_h, out_w) of a ``conv2d``. Raises `TraceError` for a kernel wider than the padded image."""
    height, width = _CONV2D.output(dims)
    return height, width


CONV_BACKWARD = Kind(
    name="conv_backward",
    line="gradients of a convolution for its image, weight and bias, from that of its output",
    required=_CONV2D.kind.required,
    optional=dict.fromkeys(("depth", "kernel_d"), 1) | dict(_UP3D.kind.optional),
    attrs=(
        Attr("of", f"one of {', '.join(FORWARD)}", _is_forward, {"enum": list(FORWARD)}, required=True),
        Attr(
            "gradients",
            f"some of {', '.join(GRADIENTS)}, in this order",
            _is_gradients,
            {"type": "array", "items": {"enum": list(GRADIENTS)}, "minItems": 1, "uniqueItems": True},
            required=True,
        ),
    ),
    inputs="gradient of the output, image, weight",
    counted="those of the convolution for the gradient of the image, and as many for that of the weight",
    input_counts=range(3, 4),
    operands=_backward_operands,
    macs=_backward_macs,
)

CONVOLUTIONS = (*(rules.kind for rules in FORWARD.values()), CONV_BACKWARD)
