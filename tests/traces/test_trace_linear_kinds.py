"""Experts, triangular systems, Fourier transforms and caches: MACs by algorithms that count, and shapes."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tandemsim.traces.errors import TraceError
from tandemsim.traces.kinds import macs
from tandemsim.traces.schema import Op, Tensor
from tandemsim.traces.shapes import check_shapes

small = st.integers(1, 6)


@given(st.lists(st.integers(0, 5), min_size=1, max_size=4).filter(sum), small, small)
def test_experts_count_the_products_of_their_rows(rows, n, k):
    """However the rows are spread over the groups, each meets one matrix."""
    dims = {"m": sum(rows), "n": n, "k": k, "groups": len(rows)}
    counted = sum(macs("gemm", {"m": own, "n": n, "k": k}, {}) for own in rows if own)
    assert macs("grouped_gemm", dims, {"rows": rows}) == macs("grouped_gemm", dims, {}) == counted


def solve(matrix, right, count):
    """Forward substitution, which counts its products; a division is one."""
    solution = right.astype(float)
    for row in range(len(matrix)):
        for before in range(row):
            solution[row] -= matrix[row, before] * solution[before]
            count["products"] += 1
        solution[row] /= matrix[row, row]
        count["products"] += 1
    return solution


@given(small, small, st.integers(1, 3))
def test_triangular_systems_count_the_products_of_substitution(n, columns, batch):
    count = Counter()
    matrix, right = np.tril(np.arange(1, n * n + 1).reshape(n, n)), np.ones((n, columns))
    for _ in range(batch):
        solution = np.stack([solve(matrix, right[:, column], count) for column in range(columns)], axis=1)
        assert np.allclose(matrix @ solution, right)
    assert macs("triangular_solve", {"batch": batch, "n": n, "columns": columns}, {}) == count["products"]


def transform(values, count):
    """Cooley and Tukey, radix 2: each butterfly multiplies one complex number, in four products."""
    if len(values) == 1:
        return values
    even, odd = transform(values[::2], count), transform(values[1::2], count)
    turned = []
    for place, value in enumerate(odd):
        turned.append(value * np.exp(-2j * np.pi * place / len(values)))
        count["products"] += 4
    return [a + b for a, b in zip(even, turned, strict=True)] + [
        a - b for a, b in zip(even, turned, strict=True)
    ]


@given(st.integers(0, 6), st.integers(1, 3))
def test_fourier_transforms_count_the_products_of_radix_2(stages, batch):
    count, length = Counter(), 2**stages
    for _ in range(batch):
        values = list(np.arange(length) + 1j)
        assert np.allclose(transform(values, count), np.fft.fft(values))
    dims = {"batch": batch, "length": length}
    assert macs("fft", dims, {}) == macs("fft", dims, {"real": False}) == count["products"]
    assert macs("fft", dims, {"real": True}) == (count["products"] + 1) // 2


def test_a_length_that_is_no_power_of_two_counts_the_stages_of_the_next():
    assert macs("fft", {"length": 1000}, {}) == 2 * 1000 * 10
    assert macs("fft", {"length": 1}, {}) == 0


def check(kind, dims, shapes, outputs=1, attrs=None):
    """Check an op with tensors of these shapes, of which the last are its outputs."""
    tensors = [Tensor(id=i, shape=shape, dtype="float32", role="input") for i, shape in enumerate(shapes)]
    ids = tuple(range(len(shapes)))
    count = len(shapes) - outputs
    stated = {"dims": dims, "attrs": attrs or {}, "macs": macs(kind, dims, attrs or {})}
    op = Op(id=0, kind=kind, name="a", inputs=ids[:count], outputs=ids[count:], **stated)
    check_shapes(op, tensors[:count], tensors[count:])


GOOD = [
    ("grouped_gemm", {"m": 6, "n": 5, "k": 4, "groups": 3}, [(6, 4), (3, 4, 5), (6, 5)]),
    ("grouped_gemm", {"m": 6, "n": 5, "k": 4, "groups": 3}, [(2, 3, 4), (3, 5, 4), (3, 5), (6,), (2, 3, 5)]),
    ("cache_append", {"elements": 6, "length": 30}, [(2, 4, 3), (2, 1, 3), (2, 5, 3)]),  # it grows
    ("cache_append", {"elements": 6, "length": 30}, [(2, 5, 3), (2, 1, 3), (2, 5, 3)]),  # of fixed length
    ("cache_append", {"elements": 6, "length": 30}, [(2, 5, 3), (2, 1, 3), (1,), (2, 5, 3)]),  # at a position
    ("fft", {"batch": 3, "length": 8}, [(3, 8), (3, 8)]),
    ("fft", {"batch": 3, "length": 8}, [(3, 8), (3, 5)], {"real": True}),
    ("fft", {"batch": 3, "length": 8}, [(3, 5), (3, 8)], {"real": True}),
    ("triangular_solve", {"batch": 2, "n": 3, "columns": 4}, [(2, 3, 3), (2, 3, 4), (2, 3, 4)]),
    ("triangular_solve", {"batch": 2, "n": 3, "columns": 4}, [(3, 3), (2, 3, 4), (2, 3, 4)]),
]


@pytest.mark.parametrize("kind, dims, shapes, attrs", [(*row[:3], row[3] if row[3:] else {}) for row in GOOD])
def test_shapes_that_follow_are_taken(kind, dims, shapes, attrs):
    check(kind, dims, shapes, attrs=attrs)


@pytest.mark.parametrize(
    "kind, dims, shapes, message",
    [
        (*GOOD[0][:2], [(6, 4), (4, 5), (6, 5)], "inputs[1] (tensor 1) must hold 60 elements, not [4, 5]"),
        (
            *GOOD[2][:2],
            [(2, 3, 3), (2, 1, 3), (2, 5, 3)],
            "inputs[0] (tensor 0) must hold 30 elements, not [2, 3, 3]",
        ),
        (
            *GOOD[2][:2],
            [(2, 4, 3), (2, 2, 3), (2, 5, 3)],
            "inputs[1] (tensor 1) must hold 6 elements, not [2, 2, 3]",
        ),
        (*GOOD[2][:2], [(2, 4, 3), (2, 4, 3)], "inputs must be at least 2 tensors, not 1"),
        (*GOOD[5][:2], [(3, 8), (3, 5)], "outputs[0] (tensor 1) must hold 24 elements, not [3, 5]"),
        (
            *GOOD[8][:2],
            [(2, 3), (2, 3, 4), (2, 3, 4)],
            "inputs[0] (tensor 0) must hold 18 elements, not [2, 3]",
        ),
    ],
)
def test_shapes_that_contradict_are_named(kind, dims, shapes, message):
    with pytest.raises(TraceError) as caught:
        check(kind, dims, shapes)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    "kind, dims, attrs, message",
    [
        ("grouped_gemm", {"m": 6, "n": 5, "k": 4}, {}, "dims.groups is missing"),
        (*GOOD[0][:2], {"rows": [2, 4]}, "attrs.rows must be the rows of 3 groups, not 2"),
        (*GOOD[0][:2], {"rows": [2, 4, 1]}, "attrs.rows must add up to the 6 rows of dims.m, not 7"),
        *(
            (
                *GOOD[0][:2],
                {"rows": rows},
                "attrs.rows must be a list of non-negative integers, the rows of each group, ",
            )
            for rows in ([3, 4, -1], 6, [2, 2, 2.0], [5, True, 0])
        ),
        ("fft", {"length": 4}, {"real": 1}, "attrs.real must be true or false, not 1"),
        ("triangular_solve", {"n": 4}, {}, "dims.columns is missing"),
    ],
)
def test_wrong_statement_is_named(kind, dims, attrs, message):
    with pytest.raises(TraceError) as caught:
        macs(kind, dims, attrs)
    assert str(caught.value).startswith(message)


def test_more_new_elements_than_the_cache_holds_are_refused():
    with pytest.raises(TraceError, match=r"^dims\.elements must be at most the 5 of dims\.length, not 6$"):
        check("cache_append", {"elements": 6, "length": 5}, [(5,), (6,), (5,)])


def test_a_cache_computes_nothing():
    assert macs("cache_append", {"elements": 6, "length": 30}, {}) == 0
