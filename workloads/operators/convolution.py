"""Convolutions of one to three axes, transposed ones, and their gradients.

A convolution of one axis is that of an image of height 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor

from tandemsim.sim.arch.checks import ConfigError
from tandemsim.workloads.operators.table import Call, Dims, Lowered, lowers

#: Side, suffix of its other dims, and pads of the axes of a volume; those of an image are the last two.
_AXES = (
    ("depth", "d", ("pad_front", "pad_back")),
    ("height", "h", ("pad_top", "pad_bottom")),
    ("width", "w", ("pad_left", "pad_right")),
)


@lowers("convolution")
def _convolution(call: Call) -> Lowered:
    image, weight = (_as_image(tensor) for tensor in call.inputs[:2])
    kind, dims = _stated(image, weight, call.args)
    return Lowered(kind, "convolution", dims, [image, weight, *call.inputs[2:]], [_as_image(call.outputs[0])])


@lowers("convolution_backward")
def _convolution_backward(call: Call) -> Lowered:
    """The gradients of a convolution for its image, weight and bias, as far as they are asked for."""
    args = call.args
    image, weight = _as_image(args["input"]), _as_image(args["weight"])
    kind, dims = _stated(image, weight, args)
    asked = zip(("input", "weight", "bias"), args["output_mask"], strict=True)
    attrs = {"of": kind, "gradients": [name for name, wanted in asked if wanted]}
    inputs = [_as_image(args["grad_output"]), image, weight]
    outputs = [_as_image(tensor) for tensor in call.outputs]
    return Lowered("conv_backward", "convolution_backward", dims, inputs, outputs, attrs)


def _stated(image: Tensor, weight: Tensor, args: dict[str, Any]) -> tuple[str, Dims]:
    """Return the kind and the dims of a convolution."""
    axes = image.dim() - 2
    if axes not in (2, 3):
        raise ConfigError(f"a traced convolution must be 1-D, 2-D or 3-D, not {axes}-D")
    transposed, groups = args["transposed"], args["groups"]
    channels = weight.shape[1] * groups if transposed else weight.shape[0]
    named = _AXES[-axes:]
    dims: Dims = {"batch": image.shape[0], "in_channels": image.shape[1], "out_channels": channels}
    dims |= {side: size for (side, _, _), size in zip(named, image.shape[2:], strict=True)}
    columns = {
        "kernel": list(weight.shape[2:]),
        "stride": _along(args["stride"], axes, 1),
        "dilation": _along(args["dilation"], axes, 1),
    }
    if transposed:
        columns["output_pad"] = _along(args["output_padding"], axes, 0)
    for column, numbers in columns.items():
        dims |= {f"{column}_{axis}": number for (_, axis, _), number in zip(named, numbers, strict=True)}
    for (_, _, pads), pad in zip(named, _along(args["padding"], axes, 0), strict=True):
        dims |= dict.fromkeys(pads, pad)
    dims["groups"] = groups
    return f"conv_transpose{axes}d" if transposed else f"conv{axes}d", dims


def _as_image(tensor: Tensor) -> Tensor:
    """Return a 3-D tensor as the view of it that has height 1."""
    return tensor.unsqueeze(2) if tensor.dim() == 3 else tensor


def _along(values: Sequence[int], axes: int, missing: int) -> list[int]:
    """Return the numbers of all axes; that of a single axis is the width's, and `missing` the height's."""
    return [missing] * (axes - len(values)) + list(values)
