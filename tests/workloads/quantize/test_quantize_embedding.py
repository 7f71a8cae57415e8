"""How near embeddings are to each other, and the sentences of the test."""

import numpy as np
import pytest

from tandemsim.workloads.quantize import sentences
from tandemsim.workloads.quantize.embedding import likeness


def on_sphere(seed, count=12):
    points = np.random.default_rng(seed).normal(size=(count, 5))
    return points / np.linalg.norm(points, axis=1, keepdims=True)


def test_equal_embeddings_are_alike():
    assert likeness(on_sphere(0), on_sphere(0)) == pytest.approx((1, 1))


def test_a_rotation_keeps_ranks_and_not_cosines():
    turn, _ = np.linalg.qr(np.random.default_rng(1).normal(size=(5, 5)))
    found = likeness(on_sphere(0) @ turn, on_sphere(0))
    assert found.ranks == pytest.approx(1, abs=1e-3) and found.cosine < 0.99


def test_ranks_are_spearmans_correlation():
    one, other = on_sphere(0), on_sphere(1)
    pairs = [(i, j) for i in range(12) for j in range(i + 1, 12)]
    ranks = []
    for points in (one, other):
        likes = [float(points[i] @ points[j]) for i, j in pairs]
        ranks.append([sum(each < like for each in likes) for like in likes])
    squares = sum((a - b) ** 2 for a, b in zip(*ranks, strict=True))
    n = len(pairs)
    assert likeness(one, other).ranks == pytest.approx(1 - 6 * squares / (n * (n * n - 1)))


def test_sentences_for_formats_are_not_those_of_the_test():
    known = sentences.sentences()
    assert len(set(known)) == len(known) == 48
    assert all(text.endswith((".", "?")) and text.isascii() for text in known)
