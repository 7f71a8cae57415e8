"""Products of block formats in values: float64 with exact scales, and the array's tiles in whole numbers."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from msgspec.structs import replace

from tandemsim.sim.ant.layers import Product
from tandemsim.sim.ant.lowering import Lowering
from tandemsim.sim.ant.program import program
from tandemsim.sim.ant.values.layers import products_of
from tandemsim.sim.ant.values.tensors import Tensors
from tandemsim.sim.arch.ant.config import AntConfig, Dataflow
from tandemsim.sim.arch.blocks import BLOCK_FORMATS, SCALE, BlockFormat, Blocks
from tandemsim.sim.arch.checks import ConfigError
from tandemsim.sim.arch.types import Doubles
from tandemsim.sim.machines.ant.bits import widths
from tandemsim.traces.schema import Quant, Trace
from tandemsim.traces.validate import seal
from tests.ant.one_op import Kept, op_trace
from tests.ant.test_block_traffic import NAMES, machine
from tests.ant.test_values_products import CASES, Case, drawn

GUARD = 8  # bits below the unit of a block's sum


def in_blocks(trace: Trace, left: str, right: str) -> Trace:
    """Return a trace that states the formats of its two operands."""
    stated = [Quant(bits=BLOCK_FORMATS[name].element.bits, type=name) for name in (left, right)]
    tensors = [
        replace(each, quant=stated[each.id]) if each.id < len(stated) else each for each in trace.tensors
    ]
    return seal(source=trace.source, tensors=tensors, ops=trace.ops)


def walked(trace: Trace, config: AntConfig, arrays: dict[str, np.ndarray], folder: Path) -> tuple[Kept, Any]:
    path = folder / "values.npz"
    np.savez(path, **arrays)  # type: ignore[arg-type]
    kept = Kept(trace, config, widths(trace, trace.ops, config.array, "trace"), Tensors(trace, path, 0))
    return kept, kept.run().ops[0]


def known(form: BlockFormat, values: Doubles, axis: int) -> Doubles:
    """Return what is left of numbers in blocks along an axis."""
    inner = np.moveaxis(values, axis, -1)
    return np.moveaxis(form.dequantize(form.quantize(inner)), -1, axis)


@NAMES
@pytest.mark.parametrize("make", CASES)
def test_products_are_those_of_what_the_blocks_stand_for(make: Any, name: str, tmp_path: Path) -> None:
    """Float64 with exact scales, by each kind's definition; the accumulators add less than a millionth."""
    rng = np.random.default_rng(list(map(ord, make.__name__ + name)))
    form, config = BLOCK_FORMATS[name], machine()
    for _ in range(2):
        case: Case = make(rng)
        arrays = drawn(case, rng, signed=True)
        kept, found = walked(in_blocks(case.trace, name, name), config, arrays, tmp_path)
        is_conv = make.__name__ == "conv"
        along = (1, 1) if is_conv else (-1, -2)  # channels of a pixel and of a place of the kernel, or k
        operands = [known(form, arrays[key], axis) for key, axis in zip("ab", along, strict=True)]
        expected = case.define(*operands)
        size = np.sqrt((expected**2).mean())
        assert np.abs(kept.last.machine - expected).max() <= 1e-6 * size
        assert np.allclose(kept.last.exact, case.define(arrays["a"], arrays["b"]), rtol=1e-12, atol=1e-12)
        assert found.formats == {"activation": name, "weight": name} and found.saturations == 0


def test_products_in_blocks_are_not_those_of_tiles_of_codes() -> None:
    trace = op_trace("gemm", {"m": 8, "n": 8, "k": 64}, [((8, 64), "input"), ((64, 8), "weight")], (8, 8))
    layer, _ = tiles_of(in_blocks(trace, "mxfp4", "mxfp4"), machine())
    with pytest.raises(ConfigError, match="^op 'gemm': its products must be those of the machine, one by"):
        products_of(layer, [])


class Line(NamedTuple):
    """What one result sums along K, as the array has it: whole numbers, and scales of blocks."""

    values: np.ndarray
    scales: list[tuple[int, int]]  # significand, exponent


def line(form: BlockFormat, codes: np.ndarray, scales: np.ndarray) -> Line:
    values = np.array([int(form.element.value[code]) for code in codes], object)
    if form.float_scale:
        return Line(values, [(int(SCALE.base[each]), int(SCALE.shift[each])) for each in scales])
    return Line(values, [(1, int(each) - 127) for each in scales])


class Sum(NamedTuple):
    significand: int
    exponent: int


def plus(one: Sum, other: Sum, width: int, taken: list[int]) -> Sum:
    """Add as the page says; `taken` gets a place for each bound that is taken."""
    if 0 in (one.significand, other.significand):
        exponent = one.exponent if other.significand == 0 else other.exponent
    else:
        exponent = max(one.exponent, other.exponent)
    # the floor of each at that exponent
    total = sum(
        each.significand * 2 ** max(0, each.exponent - exponent) // 2 ** max(0, exponent - each.exponent)
        for each in (one, other)
        if each.significand
    )
    bound = 2 ** (width - 1)
    if not -bound <= total < bound:
        taken.append(total)
    return Sum(min(max(total, -bound), bound - 1), exponent)


