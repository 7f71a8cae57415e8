"""DRAMs that no device could be, and standards by the name of another, are refused; what may vary is not."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest

from tandemsim.sim.arch.checks import ConfigError
from tandemsim.sim.arch.dram.config import DramConfig
from tandemsim.sim.arch.dram.energy_table import DRAM_ENERGY
from tandemsim.sim.arch.dram.names import BUSES, TCK_PS
from tandemsim.sim.arch.dram.standards import DRAMS
from tandemsim.sim.arch.dram.timing import Delay


def made(name: str, standard: dict[str, Any], **changes: Any) -> DramConfig:
    return replace(DRAMS[name], standard=replace(DRAMS[name].standard, **standard), **changes)


REFUSED = [
    # a row's cycle is its active time and the precharge
    (
        "ddr4-2400",
        {"trc": Delay(0, 4), "tras": Delay(0, 14_000)},
        "DramStandard.trc must be at least tras + trp (27320 ps), not 4",
    ),
    (
        "ddr4-2400",
        {"tras": Delay(0, 32_001)},
        "DramStandard.trc must be at least tras + trp (45321 ps), not 45320",
    ),
    (
        "ddr4-2400",
        {"tras": Delay(0, 13_000)},
        "DramStandard.tras must be at least trcd_rd (13320 ps), not 13000",
    ),
    ("hbm2", {"trcd_wr": Delay(35)}, "DramStandard.tras must be at least trcd_wr (35000 ps), not 34000"),
    ("lpddr5-6400", {"trp_ab": Delay(1)}, "DramStandard.trp_ab must be at least trp (18000 ps), not 1250"),
    *[
        (name, {symbol: Delay()}, f"DramStandard.{symbol} must be at least 1 clock, not 0")
        for name in ("ddr4-2400", "hbm2", "lpddr5-6400")
        for symbol in ("cl", "cwl", "trcd_rd", "trcd_wr", "tras", "trp", "trp_ab")
    ],
    # what a name promises
    (
        "ddr4-2400",
        {"burst_bytes": 1},
        "DramStandard.burst_bytes must be 64 for the name ddr4-2400 (set memory=",
    ),
    ("hbm2", {"burst_bytes": 64}, "DramStandard.burst_bytes must be 32 for the name hbm2 (set memory=hbm2"),
    ("hbm2", {"burst_clocks": 4}, "DramStandard.burst_clocks must be 2 for the name hbm2 (set memory=hbm2"),
    ("hbm2", {"long_burst_clocks": 1}, "DramStandard.long_burst_clocks must be 2 for the name hbm2"),
    ("lpddr5-6400", {"wck_sync": False}, "DramStandard.wck_sync must be True for the name lpddr5-6400"),
    ("ddr4-2400", {"rows": 1}, "DramStandard.rows must be at least 2 for the name ddr4-2400 (memory=ideal"),
    # and what goes for a standard of no known name
    (
        "hbm2",
        {"name": "mine", "long_burst_clocks": 1},
        "DramStandard.long_burst_clocks must be at least burst_",
    ),
    (
        "hbm2",
        {"name": "mine", "act_clocks": 15},
        "DramStandard.act_clocks must be at most trp (14 clocks), not 15",
    ),
    (
        "hbm2",
        {"name": "mine", "wck_sync": True},
        "DramStandard.dual_command_bus must be false with wck_sync or",
    ),
    ("hbm2", {"taad": Delay(8)}, "DramStandard.dual_command_bus must be false with wck_sync or taad"),
    (
        "hbm2",
        {"name": "mine", "pseudo_channels": 16},
        "DramStandard.pseudo_channels must be at most 8, not 16",
    ),
    ("ddr4-2400", {"rounding": 1000}, "DramStandard.rounding must be at most 999, not 1000"),
    (
        "ddr4-2400",
        {"rows": 2**40},
        "DramConfig must have at most 1125899906842624 bytes: channels, ranks, banks",
    ),
    # refreshes
    (
        "ddr4-2400",
        {"tfaw": Delay(9364)},
        "DramStandard.trefi must exceed every other delay (9364 clocks), not 9364",
    ),
    (
        "ddr4-2400",
        {"trfc": Delay(9000)},
        "DramStandard.trefi must exceed a refresh and an access (9979 clocks)",
    ),
]


@pytest.mark.parametrize(("name", "standard", "message"), REFUSED)
def test_a_device_that_cannot_be_is_refused(name: str, standard: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(message)):
        made(name, standard)


@pytest.mark.parametrize("other", DRAMS)
@pytest.mark.parametrize("name", DRAMS)
def test_no_standard_goes_by_the_name_of_another(name: str, other: str) -> None:
    """Energies go by the name; a name alone does not make another memory."""
    if name == other:
        assert made(name, {"name": other}) == DRAMS[name]
        return
    with pytest.raises(ConfigError, match=re.escape(f"set memory={other}")) as refused:
        made(name, {"name": other})
    assert len(str(refused.value)) < 150


def test_the_names_that_promise_a_bus_are_those_that_have_energies() -> None:
    assert BUSES.keys() == TCK_PS.keys() == DRAM_ENERGY.keys() - {"ideal"} == DRAMS.keys() - {"ideal"}


@pytest.mark.parametrize(
    ("name", "standard"),
    [
        ("ddr4-2400", {"tck_ps": 750}),  # 2666 MT/s
        ("ddr4-2400", {"tck_ps": 700}),  # tRAS and tRP, each rounded up, are a clock more than tRC is
        ("ddr4-2400", {"cl": Delay(18), "trcd_rd": Delay(0, 14_990), "trtp": Delay(6)}),
        ("ddr4-2400", {"rows": 131_072, "trfc": Delay(0, 550_000)}),  # 16 Gb
        ("ddr4-2400", {"bank_groups": 2}),  # x16 devices
        ("hbm2", {"banks": 8, "tfaw": Delay(16)}),
        ("lpddr5-6400", {"taad": Delay()}),
        ("ideal", {"burst_bytes": 32, "row_bytes": 1 << 30}),
        ("ideal", {"tck_ps": 1000, "cl": Delay(20)}),
    ],
)
def test_timings_banks_and_rows_of_a_standard_may_be_varied(name: str, standard: dict[str, Any]) -> None:
    assert made(name, standard).standard.name == name


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"bandwidth_bytes_per_second": 1}, "must be at least 64000 (a burst a millisecond), not 1"),
        ({"bandwidth_bytes_per_second": 63_999}, "must be at least 64000 (a burst a millisecond), not 63999"),
        ({"bandwidth_bytes_per_second": 10**6, "channels": 16}, "must be at least 1024000 (a burst a milli"),
        (
            {"command_latency": 2**31 - 1},
            "DramConfig.command_latency must be at most 1048576, not 2147483647",
        ),
        (
            {"scheduler": "frfcfs"},
            "DramConfig.scheduler must be one of frfcfs, frfcfs_rowhit, fcfs, not 'frfcfs'",
        ),
    ],
)
def test_a_controller_that_cannot_be_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(message)):
        replace(DRAMS["ideal"], **changes)


def test_the_slowest_bandwidth_is_a_burst_in_the_longest_delay() -> None:
    assert replace(DRAMS["ideal"], bandwidth_bytes_per_second=64_000).burst_clocks == 10**9
