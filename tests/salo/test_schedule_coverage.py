"""Every pair of a pattern is in exactly one PE, and no PE takes a pair outside it: against a brute-force
count.

The count reads the schedule as the array does, PE by PE, and shares no code with the scheduler; the pairs
that should be there come from the definition of the pattern (`traces.pattern.Pattern.mask`).
"""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, reject, settings
from hypothesis import strategies as st

from tandemsim.sim.arch.salo.config import GlobalProjections, SaloArray, SaloScheduling
from tandemsim.sim.salo.scheduling.schedule import GLOBAL, Schedule, schedule
from tandemsim.traces.errors import TraceError
from tandemsim.traces.pattern import Band, Blocks, Chunks, Pattern
from tests.examples import some_of


def times_computed(found: Schedule, array: SaloArray) -> tuple[np.ndarray, np.ndarray]:
    """Return how often the array computes each (query, key) pair, int [q_len, seq_len], and which slots of
    the stream it uses.
    """
    count = np.zeros((found.q_len, found.seq_len), int)
    used = np.zeros(found.slots.keys.shape, np.bool_)
    rows, width = array.rows, array.cols // array.column_segments
    for tile in range(found.tiles):
        queries = found.block_rows[found.block[tile]]
        for row in np.flatnonzero(queries >= 0):
            for col in range(array.cols):
                segment, place = divmod(col, width)
                slot = row + width - 1 - place
                key = found.slots.keys[tile, segment, slot]
                tags = found.slots.row_tag[tile, segment, row], found.slots.key_tag[tile, segment, slot]
                valid = found.slots.col_mask[tile, col] and found.slots.local_valid[tile, segment, slot]
                if valid and tags[0] == tags[1]:
                    count[queries[row], key] += 1
                    used[tile, segment, slot] = True
            for key in found.column_keys[tile]:
                if key >= 0:
                    count[queries[row], key] += 1
        for row, col in np.argwhere(found.row_keys.valid[tile]):
            key = found.row_keys.keys[tile, row, col]
            count[found.row_query[tile, row], key] += 1
            if not found.private_rows:
                segment, place = divmod(col, width)
                slot = rows - 1 + width - 1 - place
                assert found.slots.keys[tile, segment, slot] == key, "not in the stream"
                used[tile, segment, slot] = True
    return count, used


def assert_exact(
    pattern: Pattern, array: SaloArray, scheduling: SaloScheduling, *, separate: bool
) -> Schedule:
    """Schedule a pattern and hold it to the brute force."""
    found = schedule(pattern, array, scheduling, global_projections=separate)
    expected = pattern.mask(np.arange(pattern.q_len)).astype(int)
    count, used = times_computed(found, array)
    np.testing.assert_array_equal(count, expected)
    np.testing.assert_array_equal(found.slots.keys >= 0, used, "a key is streamed in vain")
    if array.column_segments > 1:  # chained, a segment has the keys of its first slots from the next segment
        left = found.slots.keys[~found.split, 0, : array.rows - 1]
        right = found.slots.keys[~found.split, 1, array.segment_cols :]
        assert ((left == right) | (left < 0) | (right < 0)).all(), "one place in the stream, two keys"
    assert found.pairs.sum() == expected.sum() == pattern.pairs()
    assert sorted(written(found)) == list(range(pattern.q_len))
    queries = [token - pattern.q_offset for token in pattern.global_tokens]
    on_rows = [query for query in queries if 0 <= query < pattern.q_len][: array.global_rows]
    assert set(found.row_query[found.row_query >= 0].tolist()) == set(on_rows), "an idle global row"
    return found


def written(found: Schedule) -> list[int]:
    """Return the queries whose outputs leave the array, once for each time."""
    tokens = []
    for block in found.block[found.last & ~found.spill[found.block]]:
        tokens += [int(query) for query in found.block_rows[block] if query >= 0]
    return tokens + found.row_query[found.row_last].tolist()


arrays = st.builds(
    lambda rows, width, segments, **rest: SaloArray(
        rows=rows, cols=width * segments, column_segments=segments, **rest
    ),
    rows=st.integers(1, 8),
    width=st.integers(1, 5),
    segments=st.sampled_from([1, 2]),
    global_rows=st.integers(0, 3),
    global_cols=st.integers(0, 3),
    global_projections=st.sampled_from(list(GlobalProjections)),
)
schedulings = st.builds(SaloScheduling, skip_masked=st.booleans(), leftover_keys=st.booleans())


