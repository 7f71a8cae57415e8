"""What DRAM devices demand, in JEDEC's symbols: clocks between commands, for a checker that knows no model.

Values in clocks are those of `data/ramulator_config.json`, except tRFC of DDR4, which is JESD79-4's 350 ns
for 8 Gb. Symbols that end in S are to another bank group, in L to the same. Spacings that JEDEC leaves to the
controller follow from the data bus: a read and the write after it leave it idle for two clocks, two ranks for
tCS.
"""

from __future__ import annotations

import itertools
import json
from collections import defaultdict, deque
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

DATA = Path(__file__).parent / "data"
CONFIG: dict[str, Any] = json.loads((DATA / "ramulator_config.json").read_text(encoding="utf-8"))
STANDARDS = {
    "ddr4-2400": "DDR4-2400",
    "ddr4-3200": "DDR4-3200",
    "hbm2": "HBM2-2000",
    "lpddr5-6400": "LPDDR5-6400",
}
RFC = {"ddr4-2400": 421, "ddr4-3200": 560}  # JESD79-4: floor(350 ns / tCK + 0.974)
TURNAROUND = 2
NEVER = 1 << 62

READS, WRITES, ACTIVATES, PRECHARGES = ("RD", "RDA"), ("WR", "WRA"), ("ACT",), ("PRE", "PREAB")
COLUMN = READS + WRITES


class Rule(NamedTuple):
    """`after` comes `clocks` after `before` or later, in one `scope`: bank, group, rank, or other rank."""

    before: str
    after: str
    scope: str
    clocks: int


@dataclass(frozen=True)
class Device:
    """One channel of a standard."""

    name: str
    ranks: int  # or pseudo-channels
    groups: int  # in a rank
    banks: int  # in a group
    symbols: dict[str, int]
    act_clocks: int  # ACT counts from its last clock, every other command from its only one
    two_buses: bool  # one column command and one row command in each clock
    shared_data_bus: bool  # by the ranks
    wck: bool  # LPDDR5: ACT in two commands, and a clock for the data that is started by CAS

    @property
    def bank_count(self) -> int:
        return self.ranks * self.groups * self.banks

    def group_of(self, bank: int) -> int:
        return bank // self.banks

    def rank_of(self, bank: int) -> int:
        return bank // (self.banks * self.groups)

    @cached_property
    def rules(self) -> list[Rule]:
        return list(_rules(self))

    def data(self, command: str) -> range:
        """Clocks of the burst on the data bus, counted from its command."""
        start = self.symbols["CL" if command in READS else "CWL"]
        return range(start, start + self.symbols["BL"])


def device(name: str, ranks: int = 1, **changes: int) -> Device:
    """The channel of a preset; `changes` replace symbols."""
    config = CONFIG[STANDARDS[name]]
    cycles, counts = config["timing_cycles"], config["counts_per_level"]
    symbols = {key.removeprefix("n"): value for key, value in cycles.items() if key.startswith("n")}
    symbols.setdefault("BL", symbols.get("BL_min", 0))
    symbols.setdefault("BL_max", symbols["BL"])
    symbols.setdefault("RCDRD", symbols.get("RCD", 0))
    symbols.setdefault("RCDWR", symbols.get("RCD", 0))
    symbols.setdefault("RTP", symbols.get("RTPL", 0))
    symbols.setdefault("RPab", symbols["RP"])
    symbols.setdefault("PPD", 1)
    symbols["RFC"] = RFC.get(name, symbols["RFC"])
    return Device(
        name=name,
        ranks=ranks * counts.get("PseudoChannel", 1),
        groups=counts["BankGroup"],
        banks=counts["Bank"],
        symbols=symbols | changes,
        act_clocks=config["command_bus_cycles"].get("ACT", 1),
        two_buses=config["commands_per_clock"] != "one",
        shared_data_bus="PseudoChannel" not in counts,
        wck="nWCKPST" in cycles,
    )


