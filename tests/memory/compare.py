"""One channel served by the model, by brute force, and its log read by the checker: all the same."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from sim.arch.dram_standards import DRAMS
from sim.arch.dram_timing import Delay
from tests.memory.checker import Checker
from tests.memory.jedec import device
from tests.memory.naive import NaiveChannel, Policy, run
from tests.memory.replay import REFI, Requests, replay, short_refresh

COUNTERS = ("row_hits", "row_misses", "row_conflicts", "refreshes", "forwarded", "merged")


def check_against_brute_force(
    name: str, ranks: int, changes: dict[str, Any], act2_latest: int, requests: Requests, until: int
) -> None:
    d = device(name, ranks, REFI=REFI, AAD=act2_latest)
    config = replace(short_refresh(DRAMS[name]), ranks=ranks, **changes)
    if config.standard.wck_sync:
        config = replace(config, standard=replace(config.standard, taad=Delay(act2_latest)))
    ours = replay(config, requests, logging=True, until=until)
    assert Checker(d, refresh=config.refresh).check(ours.log) == []
    naive = NaiveChannel(d, Policy(**{**changes, "scheduler": config.scheduler.value}))
    accepted = run(naive, requests, until)
    assert ours.log == naive.log
    assert ours.accepted.tolist() == accepted
    assert ours.done.tolist() == [naive.done[i] for i in range(len(accepted))]
    assert {name: int(ours.channel[name]) for name in COUNTERS} == {
        name: naive.counts[name] for name in COUNTERS
    }
