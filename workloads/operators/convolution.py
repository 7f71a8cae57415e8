"""Convolutions."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from tandemsim.sim.arch.checks import ConfigError
from tandemsim.workloads.operators.table import Call, Dims, Lowered, lowers


@lowers("convolution")
def _convolution(call: Call) -> Lowered:
    """1-D and 2-D convolutions; a 1-D one is that of an image of height 1."""
    args, spatial = call.args, call.inputs[0].dim() - 2
    if args["transposed"] or spatial not in (1, 2):
        raise ConfigError("a traced convolution must be 1-D or 2-D and not transposed")
    image, weight = (_as_image(tensor) for tensor in call.inputs[:2])
    pad_h, pad_w = pair(args["padding"], spatial, 0)
    stride_h, stride_w = pair(args["stride"], spatial, 1)
    dilation_h, dilation_w = pair(args["dilation"], spatial, 1)
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


def _as_image(tensor: Tensor) -> Tensor:
    """Return a 3-D tensor as the view of it that has height 1."""
    return tensor.unsqueeze(2) if tensor.dim() == 3 else tensor


def pair(values: Sequence[int], spatial: int, missing: int) -> tuple[int, int]:
    """Return the numbers of (height, width). One alone is for both; a 1-D convolution has none for height."""
    numbers = list(values) * spatial if len(values) == 1 else list(values)
    return (missing, numbers[0]) if spatial == 1 else (numbers[0], numbers[1])
