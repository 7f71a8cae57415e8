"""The kinds of linear algebra: matrix products, triangular systems and Fourier transforms."""

from __future__ import annotations

from tandemsim.traces.bands import is_integer
from tandemsim.traces.errors import violation
from tandemsim.traces.kind import NO_LIMIT, Attr, Kind, Operand, Operands
from tandemsim.traces.pattern_statement import Attrs, Dims


def _gemm_macs(dims: Dims, attrs: Attrs) -> int:
    return GEMM.product(dims, "batch", "m", "n", "k")


def _gemm_operands(dims: Dims, attrs: Attrs) -> Operands:
    """By number of elements, since exporters fold leading dimensions in different ways."""
    batch, m, n, k = (GEMM.dim(dims, name) for name in ("batch", "m", "n", "k"))
    b = Operand(elements=(k * n, batch * k * n))  # one for the whole batch, or one for each item of it
    return Operands((Operand(elements=(batch * m * k,)), b), Operand(elements=(batch * m * n,)))


def _grouped_macs(dims: Dims, attrs: Attrs) -> int:
    m, groups = (GROUPED_GEMM.dim(dims, name) for name in ("m", "groups"))
    rows = attrs.get("rows")
    if rows is not None and len(rows) != groups:
        raise violation("attrs.rows", f"must be the rows of {groups} groups", len(rows))
    if rows is not None and sum(rows) != m:
        raise violation("attrs.rows", f"must add up to the {m} rows of dims.m", sum(rows))
    return GROUPED_GEMM.product(dims, "m", "n", "k")


def _grouped_operands(dims: Dims, attrs: Attrs) -> Operands:
    m, n, k, groups = (GROUPED_GEMM.dim(dims, name) for name in ("m", "n", "k", "groups"))
    inputs = Operand(elements=(m * k,)), Operand(elements=(groups * k * n,))
    return Operands(inputs, Operand(elements=(m * n,)))


def _are_counts(value: object) -> bool:
    return isinstance(value, (list, tuple)) and all(is_integer(item) and item >= 0 for item in value)


def _triangular_macs(dims: Dims, attrs: Attrs) -> int:
    n = TRIANGULAR_SOLVE.dim(dims, "n")
    return TRIANGULAR_SOLVE.product(dims, "batch", "columns") * (n * (n + 1) // 2)


def _triangular_operands(dims: Dims, attrs: Attrs) -> Operands:
    batch, n, columns = (TRIANGULAR_SOLVE.dim(dims, name) for name in ("batch", "n", "columns"))
    matrix = Operand(elements=(n * n, batch * n * n))  # one for the whole batch, or one for each item of it
    right = Operand(elements=(n * columns, batch * n * columns))
    return Operands((matrix, right), Operand(elements=(batch * n * columns,)))


def _fft_macs(dims: Dims, attrs: Attrs) -> int:
    """Radix 2: ``length / 2 * log2 length`` butterflies of one complex product, which is four real ones.

    Assumed, as libraries differ: a length that is not a power of two counts as many stages as the next one.
    """
    length = FFT.dim(dims, "length")
    stages = (length - 1).bit_length()
    products = 2 * FFT.product(dims, "batch", "length") * stages
    return -(-products // 2) if attrs.get("real") else products


def _fft_operands(dims: Dims, attrs: Attrs) -> Operands:
    """The output of a real transform is half a spectrum, a whole one, or real numbers again."""
    batch, length = (FFT.dim(dims, name) for name in ("batch", "length"))
    whole, half = batch * length, batch * (length // 2 + 1)
    return Operands((), Operand(elements=(half, whole) if attrs.get("real") else (whole,)))


GEMM = Kind(
    name="gemm",
    line="matrix products, one or a batch, plus what is added",
    required=("m", "n", "k"),
    optional={"batch": 1},
    inputs="a of batch·m·k elements, b of k·n or batch·k·n, then what is added",
    counted="batch·m·n·k",
    input_counts=range(2, NO_LIMIT),
    operands=_gemm_operands,
    macs=_gemm_macs,
)

GROUPED_GEMM = Kind(
    name="grouped_gemm",
    line="rows in groups, each group with a matrix of its own, as experts have them",
    required=("m", "n", "k", "groups"),
    attrs=(
        Attr(
            "rows",
            "a list of non-negative integers, the rows of each group",
            _are_counts,
            {"type": "array", "items": {"type": "integer", "minimum": 0}},
        ),
    ),
    inputs="a of m·k elements, b of groups·k·n, then what is added, and which rows are whose",
    counted="m·n·k",
    input_counts=range(2, NO_LIMIT),
    operands=_grouped_operands,
    macs=_grouped_macs,
)

TRIANGULAR_SOLVE = Kind(
    name="triangular_solve",
    line="a triangular system of n equations, for each column of the right side",
    required=("n", "columns"),
    optional={"batch": 1},
    inputs="matrix of n·n or batch·n·n elements, right side of n·columns or batch·n·columns",
    counted="batch·columns·n·(n + 1) / 2",
    input_counts=range(2, NO_LIMIT),
    operands=_triangular_operands,
    macs=_triangular_macs,
)

FFT = Kind(
    name="fft",
    line="Fourier transforms along one dimension, also of real numbers or to real numbers",
    required=("length",),
    optional={"batch": 1},
    attrs=(Attr("real", "true or false", lambda value: isinstance(value, bool), {"type": "boolean"}),),
    inputs="at least one",
    counted="2·batch·length·⌈log2 length⌉, of real ones half of it, rounded up (assumed: radix 2)",
    input_counts=range(1, NO_LIMIT),
    operands=_fft_operands,
    macs=_fft_macs,
)

LINEAR = (GEMM, GROUPED_GEMM, TRIANGULAR_SOLVE, FFT)
