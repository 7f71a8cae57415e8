"""Matrix products: MatMul, Gemm, their fused and integer forms, and Einsum."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from tandemsim.workloads.lowered import Dims
from tandemsim.workloads.onnx.node import Node, Result
from tandemsim.workloads.onnx.recorder import Recorder
from tandemsim.workloads.onnx.table import MICROSOFT, rule
from tandemsim.workloads.onnx.values import Value


def product(
    node: Node, recorder: Recorder, a: Value, b: Value, added: Sequence[Value] = (), dtype: str = ""
) -> Value:
    """Record a @ b, with numpy's rules for ranks and leading axes, and return it."""
    if not a.shape or not b.shape or a.shape[-1] != (b.shape[-2] if len(b.shape) > 1 else b.shape[0]):
        raise node.error(f"the operands of a product must fit, not {list(a.shape)} and {list(b.shape)}")
    m = a.shape[-2] if len(a.shape) > 1 else 1
    n = b.shape[-1] if len(b.shape) > 1 else 1
    try:
        lead = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    except ValueError:
        raise node.error(
            f"the operands of a product must fit, not {list(a.shape)} and {list(b.shape)}"
        ) from None
    shape = (
        *lead,
        *(a.shape[-2:-1] if len(a.shape) > 1 else ()),
        *(b.shape[-1:] if len(b.shape) > 1 else ()),
    )
    made = Result(shape, dtype or a.dtype)
    if 0 in (*a.shape, *b.shape):
        return Value(*made)
    batch = math.prod(lead)
    if math.prod(b.shape[:-2]) == 1:  # one matrix for all rows
        m, batch = m * batch, 1
        b = recorder.reshape(b, b.shape[-2:])
    else:
        a, b = (
            x if x.shape[:-2] == lead else x.expanded((*lead, *x.shape[-2:]))
            for x in (_matrix(a, 0), _matrix(b, 1))
        )
    return gemm(recorder, batch, (m, n, a.shape[-1]), [a, b, *added], made)


def gemm(
    recorder: Recorder, batch: int, sides: tuple[int, int, int], inputs: Sequence[Value], made: Result
) -> Value:
    """Record a product of `batch` matrices of m, n, k = `sides`."""
    m, n, k = sides
    dims: Dims = {"batch": batch, "m": m, "n": n, "k": k}
    return recorder.op("gemm", "matmul", dims, inputs, [made])[0]


def _matrix(value: Value, axis: int) -> Value:
    """Return a vector as a matrix of one row (axis 0) or one column (axis 1)."""
    if len(value.shape) > 1:
        return value
    return value.shown_as(np.expand_dims(value.layout, axis))


@rule("MatMul")
def _matmul(node: Node, recorder: Recorder) -> list[Value]:
    return [product(node, recorder, node.input(0), node.input(1))]


@rule("Gemm")
def _gemm(node: Node, recorder: Recorder) -> list[Value]:
    a, b = (turned(node.input(i), node.attr(name, 0)) for i, name in enumerate(("transA", "transB")))
    return [product(node, recorder, a, b, node.given(2))]


def turned(value: Value, wanted: int) -> Value:
    """Return a value with its last two axes exchanged, if that is wanted."""
    return value.swapped() if wanted else value


@rule("MatMulInteger")
def _matmul_integer(node: Node, recorder: Recorder) -> list[Value]:
    return [product(node, recorder, node.input(0), node.input(1), dtype="int32")]


@rule("QLinearMatMul")
def _quantized_matmul(node: Node, recorder: Recorder) -> list[Value]:
    """Scales and zero points steer the rounding of the result and are not operands."""
    return [product(node, recorder, node.input(0), node.input(3), dtype=node.input(7).dtype)]


@rule("FusedMatMul", "TransposeMatMul", domain=MICROSOFT)
def _fused_matmul(node: Node, recorder: Recorder) -> list[Value]:
    a, b = node.input(0), node.input(1)
    for name, rank in (("transBatchA", len(a.shape)), ("transBatchB", len(b.shape))):
        if node.attr(name, 0):
            axes = (*range(1, rank - 1), 0, rank - 1)  # the batch axes stand between rows and columns
            a, b = (a.transposed(axes), b) if name.endswith("A") else (a, b.transposed(axes))
    a, b = turned(a, node.attr("transA", 0)), turned(b, node.attr("transB", 0))
    return [product(node, recorder, a, b)]


@rule("FusedGemm", domain=MICROSOFT)
def _fused_gemm(node: Node, recorder: Recorder) -> list[Value]:
    (made,) = _gemm(node, recorder)
    return [activated(node, recorder, made)]


@rule("GemmFastGelu", domain=MICROSOFT)
def _gemm_fast_gelu(node: Node, recorder: Recorder) -> list[Value]:
    made = product(node, recorder, node.input(0), node.input(1), node.given(2))
    return [recorder.per_element("act", "gelu", [made], Result(made.shape, made.dtype))]


@rule("FusedMatMulActivation", domain=MICROSOFT)
def _fused_matmul_activation(node: Node, recorder: Recorder) -> list[Value]:
    (made,) = _fused_matmul(node, recorder)
    return [activated(node, recorder, made)]


def activated(node: Node, recorder: Recorder, value: Value) -> Value:
    """Record the activation that a fused operator ends with, if it has one."""
    name = node.attr("activation", "").lower()
    if not name:
        return value
    return recorder.per_element("act", name, [value], Result(value.shape, value.dtype))


