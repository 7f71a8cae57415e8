"""One channel served by the model, by brute force, and its log read by the checker: all the same."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from tandemsim.sim.arch.dram.config import DramConfig
from tandemsim.sim.arch.dram.standards import DRAMS
from tandemsim.sim.arch.dram.timing import Delay
from tests.memory.checker import Checker
from tests.memory.jedec import Device, device
from tests.memory.naive import NaiveChannel, Policy, run
from tests.memory.replay import REFI, Requests, replay, short_refresh

COUNTERS = ("row_hits", "row_misses", "row_conflicts", "refreshes", "forwarded", "merged")


def check_against_brute_force(
    name: str, ranks: int, changes: dict[str, Any], act2_latest: int, requests: Requests, until: int
) -> None:
    """Compare a preset with `changes`, of `ranks` and with refreshes every REFI clocks."""
    config = replace(short_refresh(DRAMS[name]), ranks=ranks, **changes)
    if config.standard.wck_sync:
        config = replace(config, standard=replace(config.standard, taad=Delay(act2_latest)))
    check_same(config, device(name, ranks, REFI=REFI, AAD=act2_latest), requests, until)


def check_same(
    config: DramConfig, d: Device, requests: Requests, until: int = 0, *, skip: bool = False
) -> None:
    """Compare `config` with brute force over the same device `d`.

    With `skip` brute force leaves out idle clocks, and refreshes may wait long for accesses.
    """
    ours = replay(config, requests, logging=True, until=until)
    assert Checker(d, refresh=config.refresh, on_time=not skip).check(ours.log) == []
    fields = ("read_queue", "write_queue", "row_cap", "refresh")
    policy = Policy(scheduler=config.scheduler.value, **{field: getattr(config, field) for field in fields})
    naive = NaiveChannel(d, policy)
    accepted = run(naive, requests, until, skip=skip)
    assert ours.log == naive.log
    assert ours.accepted.tolist() == accepted
    assert ours.done.tolist() == [naive.done[i] for i in range(len(accepted))]
    assert {name: int(ours.channel[name]) for name in COUNTERS} == {
        name: naive.counts[name] for name in COUNTERS
    }
