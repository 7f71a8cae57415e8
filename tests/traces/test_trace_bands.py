"""Taking overlapping bands apart."""

from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from traces.bands import Band, disjoint


def offsets(band):
    return set(range(band.low, band.high + 1, band.dilation))


@st.composite
def band_lists(draw):
    found = []
    for _ in range(draw(st.integers(1, 5))):
        low, steps, dilation = draw(st.integers(-40, 40)), draw(st.integers(0, 40)), draw(st.integers(1, 9))
        found.append(Band(low, low + steps * dilation, dilation))
    return tuple(found)


@given(band_lists(), st.integers(1, 50))
def test_union_is_that_of_the_bands_within_the_sequence(bands, seq_len):
    wanted = set().union(*map(offsets, bands)) & set(range(1 - seq_len, seq_len))
    assert set().union(*map(offsets, disjoint(bands, seq_len))) == wanted


@given(band_lists(), st.integers(1, 50))
def test_no_offset_is_in_two_bands(bands, seq_len):
    split = disjoint(bands, seq_len)
    assert sum(len(offsets(band)) for band in split) == len(set().union(*map(offsets, split)))


@given(band_lists(), st.integers(1, 50))
def test_neighbours_of_one_dilation_are_joined(bands, seq_len):
    for one, other in permutations(disjoint(bands, seq_len), 2):
        assert one.dilation != other.dilation or one.high + one.dilation != other.low


@given(band_lists(), st.integers(1, 50))
def test_order_of_the_bands_does_not_matter(bands, seq_len):
    assert disjoint(bands, seq_len) == disjoint(bands[::-1], seq_len)


@pytest.mark.parametrize(
    "bands, split",
    [
        ([(-2, 2, 1)], [(-2, 2, 1)]),
        ([(-2, 0, 1), (1, 3, 1)], [(-2, 3, 1)]),
        ([(-2, 1, 1), (0, 3, 1)], [(-2, 3, 1)]),
        # the contiguous band stays whole, the dilated one loses its middle
        ([(-12, 12, 4), (-2, 2, 1)], [(-2, 2, 1), (-12, -4, 4), (4, 12, 4)]),
        # of each third offset, those that are even are taken: the rest steps by six
        ([(-12, 12, 2), (-9, 9, 3)], [(-12, 12, 2), (-9, 9, 6)]),
        ([(5, 5, 3)], [(5, 5, 1)]),
        # the one offset that is left of the second band continues the first
        ([(-2, 2, 1), (0, 3, 3)], [(-2, 3, 1)]),
        ([(-200, 200, 1)], [(-99, 99, 1)]),
        ([(-200, 200, 50)], [(-50, 50, 50)]),
        ([(150, 160, 1)], []),
    ],
)
def test_bands_of_a_sequence_of_100_are_split(bands, split):
    assert disjoint(tuple(Band(*band) for band in bands), 100) == tuple(Band(*band) for band in split)


def test_a_million_tokens_are_no_trouble():
    split = disjoint((Band(-(2**20), 2**20, 1), Band(-(2**20), 2**20, 1024)), 2**20)
    assert split == (Band(1 - 2**20, 2**20 - 1, 1),)


@pytest.mark.parametrize(
    "first, last, part", [(-3, 3, (-2, 2, 2)), (-9, 9, (-4, 4, 2)), (5, 9, None), (1, 1, None)]
)
def test_band_is_clipped(first, last, part):
    assert Band(-4, 4, 2).clipped(first, last) == (Band(*part) if part else None)
