"""What the name of a DRAM standard promises: its bus and its row, which `sim.arch.dram.energy_table` goes by.

Timings, banks and rows of a named standard may be varied; another bus is another standard. The tables in
`sim.arch.dram.standards` are made of these, with the sources of all else.
"""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol

from tandemsim.sim.arch.checks import require


class Bus(NamedTuple):
    """How a channel moves a burst and opens a row; the fields of `DramStandard` of the same names."""

    burst_bytes: int
    row_bytes: int
    burst_clocks: int
    long_burst_clocks: int
    pseudo_channels: int = 1
    act_clocks: int = 1
    dual_command_bus: bool = False
    wck_sync: bool = False


DDR4 = Bus(
    burst_bytes=64,  # BL8 on 64 bits
    row_bytes=8_192,  # page of 1 KB in each of eight devices
    burst_clocks=4,  # BL8, double data rate
    long_burst_clocks=4,
)
LPDDR5 = Bus(
    burst_bytes=32,  # BL16 on 16 bits
    row_bytes=2_048,
    burst_clocks=2,  # BL/n_min
    long_burst_clocks=4,  # BL/n_max, bank group mode
    wck_sync=True,
)
HBM2 = Bus(
    burst_bytes=32,  # BL4 on 64 bits
    row_bytes=1_024,  # page of a pseudo-channel
    burst_clocks=2,  # BL4
    long_burst_clocks=2,
    pseudo_channels=2,
    act_clocks=2,  # JESD235B: the row address comes in two clocks
    dual_command_bus=True,
)
BUSES = {"ddr4-2400": DDR4, "ddr4-3200": DDR4, "lpddr5-6400": LPDDR5, "hbm2": HBM2}
TCK_PS = {"ddr4-2400": 833, "ddr4-3200": 625, "lpddr5-6400": 1_250, "hbm2": 1_000}  # CK, not WCK


class Named(Protocol):
    """What the rule reads of a `sim.arch.dram.timing.DramStandard`, beside the fields of `Bus`."""

    @property
    def name(self) -> str: ...
    @property
    def rows(self) -> int: ...
    @property
    def tck_ps(self) -> int: ...


def check_name(standard: Named) -> None:
    """Raise `ConfigError` for a standard that goes by the name of another one; other names are free."""
    name = standard.name
    for field, value in _promised(name).items():
        rule = f"DramStandard.{field} must be {value} for the name {name} (set memory={name} for all of it)"
        require(getattr(standard, field) == value, rule, getattr(standard, field))
    if name not in BUSES:
        return
    rule = f"DramStandard.rows must be at least 2 for the name {name} (memory=ideal is always open)"
    require(standard.rows > 1, rule, standard.rows)
    for other, tck_ps in TCK_PS.items():
        if BUSES[other] == BUSES[name] and standard.tck_ps == tck_ps:
            rule = f"DramStandard.name must be {other} for tck_ps {tck_ps} (or set memory={name})"
            require(other == name, rule, name)


def _promised(name: str) -> dict[str, Any]:
    if name == "ideal":
        return {"rows": 1}  # always open; how many bytes it moves at a time is free
    return BUSES[name]._asdict() if name in BUSES else {}
