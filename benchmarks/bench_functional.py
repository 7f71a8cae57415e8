"""Seconds of the functional run of one Longformer layer: ``python -m benchmarks.bench_functional``.

12 heads of 64, 4096 tokens, 513 keys and one global token with projections of its own. *array* is
quantization and the fixed-point array, on one thread and on all; *compared* is the whole run, float64 softmax
attention included. Simulated cycles are those of the array without memory, of all heads one after the other.
"""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable
from dataclasses import replace

from tandemsim.sim.arch.salo.config import SaloConfig
from tandemsim.sim.arch.salo.numerics import NUMERICS, Normalisation
from tandemsim.sim.arch.salo.presets import SALO
from tandemsim.sim.salo.scheduling.schedule import Schedule, schedule
from tandemsim.sim.salo.values.functional import attend, run
from tandemsim.sim.salo.values.tensors import Tensors, random_tensors
from tandemsim.traces.pattern import Pattern

HEADS, SEQ_LEN, HEAD_DIM, WINDOW = 12, 4096, 64, 512  # Longformer-base-4096
REPEATS = 3
SEED = 0


def seconds(work: Callable[[], object]) -> float:
    """Return the median time of `work`."""
    times = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def report(name: str, config: SaloConfig, plan: Schedule, pattern: Pattern, tensors: Tensors) -> None:
    """Print one line of the table."""
    tokens = pattern.global_tokens
    one_thread = seconds(lambda: attend(plan, tokens, tensors, config, threads=1))
    all_threads = seconds(lambda: attend(plan, tokens, tensors, config))
    compared = seconds(lambda: run(plan, pattern, tensors, config))
    cycles = config.array.total_cycles(plan.tiles * tensors.heads, tensors.head_dim)
    print(f"{name:22}{one_thread:10.2f}{all_threads:10.2f}{compared:10.2f}{cycles / one_thread / 1e6:16.2f}")


def main() -> None:
    """Measure both presets of number formats, both normalizations."""
    pattern = Pattern.longformer(SEQ_LEN, WINDOW)
    plan = schedule(pattern, SALO.array, global_projections=True)
    tensors = random_tensors(HEADS, SEQ_LEN, HEAD_DIM, seed=SEED, global_tokens=1)
    threads = f"{os.cpu_count()} threads"
    print(f"{'seconds per layer':22}{'1 thread':>10}{threads:>10}{'compared':>10}{'Mcycles/s':>16}")
    for name, numerics in NUMERICS.items():
        for normalisation in Normalisation:
            array = replace(SALO.array, normalisation=normalisation)
            config = replace(SALO, array=array, numerics=numerics)
            attend(plan, pattern.global_tokens, tensors.head(0), config)  # compiles
            report(f"{name} {normalisation.value}", config, plan, pattern, tensors)


if __name__ == "__main__":
    main()
