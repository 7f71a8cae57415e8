"""What of the new fields of a pattern is refused, in which words: as fields, and as an op states them."""

import pytest

from tandemsim.traces.errors import TraceError
from tandemsim.traces.pattern import Pattern

REFUSED = [
    ({"q_len": -1}, "q_len must be an integer in 1..16777216, not -1"),
    ({"q_len": 2**24 + 1}, "q_len must be an integer in 1..16777216, not 16777217"),
    ({"q_offset": 2**24 + 1}, "q_offset must be an integer in -16777216..16777216, not 16777217"),
    ({"q_offset": "9"}, "q_offset must be an integer in -16777216..16777216, not '9'"),
    ({"q_offset": 9}, "bands must reach some of the 9 tokens, not [0, 0]"),
    ({"q_offset": 5}, "bands must let each query see a key, and query 4 sees none"),
    ({"q_offset": -2}, "bands must let each query see a key, and query 0 sees none"),
    ({"causal": 1}, "causal must be true or false, not 1"),
    ({"clamped": "yes"}, "clamped must be true or false, not 'yes'"),
    ({"sink_tokens": (9,)}, "sink_tokens must be indices in 0..8, not 9"),
    ({"sink_tokens": (1, 1)}, "sink_tokens must name each token once, not 1 twice"),
    ({"chunks": ()}, "chunks must be (size, before, after, phase), not []"),
    ({"chunks": (0,)}, "chunks must have a positive size, not [0, 0, 0, 0]"),
    ({"chunks": (4, -1)}, "chunks must see 0 or more chunks before and after, not [4, -1, 0, 0]"),
    ({"chunks": (4, 0, 0, 4)}, "chunks must have a phase in 0..3, not [4, 0, 0, 4]"),
    ({"chunks": (2**31,)}, "chunks must hold numbers up to 2147483647, not [2147483648, 0, 0, 0]"),
    ({"chunks": (4, 10**30)}, f"chunks must hold numbers up to 2147483647, not [4, {10**30}, 0, 0]"),
    (
        {"bands": (), "blocks": (10**30, 3, [[0]])},
        f"blocks.query must be an integer in 1..2147483647, not {10**30}",
    ),
    ({"chunks": (4, 0.5)}, "chunks must hold integers, not [4, 0.5, 0, 0]"),
    (
        {"clamped": True, "bands": ((0, 0, 1), (2, 2, 1))},
        "bands must be one band where the border is clamped, not 2",
    ),
    (
        {"clamped": True, "bands": ((-3, 3, 2),)},
        "bands must hold multiples of the dilation where the border is clamped, not [-3, 3, 2]",
    ),
    (
        {"clamped": True, "bands": ((-5, 4, 1),)},
        "bands must hold at most 9 keys, as the window is moved inward and not cut off, not [-5, 4, 1]",
    ),
    (
        {"clamped": True, "bands": ((-4, 4, 2),)},
        "bands must hold at most 4 keys, as the window is moved inward and not cut off, not [-4, 4, 2]",
    ),
    (
        {"bands": (), "grid": (3, 3), "window_2d": ((-2, 1), (0, 0)), "clamped": True},
        "bands must hold at most 3 rows, as the window is moved inward and not cut off, not [-2, 1]",
    ),
    (
        {"bands": (), "grid": (3, 3), "window_2d": ((0, 0), (0, 0)), "causal": True},
        "causal must be left out on a grid",
    ),
    (
        {"bands": (), "grid": (3, 3), "window_2d": ((0, 0), (0, 0)), "q_len": 4},
        "q_len must be left out on a grid",
    ),
    ({"blocks": (3, 3, [[0]] * 3)}, "bands must be left out beside blocks"),
    (
        {"bands": (), "blocks": (3, 3, [[0]] * 3), "clamped": True},
        "clamped must be left out beside blocks",
    ),
    ({"bands": (), "blocks": (0, 3, [[0]])}, "blocks.query must be an integer in 1..2147483647, not 0"),
    ({"bands": (), "blocks": (3, 0, [[0]])}, "blocks.key must be an integer in 1..2147483647, not 0"),
    (
        {"bands": (), "blocks": (4, 3, [[0]])},
        "blocks.rows must be 3 rows, one for each 4 of 9 queries, not 1",
    ),
    (
        {"bands": (), "blocks": (3, 3, [[0], [3], [0]])},
        "blocks.rows[1] must be blocks in 0..2, not 3",
    ),
    ({"bands": (), "blocks": (3, 3, [[0], [1, 1], [0]])}, "blocks.rows[1] must name each block once"),
    (
        {"bands": (), "blocks": (3, 3, [[0], [], [0]])},
        "blocks must let each query see a key, and query 3 sees none",
    ),
    (
        {"bands": ((1, 1, 1),), "q_len": 8, "causal": True},
        "bands must let each query see a key, and query 0 sees none",
    ),
    ({"bands": ((-4, -2, 1),), "q_offset": 1}, "bands must let each query see a key, and query 0 sees none"),
]


