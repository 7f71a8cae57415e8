"""Patterns against their definition, written out pair by pair, and against published counts."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from traces.errors import TraceError
from traces.pattern import Band, Pattern


def pairs_by_definition(pattern):
    """The set of (query, key), one pair at a time, with nothing of the package but the fields."""
    tokens = range(pattern.seq_len)
    return {(q, k) for q in tokens for k in tokens if _attends(pattern, q, k)}


def _attends(pattern, q, k):
    if q in pattern.global_tokens or k in pattern.global_tokens:
        return True
    if pattern.grid is None:
        return any(k - q in range(low, high + 1, step) for low, high, step in pattern.bands)
    (qy, qx), (ky, kx) = (divmod(t - pattern.outside, pattern.grid[1]) for t in (q, k))
    (low_y, high_y), (low_x, high_x) = pattern.window_2d
    return low_y <= ky - qy <= high_y and low_x <= kx - qx <= high_x


@st.composite
def spans(draw, length, dilation=1):
    """(low, high) of a window that a sequence of `length` may have."""
    widest = (2 * length - 1) // dilation
    steps = draw(st.integers(0, widest))
    low = draw(st.integers(max(1 - length - steps * dilation, -2 * length), length - 1))
    return low, low + steps * dilation


@st.composite
def bands(draw, seq_len):
    dilation = draw(st.integers(1, 7))
    return Band(*draw(spans(seq_len, dilation)), dilation)


@st.composite
def sequence_patterns(draw):
    seq_len = draw(st.integers(1, 40))
    tokens = draw(st.lists(st.integers(0, seq_len - 1), unique=True, max_size=seq_len))
    found = draw(st.lists(bands(seq_len), min_size=0 if tokens else 1, max_size=5))
    return Pattern(seq_len=seq_len, bands=tuple(found), global_tokens=tuple(tokens))


@st.composite
def grid_patterns(draw):
    height, width, outside = draw(st.integers(1, 6)), draw(st.integers(1, 6)), draw(st.integers(0, 3))
    inside = draw(st.lists(st.integers(outside, outside + height * width - 1), unique=True, max_size=9))
    tokens = draw(st.permutations([*range(outside), *inside]))
    return Pattern(
        seq_len=outside + height * width,
        global_tokens=tuple(tokens),
        grid=(height, width),
        window_2d=(draw(spans(height)), draw(spans(width))),
    )


patterns = st.one_of(sequence_patterns(), grid_patterns())


@given(patterns)
def test_count_is_that_of_the_definition(pattern):
    assert pattern.pairs() == len(pairs_by_definition(pattern))


@given(patterns)
def test_mask_is_that_of_the_definition(pattern):
    mask = pattern.mask(range(pattern.seq_len))
    assert {(int(q), int(k)) for q, k in zip(*mask.nonzero(), strict=True)} == pairs_by_definition(pattern)


@given(patterns, st.data())
def test_mask_of_some_queries_is_those_rows(pattern, data):
    queries = data.draw(st.lists(st.integers(0, pattern.seq_len - 1)))
    assert (pattern.mask(queries) == pattern.mask(range(pattern.seq_len))[queries]).all()


@given(patterns)
def test_pattern_survives_an_op(pattern):
    dims = {"seq_len": pattern.seq_len} | ({"grid": pattern.grid} if pattern.grid else {})
    assert Pattern.from_statement(dims, pattern.attrs()) == pattern


@given(sequence_patterns())
def test_disjoint_bands_leave_the_mask_as_it_is(pattern):
    split = Pattern(
        seq_len=pattern.seq_len, bands=pattern.disjoint_bands(), global_tokens=pattern.global_tokens or (0,)
    )
    whole = Pattern(seq_len=pattern.seq_len, bands=pattern.bands, global_tokens=pattern.global_tokens or (0,))
    assert pairs_by_definition(split) == pairs_by_definition(whole)


@pytest.mark.parametrize(
    "pattern, pairs",
    [
        # counted by brute force outside this project, with the design's schedules
        (Pattern.longformer(4096, 512), 2_043_134),
        (Pattern.vil(56, 56, 15), 620_929),
        (Pattern.vil(28, 28, 15), 134_065),
        (Pattern.dense(4096), 4096**2),
        (Pattern.sliding(1000, 1), 1000),
        (Pattern.sliding(10**6, 3), 3 * 10**6 - 2),
    ],
)
def test_published_patterns_have_their_pairs(pattern, pairs):
    assert pattern.pairs() == pairs


def test_density_is_the_share_of_the_matrix():
    assert Pattern.dense(7).density == 1
    assert Pattern.sliding(8, 1).density == 1 / 8


def keys(pattern, query):
    return [int(key) for key in pattern.mask([query])[0].nonzero()[0]]


def test_sliding_window_of_an_even_number_has_one_more_key_before():
    assert keys(Pattern.sliding(20, 4), 10) == [8, 9, 10, 11]
    assert keys(Pattern.sliding(20, 5), 10) == [8, 9, 10, 11, 12]


def test_dilated_window_steps_over_keys():
    assert keys(Pattern.dilated(20, 5, 3), 10) == [4, 7, 10, 13, 16]


def test_longformer_of_512_has_513_keys():
    assert keys(Pattern.longformer(2000, 512, ()), 1000) == list(range(744, 1257))


def test_star_closes_its_ring():
    star = Pattern.star(8)
    assert keys(star, 1) == [0, 1, 2, 7]
    assert keys(star, 7) == [0, 1, 6, 7]
    assert keys(star, 0) == list(range(8))


@pytest.mark.parametrize("seq_len", range(2, 7))
def test_star_of_few_tokens_is_its_ring(seq_len):
    satellites = range(1, seq_len)
    ring = {(a, b) for a in satellites for b in satellites if (a - b) % (seq_len - 1) in (0, 1, seq_len - 2)}
    relay = {(q, k) for q in range(seq_len) for k in range(seq_len) if 0 in (q, k)}
    assert pairs_by_definition(Pattern.star(seq_len)) == ring | relay


def test_strided_sparse_sees_its_neighbours_and_each_column():
    assert keys(Pattern.strided_sparse(40, 4, 8), 37) == [5, 13, 21, 29, 33, 34, 35, 36, 37]


@given(st.integers(1, 30), st.integers(1, 40), st.integers(1, 40))
def test_strided_sparse_is_that_of_the_paper(seq_len, local, stride):
    """Child et al. 2019: A1 = {t, ..., i} with t = max(0, i - l), A2 = {j <= i: (i - j) mod l = 0}."""
    tokens = range(seq_len)
    wanted = {(i, j) for i in tokens for j in range(i + 1) if i - j <= local or (i - j) % stride == 0}
    assert pairs_by_definition(Pattern.strided_sparse(seq_len, local, stride)) == wanted


def test_bigbird_is_a_window_and_its_first_tokens():
    assert Pattern.bigbird(64, 6, 2) == Pattern.longformer(64, 6, (0, 1))
    with pytest.raises(TraceError, match="^random_keys must be 0, as random keys are not supported, not 3$"):
        Pattern.bigbird(64, 6, 2, random_keys=3)


def test_vil_window_does_not_run_over_the_edge_of_the_image():
    vil = Pattern.vil(3, 4, 3)
    assert vil.outside == 1
    assert keys(vil, 1 + 4) == [0, 1, 2, 5, 6, 9, 10]


def test_window_on_a_grid_has_no_bands():
    with pytest.raises(TraceError, match="^grid must be without a grid"):
        Pattern.vil(3, 4, 3).disjoint_bands()


@pytest.mark.parametrize(
    "fields, message",
    [
        ({"seq_len": 0}, "seq_len must be an integer in 1..16777216, not 0"),
        ({"seq_len": -4}, "seq_len must be an integer in 1..16777216, not -4"),
        ({"seq_len": 2**24 + 1}, "seq_len must be an integer in 1..16777216, not 16777217"),
        ({"seq_len": True}, "seq_len must be an integer in 1..16777216, not True"),
        ({"seq_len": 9}, "bands must hold a band, or there must be a global token"),
        ({"seq_len": 9, "bands": (Band(3, 2, 1),)}, "bands must be integers with low <= high, not [3, 2]"),
        ({"seq_len": 9, "bands": (Band(0, 2, 0),)}, "bands must have a positive dilation, not [0, 2, 0]"),
        (
            {"seq_len": 9, "bands": (Band(0, 3, 2),)},
            "bands must step from low to high by the dilation, not [0, 3, 2]",
        ),
        (
            {"seq_len": 9, "bands": (Band(-9, 9, 1),)},
            "bands must be at most twice as wide as the 9 tokens, not 19",
        ),
        ({"seq_len": 9, "bands": (Band(9, 10, 1),)}, "bands must reach some of the 9 tokens, not [9, 10]"),
        (
            {"seq_len": 9, "bands": (Band(-10, -9, 1),)},
            "bands must reach some of the 9 tokens, not [-10, -9]",
        ),
        ({"seq_len": 9, "global_tokens": (9,)}, "global_tokens must be indices in 0..8, not 9"),
        ({"seq_len": 9, "global_tokens": (-1,)}, "global_tokens must be indices in 0..8, not -1"),
        ({"seq_len": 9, "global_tokens": (4, 4)}, "global_tokens must name each token once, not 4 twice"),
        ({"seq_len": 9, "grid": (3, 3)}, "grid must come with a 2-D window and without 1-D bands"),
        (
            {"seq_len": 9, "grid": (3, 4), "window_2d": ((0, 0), (0, 0))},
            "grid must be [height, width] within the 9 tokens, not [3, 4]",
        ),
        (
            {"seq_len": 9, "grid": (3, 3), "window_2d": ((-3, 3), (0, 0))},
            "bands must be at most twice as wide as the 3 rows, not 7",
        ),
        (
            {"seq_len": 9, "grid": (1, 9), "window_2d": ((0, 0), (9, 9))},
            "bands must reach some of the 9 columns, not [9, 9]",
        ),
        (
            {"seq_len": 9, "grid": (2, 3), "window_2d": ((0, 0), (0, 0)), "global_tokens": (0, 2)},
            "global_tokens must hold each of the 3 tokens outside the grid, and token 1 is missing",
        ),
    ],
)
def test_impossible_pattern_is_refused(fields, message):
    with pytest.raises(TraceError) as caught:
        Pattern(**fields)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    "constructor, message",
    [
        (lambda: Pattern.sliding(8, 0), "window must be a positive integer, not 0"),
        (lambda: Pattern.dilated(8, 3, -1), "dilation must be a positive integer, not -1"),
        (lambda: Pattern.longformer(8, 0), "window must be a positive integer, not 0"),
        (
            lambda: Pattern.longformer(128, 512),
            "bands must be at most twice as wide as the 128 tokens, not 513",
        ),
        (lambda: Pattern.strided_sparse(8, 2, 0), "stride must be a positive integer, not 0"),
        (lambda: Pattern.strided_sparse(0, 2, 2), "seq_len must be a positive integer, not 0"),
    ],
)
def test_impossible_arguments_are_refused(constructor, message):
    with pytest.raises(TraceError) as caught:
        constructor()
    assert str(caught.value) == message


@pytest.mark.parametrize(
    "dims, attrs, message",
    [
        ({"seq_len": 9}, {"bands": [[0, 0, 1]]}, "attrs.global_tokens is missing"),
        ({"seq_len": 9}, {"global_tokens": []}, "attrs.bands is missing"),
        ({}, {"bands": [[0, 0, 1]], "global_tokens": []}, "dims.seq_len is missing"),
        (
            {"seq_len": 9},
            {"bands": [[0, 0]], "global_tokens": []},
            "attrs.bands must be [[low, high, dilation], ...], not [0, 0]",
        ),
        (
            {"seq_len": 9, "grid": (3, 3)},
            {"bands": [[0, 0]], "global_tokens": []},
            "attrs.bands must be [[low_y, high_y], [low_x, high_x]] on a grid, not [[0, 0]]",
        ),
        (
            {"seq_len": 9, "grid": (3, 3, 1)},
            {"bands": [], "global_tokens": []},
            "dims.grid must be [height, width], not (3, 3, 1)",
        ),
        (
            {"seq_len": 9},
            {"bands": [], "global_tokens": [0], "random_blocks": 3},
            "attrs.random_blocks is not supported: a pattern is bands and global tokens",
        ),
        (
            {"seq_len": 9},
            {"bands": [], "global_tokens": [0], "global_token": [1]},
            "attrs.global_token is not an attribute of window_attention; did you mean 'global_tokens'?",
        ),
        (
            {"seq_len": 9},
            {"bands": [[0, 10**30, 1]], "global_tokens": []},
            "attrs.bands must be at most twice as wide as the 9 tokens, not 1000000000000000000000000000001",
        ),
        (
            {"seq_len": 9},
            {"bands": [[0, 10**5000, 1]], "global_tokens": []},
            "attrs.bands must be at most twice as wide as the 9 tokens, not a huge number",
        ),
    ],
)
def test_impossible_statement_names_its_field(dims, attrs, message):
    with pytest.raises(TraceError) as caught:
        Pattern.from_statement(dims, attrs)
    assert str(caught.value) == message


def test_sequence_length_follows_from_a_grid_that_holds_all_tokens():
    attrs = {"bands": [[-1, 1], [0, 0]], "global_tokens": []}
    assert Pattern.from_statement({"grid": (3, 4)}, attrs).seq_len == 12
