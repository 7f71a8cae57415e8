"""What a user of the library waits for: ``python -m benchmarks.bench_python``.

The import is of a fresh process each time, less what Python itself takes to start. Runs are in one process
with the kernels in the cache: the first loads them, the others are what a loop over settings pays.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable

REPEATS = 7


def times_of(work: Callable[[], object]) -> list[float]:
    """Return the seconds of each call of `work`."""
    times = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return sorted(times)


def start(code: str) -> None:
    """Run a fresh Python."""
    subprocess.run([sys.executable, "-c", code], check=True)


def row(name: str, times: list[float], target: str) -> None:
    """Print one line."""
    print(f"{name:34}{times[0]:8.3f}{times[len(times) // 2]:9.3f}   {target}")


def main() -> None:
    """Measure the import, then runs and what is made of them."""
    print(f"{'':34}{'s, best':>8}{'median':>9}   target")
    alone = times_of(lambda: start("pass"))[0]
    row("import tandemsim", [max(t - alone, 0) for t in times_of(lambda: start("import tandemsim"))], "0.1 s")

    import tandemsim as ts

    first = time.perf_counter()
    run = ts.run("vil-tiny")
    row("ts.run('vil-tiny'), first", [time.perf_counter() - first], "")
    row("ts.run('vil-tiny')", times_of(lambda: ts.run("vil-tiny")), "0.2 s")
    row("ts.run('longformer')", times_of(lambda: ts.run("longformer")), "")
    row("repr, summary", times_of(lambda: (repr(run), run.report.summary())), "")
    run._repr_html_()  # loads matplotlib
    row("picture for a notebook", times_of(run._repr_html_), "")


if __name__ == "__main__":
    main()
