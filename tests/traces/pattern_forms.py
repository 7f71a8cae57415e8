"""The definition of a pattern, pair by pair in plain Python, and patterns of every form at random."""

import itertools

from hypothesis import settings
from hypothesis import strategies as st

from tandemsim.traces.errors import TraceError
from tandemsim.traces.pattern import Band, Blocks, Chunks, Pattern
from tests.examples import some_of


def attends(pattern, query, key):
    """One pair by the words of the format, with nothing of the package but the fields."""
    token = query + pattern.q_offset
    if pattern.causal and key > token:
        return False
    if key in pattern.sink_tokens or {token, key} & set(pattern.global_tokens):
        return True
    if pattern.chunks:
        size, before, after, phase = pattern.chunks
        apart = (key + phase) // size - (token + phase) // size
        if not -before <= apart <= after:
            return False
    return in_window(pattern, query, token, key)


def in_window(pattern, query, token, key):
    if pattern.blocks:
        return key // pattern.blocks.key in pattern.blocks.rows[query // pattern.blocks.query]
    if pattern.grid:
        if min(token, key) < pattern.outside:
            return False
        places = zip(*(divmod(t - pattern.outside, pattern.grid[1]) for t in (token, key)), strict=True)
        sides = zip(places, pattern.grid, pattern.window_2d, strict=True)
        return all(
            seen in along(range(length), place, low, high, 1, pattern.clamped)
            for (place, seen), length, (low, high) in sides
        )
    if pattern.clamped:
        low, high, dilation = pattern.bands[0]
        return key in along(range(pattern.seq_len), token, low, high, dilation, clamped=True)
    return any(key - token in range(low, high + 1, dilation) for low, high, dilation in pattern.bands)


def along(places, place, low, high, step, clamped):
    """The places of a window; a clamped one is pushed inward, step by step, until all of it exists."""
    window = [place + offset for offset in range(low, high + 1, step)]
    while clamped and window[-1] > places[-1]:
        window = [seen - step for seen in window]
    while clamped and window[0] < 0:
        window = [seen + step for seen in window]
    return window


def pairs_of(pattern):
    every = itertools.product(range(pattern.q_len), range(pattern.seq_len))
    return {(query, key) for query, key in every if attends(pattern, query, key)}


class Fields:
    """The fields of a pattern that is refused, as an object."""

    def __init__(self, fields):
        blank = dict.fromkeys(("bands", "global_tokens", "sink_tokens"), ())
        blank.update(dict.fromkeys(("grid", "window_2d", "chunks", "blocks")))
        self.__dict__ = blank | {"q_offset": 0, "causal": False, "clamped": False} | fields


def tokens_of(seq_len):
    return st.lists(st.integers(0, seq_len - 1), unique=True, max_size=min(seq_len, 4)).map(tuple)


@st.composite
def band_windows(draw, seq_len, q_len):
    rows = st.tuples(st.integers(-14, 6), st.integers(0, 20), st.sampled_from([1, 1, 1, 2, 3, 5]))
    found = draw(st.lists(rows, min_size=1, max_size=3))
    return {"bands": tuple(Band(low, low + steps * step, step) for low, steps, step in found)}


@st.composite
def clamped_windows(draw, seq_len, q_len):
    step = draw(st.integers(1, min(seq_len, 4)))
    length = draw(st.integers(1, seq_len // step))
    low = step * draw(st.integers(-length - 1, 2))
    return {"bands": (Band(low, low + step * (length - 1), step),), "clamped": True}


@st.composite
def block_windows(draw, seq_len, q_len):
    query, key = draw(st.integers(1, 6)), draw(st.integers(1, 6))
    seen = st.lists(st.integers(0, (seq_len - 1) // key), unique=True, max_size=4).map(tuple)
    count = -(-q_len // query)
    rows = draw(st.lists(seen, min_size=count, max_size=count))
    return {"blocks": Blocks(query, key, tuple(rows))}


@st.composite
def chunks(draw):
    size = draw(st.integers(1, 9))
    return Chunks(size, draw(st.integers(0, 2)), draw(st.integers(0, 2)), draw(st.integers(0, size - 1)))


@st.composite
def fields_of(draw, *windows):
    """The fields of a pattern of every new kind, in all combinations."""
    seq_len = draw(st.integers(1, 24))
    q_len = draw(st.one_of(st.just(seq_len), st.integers(1, 24)))
    fields = {"seq_len": seq_len, "q_len": q_len}
    places = (st.just(0), st.just(seq_len - q_len), st.integers(0, seq_len), st.integers(-3, 27))
    fields["q_offset"] = draw(st.one_of(*places))
    fields |= draw(st.one_of([window(seq_len, q_len) for window in windows]))
    fields["causal"] = draw(st.booleans())
    fields["chunks"] = draw(st.one_of(st.none(), chunks(), chunks()))
    fields["sink_tokens"] = draw(st.one_of(st.just(()), tokens_of(seq_len)))
    fields["global_tokens"] = draw(st.one_of(st.just(()), tokens_of(seq_len)))
    return fields


@st.composite
def clamped_grids(draw):
    height, width, outside = draw(st.integers(1, 6)), draw(st.integers(1, 6)), draw(st.integers(0, 2))
    inside = draw(st.lists(st.integers(outside, outside + height * width - 1), unique=True, max_size=5))
    window = []
    for length in (height, width):
        low = draw(st.integers(1 - length, length - 1))
        window.append((low, low + draw(st.integers(0, length - 1))))
    return Pattern(
        seq_len=outside + height * width,
        grid=(height, width),
        window_2d=tuple(window),
        global_tokens=(*range(outside), *inside),
        clamped=True,
    )


WINDOWS = {"bands": band_windows, "clamped": clamped_windows, "blocks": block_windows}
any_fields = fields_of(*WINDOWS.values())


NEW = ("q_offset", "causal", "chunks", "sink_tokens", "clamped", "blocks")
EMPTY = "must let each query see a key, and query"


def refusal(fields):
    """What is wrong with some fields; an empty text if nothing is."""
    try:
        Pattern(**fields)
    except TraceError as error:
        return str(error)
    return ""


def pattern_or_none(fields):
    return None if refusal(fields) else Pattern(**fields)


valid = any_fields.map(pattern_or_none).filter(lambda pattern: pattern is not None)
patterns = st.one_of(valid, valid, valid, clamped_grids())
many = settings(max_examples=some_of(200))  # a fault shows in few of all the combinations
