"""Speed of the served machine, medium mix, 64 cores: ``python -m benchmarks.bench_serving [QUERIES]``.

Each policy serves the same Poisson arrivals at half of the capacity, in one thread. Processor time, best of
three, for 10^6 queries, and for a layer of a query with all that it brings (waits for teams, grants).
Memory is the most that the process has held, with Python, numba and the compiler in it.
"""

from __future__ import annotations

import resource
import sys
import time

import numpy as np

from tandemsim.sim.arch.cpu.presets import THREADRIPPER_3990X
from tandemsim.sim.cpu.network import network_tables
from tandemsim.sim.serving.policy import POLICIES
from tandemsim.sim.serving.queries import poisson
from tandemsim.sim.serving.service import Service, make_service
from tandemsim.sim.serving.simulation import simulate
from tandemsim.traces.codec import find, load

NETWORKS = ("resnet50", "googlenet")
SHOWN = ("model_wise", "layer_wise", "planaria", "veltair", "priced_versions")
TARGET_SECONDS, TARGET_MIB = 20, 200  # of 10^6 queries under veltair
QUERIES = 100_000
REPEATS = 3
MILLION = 1e6


def medium() -> Service:
    """Return ResNet-50 and GoogLeNet within 15 ms, as many queries of each."""
    tables = network_tables([load(find(name)) for name in NETWORKS], THREADRIPPER_3990X)
    return make_service(NETWORKS, tables, THREADRIPPER_3990X.constants, [0.015, 0.015], [1.0, 1.0])


def half_of_capacity(service: Service) -> float:
    """Return half of the queries a second that one-core work leaves room for."""
    plan, networks = service.profile.plan, np.arange(len(service.names))
    seconds = plan.sums[0, plan.first_layer[1:] + networks, 1] / 1e12
    return 0.5 * service.constants.cores / float(np.dot(service.shares, seconds))


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else QUERIES
    service = medium()
    rate = half_of_capacity(service)
    queries = poisson(service.shares, count, 0)
    print(f"{count:,} queries at {rate:.0f} a second; targets {TARGET_SECONDS} s, {TARGET_MIB} MiB (veltair)")
    print(f"{'policy':18}{'s for 10^6':>12}{'layers':>9}{'ns each':>9}{'in target':>11}{'MiB':>7}")
    for name in SHOWN:
        simulate(service, POLICIES[name], poisson(service.shares, 100, 0), rate)  # compiles
        best = float("inf")
        for _ in range(REPEATS):
            start = time.process_time()
            run = simulate(service, POLICIES[name], queries, rate)
            best = min(best, time.process_time() - start)
        layers = int(run.versions_ran.sum()) / count
        each = best / count
        most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        times = f"{each * MILLION:12.1f}{layers:9.1f}{each / layers * 1e9:9.0f}"
        print(f"{name:18}{times}{run.share_in_target:11.3f}{most:7.0f}")


if __name__ == "__main__":
    main()
