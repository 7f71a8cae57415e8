"""Spacings of a few clocks and of a million: commands issue when brute force says, however long they wait."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tandemsim.sim.arch.checks import ConfigError
from tandemsim.sim.arch.dram.config import DramConfig, Scheduler
from tandemsim.sim.arch.dram.spacing import longest_wait, spacing_of
from tandemsim.sim.arch.dram.standards import DRAMS
from tandemsim.sim.arch.dram.timing import MAX_DELAY_CLOCKS, MAX_DELAY_PS, Delay
from tandemsim.sim.memory.dram.schedule import MAX_WAIT
from tandemsim.sim.memory.dram.state import ORDERS, new_dram
from tests.examples import some_of
from tests.memory import replay as replay_module
from tests.memory.compare import check_same
from tests.memory.jedec import STANDARDS, Device, device
from tests.memory.naive import NaiveChannel, Policy, run
from tests.memory.replay import Requests, as_requests, hot_requests, random_requests, replay

# JEDEC's symbols as the checker has them, and the fields of a standard
SYMBOLS = {
    "CL": "cl",
    "CWL": "cwl",
    "CCDS": "tccd_s",
    "CCDL": "tccd_l",
    "WTRS": "twtr_s",
    "WTRL": "twtr_l",
    "CS": "rank_switch",
    "RCDRD": "trcd_rd",
    "RCDWR": "trcd_wr",
    "RAS": "tras",
    "RC": "trc",
    "RP": "trp",
    "RPab": "trp_ab",
    "RTP": "trtp",
    "WR": "twr",
    "RRDS": "trrd_s",
    "RRDL": "trrd_l",
    "FAW": "tfaw",
    "PPD": "tppd",
    "RFC": "trfc",
    "REFI": "trefi",
    "AAD": "taad",
}
LATER = {"CCDL": ["CCDS"], "RRDL": ["RRDS"], "RAS": ["RCDRD", "RCDWR"], "RPab": ["RP"]}  # at least as long


def consistent(symbols: dict[str, int], name: str) -> dict[str, int]:
    """Lengthen what no device could have so short."""
    found = dict(symbols)
    found["CCDS"] = max(found["CCDS"], found["BL"])
    found["RRDS"] = max(found["RRDS"], DRAMS[name].standard.act_clocks)
    found["RP"] = max(found["RP"], DRAMS[name].standard.act_clocks)
    for longer, shorter in LATER.items():
        found[longer] = max(found[longer], *(found[each] for each in shorter))
    found["RC"] = max(found["RC"], found["RAS"] + found["RP"])
    return found


def config_of(name: str, d: Device, ranks: int, changes: dict[str, Any]) -> DramConfig:
    delays = {field: Delay(d.symbols[symbol]) for symbol, field in SYMBOLS.items() if symbol in d.symbols}
    standard = replace(DRAMS[name].standard, **delays)
    try:
        return replace(DRAMS[name], standard=standard, ranks=ranks, **changes)
    except ConfigError:  # refreshes come too often for such delays
        return replace(DRAMS[name], standard=standard, ranks=ranks, **{**changes, "refresh": False})


@st.composite
def devices(draw: st.DrawFn) -> tuple[DramConfig, Device]:
    name = draw(st.sampled_from(list(STANDARDS)))
    ranks = 1 if name == "hbm2" else draw(st.sampled_from([1, 2]))
    preset = device(name, ranks)
    clocks = st.sampled_from([1, 3, 700, 30_000, 2**18 - 2, 2**18 - 1, 2**18, 2**18 + 1, 300_000, 500_000])
    known = [symbol for symbol in SYMBOLS if symbol in preset.symbols and symbol != "REFI"]
    changed = draw(st.dictionaries(st.sampled_from(known), clocks, min_size=1, max_size=4))
    symbols = consistent({**preset.symbols, "REFI": 2**20, **changed}, name)
    d = replace(preset, symbols=symbols)
    changes = {
        "scheduler": draw(st.sampled_from(list(Scheduler))),
        "row_cap": draw(st.sampled_from([0, 0, 1, 3])),
        "read_queue": draw(st.sampled_from([1, 8, 32])),
        "write_queue": draw(st.sampled_from([1, 8, 32])),
    }
    return config_of(name, d, ranks, changes), d


def few_requests(d: Device, seed: int) -> Requests:
    """Requests of which some come after the longest wait of another."""
    rng = np.random.default_rng(seed)
    count = int(rng.integers(2, 30))
    due = np.cumsum(rng.choice([0, 0, 0, 3, 400, 250_000, 1_100_000], count))
    bank = rng.choice(rng.permutation(d.bank_count)[: rng.choice([1, 3, 16])], count)
    row, column = (rng.integers(0, size, count) for size in (2, 8))
    return as_requests(np.stack([due, rng.random(count) < 0.4, bank, row, column], axis=1))


@settings(max_examples=some_of(150))
@given(devices(), st.integers(0, 2**32))
def test_commands_issue_when_brute_force_says_however_long_they_wait(
    case: tuple[DramConfig, Device], seed: int
) -> None:
    config, d = case
    check_same(config, d, few_requests(d, seed), skip=True)


@settings(max_examples=20)
@given(st.sampled_from(list(STANDARDS)), st.sampled_from([0, 2]), st.integers(0, 2**32))
def test_brute_force_that_skips_idle_clocks_is_brute_force(name: str, row_cap: int, seed: int) -> None:
    d = device(name, REFI=900)
    requests = hot_requests(d.bank_count, 40, np.random.default_rng(seed))
    channels = [NaiveChannel(d, Policy(row_cap=row_cap)) for _ in range(2)]
    accepted = [
        run(channel, requests, skip=skip) for channel, skip in zip(channels, (False, True), strict=True)
    ]
    assert accepted[0] == accepted[1]
    assert channels[0].log == channels[1].log
    assert channels[0].done == channels[1].done


def test_the_longest_wait_of_any_config_fits_a_candidate() -> None:
    """Every delay at its most, in clocks of a picosecond, and a burst of the slowest bandwidth."""
    most = Delay(MAX_DELAY_CLOCKS, MAX_DELAY_PS)
    delays = {
        f: most
        for f in DRAMS["ideal"].standard.__slots__
        if isinstance(getattr(DRAMS["ideal"].standard, f), Delay)
    }
    standard = replace(DRAMS["ideal"].standard, long_burst_clocks=MAX_DELAY_CLOCKS, wck_sync=True, **delays)
    spacing = spacing_of(standard, burst=MAX_DELAY_PS)
    assert spacing.rd_pre == spacing.act_act == MAX_DELAY_PS
    assert 4 * MAX_DELAY_PS <= longest_wait(spacing) < MAX_WAIT


def test_an_ideal_memory_of_little_bandwidth_ends_out_of_order_too() -> None:
    """64 bytes at 240 MB/s take 266,667 clocks of a picosecond, longer than any spacing of a standard."""
    rows = [(0, 0, 0, 0, column) for column in range(5)]
    config = replace(DRAMS["ideal"], scheduler=Scheduler.FRFCFS, bandwidth_bytes_per_second=240_000_000)
    done = replay(config, as_requests(rows)).done
    assert np.diff(done).tolist() == [266_667] * 4


@pytest.mark.parametrize("left", [0, 1, 20, 50, 90, 150])
@pytest.mark.parametrize("name", STANDARDS)
def test_requests_that_are_numbered_anew_keep_their_order(
    name: str, left: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def made(*arguments: Any) -> Any:
        dram = new_dram(*arguments)
        dram.channel["order"] = ORDERS - left
        return dram

    monkeypatch.setattr(replay_module, "new_dram", made)
    d = device(name)
    requests = random_requests(d.bank_count, 200, seed=4, writes=0.4)
    check_same(DRAMS[name], d, requests)
    assert replay(DRAMS[name], requests).channel.order < 200
