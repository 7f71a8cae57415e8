"""Every config is refused in one line or serves every request, whatever its fields: small, huge, odd.

A watchdog counts: time runs in stretches that double while no command issues, so that a wait of 10^9 clocks
costs a few of them, and a channel that does something for ever comes to the end of its allowance.
"""

from __future__ import annotations

import dataclasses
import typing
from dataclasses import replace
from typing import Any

import numpy as np
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from tandemsim.sim.arch.checks import ConfigError
from tandemsim.sim.arch.dram.config import DramConfig, Scheduler
from tandemsim.sim.arch.dram.standards import DRAMS
from tandemsim.sim.arch.dram.timing import MAX_DELAY_PS, Delay, DramStandard
from tandemsim.sim.engine.jit import jit
from tandemsim.sim.memory.dram.channel import ABSORBED, REFUSED, accept, locate, step
from tandemsim.sim.memory.dram.state import FAR, new_dram
from tests.examples import some_of

REQUESTS = 40
ALLOWANCE = 20_000  # stretches
LONGEST_MESSAGE = 200


@jit
def _commands(channel):
    issued = channel.activates + channel.precharges + channel.precharges_all + channel.refreshes
    return issued + channel.wck_starts + channel.accesses[0] + channel.accesses[1]


@jit
def _serve(timing, channel, addresses, kinds, allowance):
    """Serve all requests; return the stretches taken (-1: more than allowed) and the last clock."""
    left = len(addresses)
    i, length, done = 0, 64, 0
    # a refresh is a command, and there may be no end of them
    longest = 4 * timing.refi if timing.refresh else FAR // 2
    for stretch in range(allowance):
        if left == 0:
            return stretch, done
        if i < len(addresses):
            _, bank, row = locate(timing, addresses[i])
            became = accept(timing, channel, bank, row, kinds[i], addresses[i] >> timing.burst_shift, i)
            if became != REFUSED:
                i += 1
            if became == ABSORBED:
                left -= 1
        before = _commands(channel)
        owner = step(
            timing, channel, channel.clock + (1 if i < len(addresses) and became != REFUSED else length)
        )
        length = 64 if _commands(channel) != before else min(2 * length, longest)
        if owner >= 0:
            left -= 1
            done = max(done, channel.done)
    return -1, channel.clock


ODD = [-1, 0, 3, 33, 100, 255, 10**4, 10**6, 2**20, 10**9, 2**31, 2**40, 10**15, 2**62, 2**63, 10**30]
CLOCKS = st.sampled_from([0, 0, 1, 2, 3, 7, 16, 100, 1000, 2**18 - 1, 2**18, 10**6, 2**20])
PS = st.sampled_from([0, 0, 0, 1, 999, 7_500, 10**5, 10**7, 350_000_000, 10**9])
ODD_DELAYS = [{"nck": 2**20 + 1}, {"ps": 10**9 + 1}, {"nck": -1}, {"ps": 2**63}]


def values_of(kind: Any) -> st.SearchStrategy[Any]:
    if kind is Delay:
        delays = st.fixed_dictionaries({"nck": CLOCKS, "ps": PS})
        return st.integers(0, 99).flatmap(lambda n: st.sampled_from(ODD_DELAYS) if n == 77 else delays)
    if kind is bool:
        return st.booleans()
    if kind is float:
        return st.sampled_from([-0.1, 0, 1e-9, 0.2, 0.5, 0.8, 1, 1.5, float("nan"), float("inf")])
    if kind is Scheduler:
        return st.sampled_from(list(Scheduler))
    if kind is str:
        return st.sampled_from(
            ["ddr4-2400", "hbm2", "ideal", "mine", "", "robaracoch", "row-bank", "a" * 500, "a\nb"]
        )
    if kind == int | None:
        return st.none() | st.integers(1, 10**15) | st.integers(10**5, 10**9)
    powers = st.integers(0, 6).map(lambda n: 2**n)
    return st.integers(0, 9).flatmap(lambda n: st.sampled_from(ODD) if n == 7 else powers)


def changes_of(config: type, most: int) -> st.SearchStrategy[dict[str, Any]]:
    kinds = typing.get_type_hints(config)
    fields = [field.name for field in dataclasses.fields(config) if field.name not in ("standard",)]
    chosen = st.lists(st.sampled_from(fields), unique=True, max_size=most)
    return chosen.flatmap(
        lambda names: st.fixed_dictionaries({name: values_of(kinds[name]) for name in names})
    )


def made(preset: DramConfig, standard: dict[str, Any], changes: dict[str, Any], mended: bool) -> DramConfig:
    fields = {name: Delay(**value) if isinstance(value, dict) else value for name, value in standard.items()}
    name = fields.pop("name", "mine")
    if mended:  # else most would be refused for what they have in common
        fields |= mending(preset.standard, fields)
    return replace(preset, standard=replace(preset.standard, name=name, **fields), **changes)


def mending(preset: DramStandard, fields: dict[str, Any]) -> dict[str, Any]:
    """What makes room for the delays among `fields`, in picoseconds: tRAS, tRPab, tRC and tREFI."""
    tck_ps = fields.get("tck_ps", preset.tck_ps)

    def ps(*symbols: str) -> int:
        delays = [fields.get(symbol, getattr(preset, symbol)) for symbol in symbols]
        return max(max(delay.nck * tck_ps, delay.ps) for delay in delays)

    active, precharge = ps("tras", "trcd_rd", "trcd_wr"), ps("trp", "trp_ab")
    found = {
        "tras": active,
        "trp_ab": precharge,
        "trc": max(ps("trc"), active + precharge),
        "trefi": MAX_DELAY_PS,
    }
    return {symbol: Delay(0, found[symbol]) for symbol in found}


# what hangs is slow to shrink
@settings(max_examples=some_of(400), phases=[Phase.explicit, Phase.reuse, Phase.generate])
@given(
    st.sampled_from(list(DRAMS)),
    changes_of(DramStandard, 5),
    changes_of(DramConfig, 4),
    st.fixed_dictionaries({"refresh": st.booleans(), "scheduler": st.sampled_from(list(Scheduler))}),
    st.booleans(),
    st.integers(0, 2**32),
)
def test_any_config_is_refused_in_one_line_or_serves_every_request(
    name: str,
    standard: dict[str, Any],
    changes: dict[str, Any],
    policy: dict[str, Any],
    mended: bool,
    seed: int,
) -> None:
    try:
        config = made(DRAMS[name], standard, policy | changes, mended)
    except ConfigError as error:
        message = str(error)
        assert "\n" not in message
        assert len(message) <= LONGEST_MESSAGE, message
        return
    rng = np.random.default_rng(seed)
    blocks = rng.integers(0, config.capacity_bytes // config.burst_bytes, REQUESTS)
    few = rng.choice(blocks, REQUESTS) if rng.integers(0, 2) else np.arange(REQUESTS) + blocks[0]
    kinds = (rng.random(REQUESTS) < rng.choice([0, 0.3, 1])).astype(np.int64)
    dram = new_dram(config)
    stretches, clock = _serve(dram.timing[0], dram.channel[0], few * config.burst_bytes, kinds, ALLOWANCE)
    assert stretches >= 0, f"not served until clock {clock}"
    assert 0 <= clock < FAR