@rule("MatMulIntegerToFloat", "DynamicQuantizeMatMul", domain=MICROSOFT)
def _integer_to_float(node: Node, recorder: Recorder) -> list[Value]:
    a, b = node.input(0), node.input(1)
    added = node.given(6 if node.op == "MatMulIntegerToFloat" else 4)
    scales = node.input(2)
    if node.op == "DynamicQuantizeMatMul":
        a = recorder.per_element("quantize", "quantize", [a], Result(a.shape, b.dtype))
    return [product(node, recorder, a, b, added, dtype=scales.dtype)]


@rule("QGemm", domain=MICROSOFT)
def _quantized_gemm(node: Node, recorder: Recorder) -> list[Value]:
    a, b = turned(node.input(0), node.attr("transA", 0)), turned(node.input(3), node.attr("transB", 0))
    dtype = node.input(8).dtype if node.has(8) else "float32"
    return [product(node, recorder, a, b, node.given(6), dtype=dtype)]


@rule("MatMulNBits", "MatMulBnb4", domain=MICROSOFT)
def _matmul_of_few_bits(node: Node, recorder: Recorder) -> list[Value]:
    """A weight (K, N) that the file holds in 2 to 8 bits, in blocks of one scale."""
    a, packed = node.input(0), node.input(1)
    n, k, bits = node.attr("N", 0), node.attr("K", 0), node.attr("bits", 4)
    name = packed.name
    quant = {"bits": bits, "type": "int" if node.op == "MatMulNBits" else "bnb4"}
    weight = Value((k, n), a.dtype, name=name, constant=packed.constant, quant=quant)
    return [product(node, recorder, a, weight, node.given(5))]


# -- Einsum -------------------------------------------------------------------------------------------------


@rule("Einsum")
def _einsum(node: Node, recorder: Recorder) -> list[Value]:
    """Contract the operands one by one from the left, as PyTorch does without an optimizer."""
    terms, output = _terms(node)
    values = node.operands
    letters, value = terms[0], values[0]
    if len(values) == 1:
        letters, value = _summed(recorder, letters, value, output)
    for position in range(1, len(values)):
        kept = output + "".join(terms[position + 1 :])
        letters, value = _contracted(
            node, recorder, (letters, value), (terms[position], values[position]), kept
        )
    if sorted(letters) != sorted(output):
        raise node.error(f"an equation must use each letter of its result, not {node.attr('equation', '')!r}")
    return [value.transposed([letters.index(letter) for letter in output])]


def _terms(node: Node) -> tuple[list[str], str]:
    """Return the letters of each operand and of the result; the axes of ``...`` become capital letters."""
    equation = node.attr("equation", "").replace(" ", "")
    left, arrow, right = equation.partition("->")
    terms = left.split(",")
    if len(terms) != len(node.operands):
        raise node.error(f"an equation must have a term for each of the {len(node.operands)} operands")
    ranks = [len(v.shape) - len(t.replace("...", "")) for t, v in zip(terms, node.operands, strict=True)]
    dots = [
        chr(0x100 + i) for i in range(max([0, *(r for t, r in zip(terms, ranks, strict=True) if "..." in t)]))
    ]
    terms = [
        t.replace("...", "".join(dots[len(dots) - max(r, 0) :])) for t, r in zip(terms, ranks, strict=True)
    ]
    if any(
        len(t) != len(v.shape) or len(set(t)) != len(t) for t, v in zip(terms, node.operands, strict=True)
    ):
        raise node.error(
            f"an equation must name each axis of an operand by a letter of its own, not {equation!r}"
        )
    if not arrow:
        once = [letter for letter in sorted(set("".join(terms))) if "".join(terms).count(letter) == 1]
        return terms, "".join(dots) + "".join(letter for letter in once if letter not in dots)
    return terms, right.replace("...", "".join(dots))


def _summed(recorder: Recorder, letters: str, value: Value, kept: str) -> tuple[str, Value]:
    """Sum over the axes that nothing asks for."""
    left = "".join(letter for letter in letters if letter in kept)
    if left == letters:
        return letters, value
    shape = tuple(value.shape[letters.index(letter)] for letter in left)
    ratio = value.elements // max(math.prod(shape), 1)
    return left, recorder.per_element("reduce", "sum", [value], Result(shape, value.dtype), ratio)


def _contracted(
    node: Node, recorder: Recorder, first: tuple[str, Value], second: tuple[str, Value], kept: str
) -> tuple[str, Value]:
    """Contract two operands over the letters that they share and nothing else asks for."""
    a, left = _summed(recorder, *first, kept + second[0])
    b, right = _summed(recorder, *second, kept + first[0])
    size: dict[str, int] = {}
    for letters, value in ((a, left), (b, right)):
        for letter, length in zip(letters, value.shape, strict=True):
            size[letter] = max(size.get(letter, 1), length)
    batch = [letter for letter in a if letter in b and letter in kept]
    inner = [letter for letter in a if letter in b and letter not in kept]
    rows, columns = ([x for x in letters if x not in other] for letters, other in ((a, b), (b, a)))
    made = [*batch, *rows, *columns]
    result = Result(tuple(size[letter] for letter in made), left.dtype)
    operands = [
        value.expanded([size[letter] for letter in letters]) for letters, value in ((a, left), (b, right))
    ]
    if not inner:
        return "".join(made), recorder.per_element("eltwise", "mul", operands, result)
    m, n, k = (math.prod(size[letter] for letter in part) for part in (rows, columns, inner))
    count = math.prod(size[letter] for letter in batch)
    return "".join(made), gemm(recorder, count, (m, n, k), operands, result)
