"""Places: what a trace states of causal attention and windows is the definition, pair by pair."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tandemsim.traces.pattern import Pattern
from tandemsim.workloads.mask_patterns import Whole
from tandemsim.workloads.onnx.places import Places

FEW = st.none() | st.integers(0, 12)


@given(before=st.integers(-8, 8), left=FEW, right=FEW, q_len=st.integers(1, 9), kv_len=st.integers(1, 9))
def test_pattern_and_mask_are_the_definition(
    before: int, left: int | None, right: int | None, q_len: int, kv_len: int
) -> None:
    expected = np.zeros((q_len, kv_len), bool)
    for query, key in np.ndindex(q_len, kv_len):
        token = query + before
        in_left = left is None or key >= token - left
        expected[query, key] = in_left and (right is None or key <= token + right)
    places = Places(before, left, right)
    assert (places.mask(q_len, kv_len) == expected).all()
    found = places.pattern(q_len, kv_len)
    if not expected.any(axis=1).all():
        assert found is None
    elif isinstance(found, Pattern):
        assert (found.mask(range(q_len)) == expected).all()
        assert found.pairs() == expected.sum() < q_len * kv_len
    elif found is Whole.CAUSAL:
        assert q_len == kv_len and (expected == np.tril(expected | True)).all()
    else:
        assert found is Whole.DENSE and expected.all()
