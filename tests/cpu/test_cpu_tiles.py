"""Tilings of a loop nest against brute force: every chunk is walked, and what it reads is counted."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tandemsim.sim.cpu.shapes import VALUE_BYTES, Shape, conv_shape
from tandemsim.sim.cpu.tiles import MOST_CHUNKS, divisors, tilings

L2 = 512 * 1024


def product(m: int, n: int, k: int, groups: int = 1) -> Shape:
    return Shape(
        m=m,
        n=n,
        k=k,
        groups=groups,
        row=n,
        macs=float(m * n * k * groups),
        left_bytes=float(VALUE_BYTES * m * k * groups),
        right_bytes=float(VALUE_BYTES * n * k * groups),
        stored=True,
        output_bytes=float(VALUE_BYTES * m * n * groups),
    )


def walked(shape: Shape, rows: int, cols: int, groups: int) -> tuple[int, float]:
    """Walk the chunks of a product: each reads its rows of A and its columns of B, and writes its outputs."""
    chunks, moved = 0, 0.0
    for _ in itertools.product(range(rows), range(cols), range(groups)):
        chunks += 1
        m, n, each = shape.m // rows, shape.n // cols, shape.groups // groups
        moved += VALUE_BYTES * each * (m * shape.k + n * shape.k + m * n)
    return chunks, moved


@given(st.integers(1, 64), st.sampled_from([8, 24, 64]), st.integers(1, 100), st.sampled_from([1, 4]))
def test_chunks_and_bytes_are_those_of_a_walk(m: int, n: int, k: int, groups: int) -> None:
    shape = product(m, n, k, groups)
    every = tilings(shape, L2)
    exact = (m % every.row_parts == 0) & (n % every.col_parts == 0) & (groups % every.group_parts == 0)
    assert exact.any()
    for row in np.flatnonzero(exact):
        parts = (int(column[row]) for column in (every.row_parts, every.col_parts, every.group_parts))
        chunks, moved = walked(shape, *parts)
        assert every.chunks[row] == chunks
        assert every.past_l2_bytes[row] == pytest.approx(moved)


@given(st.integers(1, 3000))
def test_parts_divide_the_extent_or_are_powers_of_two_where_divisors_are_few(extent: int) -> None:
    every = [part for part in range(1, extent + 1) if extent % part == 0]
    found = divisors(extent)
    assert set(every) <= set(found) and list(found) == sorted(set(found))
    others = set(found) - set(every)
    assert all(part & (part - 1) == 0 and part <= extent for part in others)
    assert not others or len(every) < 8


def test_a_kernel_makes_neighbors_share_inputs_but_never_more_than_its_places() -> None:
    shape = conv_shape(
        places=56 * 56,
        width=56,
        in_channels=64,
        out_channels=64,
        kernel=(3, 3),
        stride=1,
        groups=1,
        image=56 * 56 * 64,
    )
    every = tilings(shape, L2)
    read = every.past_l2_bytes - shape.output_bytes - every.row_parts * shape.right_bytes
    times = read / every.col_parts / shape.left_bytes
    assert (times >= 1).all() and (times <= 9).all()
    finer = np.argsort(every.row_parts)
    assert (np.diff(times[finer]) >= -1e-12).all()


def test_no_layer_is_without_versions_and_none_has_too_many_chunks() -> None:
    for shape in (
        product(1, 1, 1),
        product(1, 1000, 25088),
        product(8192, 32000, 4096),
        product(7, 3, 5, 997),
    ):
        every = tilings(shape, L2)
        assert len(every.chunks) >= 1
        assert every.chunks.max() <= max(MOST_CHUNKS, shape.groups)
        assert (every.past_l2_bytes >= shape.left_bytes + shape.right_bytes + shape.output_bytes - 1e-6).all()
