"""What Ramulator 2.1 was given and what it counted; and the same from our model."""

from __future__ import annotations

import csv
import functools
import json
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from tandemsim.sim.arch.dram.config import DramConfig, Scheduler
from tandemsim.sim.arch.dram.standards import DRAMS
from tandemsim.sim.arch.dram.timing import Delay
from tests.memory.jedec import DATA
from tests.memory.replay import Outcome, replay, requests_at

COUNT = 20_000
GIB, MIB64, KIB64 = 1 << 30, 1 << 26, 1 << 16
STREAMS = json.loads((DATA / "ramulator_streams.json").read_text(encoding="utf-8"))
DUE = {"saturating": 0, "paced8": 8 * np.arange(COUNT)}  # clock from which request i is offered

PRESET = replace(DRAMS["ddr4-2400"], mapping="robaracoch")
ORACLE = replace(PRESET, standard=replace(PRESET.standard, trfc=Delay(0, 360_000)))  # Ramulator's tRFC
VARIANTS = {
    "base": ORACLE,
    "norefresh": replace(ORACLE, refresh=False),
    "rowhit": replace(ORACLE, scheduler=Scheduler.FRFCFS_ROWHIT),
    "mop4clxor": replace(ORACLE, mapping="mop4clxor"),
    "closedcap4": replace(ORACLE, row_cap=4),
    "queue1": replace(ORACLE, read_queue=1, write_queue=1),
    "queue1_norefresh": replace(ORACLE, read_queue=1, write_queue=1, refresh=False),
}
# Precharges that Ramulator sends although a refresh has closed the row, even within tRFC.
NEEDLESS = {
    ("closedcap4", "seq_read", "saturating"): 6,
    ("closedcap4", "seq_read", "paced8"): 6,
    ("closedcap4", "seq_write", "saturating"): 4,
    ("closedcap4", "seq_write", "paced8"): 4,
    ("closedcap4", "rand_read_64KiB", "saturating"): 3,
    ("closedcap4", "rand_read_64KiB", "paced8"): 4,
}


def lcg(seed: int, modulus: int) -> npt.NDArray[np.int64]:
    """The generator of the random streams: 64 bits, stepped before each output."""
    x, out = seed, []
    for _ in range(COUNT):
        x = (6364136223846793005 * x + 1442695040888963407) % 2**64
        out.append((x >> 33) % modulus)
    return np.array(out, np.int64)


@functools.cache
def addresses(stream: str, burst: int) -> npt.NDArray[np.int64]:
    i = np.arange(COUNT)
    formulas: dict[str, Callable[[], npt.NDArray[np.int64]]] = {
        "seq_read": lambda: i * burst,
        "seq_write": lambda: i * burst,
        "rand_read_1GiB": lambda: burst * lcg(12345, GIB // burst),
        "rand_read_64KiB": lambda: burst * lcg(67890, KIB64 // burst),
        "stride4k_read": lambda: i * 4096,
        "rowconflict_read": lambda: i * STREAMS[str(burst)]["row_stride_bytes"],
        "alt_rw": lambda: i // 2 * burst + i % 2 * (GIB // 2),
        "two_seq_read": lambda: i // 2 * burst + i % 2 * MIB64,
    }
    return formulas[stream]()


def runs() -> list[dict[str, str]]:
    lines = (DATA / "ramulator_results.csv").read_text(encoding="utf-8").splitlines()
    return list(csv.DictReader(line for line in lines if not line.startswith("#")))


RUNS = {(row["variant"], row["stream"], row["mode"]): row for row in runs()}


def serve(config: DramConfig, stream: str, mode: str) -> Outcome:
    kinds = int(stream.endswith("write"))
    return replay(config, requests_at(config, addresses(stream, config.burst_bytes), kinds, DUE[mode]))


def measured(outcome: Outcome, config: DramConfig, mode: str) -> dict[str, float]:
    """What Ramulator's table has, by its names. There, a write is complete when its command issues."""
    channel, accepted, done = outcome.channel, outcome.accepted, outcome.done
    writes = int(channel.accesses[1])
    offered = np.maximum(DUE[mode], np.append(0, accepted[:-1] + 1))
    found = {
        "cycles": done.max() - (config.timing.write_latency if writes else 0),
        "cycles_data_end": done.max(),
        "last_accept": accepted[-1],
        "row_hits": channel.row_hits,
        "row_misses": channel.row_misses,
        "row_conflicts": channel.row_conflicts,
        "act": channel.activates,
        "pre_single": channel.precharges,
        "pre_all": channel.precharges_all,
        "rd": channel.accesses[0],
        "wr": writes,
        "cas_sync": channel.wck_starts,
        "refreshes": channel.refreshes,
        "blocked_cycles": (accepted - offered).sum(),
    }
    if not writes:
        latency = done - accepted
        assert channel.read_latency == latency.sum()
        found |= {
            "read_latency_mean": latency.mean(),
            "read_latency_min": latency.min(),
            "read_latency_p50": np.percentile(latency, 50),
            "read_latency_p99": np.percentile(latency, 99),
            "read_latency_max": latency.max(),
        }
        if mode != "saturating":
            found["read_latency_mean_from_due"] = (done - DUE[mode]).mean()
    return {name: float(value) for name, value in found.items()}


def theirs(run: tuple[str, str, str]) -> dict[str, float]:
    keys = ("standard", "variant", "stream", "mode")
    found = {name: float(text) for name, text in RUNS[run].items() if name not in keys and text}
    found["pre_single"] -= NEEDLESS.get(run, 0)
    return found
