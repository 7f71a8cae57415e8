"""Patterns against their definition, written out pair by pair, and against published counts."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tandemsim.traces import pairs, window_bands
from tandemsim.traces.errors import TraceError
from tandemsim.traces.kinds import macs
from tandemsim.traces.pattern import Band, Pattern, _pairs


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
    steps = draw(st.integers(0, 5 * length // dilation))
    low = draw(st.integers(1 - length - steps * dilation, length - 1))
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
def test_count_of_many_global_tokens_is_that_of_the_definition(pattern):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(window_bands, "FEW", 0)
        patch.setattr(pairs, "AT_ONCE", 7)
        _pairs.cache_clear()
        assert pattern.pairs() == len(pairs_by_definition(pattern))
    _pairs.cache_clear()


@given(patterns, st.data())
def test_keys_that_are_attended_are_in_reach(pattern, data):
    queries = data.draw(st.lists(st.integers(0, pattern.seq_len - 1), max_size=5))
    found = pattern.reach(queries)
    assert list(found) == sorted(set(found.tolist()) & set(range(pattern.seq_len)))
    attended = {key for query, key in pairs_by_definition(pattern) if query in queries}
    assert attended <= set(found.tolist())
    mask = pattern.mask(queries, found)
    assert (mask == pattern.mask(queries)[:, found]).all()


def test_few_keys_are_in_reach_of_a_narrow_window():
    assert list(Pattern.sliding(10**6, 3).reach([500, 501])) == [499, 500, 501, 502]
    assert list(Pattern.longformer(10**6, 2, (7,)).reach([500])) == [7, 499, 500, 501]
    assert len(Pattern.vil(1000, 1000, 3).reach([5000])) == 3001
    assert len(Pattern.longformer(5000, 2, (7,)).reach([3, 7])) == 5000


class TestWiderThanTheText:
    @given(sequence_patterns())
    def test_keys_beyond_the_text_do_not_exist(self, pattern):
        apart = pattern.seq_len - 1
        wide = {band: band.clipped(-apart, apart) for band in pattern.bands}
        cut = Pattern(
            seq_len=pattern.seq_len,
            bands=tuple(band for band in wide.values() if band),
            global_tokens=pattern.global_tokens or (0,),
        )
        whole = Pattern(
            seq_len=pattern.seq_len, bands=pattern.bands, global_tokens=pattern.global_tokens or (0,)
        )
        assert (cut.pairs(), cut.overhang) == (whole.pairs(), 0)
        assert cut.disjoint_bands() == whole.disjoint_bands()

    @pytest.mark.parametrize("seq_len, half", [(200, 256), (16, 16), (1, 10**30)])
    def test_every_query_meets_every_key(self, seq_len, half):
        pattern = Pattern(seq_len=seq_len, bands=(Band(-half, half, 1),))
        assert pattern.pairs() == seq_len**2 == pattern.mask(range(seq_len)).sum()
        assert pattern.overhang == half - (seq_len - 1)

    def test_so_it_is_on_a_grid(self):
        wide = ((-10, 10**30), (-(10**30), 10))
        pattern = Pattern(seq_len=12, grid=(3, 4), window_2d=wide)
        assert pattern.pairs() == 144 == pattern.mask(range(12)).sum()
        assert pattern.overhang == 10**30 - 2

    def test_a_window_within_the_text_has_no_overhang(self):
        assert Pattern.longformer(4096, 512).overhang == Pattern.vil(56, 56, 15).overhang == 0
        assert Pattern.dense(9).overhang == Pattern(seq_len=3, global_tokens=(1,)).overhang == 0


def test_a_million_global_tokens_are_counted():
    tokens = (*range(0, 2**20, 2), *range(1, 2**20, 2))
    assert Pattern(seq_len=2**20, bands=(Band(-9, 9, 3),), global_tokens=tokens).pairs() == 2**40
    half = Pattern(seq_len=2**20, bands=(Band(0, 0, 1),), global_tokens=tokens[: 2**19])
    assert half.pairs() == 2**40 - 2**38 + 2**19  # all but pairs of two others, which meet themselves


def test_every_token_of_a_grid_may_be_global():
    tokens = tuple(range(2**16))
    grid = {"seq_len": 2**16, "grid": (256, 256), "window_2d": ((0, 0), (0, 0))}
    assert Pattern(**grid, global_tokens=tokens).pairs() == 2**32
    assert Pattern(**grid, global_tokens=tokens[1::2]).pairs() == 2**32 - 2**30 + 2**15


def test_more_bands_and_global_tokens_than_can_be_counted_are_refused():
    bands = tuple(Band(-(2**16) // d * d, 2**16 // d * d, d) for d in (101, 103, 107, 109, 113))
    pattern = Pattern(seq_len=2**16, bands=bands, global_tokens=tuple(range(2**15)))
    dims = {"heads": 1, "head_dim": 1, "seq_len": 2**16}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(window_bands, "MAX_MEETINGS", 2**17)
        beside = "beside 32768 global and sink tokens"
        wanted = f"bands must split into at most 4 bands without common offsets {beside}"
        with pytest.raises(TraceError, match=f"^{wanted}, not [0-9]+$"):
            pattern.pairs()
        with pytest.raises(TraceError, match="^attrs.bands must split"):
            macs("window_attention", dims, pattern.attrs())
    assert macs("window_attention", dims, pattern.attrs()) == 2 * pattern.pairs()


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


def test_strided_sparse_sees_its_neighbors_and_each_column():
    assert keys(Pattern.strided_sparse(40, 4, 8), 37) == [5, 13, 21, 29, 33, 34, 35, 36, 37]


@given(st.integers(1, 30), st.integers(1, 40), st.integers(1, 40))
def test_strided_sparse_is_that_of_the_paper(seq_len, local, stride):
    """Child et al. 2019: A1 = {t, ..., i} with t = max(0, i - l), A2 = {j <= i: (i - j) mod l = 0}."""
    tokens = range(seq_len)
    wanted = {(i, j) for i in tokens for j in range(i + 1) if i - j <= local or (i - j) % stride == 0}
    assert pairs_by_definition(Pattern.strided_sparse(seq_len, local, stride)) == wanted


def test_bigbird_is_a_window_and_its_first_tokens():
    assert Pattern.bigbird(64, 6, 2) == Pattern.longformer(64, 6, (0, 1))
    with pytest.raises(
        TraceError, match="^random_keys must be 0, as random keys are stated as blocks, not 3$"
    ):
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
            {"seq_len": 9, "grid": (3, 3), "window_2d": ((-9, -3), (0, 0))},
            "bands must reach some of the 3 rows, not [-9, -3]",
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
            "attrs.random_blocks is not supported: random keys are stated as blocks",
        ),
        (
            {"seq_len": 9},
            {"bands": [], "global_tokens": [0], "global_token": [1]},
            "attrs.global_token is not an attribute of window_attention; did you mean 'global_tokens' or 'sink_tokens'?",
        ),
        (
            {"seq_len": 9},
            {"bands": [[10**30, 10**31, 1]], "global_tokens": []},
            f"attrs.bands must reach some of the 9 tokens, not [{10**30}, {10**31}]",
        ),
        (
            {"seq_len": 9},
            {"bands": [[10**5000, 10**5001, 1]], "global_tokens": []},
            "attrs.bands must reach some of the 9 tokens, not a huge number",
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
