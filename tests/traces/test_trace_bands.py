"""Taking overlapping bands apart."""

import math
from itertools import permutations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tandemsim.traces import disjoint as module
from tandemsim.traces.bands import MAX_BANDS, Band, Reach, check_bands, merged, union
from tandemsim.traces.disjoint import MAX_PIECES, disjoint
from tandemsim.traces.errors import TraceError


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
    assert set().union(*map(offsets, disjoint(bands, Reach.of(seq_len)))) == wanted


@given(band_lists(), st.integers(1, 50))
def test_no_offset_is_in_two_bands(bands, seq_len):
    split = disjoint(bands, Reach.of(seq_len))
    assert sum(len(offsets(band)) for band in split) == len(set().union(*map(offsets, split)))


@given(band_lists(), st.integers(1, 50))
def test_neighbors_of_one_dilation_are_joined(bands, seq_len):
    for one, other in permutations(disjoint(bands, Reach.of(seq_len)), 2):
        assert one.dilation != other.dilation or one.high + one.dilation != other.low


@given(band_lists(), st.integers(1, 50))
def test_order_of_the_bands_does_not_matter(bands, seq_len):
    assert disjoint(bands, Reach.of(seq_len)) == disjoint(bands[::-1], Reach.of(seq_len))


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
    assert disjoint(tuple(Band(*band) for band in bands), Reach.of(100)) == tuple(
        Band(*band) for band in split
    )


def greedy(bands, seq_len):
    """The rule, written out: dilation by dilation, the longest run first; of equal ones that of the smallest
    step, then of the lowest residue counted from the first offset, then the first.
    """
    dilations = sorted({band.dilation for band in bands})
    taken, result = set(), []
    for place, dilation in enumerate(dilations):
        wanted = set().union(*(offsets(band) for band in bands if band.dilation == dilation))
        wanted = {offset for offset in wanted if abs(offset) < seq_len} - taken
        taken |= wanted
        steps = sorted({math.lcm(dilation, other) for other in dilations[: place + 1]})
        while wanted:
            runs = [longest(wanted, step, seq_len) for step in steps]
            length, step, first = max(runs, key=lambda run: run[0])
            run = range(first, first + length * step, step)
            result += [Band(run[0], run[-1], step if length > 1 else 1)]
            wanted -= set(run)
    return result


def longest(wanted, step, seq_len):
    starts = sorted(
        (offset for offset in wanted if offset - step not in wanted),
        key=lambda offset: ((offset + seq_len - 1) % step, offset),
    )
    lengths = [next(n for n in range(1, 10**6) if start + n * step not in wanted) for start in starts]
    best = lengths.index(max(lengths))
    return lengths[best], step, starts[best]


@given(band_lists(), st.integers(1, 50))
@example((Band(11, 35, 2), Band(8, 20, 3), Band(-13, 0, 1), Band(9, 21, 3)), 29)  # ties of two steps
@example((Band(2, 30, 4), Band(11, 31, 4), Band(10, 37, 3)), 33)
def test_bands_come_apart_by_the_rule(bands, seq_len):
    def key(band):
        return band.dilation, band.low

    wanted = greedy(bands, seq_len)
    joined = True
    while joined:  # single offsets that are left over may continue one another, or a band
        joined = next(
            (
                (one, other)
                for one, other in permutations(wanted, 2)
                if one.dilation == other.dilation and one.high + one.dilation == other.low
            ),
            None,
        )
        if joined:
            one, other = joined
            wanted = [band for band in wanted if band not in joined] + [
                Band(one.low, other.high, one.dilation)
            ]
    assert disjoint(bands, Reach.of(seq_len)) == tuple(sorted(wanted, key=key))


@given(band_lists(), st.integers(1, 50))
def test_union_is_a_set_of_offsets(bands, seq_len):
    wanted = set().union(*map(offsets, bands))
    assert list(union(bands, Reach.of(seq_len))) == [
        offset in wanted for offset in range(1 - seq_len, seq_len)
    ]


@given(band_lists(), st.integers(1, 50))
def test_merged_bands_of_one_dilation_share_no_offset(bands, seq_len):
    found = merged(bands, Reach.of(seq_len))
    for dilation in {band.dilation for band in found}:
        own = [offsets(band) for band in found if band.dilation == dilation]
        assert sum(map(len, own)) == len(set().union(*own))
    wanted = set().union(*map(offsets, bands)) & set(range(1 - seq_len, seq_len))
    assert set().union(*map(offsets, found)) == wanted


def test_bands_that_overlap_in_too_many_ways_are_refused(monkeypatch):
    many = tuple(Band(-5000 // d * d, 5000 // d * d, d) for d in range(101, 149))
    assert len(disjoint(many, Reach.of(5000))) < MAX_PIECES
    for limit in ("MAX_PIECES", "MAX_LOOKS"):
        with monkeypatch.context() as patch:
            patch.setattr(module, limit, 100)
            disjoint.cache_clear()
            with pytest.raises(TraceError, match=r"^bands must split into at most \d+ bands"):
                disjoint(many, Reach.of(5000))
    disjoint.cache_clear()


def test_two_hundred_coprime_dilations_come_apart():
    primes = [p for p in range(569, 3000) if all(p % q for q in range(2, 60))][:200]
    many = tuple(Band(-(262143 // p * p), 262143 // p * p, p) for p in primes)
    split = disjoint(many, Reach.of(262144))
    assert len(primes) == 200 and len(split) == 399  # they share offset 0 alone: one stays whole
    wanted = set().union(*map(offsets, many))
    assert set().union(*map(offsets, split)) == wanted and sum(band.length for band in split) == len(wanted)


def test_more_bands_than_are_counted_are_refused():
    check_bands((Band(0, 0, 1),) * MAX_BANDS, Reach.of(9))
    with pytest.raises(TraceError, match="^bands must be at most 256 bands, not 257$"):
        check_bands((Band(0, 0, 1),) * (MAX_BANDS + 1), Reach.of(9))


def test_more_offsets_than_are_visited_are_refused():
    last = 2**24 - 1
    check_bands(tuple(Band(-last, last, 1) for _ in range(200)), Reach.of(2**24))  # all one
    many = (Band(-last, last - 1, 1), *(Band(-(last // d) * d, last // d * d, d) for d in range(2, 200)))
    total = sum(band.length for band in merged(many, Reach.of(2**24)))
    assert total > 2**27
    with pytest.raises(TraceError, match=f"^bands must hold at most {2**27} offsets in all, not {total}$"):
        check_bands(many, Reach.of(2**24))


def test_a_million_tokens_are_no_trouble():
    split = disjoint((Band(-(2**20), 2**20, 1), Band(-(2**20), 2**20, 1024)), Reach.of(2**20))
    assert split == (Band(1 - 2**20, 2**20 - 1, 1),)


@pytest.mark.parametrize(
    "first, last, part", [(-3, 3, (-2, 2, 2)), (-9, 9, (-4, 4, 2)), (5, 9, None), (1, 1, None)]
)
def test_band_is_clipped(first, last, part):
    assert Band(-4, 4, 2).clipped(first, last) == (Band(*part) if part else None)
