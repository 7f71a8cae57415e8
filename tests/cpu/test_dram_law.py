"""The two numbers that the CPU's model has of its DRAM, against streams replayed on the DRAM model."""

import numpy as np
import pytest

from tandemsim.sim.arch.cpu.presets import THREADRIPPER_3990X
from tests.cpu.dram_streams import added_seconds, fitted_queueing, streams, sustained_share
from tests.examples import WHOLE

LINES = 100_000 if WHOLE else 70_000
LOADS = np.array([0.1, 0.22, 0.34, 0.44, 0.56, 0.67, 0.78, 0.89])
WRITES = (0.0, 0.25)  # shares of streams that write


@pytest.fixture(scope="module")
def measured() -> list[tuple[float, np.ndarray]]:
    """The sustained share of the peak, and the latency added at each load, without writes and with some."""
    found = []
    for writes in WRITES:
        traffic = streams(LINES, writes)
        share = sustained_share(THREADRIPPER_3990X.dram, traffic)
        added = added_seconds(THREADRIPPER_3990X.dram, traffic, LOADS, share)
        print(f"writes {writes}: {share:.3f} of the peak, added ns {(added * 1e9).round(1).tolist()}")
        found.append((share, added))
    return found


def test_the_sustained_bandwidth_is_that_of_streams_with_and_without_writes(
    measured: list[tuple[float, np.ndarray]],
) -> None:
    reads, mixed = (share for share, _ in measured)
    assert mixed < reads
    assert THREADRIPPER_3990X.dram_sustained == pytest.approx((reads + mixed) / 2, abs=0.02)


def test_the_queueing_law_lies_between_reads_alone_and_mixed_streams(
    measured: list[tuple[float, np.ndarray]],
) -> None:
    idle = THREADRIPPER_3990X.dram_latency_seconds
    reads, mixed = (fitted_queueing(LOADS, added, idle) for _, added in measured)
    print(f"gamma {reads:.3f} ... {mixed:.3f}")
    assert reads <= THREADRIPPER_3990X.queueing <= mixed + 0.01


def test_latency_rises_with_the_load(measured: list[tuple[float, np.ndarray]]) -> None:
    for _, added in measured:
        assert (np.diff(added) > 0).all() and added[0] > 0
