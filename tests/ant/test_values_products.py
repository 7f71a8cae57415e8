"""Products of a trace in values: exact sums of what the operands were quantized to, for every kind of op."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

from tandemsim.sim.ant.functional import Coded, run_gemm
from tandemsim.sim.ant.values.formats import coded, formats_for
from tandemsim.sim.arch.ant.config import Dataflow, OutlierPath, Overflow
from tandemsim.sim.arch.checks import ConfigError
from tandemsim.sim.arch.codes import FORMATS
from tandemsim.traces.schema import Trace
from tests.ant import draws
from tests.ant.one_op import op_trace, walk

Random = np.random.Generator
FLOWS = (Dataflow.WEIGHT_STATIONARY, Dataflow.OUTPUT_STATIONARY, Dataflow.INPUT_STATIONARY)


class Case(NamedTuple):
    """An op, and what it is by its definition, in float64 or int64."""

    trace: Trace
    define: Callable[[np.ndarray, np.ndarray], np.ndarray]
    channels: Callable[[np.ndarray], np.ndarray]  # the weight with its output channels first
    scales: Callable[[np.ndarray], np.ndarray]  # the scales of channels, as they meet the output


def gemm(rng: Random) -> Case:
    m, n, k = (int(size) for size in rng.integers(1, 40, 3))
    dims = {"m": m, "n": n, "k": k}
    trace = op_trace("gemm", dims, [((m, k), "input"), ((k, n), "weight")], (m, n))
    return Case(trace, lambda a, b: a @ b, lambda b: b.T, lambda s: s)


def batched(rng: Random) -> Case:
    batch, m, n, k = (int(size) for size in rng.integers(1, 12, 4))
    dims = {"m": m, "n": n, "k": k, "batch": batch}
    shapes = [((batch, m, k), "input"), ((batch, k, n), "input")]
    trace = op_trace("gemm", dims, shapes, (batch, m, n))
    return Case(trace, np.matmul, lambda b: b, lambda s: s)


def grouped(rng: Random) -> Case:
    groups, n, k = (int(size) for size in rng.integers(1, 9, 3))
    rows = [int(size) for size in rng.integers(0, 6, groups)]
    rows[0] += 1
    m, bounds = sum(rows), np.cumsum([0, *rows])
    dims = {"m": m, "n": n, "k": k, "groups": groups}
    given = [((m, k), "input"), ((groups, k, n), "weight")]
    trace = op_trace("grouped_gemm", dims, given, (m, n), {"rows": rows})
    owner = np.repeat(np.arange(groups), rows)

    def define(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        return np.concatenate([a[bounds[g] : bounds[g + 1]] @ b[g] for g in range(groups)])

    def channels(b: np.ndarray) -> np.ndarray:
        return b.transpose(0, 2, 1).reshape(groups * n, k)

    return Case(trace, define, channels, lambda s: s.reshape(groups, n)[owner])


def conv(rng: Random) -> Case:
    groups, each, batch = (int(size) for size in rng.integers(1, 4, 3))
    depth, kernel = int(rng.integers(1, 4)), rng.integers(1, 4, 2)
    sides, stride, dilation = rng.integers(7, 12, 2), rng.integers(1, 3, 2), rng.integers(1, 3, 2)
    pads = rng.integers(0, 3, 4)
    names = ("height", "width", "kernel_h", "kernel_w", "stride_h", "stride_w", "dilation_h", "dilation_w")
    dims = dict(zip(names, map(int, (*sides, *kernel, *stride, *dilation)), strict=True))
    dims |= dict(zip(("pad_top", "pad_bottom", "pad_left", "pad_right"), map(int, pads), strict=True))
    dims |= {"batch": batch, "in_channels": groups * depth, "out_channels": groups * each, "groups": groups}
    image, weight = (batch, groups * depth, *map(int, sides)), (groups * each, depth, *map(int, kernel))
    out = (np.array(sides) + pads.reshape(2, 2).sum(axis=1) - dilation * (kernel - 1) - 1) // stride + 1
    shape = (batch, groups * each, *map(int, out))

    def define(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        found = np.zeros(shape, a.dtype)
        for item, channel, y, x in np.ndindex(*shape):
            for c, i, j in np.ndindex(*weight[1:]):
                row = y * stride[0] + i * dilation[0] - pads[0]
                col = x * stride[1] + j * dilation[1] - pads[2]
                if 0 <= row < sides[0] and 0 <= col < sides[1]:
                    pixel = a[item, channel // each * depth + c, row, col]
                    found[item, channel, y, x] += pixel * b[channel, c, i, j]
        return found

    trace = op_trace("conv2d", dims, [(image, "input"), (weight, "weight")], shape)
    return Case(trace, define, lambda b: b.reshape(len(b), -1), lambda s: s[:, None, None])


CASES = (gemm, batched, grouped, conv)


def drawn(case: Case, rng: Random, signed: bool) -> dict[str, np.ndarray]:
    one, other = (rng.standard_normal(case.trace.tensors[place].shape) for place in (0, 1))
    return {"a": one if signed else np.abs(one), "b": other}


@pytest.mark.parametrize("make", CASES)
@pytest.mark.parametrize("flow", FLOWS)
def test_sums_are_those_of_the_decoded_operands_exactly(make: Any, flow: Dataflow, tmp_path: Path) -> None:
    """Whatever the formats: sums by the definition in int64, times both scales."""
    rng = np.random.default_rng(list(map(ord, make.__name__ + flow)))
    config = draws.config(rows=8, cols=6, dataflow=flow)
    for bits, signed in (((4, 4), True), ((4, 4), False), ((8, 8), True), ((8, 4), False)):
        case = make(rng)
        arrays = drawn(case, rng, signed)
        kept, found = walk(case.trace, config, arrays, tmp_path, bits)
        is_weight = case.trace.tensors[1].role == "weight"
        left = coded(config.array, arrays["a"], bits[0])
        right = coded(config.array, case.channels(arrays["b"]), bits[1], channels=is_weight)
        assert found.ops[0].formats == {"activation": left.form.name, "weight": right.form.name}
        assert left.form.signed == bool((arrays["a"] < 0).any())
        # the definition has the weight as the trace has it: put its codes' values back in that order
        order = case.channels(np.arange(arrays["b"].size).reshape(arrays["b"].shape)).ravel()
        values = np.empty(arrays["b"].size, np.int64)
        values[order] = right.form.value[right.codes].astype(np.int64).ravel()
        sums = case.define(left.form.value[left.codes].astype(np.int64), values.reshape(arrays["b"].shape))
        expected = sums * left.scale * case.scales(np.asarray(right.scale))
        assert (kept.last.machine == expected).all()
        assert np.allclose(kept.last.exact, case.define(arrays["a"], arrays["b"]), rtol=1e-12, atol=1e-12)
        assert found.ops[0].saturations == 0


@pytest.mark.parametrize("make", CASES)
def test_numbers_that_a_format_has_come_through_without_any_error(make: Any, tmp_path: Path) -> None:
    """The largest of them in every channel, so that the best scale is one without an error."""
    rng = np.random.default_rng(list(map(ord, make.__name__)))
    for _ in range(3):
        case = make(rng)
        grid = [-16.0, -8, -6, -4, -3, -2, -1, 0, 1, 2, 3, 4, 6, 8, 16]
        left, right = (rng.choice(grid, case.trace.tensors[place].shape) for place in (0, 1))
        order = case.channels(np.arange(right.size).reshape(right.shape))
        left.flat[0] = 16.0
        right.flat[order.reshape(len(order), -1)[:, 0]] = 16.0
        _, found = walk(case.trace, draws.config(), {"a": left, "b": right}, tmp_path)
        difference = found.ops[0].difference
        assert difference.equal == difference.elements and difference.sqnr_db is None


def test_sums_that_saturate_are_counted_and_are_those_of_the_parts_of_k(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    config = draws.config(rows=8, cols=6, foot_width=9, overflow=Overflow.SATURATE)
    m, n, k = 5, 7, 90
    trace = op_trace("gemm", {"m": m, "n": n, "k": k}, [((m, k), "input"), ((k, n), "weight")], (m, n))
    arrays = {"a": np.abs(rng.standard_normal((m, k))), "b": np.abs(rng.standard_normal((k, n)))}
    kept, found = walk(trace, config, arrays, tmp_path)
    left = coded(config.array, arrays["a"], 4)
    right = coded(config.array, arrays["b"].T, 4, channels=True)
    product = run_gemm(config, left, Coded(right.codes.T, right.form, right.scale))
    assert found.ops[0].saturations == product.saturations > 0
    assert (kept.last.machine == product.output).all()
    assert (product.sums == 255).any()


@pytest.mark.parametrize(("kind", "extra"), [("gemm", (6,)), ("gemm", (5, 6)), ("conv2d", (6,))])
def test_what_is_added_to_a_product_is_added_in_float64(kind: str, extra: Any, tmp_path: Path) -> None:
    rng = np.random.default_rng(5)
    if kind == "gemm":
        dims, shapes, out = {"m": 5, "n": 6, "k": 8}, [((5, 8), "input"), ((8, 6), "weight")], (5, 6)
    else:
        dims = {"batch": 1, "in_channels": 2, "out_channels": 6, "height": 4, "width": 4}
        dims |= {"kernel_h": 3, "kernel_w": 3}
        shapes, out = [((1, 2, 4, 4), "input"), ((6, 2, 3, 3), "weight")], (1, 6, 2, 2)
    arrays = {name: rng.standard_normal(shape) for name, (shape, _) in zip("ab", shapes, strict=True)}
    bare, _ = walk(op_trace(kind, dims, shapes, out), draws.config(), arrays, tmp_path)
    more = rng.standard_normal(extra)
    trace = op_trace(kind, dims, [*shapes, (extra, "weight")], out)
    kept, _ = walk(trace, draws.config(), arrays | {"c": more}, tmp_path)
    wide = more.reshape(6, 1, 1) if kind == "conv2d" else more
    assert (kept.last.machine == bare.last.machine + wide).all()
    assert (kept.last.exact == bare.last.exact + wide).all()


def test_formats_are_those_of_the_width_and_sign_in_the_artifacts_order() -> None:
    array = draws.config(formats=("pot4", "flint4u", "int4", "int8", "flint4")).array
    names = {
        (bits, signed): [form.name for form in formats_for(array, bits, signed)]
        for bits in (4, 8)
        for signed in (True, False)
    }
    assert names == {
        (4, True): ["int4", "flint4", "pot4"],
        (4, False): ["flint4u"],
        (8, True): ["int8"],
        (8, False): ["int8"],
    }
    assert formats_for(array, 4, True, "pot4") == [FORMATS["pot4"]]
    with pytest.raises(ConfigError, match="array.formats must have a format of 6 bits, not pot4, flint4u"):
        formats_for(array, 6, False)


@pytest.mark.parametrize("make", CASES)
def test_outliers_are_computed_beside_the_array_in_more_bits(make: Any, tmp_path: Path) -> None:
    """The largest of either operand, which would else take the steps of all others."""
    rng = np.random.default_rng(list(map(ord, make.__name__)))
    case = make(rng)
    arrays = drawn(case, rng, signed=True)
    for values in arrays.values():
        values.flat[rng.integers(0, values.size)] = 300.0
    plain = draws.config(formats=("int4", "int4u", "int8"))
    path = OutlierPath(share=0.02)
    _, without = walk(case.trace, plain, arrays, tmp_path)
    kept, found = walk(case.trace, replace(plain, outliers=path), arrays, tmp_path)
    nearer = found.ops[0].difference.sqnr_db, without.ops[0].difference.sqnr_db
    assert nearer[0] is not None and nearer[1] is not None and nearer[0] > nearer[1]
    assert found.ops[0].formats["outliers"] == "int16"
    # one by one: an element is its code's value, or an integer of 16 bits
    operands = []
    for values, channels, is_weight in (
        (arrays["a"], lambda x: x, False),
        (arrays["b"], case.channels, True),
    ):
        rows = channels(values)
        largest = np.argsort(-np.abs(rows).ravel(), kind="stable")[: -(-rows.size // 50)]
        dense = rows.copy()
        dense.flat[largest] = 0
        weights = is_weight and case.trace.tensors[1].role == "weight"
        code = coded(plain.array, dense, 4, channels=weights)
        scale = np.asarray(code.scale).reshape(-1, *[1] * (rows.ndim - 1))
        known = code.form.value[code.codes] * scale
        step = np.abs(rows).max() / 32767
        known.flat[largest] = np.round(rows.ravel()[largest] / step) * step
        order = channels(np.arange(values.size).reshape(values.shape)).ravel()
        back = np.empty(values.size)
        back[order] = known.ravel()
        operands.append(back.reshape(values.shape))
    assert np.allclose(kept.last.machine, case.define(*operands), rtol=1e-9, atol=1e-9)
