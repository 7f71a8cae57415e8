"""Offsets, causality, chunks, sink tokens, clamped windows and blocks: each against its definition."""

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tandemsim.traces import pairs, window_bands
from tandemsim.traces.errors import TraceError
from tandemsim.traces.pattern import Pattern, _pairs
from tests.traces.pattern_forms import (
    EMPTY,
    NEW,
    Fields,
    any_fields,
    attends,
    band_windows,
    fields_of,
    many,
    pairs_of,
    pattern_or_none,
    patterns,
    refusal,
)


@many
@given(patterns)
def test_count_is_that_of_the_definition(pattern):
    assert pattern.pairs() == len(pairs_of(pattern))


@many
@given(patterns)
def test_count_in_small_steps_and_of_many_tokens_is_that_of_the_definition(pattern):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(window_bands, "FEW", 0)
        patch.setattr(pairs, "AT_ONCE", 5)
        _pairs.cache_clear()
        assert pattern.pairs() == len(pairs_of(pattern))
    _pairs.cache_clear()


@many
@given(patterns)
def test_mask_is_that_of_the_definition(pattern):
    mask = pattern.mask(range(pattern.q_len))
    assert mask.shape == (pattern.q_len, pattern.seq_len)
    assert {(int(query), int(key)) for query, key in zip(*mask.nonzero(), strict=True)} == pairs_of(pattern)


@given(patterns, st.data())
def test_keys_that_are_attended_are_in_reach(pattern, data):
    queries = data.draw(st.lists(st.integers(0, pattern.q_len - 1), max_size=4))
    found = pattern.reach(queries)
    assert list(found) == sorted(set(found.tolist()) & set(range(pattern.seq_len)))
    assert {key for query, key in pairs_of(pattern) if query in queries} <= set(found.tolist())
    assert (pattern.mask(queries, found) == pattern.mask(queries)[:, found]).all()


@given(patterns)
def test_density_is_the_share_of_queries_and_keys(pattern):
    assert pattern.density == len(pairs_of(pattern)) / (pattern.q_len * pattern.seq_len)


@given(patterns)
def test_pattern_survives_an_op(pattern):
    assert Pattern.from_statement(pattern.dims(), pattern.attrs()) == pattern
    if not pattern.is_extended:
        assert set(pattern.attrs()) == {"bands", "global_tokens"}


@given(patterns)
def test_pattern_of_lists_is_that_of_tuples(pattern):
    fields = {name: getattr(pattern, name) for name in pattern.__dataclass_fields__}
    if pattern.chunks:
        fields["chunks"] = list(pattern.chunks)
    if pattern.blocks:
        fields["blocks"] = [*pattern.blocks[:2], [list(row) for row in pattern.blocks.rows]]
    fields["sink_tokens"] = list(pattern.sink_tokens)
    assert Pattern(**fields) == pattern and hash(Pattern(**fields)) == hash(pattern)


@many
@given(any_fields)
def test_first_query_without_a_key_is_named(fields):
    """A pattern of the new fields is refused for a query that sees nothing, and for no other."""
    view = Fields(fields)
    seen = [any(attends(view, query, key) for key in range(view.seq_len)) for query in range(view.q_len)]
    said = refusal(fields)
    assume(not said or "sees none" in said)  # those that break another rule
    grown = view.q_len != view.seq_len or any(getattr(view, name) for name in NEW)
    field = "blocks" if view.blocks else "bands"
    empty = grown and not all(seen)
    assert said == (f"{field} {EMPTY} {seen.index(False)} sees none" if empty else "")


@given(st.integers(1, 12), st.data())
def test_empty_queries_of_an_old_statement_are_listed(seq_len, data):
    low = data.draw(st.integers(1 - seq_len, seq_len - 1))
    high = data.draw(st.integers(low, seq_len - 1))
    pattern = Pattern(seq_len=seq_len, bands=((low, high, 1),))
    wanted = [
        query for query in range(seq_len) if not any(attends(pattern, query, k) for k in range(seq_len))
    ]
    assert pattern.empty_queries().tolist() == wanted
    assert pattern.empty_queries(2).tolist() == wanted[:2]


