"""Arrivals: their laws, common random numbers, and files of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tandemsim.sim.arch.checks import ConfigError, UserError
from tandemsim.sim.serving.queries import bursty, poisson, replayed

NAMES = ("resnet50", "googlenet")


def test_poisson_gaps_have_mean_and_deviation_one() -> None:
    gaps = np.diff(poisson([1.0], 200_000, 1).unit_seconds, prepend=0.0)
    assert gaps.mean() == pytest.approx(1, abs=0.01)
    assert gaps.std() == pytest.approx(1, abs=0.02)
    assert np.corrcoef(gaps[1:], gaps[:-1])[0, 1] == pytest.approx(0, abs=0.01)


def test_networks_come_by_their_shares() -> None:
    queries = poisson([0.2, 0.5, 0.3], 100_000, 2)
    assert np.bincount(queries.network) / 1e5 == pytest.approx([0.2, 0.5, 0.3], abs=0.01)


def test_the_same_seed_gives_the_same_queries_and_more_of_them_begin_alike() -> None:
    first, again, other = (poisson([0.5, 0.5], 100, seed) for seed in (1, 1, 2))
    assert np.array_equal(first.unit_seconds, again.unit_seconds)
    assert np.array_equal(first.network, again.network)
    assert not np.array_equal(first.unit_seconds, other.unit_seconds)


def test_bursts_keep_the_mean_rate_and_vary_more() -> None:
    """Counts within windows much longer than a burst vary more than those of a Poisson process."""
    count = 400_000
    queries = bursty([1.0], count, 3, ratio=6.0, calm=0.8, burst=50.0)
    assert queries.unit_seconds[-1] / count == pytest.approx(1, abs=0.05)
    assert (np.diff(queries.unit_seconds) >= 0).all()
    counts = np.bincount((queries.unit_seconds // 200).astype(int))[:-1]
    assert counts.var() / counts.mean() > 5
    calm = bursty([1.0], count, 3, ratio=1.0)
    counts = np.bincount((calm.unit_seconds // 200).astype(int))[:-1]
    assert counts.var() / counts.mean() == pytest.approx(1, abs=0.15)


def test_a_replayed_file_keeps_its_times_at_its_own_load(tmp_path: Path) -> None:
    path = tmp_path / "queries.csv"
    path.write_text("seconds,network\n10.0,googlenet\n10.5,resnet50\n\n12,resnet50\n")
    queries, load = replayed(path, NAMES)
    assert load == 1.0  # two gaps in two seconds
    assert list(queries.unit_seconds / load) == [0.0, 0.5, 2.0]
    assert list(queries.network) == [1, 0, 0]


@pytest.mark.parametrize(
    "text, message",
    [
        ("", "a load needs two queries at different times, not 0"),
        ("time,model\n", "line 1: the header must be seconds,network, not 'time,model'"),
        ("seconds,network\n0,resnet50\n", "a load needs two queries at different times, not 1"),
        (
            "seconds,network\n0,resnet50\nx,resnet50\n",
            "line 3, field seconds: must be a finite number, not 'x'",
        ),
        ("seconds,network\n0,resnet50\nnan,resnet50\n", "line 3, field seconds: must be a finite number"),
        (
            "seconds,network\n1,resnet50\n0.5,resnet50\n",
            "line 3, field seconds: may not fall, from 1.0 to 0.5",
        ),
        (
            "seconds,network\n1,resnet\n",
            "line 2, field network: must be one of resnet50, googlenet, not 'resnet'",
        ),
        ("seconds,network\n1\n", "line 2: a query has the fields seconds and network, not 1 field"),
        (
            "seconds,network\n1,resnet50,3\n",
            "line 2: a query has the fields seconds and network, not 3 fields",
        ),
    ],
)
def test_a_malformed_file_is_one_line_with_its_place(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "queries.csv"
    path.write_text(text)
    with pytest.raises(UserError) as raised:
        replayed(path, NAMES)
    assert message in str(raised.value)
    assert str(path) in str(raised.value)
    assert "\n" not in str(raised.value)


def test_files_that_are_not_text_or_not_there_are_refused(tmp_path: Path) -> None:
    (tmp_path / "binary").write_bytes(b"seconds,network\n\xff\xfe,\n")
    for name in ("binary", "missing"):
        with pytest.raises(UserError, match=name):
            replayed(tmp_path / name, NAMES)


@pytest.mark.parametrize("shares", [[], [0.5, 0.6], [1.5, -0.5]])
def test_shares_must_add_up(shares: list[float]) -> None:
    with pytest.raises(ConfigError, match="shares"):
        poisson(shares, 10, 1)


def test_bursts_and_counts_are_checked() -> None:
    with pytest.raises(ConfigError, match="number of queries"):
        poisson([1.0], 0, 1)
    with pytest.raises(ConfigError, match="calm share"):
        bursty([1.0], 10, 1, calm=1.0)
    with pytest.raises(ConfigError, match="ratio"):
        bursty([1.0], 10, 1, ratio=0.5)