def _rules(d: Device) -> Any:
    t = d.symbols
    cl, cwl, burst = t["CL"], t["CWL"], t["BL"]
    write_recovery = cwl + burst + t["WR"]  # WR to the precharge of its bank
    wr_rd_l = max(cwl + t["BL_max"] + t["WTRL"], cwl + burst + t["WTRS"])
    table = [
        # one bank
        (ACTIVATES, ACTIVATES, "bank", t["RC"]),
        (ACTIVATES, READS, "bank", t["RCDRD"]),
        (ACTIVATES, WRITES, "bank", t["RCDWR"]),
        (ACTIVATES, ("PRE",), "bank", t["RAS"]),
        (("PRE",), ACTIVATES, "bank", t["RP"]),
        (("RD",), ("PRE",), "bank", t["RTP"]),
        (("WR",), ("PRE",), "bank", write_recovery),
        (("RDA",), ACTIVATES, "bank", t["RTP"] + t["RP"]),
        (("WRA",), ACTIVATES, "bank", write_recovery + t["RP"]),
        # one bank group
        (ACTIVATES, ACTIVATES, "group", t["RRDL"]),
        (READS, READS, "group", t["CCDL"]),
        (WRITES, WRITES, "group", t["CCDL"]),
        (WRITES, READS, "group", wr_rd_l),
        # one rank
        (ACTIVATES, ACTIVATES, "rank", t["RRDS"]),
        (READS, READS, "rank", t["CCDS"]),
        (WRITES, WRITES, "rank", t["CCDS"]),
        (READS, WRITES, "rank", cl + burst + TURNAROUND - cwl),
        (WRITES, READS, "rank", cwl + burst + t["WTRS"]),
        (ACTIVATES, ("PREAB",), "rank", t["RAS"]),
        (("RD",), ("PREAB",), "rank", t["RTP"]),
        (("WR",), ("PREAB",), "rank", write_recovery),
        (PRECHARGES, PRECHARGES, "rank", t["PPD"]),
        (("PREAB",), ACTIVATES, "rank", t["RPab"]),
        (ACTIVATES, ("REF",), "rank", t["RC"]),
        (("PRE",), ("REF",), "rank", t["RP"]),
        (("PREAB",), ("REF",), "rank", t["RPab"]),
        (("RDA",), ("REF",), "rank", t["RTP"] + t["RP"]),
        (("WRA",), ("REF",), "rank", write_recovery + t["RP"]),
        (("REF",), (*ACTIVATES, "PREAB", "REF"), "rank", t["RFC"]),
    ]
    if d.shared_data_bus:
        table += [
            (READS, READS, "other rank", burst + t["CS"]),
            (READS, WRITES, "other rank", cl + burst + max(t["CS"], TURNAROUND) - cwl),
            (WRITES, READS, "other rank", max(0, cwl + burst + t["CS"] - cl)),
            (WRITES, WRITES, "other rank", burst),
        ]
    for befores, afters, scope, clocks in table:
        for before, after in itertools.product(befores, afters):
            late = (d.act_clocks - 1) * ((before == "ACT") - (after == "ACT"))
            yield Rule(before, after, scope, clocks + late)


class History:
    """The commands so far, and from which clock on a next one may issue."""

    def __init__(self, d: Device) -> None:
        self.device = d
        self.last: dict[tuple[str, str, int], int] = {}  # (command, scope, which) -> clock
        self.acts: dict[int, deque[int]] = defaultdict(lambda: deque(maxlen=4))  # of a rank
        self.row_bus_free = 0
        self.rules = defaultdict(list)
        for rule in d.rules:
            self.rules[rule.after].append(rule)

    def record(self, command: str, where: int, clock: int) -> None:
        """Add a command; `where` is a bank, or the rank for PREAB and REF."""
        rank = self._rank(command, where)
        self.last[command, "rank", rank] = clock
        if command not in ("PREAB", "REF"):
            self.last[command, "bank", where] = clock
            self.last[command, "group", self.device.group_of(where)] = clock
        if command == "ACT":
            self.acts[rank].append(clock)
            self.row_bus_free = clock + self.device.act_clocks

    def broken(self, command: str, where: int, clock: int) -> list[str]:
        """Return what forbids `command` on this clock."""
        rank = self._rank(command, where)
        found = [
            f"{rule} since {last}"
            for rule in self.rules[command]
            for last in self._last(rule, where, rank)
            if clock < last + rule.clocks
        ]
        if (
            command == "ACT"
            and len(self.acts[rank]) == 4
            and clock < self.acts[rank][0] + self.device.symbols["FAW"]
        ):
            found.append(f"tFAW since {self.acts[rank][0]}")
        if command in ("ACT", "PRE", "PREAB", "REF") and clock < self.row_bus_free:
            found.append(f"the row bus is taken until {self.row_bus_free}")
        return found

    def next_change(self, clock: int) -> int:
        """Return the first clock after this one from which on something else may be legal."""
        clocks = {(rule.before, rule.clocks) for rules in self.rules.values() for rule in rules}
        ends = [
            last + later
            for (command, *_), last in self.last.items()
            for before, later in clocks
            if before == command
        ]
        ends += [acts[0] + self.device.symbols["FAW"] for acts in self.acts.values() if acts] + [
            self.row_bus_free
        ]
        return min((end for end in ends if end > clock), default=NEVER)

    def _rank(self, command: str, where: int) -> int:
        return where if command in ("PREAB", "REF") else self.device.rank_of(where)

    def _last(self, rule: Rule, where: int, rank: int) -> list[int]:
        if rule.scope == "other rank":
            others = (r for r in range(self.device.ranks) if r != rank)
            keys = [(rule.before, "rank", r) for r in others]
        elif rule.scope == "rank":
            keys = [(rule.before, "rank", rank)]
        else:
            which = where if rule.scope == "bank" else self.device.group_of(where)
            keys = [(rule.before, rule.scope, which)]
        return [self.last[key] for key in keys if key in self.last]
