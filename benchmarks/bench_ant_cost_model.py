"""How long ANT's published cost model takes: ``python -m benchmarks.bench_ant_cost_model``.

The whole search: every layer of eight networks on six accelerators, one thread, in CPU seconds. The first
call finds an empty kernel cache and compiles; the second, in another process, loads its kernels; the last is
the search alone. The artifact takes 66 CPU seconds for ResNet18 on one of them, and would take 8,700 for all.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile

TARGET = 5.0  # CPU seconds
SCRIPT = """
import time
from tandemsim.sim.papers.ant.cost_model import simulate_all
start = time.process_time()
simulate_all()
first = time.process_time() - start
simulate_all()
print(first, time.process_time() - start - first)
"""


def search(cache: str) -> tuple[float, float]:
    """Return the CPU seconds of a first and a second search in a new process."""
    command = [sys.executable, "-c", SCRIPT]
    environment = os.environ | {"TANDEM_CACHE_DIR": cache, "NUMBA_NUM_THREADS": "1"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    first, second = done.stdout.split()
    return float(first), float(second)


def main() -> None:
    with tempfile.TemporaryDirectory() as cache:
        compiled, _ = search(cache)
        loaded, alone = search(cache)
    print(f"{'6 accelerators, 8 networks':38}{'CPU s':>8}   target {TARGET:g}")
    for name, seconds in (("compiling", compiled), ("loading kernels", loaded), ("alone", alone)):
        print(f"{name:38}{seconds:8.2f}")


if __name__ == "__main__":
    main()
