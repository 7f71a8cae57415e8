"""Convolutions of one to three dimensions, transposed, integer, fused and with channels last."""

from __future__ import annotations

from collections.abc import Sequence

from tandemsim.workloads.lowered import Dims
from tandemsim.workloads.onnx.matrix import activated
from tandemsim.workloads.onnx.node import Node, Result
from tandemsim.workloads.onnx.recorder import Recorder
from tandemsim.workloads.onnx.table import MICROSOFT, rule
from tandemsim.workloads.onnx.values import Value

SIDES = (("depth", "d", "front", "back"), ("height", "h", "top", "bottom"), ("width", "w", "left", "right"))


class Window:
    """Kernel, stride, dilation and pads along each axis of an image, as a node's attributes state them."""

    def __init__(self, node: Node, image: Sequence[int], kernel: Sequence[int]) -> None:
        ones = [1] * len(image)
        self.kernel = list(kernel)
        self.stride = list(node.attr("strides", ones))
        self.dilation = list(node.attr("dilations", ones))
        pads = list(node.attr("pads", [0] * 2 * len(image)))
        lists = (self.kernel, self.stride, self.dilation, pads[::2])
        if any(len(numbers) != len(image) for numbers in lists) or len(pads) != 2 * len(image):
            raise node.error(f"kernel, strides, dilations and pads must be those of {len(image)} axes")
        self.before, self.after = pads[: len(image)], pads[len(image) :]
        auto = node.attr("auto_pad", "NOTSET")
        if auto.startswith("SAME"):
            self._same(image, upper=auto == "SAME_UPPER")

    def _same(self, image: Sequence[int], *, upper: bool) -> None:
        """Pad so that each side of the result is that of the image over the stride, rounded up."""
        for axis, length in enumerate(image):
            reach = self.dilation[axis] * (self.kernel[axis] - 1) + 1
            total = max((-(-length // self.stride[axis]) - 1) * self.stride[axis] + reach - length, 0)
            less, more = total // 2, total - total // 2
            self.before[axis], self.after[axis] = (less, more) if upper else (more, less)

    def sizes(self, image: Sequence[int]) -> list[int]:
        """Return the sides of a convolution's result."""
        lengths = zip(image, self.kernel, self.stride, self.dilation, self.before, self.after, strict=True)
        return [(n + p + q - d * (k - 1) - 1) // s + 1 for n, k, s, d, p, q in lengths]


def convolve(
    node: Node,
    recorder: Recorder,
    operands: Sequence[Value],
    dtype: str = "",
    transposed: bool = False,
) -> Value:
    """Record a convolution of image, weight and what follows them; return its result.

    The image is (batch, channels, sides); the weight (out_channels, channels / groups, kernel), and of a
    transposed one (channels, out_channels / groups, kernel).
    """
    image, weight, *more = operands
    if len(image.shape) not in (3, 4, 5) or len(weight.shape) != len(image.shape):
        raise node.error(
            f"a convolution must have 1 to 3 axes beside batch and channels, not {len(image.shape) - 2}"
        )
    window, groups = Window(node, image.shape[2:], weight.shape[2:]), node.attr("group", 1)
    own = image.shape[2:]
    out_channels = weight.shape[1] * groups if transposed else weight.shape[0]
    if transposed:
        extra = _fit_output(node, window, own)
        sizes = _grown(window, own, extra)
    else:
        extra, sizes = [0] * len(own), window.sizes(own)
    if min(sizes) < 1:
        raise node.error(f"the image of a convolution must hold its kernel, not {list(own)}")
    dims: Dims = {"batch": image.shape[0], "in_channels": image.shape[1], "out_channels": out_channels}
    for axis, (side, letter, first, last) in enumerate(SIDES[3 - len(own) :]):
        dims |= {
            side: own[axis],
            f"kernel_{letter}": window.kernel[axis],
            f"stride_{letter}": window.stride[axis],
        }
        dims |= {f"dilation_{letter}": window.dilation[axis]}
        dims |= {f"pad_{first}": window.before[axis], f"pad_{last}": window.after[axis]}
        dims |= {f"output_pad_{letter}": extra[axis]} if extra[axis] else {}
    dims["groups"] = groups
    shape = (image.shape[0], out_channels, *sizes)
    name = f"conv{'_transpose' if transposed else ''}{max(len(own), 2)}d"
    if len(own) == 1:  # an image of height 1
        dims |= {"height": 1, "kernel_h": 1}
        operands = [_tall(image), _tall(weight), *more]
        (made,) = recorder.op(
            name, name, dims, operands, [Result((*shape[:2], 1, shape[2]), dtype or image.dtype)]
        )
        return recorder.reshape(made, shape)
    return recorder.op(name, name, dims, operands, [Result(shape, dtype or image.dtype)])[0]


def _tall(value: Value) -> Value:
    """Return (a, b, length) as (a, b, 1, length)."""
    return value.shown_as(value.layout[:, :, None])


def _grown(window: Window, image: Sequence[int], extra: Sequence[int]) -> list[int]:
    """Return the sides of a transposed convolution's result."""
    lengths = zip(
        image, window.kernel, window.stride, window.dilation, window.before, window.after, extra, strict=True
    )
    return [(n - 1) * s - p - q + d * (k - 1) + e + 1 for n, k, s, d, p, q, e in lengths]


def _fit_output(node: Node, window: Window, image: Sequence[int]) -> list[int]:
    """Return a transposed convolution's output padding; set its pads where the result's shape is stated."""
    extra = list(node.attr("output_padding", [0] * len(image)))
    wanted: list[int] = node.attr("output_shape", [])
    auto = node.attr("auto_pad", "NOTSET")
    if not wanted and auto.startswith("SAME"):
        wanted = [length * stride for length, stride in zip(image, window.stride, strict=True)]
    if not wanted:
        return extra
    window.before, window.after = [0] * len(image), [0] * len(image)
    for axis, (size, full) in enumerate(
        zip(wanted[-len(image) :], _grown(window, image, extra), strict=True)
    ):
        surplus = full - size
        if surplus < 0:
            extra[axis] -= surplus
            surplus = 0
        less, more = surplus // 2, surplus - surplus // 2
        window.before[axis], window.after[axis] = (less, more) if auto == "SAME_UPPER" else (more, less)
    return extra


@rule("Conv")
def _conv(node: Node, recorder: Recorder) -> list[Value]:
    return [convolve(node, recorder, node.given(0, 1, 2))]


@rule("ConvTranspose")
def _conv_transpose(node: Node, recorder: Recorder) -> list[Value]:
    return [convolve(node, recorder, node.given(0, 1, 2), transposed=True)]


@rule("ConvInteger")
def _conv_integer(node: Node, recorder: Recorder) -> list[Value]:
    return [convolve(node, recorder, node.given(0, 1), dtype="int32")]


@rule("QLinearConv")
def _quantized_conv(node: Node, recorder: Recorder) -> list[Value]:
    return [convolve(node, recorder, node.given(0, 3, 8), dtype=node.input(7).dtype)]


@rule("DeformConv")
def _deformed(node: Node, recorder: Recorder) -> list[Value]:
    """A convolution whose places are moved by offsets, which are operands like its mask."""
    return [convolve(node, recorder, node.given(0, 1, 3, 2, 4))]


@rule("FusedConv", domain=MICROSOFT)
def _fused_conv(node: Node, recorder: Recorder) -> list[Value]:
    return [_finished(node, recorder, convolve(node, recorder, node.given(0, 1, 2)), node.optional(3))]


@rule("NhwcConv", "NhwcFusedConv", domain=MICROSOFT)
def _channels_last(node: Node, recorder: Recorder) -> list[Value]:
    """The image is (batch, sides, channels); the weight is ONNX's, or has its channels last too."""
    image, weight = channels_first(node.input(0)), node.input(1)
    own = image.shape[1] // node.attr("group", 1)
    if weight.shape[1] != own and weight.shape[-1] == own:
        weight = channels_first(weight)
    made = convolve(node, recorder, [image, weight, *node.given(2)])
    added = node.optional(3)
    made = _finished(node, recorder, made, channels_first(added) if added else None)
    return [channels_last(made)]


@rule("QLinearConv", "QLinearConvTranspose", domain=MICROSOFT)
def _microsoft_quantized_conv(node: Node, recorder: Recorder) -> list[Value]:
    last, transposed = node.attr("channels_last", 0), node.op.endswith("Transpose")
    image = channels_first(node.input(0)) if last else node.input(0)
    operands = [image, node.input(3), *node.given(8)]
    made = convolve(node, recorder, operands, dtype=node.input(7).dtype, transposed=transposed)
    return [channels_last(made) if last else made]


def channels_first(value: Value) -> Value:
    """Return (batch, sides, channels) as (batch, channels, sides)."""
    rank = len(value.shape)
    return value.transposed((0, rank - 1, *range(1, rank - 1)))


def channels_last(value: Value) -> Value:
    """Return (batch, channels, sides) as (batch, sides, channels)."""
    return value.transposed((0, *range(2, len(value.shape)), 1))


def _finished(node: Node, recorder: Recorder, made: Value, added: Value | None) -> Value:
    """Record what a fused convolution does at its end: a sum, an activation."""
    if added is not None:
        made = recorder.per_element("eltwise", "add", [made, added], Result(made.shape, made.dtype))
    return activated(node, recorder, made)
