"""Convolutions of each form: MACs and shapes against loops over every product."""

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tandemsim.traces.convolution import FORWARD
from tandemsim.traces.errors import TraceError
from tandemsim.traces.kinds import KINDS, macs
from tandemsim.traces.schema import Op, Tensor
from tandemsim.traces.shapes import check_shapes

SIDES = {"d": ("depth", "front", "back"), "h": ("height", "top", "bottom"), "w": ("width", "left", "right")}
AXES = {"conv2d": "hw", "conv3d": "dhw", "conv_transpose2d": "hw", "conv_transpose3d": "dhw"}


@st.composite
def convolutions(draw):
    """A kind of convolution and its dims, so small that each product can be counted."""
    kind = draw(st.sampled_from(sorted(AXES)))
    groups = draw(st.integers(1, 2))
    dims = {"batch": draw(st.integers(1, 2)), "groups": groups}
    dims |= {
        "in_channels": groups * draw(st.integers(1, 2)),
        "out_channels": groups * draw(st.integers(1, 3)),
    }
    for axis in AXES[kind]:
        side, before, after = SIDES[axis]
        dims |= {side: draw(st.integers(1, 4)), f"kernel_{axis}": draw(st.integers(1, 3))}
        dims |= {f"stride_{axis}": draw(st.integers(1, 3)), f"dilation_{axis}": draw(st.integers(1, 2))}
        dims |= {f"pad_{before}": draw(st.integers(0, 2)), f"pad_{after}": draw(st.integers(0, 2))}
        if "transpose" in kind:
            dims[f"output_pad_{axis}"] = draw(st.integers(0, 2))
    return kind, dims


def taps(kind, dims, axis):
    """(place of the image, place of the kernel, place of the output) of every product along one axis.

    Places of the image may be padding, and those of a transposed convolution's output may be cut off: both
    count, as a dense kernel computes them. Also returns the length of the output.
    """
    side, before, after = SIDES[axis]
    size, kernel, stride, dilation, before, after = (
        dims[name]
        for name in (
            side, f"kernel_{axis}", f"stride_{axis}", f"dilation_{axis}", f"pad_{before}", f"pad_{after}",
        )
    )  # fmt: skip
    if "transpose" in kind:
        found = [
            (at, tap, at * stride + tap * dilation - before) for at in range(size) for tap in range(kernel)
        ]
        reached = (size - 1) * stride + (kernel - 1) * dilation  # the last place, before pads cut
        return found, reached + 1 + dims[f"output_pad_{axis}"] - before - after
    found, out = [], 0
    while out * stride + (kernel - 1) * dilation < size + before + after:
        found += [(out * stride + tap * dilation - before, tap, out) for tap in range(kernel)]
        out += 1
    return found, out