@given(fields_of(band_windows).map(pattern_or_none))
def test_disjoint_bands_hold_each_offset_that_is_seen_once(pattern):
    assume(pattern is not None and not pattern.sink_tokens and not pattern.global_tokens)
    found = [offset for low, high, step in pattern.disjoint_bands() for offset in range(low, high + 1, step)]
    assert len(found) == len(set(found))
    seen = {key - query - pattern.q_offset for query, key in pairs_of(pattern)}
    assert seen <= set(found)
    if not pattern.chunks:
        assert seen == set(found)


def test_a_window_that_is_not_a_set_of_offsets_has_no_disjoint_bands():
    for pattern, field in (
        (Pattern.neighborhood(5, 6, 3), "grid"),
        (Pattern(seq_len=9, bands=((-1, 1, 1),), clamped=True), "clamped"),
        (Pattern.block_sparse(8, 4, 4, [[0], [1]]), "blocks"),
    ):
        with pytest.raises(TraceError, match=f"^{field} must be "):
            pattern.disjoint_bands()


class TestConstructors:
    @given(st.integers(1, 30), st.integers(1, 40), st.integers(0, 4))
    def test_causal_window_is_the_query_and_those_before_it(self, seq_len, window, sinks):
        sinks = min(sinks, seq_len)
        wanted = {
            (query, key)
            for query in range(seq_len)
            for key in range(query + 1)
            if query - key < window or key < sinks
        }
        assert pairs_of(Pattern.causal_window(seq_len, window, sinks)) == wanted

    @given(st.integers(1, 30), st.integers(1, 40), st.integers(1, 30), st.integers(0, 3))
    def test_last_queries_of_a_causal_window_are_its_last_rows(self, seq_len, window, q_len, sinks):
        """A decode step, and a chunk of a prefill."""
        q_len, sinks = min(q_len, seq_len), min(sinks, seq_len)
        offset = seq_len - q_len
        whole = pairs_of(Pattern.causal_window(seq_len, window, sinks))
        part = Pattern.causal_window(seq_len, window, sinks, q_len=q_len, q_offset=offset)
        assert pairs_of(part) == {(query - offset, key) for query, key in whole if query >= offset}
        assert part.pairs() == len(pairs_of(part))

    @given(st.integers(1, 30), st.integers(1, 12), st.booleans())
    def test_chunked_sees_its_own_chunk(self, seq_len, size, causal):
        wanted = {
            (query, key)
            for query in range(seq_len)
            for key in range(seq_len)
            if query // size == key // size and (key <= query or not causal)
        }
        assert pairs_of(Pattern.chunked(seq_len, size, causal)) == wanted

    def test_neighborhood_sees_as_many_keys_from_everywhere(self):
        """Hassani et al. 2023, figure 2: a corner of a grid sees the same 3 x 3 tokens as its neighbor."""
        pattern = Pattern.neighborhood(5, 6, 3)
        mask = pattern.mask(range(30))
        assert set(mask.sum(axis=1)) == {9} and pattern.pairs() == 270
        assert (mask[0] == mask[7]).all() and (mask[0] == mask[1]).all() and (mask[29] == mask[22]).all()
        assert mask[7].nonzero()[0].tolist() == [0, 1, 2, 6, 7, 8, 12, 13, 14]

    def test_prefix_that_all_see_is_sink_tokens_without_causality(self):
        """A prefix LM: the first tokens see one another in both directions, the rest what is before it."""
        pattern = Pattern(seq_len=7, bands=((-6, 0, 1),), sink_tokens=range(3))
        wanted = {(query, key) for query in range(7) for key in range(7) if key <= query or key < 3}
        assert pairs_of(pattern) == wanted

    def test_random_blocks_are_those_that_are_given(self):
        rows = [[0, 1, 3], [1, 0], [2, 3, 0], [3]]
        pattern = Pattern.block_sparse(14, 4, 4, rows)
        wanted = {(query, key) for query in range(14) for key in range(14) if key // 4 in rows[query // 4]}
        assert pairs_of(pattern) == wanted and pattern.pairs() == len(wanted)


@pytest.mark.parametrize(
    "pattern, count",
    [
        # a window of W keys over n causal tokens: W n less what the first W - 1 lack
        (Pattern.causal_window(8192, 4096), 4096 * 8192 - 4096 * 4095 // 2),
        (Pattern.causal_window(8192, 128), 128 * 8192 - 128 * 127 // 2),
        (Pattern.causal_window(8192, 8192), 8192 * 8193 // 2),
        (Pattern.causal_window(2**24, 2**24), 2**23 * (2**24 + 1)),
        (Pattern.causal_window(131_072, 4096, q_len=1, q_offset=131_071), 4096),
        # 4 sinks beyond the window of all but the first W queries, and fewer of the next
        (Pattern.causal_window(8192, 128, 4), 128 * 8192 - 128 * 127 // 2 + 4 * (8192 - 128) - 6),
        (Pattern.chunked(32_768, 8192), 4 * 8192 * 8193 // 2),
        (Pattern.chunked(20_000, 8192), 2 * 8192 * 8193 // 2 + 3616 * 3617 // 2),
        (Pattern.neighborhood(56, 56, 7), 56 * 56 * 49),
        (Pattern(seq_len=2**20, bands=((-6, 6, 2),), clamped=True), 7 * 2**20),
        (Pattern.block_sparse(2**20, 64, 64, [[row] for row in range(2**14)]), 2**20 * 64),
    ],
)
def test_published_patterns_have_their_pairs(pattern, count):
    assert pattern.pairs() == count


def test_the_largest_sizes_hold_the_whole_sequence():
    """Nothing overflows: chunks and blocks may be larger than any sequence."""
    most, n = 2**31 - 1, 2**24
    band = ((-(10**30), 0, 1),)
    for sizes in ((most,), (most, most, most, most - 1), (n, 0, 0, 0)):
        assert Pattern(seq_len=n, bands=band, chunks=sizes).pairs() == n * (n + 1) // 2
    assert Pattern.block_sparse(n, most, most, [[0]]).pairs() == n * n
    assert Pattern(seq_len=n, bands=band, q_len=1, q_offset=n, causal=True).pairs() == n


def test_a_window_that_is_cut_off_says_how_far_it_reaches():
    assert Pattern.causal_window(2048, 4096).overhang == 2048
    assert Pattern.causal_window(2048, 4096, q_len=1, q_offset=2047).overhang == 2048
    assert Pattern.causal_window(4096, 4096, q_len=1, q_offset=4095).overhang == 0
    assert Pattern.neighborhood(5, 5, 5).overhang == Pattern.block_sparse(4, 2, 2, [[0], [1]]).overhang == 0


def test_few_keys_are_in_reach_of_a_narrow_window():
    causal = Pattern.causal_window(10**6, 3, sinks=1)
    assert list(causal.reach([500, 501])) == [0, 498, 499, 500, 501]
    assert list(Pattern.chunked(10**6, 100).reach([250])) == list(range(200, 251))
    clamped = Pattern(seq_len=10**6, bands=((-1, 1, 1),), clamped=True)
    assert list(clamped.reach([0])) == [0, 1, 2]
    assert list(Pattern.block_sparse(10**4, 10**4, 10, [[3, 7]]).reach([5])) == [
        *range(30, 40),
        *range(70, 80),
    ]


def test_global_tokens_of_a_causal_pattern_see_what_is_before_them():
    pattern = Pattern(seq_len=6, bands=((0, 0, 1),), global_tokens=(0, 3), causal=True)
    assert pairs_of(pattern) == {(0, 0), (1, 0), (1, 1), (2, 0), (2, 2), (3, 0), (3, 1), (3, 2), (3, 3)} | {
        (query, key) for query in (4, 5) for key in (0, 3, query)
    }
