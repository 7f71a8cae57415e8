"""Ops of the vector unit by what a trace states of them, and views by their shapes: against loops."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from tandemsim.sim.ant.values.views import Use, shown
from tests.ant import draws
from tests.ant.one_op import elements, op_trace, walk

RNG = np.random.default_rng(11)


def made(trace: object, arrays: dict[str, np.ndarray], folder: Path) -> np.ndarray:
    kept, found = walk(trace, draws.config(), arrays, folder)  # type: ignore[arg-type]
    assert found.drawn == [] and found.ops == []
    return kept.last.exact


@pytest.mark.parametrize(
    ("function", "define"),
    [
        ("relu", lambda x: max(x, 0.0)),
        ("gelu", lambda x: x * 0.5 * math.erfc(-x / math.sqrt(2))),
        ("silu", lambda x: x / (1 + math.exp(-x))),
        ("sigmoid", lambda x: 1 / (1 + math.exp(-x))),
        ("hardswish", lambda x: 0 if x < -3 else x if x > 3 else x * (x + 3) / 6),
        ("mish", lambda x: x * math.tanh(math.log1p(math.exp(x)))),
    ],
)
def test_activations_are_their_definitions(function: str, define: object, tmp_path: Path) -> None:
    values = np.linspace(-5, 5, 41)
    found = made(elements(function, "act", [(41,)], (41,)), {"a": values}, tmp_path)
    assert np.allclose(found, [define(x) for x in values], rtol=1e-12, atol=1e-15)  # type: ignore[operator]


def test_norms_have_the_parameters_in_the_traces_order(tmp_path: Path) -> None:
    x = RNG.standard_normal((2, 3, 4, 5))
    scale, offset, mean = (RNG.standard_normal(3) for _ in range(3))
    variance = RNG.random(3) + 0.5
    shapes = [x.shape, *[(3,)] * 4]
    arrays = dict(zip("abcde", (x, scale, offset, mean, variance), strict=True))
    found = made(elements("batch_norm", "norm", shapes, x.shape), arrays, tmp_path)
    for item, channel in np.ndindex(2, 3):
        deviation = math.sqrt(variance[channel] + 1e-5)
        expected = (x[item, channel] - mean[channel]) / deviation * scale[channel] + offset[channel]
        assert np.allclose(found[item, channel], expected, rtol=1e-12)
    rows, weight = RNG.standard_normal((6, 5)), RNG.standard_normal(5)
    arrays = {"a": rows, "b": weight, "c": weight + 1}
    found = made(elements("layer_norm", "norm", [(6, 5), (5,), (5,)], (6, 5), reduced=5), arrays, tmp_path)
    for row, values in zip(rows, found, strict=True):
        spread = math.sqrt(np.mean((row - row.mean()) ** 2) + 1e-5)
        assert np.allclose(values, (row - row.mean()) / spread * weight + weight + 1, rtol=1e-12)


@pytest.mark.parametrize(
    ("side", "kernel", "stride", "pad"),
    [(12, 3, 2, 1), (11, 3, 2, 0), (7, 7, 1, 0), (8, 2, 2, 0), (9, 3, 1, 1)],
)
def test_a_pools_stride_and_pads_follow_from_its_sizes(
    side: int, kernel: int, stride: int, pad: int, tmp_path: Path
) -> None:
    x = RNG.standard_normal((1, 2, side, side))
    places = (side + 2 * pad - kernel) // stride + 1
    shape = (1, 2, places, places)
    for function, outside, meet in (("max", -np.inf, np.max), ("average", 0.0, np.mean)):
        wide = np.pad(x, [(0, 0), (0, 0), (pad, pad), (pad, pad)], constant_values=outside)
        expected = np.empty(shape)
        for item, channel, row, col in np.ndindex(*shape):
            rows, cols = (slice(place * stride, place * stride + kernel) for place in (row, col))
            expected[item, channel, row, col] = meet(wide[item, channel, rows, cols])
        trace = elements(function, "pool", [x.shape], shape, reduced=kernel * kernel)
        assert np.allclose(made(trace, {"a": x}, tmp_path), expected)


def test_a_window_larger_than_the_image_is_cut_to_it(tmp_path: Path) -> None:
    """As a global pool is written with the number of channels for its window."""
    x = RNG.standard_normal((1, 20, 7, 7))
    trace = elements("average", "pool", [x.shape], (1, 20, 1, 1), reduced=20_000 * 20_000)
    assert np.allclose(made(trace, {"a": x}, tmp_path), x.mean(axis=(2, 3), keepdims=True))


def test_axes_follow_from_the_shapes(tmp_path: Path) -> None:
    x, y = RNG.standard_normal((2, 3, 4)), RNG.standard_normal((2, 5, 4))
    joined = made(elements("concat", "eltwise", [x.shape, y.shape], (2, 8, 4)), {"a": x, "b": y}, tmp_path)
    assert (joined == np.concatenate([x, y], axis=1)).all()
    mean = made(elements("mean", "reduce", [(2, 3, 4)], (2, 4), reduced=3), {"a": x}, tmp_path)
    assert np.allclose(mean, x.mean(axis=1))
    wide = made(elements("pad", "eltwise", [(2, 3, 4)], (2, 4, 6)), {"a": x}, tmp_path)
    assert (wide[:, :3, 1:5] == x).all() and np.abs(wide).sum() == pytest.approx(np.abs(x).sum())
    soft = made(elements("softmax", "softmax", [(2, 3, 4)], (2, 3, 4), reduced=4), {"a": x}, tmp_path)
    assert np.allclose(soft, np.exp(x) / np.exp(x).sum(axis=-1, keepdims=True))
    row = made(elements("add", "eltwise", [(2, 3, 4), (4,)], (2, 3, 4)), {"a": x, "b": y[0, 0]}, tmp_path)
    assert (row == x + y[0, 0]).all()


def test_rows_of_a_table_are_those_that_the_index_names(tmp_path: Path) -> None:
    table, index = RNG.standard_normal((7, 3)), np.array([[6, 0, 2, 2]])
    inputs = [((7, 3), "weight"), ((1, 4), "index")]
    trace = op_trace("gather", {"elements": 12}, inputs, (1, 4, 3), {"function": "embedding"}, {1: "int64"})
    assert (made(trace, {"a": table, "b": index}, tmp_path) == table[index]).all()


@pytest.mark.parametrize(
    ("kind", "function", "inputs"),
    [("eltwise", "pow", 1), ("act", "leaky_relu", 1), ("eltwise", "mul", 1), ("topk", "topk", 1)],
)
def test_what_a_trace_does_not_state_is_drawn_in_both_runs(
    kind: str, function: str, inputs: int, tmp_path: Path
) -> None:
    trace = elements(function, kind, [(50, 40)] * inputs, (50, 40))
    kept, found = walk(trace, draws.config(), {"a": np.ones((50, 40))}, tmp_path)
    assert found.drawn == list(trace.ops)
    assert kept.last.exact is kept.last.machine
    assert (found.outputs.elements, found.not_compared) == (0, 50 * 40)
    assert abs(kept.last.exact.mean()) < 0.1 and abs(kept.last.exact.std() - 1) < 0.1
    again, _ = walk(trace, draws.config(), {}, tmp_path)
    other, _ = walk(trace, draws.config(), {}, tmp_path, seed=1)
    assert (again.last.exact == kept.last.exact).all() and (other.last.exact != kept.last.exact).all()


def test_a_result_that_is_not_finite_is_drawn(tmp_path: Path) -> None:
    trace = elements("rsqrt", "eltwise", [(3,)], (3,))
    kept, found = walk(trace, draws.config(), {"a": np.array([1.0, 4.0, -1.0])}, tmp_path)
    assert found.drawn == list(trace.ops) and np.isfinite(kept.last.exact).all()


def test_views_show_what_their_shapes_and_use_suggest() -> None:
    tokens = RNG.standard_normal((10, 12))  # 2 items of 5 tokens, 3 heads of 4
    query, other = Use("attention", 0), Use("eltwise", 0)
    heads = shown(tokens, (2, 3, 5, 4), query, True)
    for item, head, token in np.ndindex(2, 3, 5):
        assert (heads[item, head, token] == tokens[item * 5 + token, head * 4 : head * 4 + 4]).all()
    assert (shown(heads, (10, 12), Use("gemm", 0), True) == tokens).all()
    fused = RNG.standard_normal((5, 36))
    for place in range(3):
        part = shown(fused, (1, 3, 5, 4), Use("attention", place), True)
        assert (part == shown(fused[:, place * 12 : place * 12 + 12], (1, 3, 5, 4), query, True)).all()
    square = RNG.standard_normal((4, 4))
    assert (shown(square, (4, 4), Use("gemm", 1), True) == square.T).all()
    assert (shown(square, (4, 4), Use("gemm", 1), False) == square).all()
    image = RNG.standard_normal((2, 6, 3, 5))
    pixels = shown(image, (2, 15, 6), other, True)
    assert (pixels[1, 7] == image[1, :, 1, 2]).all()
    assert (shown(pixels, (2, 6, 3, 5), other, True) == image).all()
    assert (shown(image, (2, 90), other, True) == image.reshape(2, 90)).all()
    assert (shown(tokens, (1, 12), other, True) == tokens[:1]).all()