@st.composite
def patterns_1d(draw: st.DrawFn) -> Pattern:
    seq_len = draw(st.integers(1, 60))
    bands = []
    for _ in range(draw(st.integers(0, 3))):
        dilation = draw(st.sampled_from([1, 1, 2, 3]))
        low = draw(st.integers(1 - seq_len, seq_len - 1))
        steps = draw(st.integers(0, (2 * seq_len - 1) // dilation))  # some reach beyond the sequence
        bands.append(Band(low, low + steps * dilation, dilation))
    least = 0 if bands else 1
    tokens = draw(st.lists(st.integers(0, seq_len - 1), min_size=least, max_size=6, unique=True))
    return Pattern(seq_len=seq_len, bands=tuple(bands), global_tokens=tuple(tokens))


@st.composite
def spans(draw: st.DrawFn, length: int) -> tuple[int, int]:
    """Some reach beyond what they slide over, which is at least half as long."""
    high = draw(st.integers(1 - length, min(length + 2, 3 * length - 2)))
    return draw(st.integers(high + 1 - 2 * length, min(high, length - 1))), high


@st.composite
def patterns_2d(draw: st.DrawFn) -> Pattern:
    height, width, outside = draw(st.integers(1, 8)), draw(st.integers(1, 8)), draw(st.integers(0, 2))
    seq_len = height * width + outside
    window = draw(spans(height)), draw(spans(width))
    inside = draw(st.lists(st.integers(0, seq_len - 1), max_size=3, unique=True))
    tokens = draw(st.permutations(sorted({*range(outside), *inside})))
    return Pattern(seq_len=seq_len, grid=(height, width), window_2d=window, global_tokens=tuple(tokens))


@st.composite
def bands(draw: st.DrawFn, seq_len: int, most: int) -> tuple[Band, ...]:
    found = []
    for _ in range(draw(st.integers(0, most))):
        dilation = draw(st.sampled_from([1, 1, 1, 2, 3]))
        steps = draw(st.integers(0, seq_len))
        high = draw(st.sampled_from([0, 0, 1, -3, seq_len // 2]))
        found.append(Band(high - steps * dilation, high, dilation))
    return tuple(found)


def tokens(seq_len: int, most: int) -> st.SearchStrategy[tuple[int, ...]]:
    some = st.lists(st.integers(0, seq_len - 1), max_size=most, unique=True)
    return st.one_of(some, st.integers(0, most).map(lambda count: range(min(count, seq_len)))).map(tuple)


def chunks(seq_len: int) -> st.SearchStrategy[Chunks | None]:
    sizes = st.integers(1, seq_len).flatmap(
        lambda size: st.builds(
            Chunks, st.just(size), st.integers(0, 2), st.integers(0, 2), st.integers(0, size - 1)
        )
    )
    return st.none() | sizes


@st.composite
def extended(draw: st.DrawFn) -> Pattern:
    """Bands, clamped ones and lists of blocks, of queries with an offset, cut by chunks and by causality."""
    seq_len = draw(st.integers(1, 50))
    q_len = draw(st.just(seq_len) | st.integers(1, 50))
    q_offset = draw(st.sampled_from([0, seq_len - q_len]) | st.integers(-5, 20))
    some = {
        "causal": draw(st.booleans()),
        "chunks": draw(chunks(seq_len)),
        "sink_tokens": draw(tokens(seq_len, 20)),
        "global_tokens": draw(st.just(()) | tokens(seq_len, 5)),
    }
    kind = draw(st.sampled_from(["bands", "clamped", "blocks"]))
    if kind == "bands":
        some["bands"] = draw(bands(seq_len, 3))
    elif kind == "clamped":
        dilation = draw(st.integers(1, max(1, seq_len // 2)))
        length = draw(st.integers(1, seq_len // dilation))
        shift = draw(st.integers(-length, 1))
        band = Band(shift * dilation, (shift + length - 1) * dilation, dilation)
        some |= {"bands": (band,), "clamped": True}
    else:
        query, key = draw(st.integers(1, 12)), draw(st.integers(1, 12))
        row = st.lists(st.integers(0, -(-seq_len // key) - 1), unique=True).map(tuple)
        rows = -(-q_len // query)
        listed = draw(st.lists(row, min_size=rows, max_size=rows).map(tuple))
        some["blocks"] = Blocks(query, key, listed)
    try:
        return Pattern(seq_len=seq_len, q_len=q_len, q_offset=q_offset, **some)
    except TraceError:  # a query without a key, a band beyond the text, nothing at all
        reject()


@st.composite
def neighborhoods(draw: st.DrawFn) -> Pattern:
    height, width, outside = draw(st.integers(1, 7)), draw(st.integers(1, 7)), draw(st.integers(0, 2))
    (low_y, high_y), (low_x, high_x) = (
        (low, low + draw(st.integers(0, side - 1)))
        for side in (height, width)
        for low in [draw(st.integers(1 - side, 1))]
    )
    seq_len = height * width + outside
    inside = draw(st.lists(st.integers(outside, seq_len - 1), max_size=2, unique=True))
    window = (low_y, high_y), (low_x, high_x)
    globals_ = (*range(outside), *inside)
    try:
        return Pattern(
            seq_len=seq_len, grid=(height, width), window_2d=window, global_tokens=globals_, clamped=True
        )
    except TraceError:
        reject()


@settings(max_examples=some_of(400), deadline=None, suppress_health_check=[HealthCheck.filter_too_much])
@given(extended() | neighborhoods(), arrays, schedulings)
def test_every_pair_of_a_language_model_s_pattern_is_computed_exactly_once(
    pattern: Pattern, array: SaloArray, scheduling: SaloScheduling
) -> None:
    assert_exact(pattern, array, scheduling, separate=False)


@settings(max_examples=some_of(250), deadline=None)
@given(patterns_1d() | patterns_2d(), arrays, schedulings, st.booleans())
# Key 5 lies in the band of query 3, whose image row is the last: no key may reach it through a global column.
@example(
    Pattern(seq_len=6, grid=(2, 3), window_2d=((1, 1), (-1, 1))),
    SaloArray(rows=2, cols=2),
    SaloScheduling(skip_masked=False),
    False,
)
# Four columns to the left of an image of three is the row before, or the one before that.
@example(
    Pattern(seq_len=9, grid=(3, 3), window_2d=((0, 1), (-4, 1))),
    SaloArray(rows=4, cols=8),
    SaloScheduling(),
    False,
)
# The key in the middle of a block's windows is global: another one must leave the stream.
@example(Pattern.longformer(64, 16, (28,)), SaloArray(rows=8, cols=8), SaloScheduling(), False)
def test_every_pair_is_computed_exactly_once(
    pattern: Pattern, array: SaloArray, scheduling: SaloScheduling, separate: bool
) -> None:
    found = assert_exact(pattern, array, scheduling, separate=separate)
    if not found.separate_rows:
        return
    for tile in range(found.tiles):
        queries = found.block_rows[found.block[tile]]
        for query in queries[queries >= 0]:
            assert (query in pattern.global_tokens) == (found.source[tile] == GLOBAL)
        if found.row_keys.valid[tile].any() and not found.private_rows:
            assert found.source[tile] == GLOBAL, "a global row met the keys of another projection"


@pytest.mark.parametrize("seq_len", [128, 100, 96])
@pytest.mark.parametrize("window", [32, 30, 16])
@pytest.mark.parametrize(("rows", "cols"), [(8, 8), (4, 8), (8, 16)])
def test_longformer_on_small_arrays_is_exact(seq_len: int, window: int, rows: int, cols: int) -> None:
    pattern = Pattern.longformer(seq_len, window, (0,))
    assert_exact(pattern, SaloArray(rows=rows, cols=cols), SaloScheduling(), separate=False)


@pytest.mark.parametrize(("side", "wrong", "share"), [(56, 43_848, 0.071), (28, 20_328, 0.153)])
def test_a_valid_bit_that_travels_with_the_key_would_let_wrong_pairs_in(
    side: int, wrong: int, share: float
) -> None:
    """On its diagonal a key meets queries from which the offset has wrapped round the edge of the image."""
    pattern = Pattern.vil(side, side, 15, 1)
    query, dy, dx = np.ogrid[: side * side, -7:8, -7:8]
    key = query + dy * side + dx
    wrapped = (key >= 0) & (key < side * side) & (key // side != query // side + dy)
    local = pattern.pairs() - 2 * side * side - 1
    assert wrapped.sum() == wrong
    assert wrong / local == pytest.approx(share, abs=0.0005)


@pytest.mark.parametrize("segments", [1, 2])
def test_the_image_row_tags_keep_out_wrapped_pairs_and_no_others(segments: int) -> None:
    """All local PEs of ViL 28 x 28: those whose key, row and column are valid, with and without the tags."""
    pattern, array = Pattern.vil(28, 28, 15, 1), SaloArray(column_segments=segments)
    found = schedule(pattern, array)
    queries = found.block_rows[found.block]
    kept = np.zeros((785, 785), int)
    out = 0
    for col in range(array.cols):
        segment, place = divmod(col, array.segment_cols)
        top = array.segment_cols - 1 - place
        met = np.s_[:, segment, top : top + array.rows]
        valid = found.slots.local_valid[met] & (queries >= 0) & found.slots.col_mask[:, col, None]
        agree = found.slots.row_tag[:, segment] == found.slots.key_tag[met]
        np.add.at(kept, (queries[valid & agree], found.slots.keys[met][valid & agree]), 1)
        out += (valid & ~agree).sum()
    np.testing.assert_array_equal(kept[1:, 1:], pattern.mask(np.arange(1, 785))[:, 1:])
    assert out > 0.1 * pattern.pairs()


def test_a_query_whose_keys_are_all_masked_is_still_written() -> None:
    pattern = Pattern(seq_len=40, bands=(Band(30, 39, 1),))
    found = schedule(pattern, SaloArray(rows=8, cols=8))
    assert sorted(found.block_rows[found.block[found.last]].ravel().tolist()) == list(range(40))


@pytest.mark.parametrize(
    ("pattern", "dilations"),
    [
        (Pattern.sliding(60, 9), {1}),
        (Pattern.dilated(70, 7, 3), {3}),
        (Pattern(seq_len=90, bands=(Band(-4, 4, 1), Band(-40, 40, 5))), {1, 5}),
        (Pattern.vil(9, 6, 5, 0), {1}),
    ],
)
def test_queries_and_keys_of_a_block_lie_one_dilation_apart(pattern: Pattern, dilations: set[int]) -> None:
    found = schedule(pattern, SaloArray(rows=4, cols=4), SaloScheduling(leftover_keys=False))
    for tile in range(found.tiles):
        block = found.block[tile]
        queries, keys = found.block_rows[block], found.slots.keys[tile, 0]
        for tokens in (queries[queries >= 0], keys[keys >= 0]):
            assert set(np.diff(tokens).tolist()) <= {found.dilation[block]}
    assert set(found.dilation[found.block].tolist()) == dilations


def test_two_bands_share_a_pass_and_the_third_has_its_segments_chained() -> None:
    height, width, rows = 9, 7, 8
    found = schedule(
        Pattern.vil(height, width, 3, 0), SaloArray(rows=rows, cols=8, column_segments=2, global_rows=0)
    )
    for tile in np.flatnonzero(~found.split):
        assert (found.slots.keys[tile, 1] >= 0).any()
    for block in range(len(found.block_rows) - 1):
        queries = found.block_rows[block][found.block_rows[block] >= 0]
        image_rows = set((queries // width).tolist())
        bands = sum(any(0 <= row + dy < height for row in image_rows) for dy in (-1, 0, 1))
        assert found.split[found.block == block].tolist().count(True) == bands // 2
        assert found.split[found.block == block].tolist().count(False) == bands % 2


def test_partial_results_wait_between_the_sweeps_of_a_strided_pattern() -> None:
    found = schedule(Pattern.strided_sparse(64, 8, 8), SaloArray(rows=4, cols=4))
    order = {}
    for tile in np.flatnonzero(found.first):
        block = found.block[tile]
        for query in found.block_rows[block]:
            order.setdefault(int(query), []).append((bool(found.restore[block]), bool(found.spill[block])))
    assert all(parts == [(False, True), (True, False)] for parts in order.values())
