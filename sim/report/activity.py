"""What a machine did over time, in bins: the data of the plots over time, and of a timeline's counters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from tandemsim.sim.report.rules import check

BINS = 512  # of the plots over time: about one a pixel

Integers = npt.NDArray[np.integer[Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Activity:
    """What the machine did over time, in bins of `bin_cycles` cycles; the run may end within the last.

    `macs`: useful multiply-accumulates; `dram_bytes`: bytes of read and write bursts. Both of shape (bins,).
    `heads`: the cycles in which the array turned to each head of attention, in ascending order.
    `busy`: by engine, the cycles in which it worked, of shape (bins,); of a machine with several.
    """

    bin_cycles: int
    macs: npt.NDArray[Any]
    dram_bytes: npt.NDArray[Any]
    heads: Integers = field(default_factory=lambda: np.array([], np.int64))
    busy: Mapping[str, npt.NDArray[Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        fits = self.bin_cycles > 0 and len(self.macs) == len(self.dram_bytes)
        check(fits, f"activity: {len(self.macs)} bins of MACs and {len(self.dram_bytes)} of DRAM bytes")
        for name, cycles in self.busy.items():
            check(
                len(cycles) == len(self.macs), f"activity: {len(cycles)} bins of {name} for {len(self.macs)}"
            )

    def starts(self) -> Integers:
        """Return the first cycle of each bin."""
        return np.arange(len(self.macs), dtype=np.int64) * self.bin_cycles

    def per_cycle(self, amounts: npt.NDArray[Any], cycles: int) -> npt.NDArray[np.float64]:
        """Return `amounts` per bin as rates, in a run of so many `cycles`."""
        lengths = np.minimum(self.starts() + self.bin_cycles, cycles) - self.starts()
        check(bool((lengths > 0).all()), f"activity: bins after the last cycle, {cycles}")
        return amounts / lengths


def bin_edges(cycles: int) -> Integers:
    """Return the edges of the bins of a run, [bins + 1], at most `BINS` bins of one length."""
    bin_cycles = max(1, -(-cycles // BINS))
    return np.arange(-(-cycles // bin_cycles) + 1, dtype=np.int64) * bin_cycles


def spread(
    amounts: npt.NDArray[Any], start: Integers, end: Integers, edges: Integers
) -> npt.NDArray[np.float64]:
    """Share amounts, each done evenly from start to end and one after the other, among bins."""
    if not len(amounts):
        return np.zeros(len(edges) - 1)
    total = np.cumsum(amounts)
    times = np.maximum.accumulate(np.stack((start, end), axis=1).ravel())
    done: npt.NDArray[np.float64] = np.interp(
        edges, times, np.stack((total - amounts, total), axis=1).ravel()
    )
    done = np.maximum(np.diff(done), 0)  # less than 0 by rounding alone
    return done