def products(kind, dims):
    """The number of products, one by one, and the sides of the output."""
    along = [taps(kind, dims, axis) for axis in AXES[kind]]
    inputs, outputs = (dims[name] // dims["groups"] for name in ("in_channels", "out_channels"))
    channels = [dims["batch"], dims["groups"], inputs, outputs]
    ranges = [range(count) for count in channels] + [places for places, _ in along]
    return sum(1 for _ in product(*ranges)), tuple(length for _, length in along)


@given(convolutions())
def test_every_product_is_counted(case):
    kind, dims = case
    count, sides = products(kind, dims)
    if min(sides) < 1:
        with pytest.raises(TraceError, match=r"^dims\.(kernel_[dhw] must span|pad_\w+ must leave)"):
            macs(kind, dims, {})
        return
    assert macs(kind, dims, {}) == count
    assert FORWARD[kind].output(dims) == sides


@given(convolutions(), st.sets(st.sampled_from(["input", "weight", "bias"]), min_size=1))
def test_gradients_count_what_their_convolutions_do(case, wanted):
    """Each product of the convolution is one of the image's gradient, and one of the weight's."""
    kind, dims = case
    count, sides = products(kind, dims)
    gradients = [name for name in ("input", "weight", "bias") if name in wanted]
    attrs = {"of": kind, "gradients": gradients}
    if min(sides) < 1:
        with pytest.raises(TraceError, match=r"^dims\."):
            macs("conv_backward", dims, attrs)
        return
    assert macs("conv_backward", dims, attrs) == count * len({"input", "weight"} & wanted)


@given(convolutions())
def test_left_out_dims_are_those_of_a_plain_convolution(case):
    kind, dims = case
    needed = {name: dims[name] for name in KINDS[kind].required}
    plain = {name: 0 if "pad" in name else 1 for name in KINDS[kind].optional}
    if min(products(kind, needed | plain)[1]) < 1:
        with pytest.raises(TraceError, match="must span"):
            macs(kind, needed, {})
    else:
        assert macs(kind, needed, {}) == macs(kind, needed | plain, {})


@pytest.mark.parametrize(
    "kind, dims, count",
    [
        # Ronneberger et al. 2015: an up-convolution of 2 x 2 from 1024 to 512 channels, 28 x 28 places
        (
            "conv_transpose2d",
            {
                "in_channels": 1024,
                "out_channels": 512,
                "height": 28,
                "width": 28,
                "kernel_h": 2,
                "kernel_w": 2,
            }
            | {"stride_h": 2, "stride_w": 2},
            28 * 28 * 1024 * 512 * 4,
        ),
        # Tran et al. 2015 (C3D): conv1a, 3 x 3 x 3, 3 to 64 channels, 16 frames of 112 x 112, padded by 1
        (
            "conv3d",
            {"in_channels": 3, "out_channels": 64, "depth": 16, "height": 112, "width": 112}
            | dict.fromkeys(("kernel_d", "kernel_h", "kernel_w"), 3)
            | dict.fromkeys(("pad_front", "pad_back", "pad_top", "pad_bottom", "pad_left", "pad_right"), 1),
            16 * 112 * 112 * 64 * 3 * 27,
        ),
    ],
)
def test_published_layers_have_their_products(kind, dims, count):
    assert macs(kind, {"batch": 1} | dims, {}) == count


UP = {"batch": 1, "in_channels": 4, "out_channels": 6, "height": 3, "width": 5, "kernel_h": 2, "kernel_w": 3}
UP |= {"stride_h": 2, "groups": 2}


def op_of(kind, dims, inputs, outputs, attrs=None):
    """An op of these shapes, and its tensors."""
    shapes = [*inputs, *outputs]
    tensors = [Tensor(id=i, shape=shape, dtype="float32", role="input") for i, shape in enumerate(shapes)]
    ids = tuple(range(len(shapes)))
    stated = {"dims": dims, "attrs": attrs or {}, "macs": macs(kind, dims, attrs or {})}
    op = Op(id=0, kind=kind, name="a", inputs=ids[: len(inputs)], outputs=ids[len(inputs) :], **stated)
    return op, tensors[: len(inputs)], tensors[len(inputs) :]


def test_weight_of_a_transposed_convolution_begins_with_the_channels_of_its_image():
    image, weight, output = (1, 4, 3, 5), (4, 3, 2, 3), (1, 6, 6, 7)
    check_shapes(*op_of("conv_transpose2d", UP, [image, weight, (6,)], [output]))
    wanted = r"^inputs\[1\] \(tensor 1\) must have shape \[4, 3, 2, 3\], not \[6, 2, 2, 3\]$"
    with pytest.raises(TraceError, match=wanted):
        check_shapes(*op_of("conv_transpose2d", UP, [image, (6, 2, 2, 3)], [output]))
    wanted = r"^outputs\[0\] \(tensor 2\) must have shape \[1, 6, 7, 7\], not \[1, 6, 6, 7\]$"
    with pytest.raises(TraceError, match=wanted):
        check_shapes(*op_of("conv_transpose2d", UP | {"output_pad_h": 1}, [image, weight], [output]))


def test_gradients_have_the_shapes_of_what_they_are_for():
    image, weight, output = (1, 4, 3, 5), (4, 3, 2, 3), (1, 6, 6, 7)
    attrs = {"of": "conv_transpose2d", "gradients": ["input", "weight", "bias"]}
    inputs = [output, image, weight]
    check_shapes(*op_of("conv_backward", UP, inputs, [image, weight, (6,)], attrs))
    for wrong in range(3):
        outputs = [image, weight, (6,)]
        outputs[wrong] = (7,)
        with pytest.raises(TraceError, match=rf"^outputs\[{wrong}\] \(tensor {3 + wrong}\) must h"):
            check_shapes(*op_of("conv_backward", UP, inputs, outputs, attrs))
    with pytest.raises(TraceError, match="^outputs must be 3 tensors, not 2$"):
        check_shapes(*op_of("conv_backward", UP, inputs, [image, weight], attrs))
    with pytest.raises(TraceError, match="^inputs must be 3 tensors, not 2$"):
        check_shapes(*op_of("conv_backward", UP, inputs[:2], [image], attrs | {"gradients": ["input"]}))


FLAT = {name: UP[name] for name in KINDS["conv2d"].required}


@pytest.mark.parametrize(
    "kind, dims, attrs, message",
    [
        ("conv3d", FLAT, {}, "dims.depth is missing"),
        (
            "conv2d",
            FLAT | {"pad_top": -1},
            {},
            "dims.pad_top must be a non-negative integer below 2**31, not -1",
        ),
        ("conv2d", FLAT | {"output_pad_h": 1}, {}, "dims.output_pad_h is not a dimension of conv2d; "),
        (
            "conv_transpose2d",
            FLAT | {"output_pad_h": -1},
            {},
            "dims.output_pad_h must be a non-negative integer below 2**31, not -1",
        ),
        (
            "conv_transpose2d",
            FLAT | {"pad_top": 3, "pad_bottom": 1},
            {},
            "dims.pad_top must leave some of the 4 places of the height, not 3",
        ),
        (
            "conv_transpose2d",
            FLAT | {"groups": 3},
            {},
            "dims.in_channels must be a multiple of the 3 groups, not 4",
        ),
        ("conv_backward", FLAT, {"gradients": ["input"]}, "attrs.of is missing"),
        ("conv_backward", FLAT, {"of": "conv2d"}, "attrs.gradients is missing"),
        (
            "conv_backward",
            FLAT,
            {"of": "conv1d", "gradients": ["input"]},
            "attrs.of must be one of conv2d, conv3d, conv_transpose2d, conv_transpose3d, not 'conv1d'",
        ),
        (
            "conv_backward",
            FLAT,
            {"of": ["conv2d"], "gradients": ["input"]},
            "attrs.of must be one of conv2d, ",
        ),
        *(
            (
                "conv_backward",
                FLAT,
                {"of": "conv2d", "gradients": gradients},
                "attrs.gradients must be some of input, weight, bias, in this order, not ",
            )
            for gradients in ([], ["weight", "input"], ["input", "input"], ["image"], "input", [["input"]])
        ),
        (
            "conv_backward",
            FLAT | {"depth": 2},
            {"of": "conv2d", "gradients": ["input"]},
            "dims.depth is not a dimension of conv2d; ",
        ),
    ],
)
def test_wrong_statement_is_named(kind, dims, attrs, message):
    with pytest.raises(TraceError) as caught:
        macs(kind, dims, attrs)
    assert str(caught.value).startswith(message)