def column(one: Line, other: Line, length: int, tiles: list[int], width: int, taken: list[int]) -> Sum:
    """Return a result: tile after tile of the array, each with a tap at the end of each of its blocks."""
    most = -(-max(tiles) // length)
    held = [Sum(0, 0)] * most
    first = 0
    for elements in tiles:
        for tap, start in enumerate(range(first, first + elements, length)):
            part = slice(start, min(start + length, first + elements))
            block = start // length
            (left, low), (right, high) = one.scales[block], other.scales[block]
            exact = int(sum(one.values[part] * other.values[part])) * left * right
            held[tap] = plus(held[tap], Sum(exact << GUARD, low + high), width, taken)
        first += elements
    total = held[0]
    for each in held[1:]:
        total = plus(total, each, width, taken)
    return total


def tiles_of(trace: Trace, config: AntConfig) -> tuple[Product, list[int]]:
    """Return a product as it is planned, and the elements of K of its array tiles in the order they run."""
    bits = widths(trace, trace.ops, config.array, "trace")
    (plan,) = program(config, Lowering(trace, trace.ops, bits, 1, config.array), lambda *_: None).layers
    assert isinstance(plan.layer, Product) and plan.mapping is not None
    streams = plan.layer.bits.operands[config.array.dataflow is Dataflow.INPUT_STATIONARY]
    rows, tiles = config.array.rows // streams, []
    for start in range(0, plan.layer.k, plan.mapping.tk):
        part = min(plan.mapping.tk, plan.layer.k - start)
        tiles += [min(rows, part - at) for at in range(0, part, rows)]
    return plan.layer, tiles


def number(total: Sum, forms: tuple[BlockFormat, BlockFormat], tensors: float) -> float:
    scale = (SCALE.unit if forms[0].float_scale else 1.0) ** 2
    unit = forms[0].unit * forms[1].unit * scale
    return float(np.ldexp(float(total.significand), total.exponent - GUARD)) * unit * tensors


def spread(rng: np.random.Generator, shape: tuple[int, ...], axis: int, length: int, far: int) -> Doubles:
    """Return numbers whose blocks along an axis differ by powers of two, so that accumulators round."""
    inner = np.moveaxis(rng.standard_normal(shape), axis, -1)
    blocks = rng.integers(-far, far + 1, (*inner.shape[:-1], -(-inner.shape[-1] // length)))
    sizes = np.repeat(2.0**blocks, length, axis=-1)[..., : inner.shape[-1]]
    return np.moveaxis(inner * sizes, -1, axis)


PAIRS = [("mxfp4", "mxfp4"), ("mxfp6-e3m2", "mxfp4"), ("mxint8", "mxfp6-e2m3"), ("nvfp4", "nvfp4")]
FLOWS = [Dataflow.WEIGHT_STATIONARY, Dataflow.INPUT_STATIONARY]


@pytest.mark.parametrize("flow", FLOWS)
@pytest.mark.parametrize(("left", "right"), PAIRS)
def test_sums_are_bit_by_bit_those_of_the_tiles_that_are_planned(
    left: str, right: str, flow: Dataflow, tmp_path: Path
) -> None:
    rng = np.random.default_rng(list(map(ord, left + right + flow)))
    forms, (m, n, k) = (BLOCK_FORMATS[left], BLOCK_FORMATS[right]), (3, 4, 1000)
    given = [((m, k), "input"), ((k, n), "weight")]
    trace = in_blocks(op_trace("gemm", {"m": m, "n": n, "k": k}, given, (m, n)), left, right)
    config = machine(flow, activation=2000, weight=3000)
    length, far = forms[0].length, 4 if forms[0].float_scale else 9
    arrays = {"a": spread(rng, (m, k), 1, length, far), "b": spread(rng, (k, n), 0, length, far)}
    kept, found = walked(trace, config, arrays, tmp_path)
    _, tiles = tiles_of(trace, config)
    assert sum(tiles) == k and len(tiles) > 2
    wide = [min(2 * tiles[0], k - start) for start in range(0, k, 2 * tiles[0])]  # of twice the taps
    sides = [form.quantize(each) for form, each in zip(forms, (arrays["a"], arrays["b"].T), strict=True)]
    width, taken = 40 if forms[0].float_scale else 32, list[int]()
    alike = 0
    for row, col in np.ndindex(m, n):
        lines = [
            line(form, side.codes[place], side.scales[place])
            for form, side, place in zip(forms, sides, (row, col), strict=True)
        ]
        total = column(lines[0], lines[1], length, tiles, width, taken)
        tensors = sides[0].tensor_scale * sides[1].tensor_scale
        assert kept.last.machine[row, col] == number(total, forms, tensors)
        alike += (
            number(column(*lines, length, wide, width, []), forms, tensors) == kept.last.machine[row, col]
        )
    assert found.saturations == len(taken)
    assert alike < m * n  # the order in which taps add up tells


@pytest.mark.parametrize(
    ("channels", "outputs", "groups"),
    [(64, 3, 1), (40, 3, 1), (8, 8, 8), (32, 8, 8), (96, 4, 2), (48, 4, 2), (34, 34, 34)],
    ids=["two blocks", "one and a fourth", "few", "packed", "of groups", "a block of two", "few at the end"],
)
@pytest.mark.parametrize("name", ["mxfp4", "nvfp4"])
def test_convolutions_are_bit_by_bit_those_of_the_tiles_that_are_planned(
    name: str, channels: int, outputs: int, groups: int, tmp_path: Path
) -> None:
    """Place by place of the kernel, whole blocks of a pixel's channels; a weight is 0 beside its group."""
    rng = np.random.default_rng([channels, groups, *map(ord, name)])
    form, side, kernel, each = BLOCK_FORMATS[name], 4, 3, channels // groups
    dims = {"batch": 1, "in_channels": channels, "out_channels": outputs, "height": side, "width": side}
    dims |= {"kernel_h": kernel, "kernel_w": kernel, "groups": groups, "pad_top": 1, "pad_left": 1}
    shapes = (1, channels, side, side), (outputs, each, kernel, kernel)
    trace = op_trace("conv2d", dims, [(shapes[0], "input"), (shapes[1], "weight")], (1, outputs, 3, 3))
    trace, config, far = in_blocks(trace, name, name), machine(), 3 if form.float_scale else 9
    arrays = {"a": spread(rng, shapes[0], 1, form.length, far), "b": spread(rng, shapes[1], 1, 4, far)}
    kept, found = walked(trace, config, arrays, tmp_path)
    layer, tiles = tiles_of(trace, config)
    assert layer.image is not None
    shared, depth = layer.image.channels, layer.image.depth
    image = form.quantize(arrays["a"][0].transpose(1, 2, 0))
    filled = np.zeros((outputs, kernel, kernel, depth))
    for out in range(outputs):
        first = out // (outputs // groups) * each % shared
        filled[out, :, :, first : first + each] = arrays["b"][out].transpose(1, 2, 0)
    weight = form.quantize(filled)
    taken: list[int] = []
    for out, y, x in np.ndindex(outputs, 3, 3):
        first = out // (outputs // groups) * each // shared * shared
        pixels = [(y + i - 1, x + j - 1) for i in range(kernel) for j in range(kernel)]
        rows = [pixel_line(form, image, row, col, first, depth) for row, col in pixels]
        one = Line(np.concatenate([row.values for row in rows]), [s for row in rows for s in row.scales])
        other = line(form, weight.codes[out].ravel(), weight.scales[out].ravel())
        total = column(one, other, form.length, tiles, 40 if form.float_scale else 32, taken)
        expected = number(total, (form, form), image.tensor_scale * weight.tensor_scale)
        assert kept.last.machine[0, out, y, x] == expected
    assert found.saturations == len(taken)


def pixel_line(form: BlockFormat, image: Blocks, row: int, col: int, first: int, depth: int) -> Line:
    """Return the channels of a pixel from `first` on, zeros behind them, or of one beyond the edge."""
    if min(row, col) < 0 or max(row, col) >= len(image.codes):
        return Line(np.zeros(depth, object), [(0, 0)] * (depth // form.length))
    blocks = slice(first // form.length, (first + depth) // form.length)
    found = line(form, image.codes[row, col, first : first + depth], image.scales[row, col, blocks])
    missing = depth - len(found.values)
    values = np.concatenate([found.values, np.zeros(missing, object)])
    return Line(values, found.scales + [(0, 0)] * (depth // form.length - len(found.scales)))


@pytest.mark.parametrize(("k", "places", "bounds"), [(32, 1, 0), (64, 1, 1), (192, 3, 15)])
def test_sums_that_take_the_bound_of_an_accumulator_are_counted(
    k: int, places: int, bounds: int, tmp_path: Path
) -> None:
    """Of the largest elements of E3M2, a block fits 32 bits and two do not: at a tap, or where taps meet."""
    given = [((2, places, k), "input"), ((2, k, 1), "weight")]
    trace = op_trace("gemm", {"batch": 2, "m": places, "n": 1, "k": k}, given, (2, places, 1))
    trace = in_blocks(trace, "mxfp6-e3m2", "mxfp6-e3m2")
    arrays = {"a": np.full((2, places, k), 28.0), "b": np.full((2, k, 1), 28.0)}
    kept, found = walked(trace, machine(), arrays, tmp_path)
    assert found.saturations == 2 * bounds
    bound = (2**31 - 1) / 2**GUARD / 16**2  # in units of a sixteenth of either element
    assert (kept.last.machine == min(28.0 * 28 * k, bound)).all()