@pytest.mark.parametrize("fields, message", REFUSED)
def test_impossible_pattern_is_refused(fields, message):
    with pytest.raises(TraceError) as caught:
        Pattern(**{"seq_len": 9, "bands": ((0, 0, 1),)} | fields)
    assert str(caught.value) == message


STATED = [
    ({"q_len": 0}, {}, "dims.q_len must be a positive integer, not 0"),
    ({"q_len": (1,)}, {}, "dims.q_len must be an integer, not (1,)"),
    ({}, {"q_offset": 1.5}, "attrs.q_offset must be an integer, not 1.5"),
    ({}, {"q_offset": 9}, "attrs.bands must reach some of the 9 tokens, not [0, 0]"),
    ({}, {"causal": None}, "attrs.causal must be true or false, not None"),
    ({}, {"chunks": 4}, "attrs.chunks must be [size, before, after, phase], not 4"),
    ({}, {"chunks": [4, 0, 0]}, "attrs.chunks must be [size, before, after, phase], not [4, 0, 0]"),
    ({}, {"sink_tokens": 0}, "attrs.sink_tokens must be [index, ...], not 0"),
    ({}, {"sink_tokens": [9]}, "attrs.sink_tokens must be indices in 0..8, not 9"),
    ({}, {"border": "mirrored"}, "attrs.border must be clamped, or left out, not 'mirrored'"),
    (
        {},
        {"border": "clamped", "bands": []},
        "attrs.bands must be one band where the border is clamped, not 0",
    ),
    (
        {},
        {"blocks": [3, 3, []]},
        'attrs.blocks must be {"query": queries, "key": keys, "rows": [[block, ...], ...]}, not [3, 3, []]',
    ),
    (
        {},
        {"bands": [], "blocks": {"query": 3, "key": "3", "rows": []}},
        "attrs.blocks.key must be an integer, not '3'",
    ),
    (
        {},
        {"bands": [], "blocks": {"query": 3, "key": 3, "rows": 5}},
        "attrs.blocks.rows must be [[block, ...], ...], not 5",
    ),
    (
        {},
        {"bands": [], "blocks": {"query": 9, "key": 3, "rows": [[4]]}},
        "attrs.blocks.rows[0] must be blocks in 0..2, not 4",
    ),
    (
        {},
        {"bands": [], "blocks": {"query": 3, "key": 3, "rows": [[0], [], [0]]}},
        "attrs.blocks must let each query see a key, and query 3 sees none",
    ),
    (
        {"q_len": 2},
        {"bands": [[-3, -1, 1]]},
        "attrs.bands must let each query see a key, and query 0 sees none",
    ),
]


@pytest.mark.parametrize("dims, attrs, message", STATED)
def test_impossible_statement_names_its_field(dims, attrs, message):
    stated = {"bands": [[0, 0, 1]], "global_tokens": []} | attrs
    with pytest.raises(TraceError) as caught:
        Pattern.from_statement({"seq_len": 9} | dims, stated)
    assert str(caught.value) == message
