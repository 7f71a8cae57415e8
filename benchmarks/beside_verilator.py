"""Prints how many cycles a second a model and Verilator run, on the same tiles with values."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping

REPEATS = 7


def seconds(work: Callable[[], object]) -> float:
    """Return the median time of some runs."""
    times = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def show(title: str, model: float, rates: Mapping[str, float]) -> None:
    """Print the rates, cycles a second, of the model and of Verilator in its two ways."""
    print(f"{title}\n\n{'':28}{'cycles/s':>12}{'model over it':>16}")
    print(f"{'model, one thread':28}{model:12,.0f}")
    for name in ("driven by cocotb", "clock alone"):
        print(f"{'Verilator, ' + name:28}{rates[name]:12,.0f}{model / rates[name]:16,.0f}")
