"""The DRAM of a machine: channels of one standard, and their controllers. Model: `sim.memory.dram`.

The DRAM runs on a clock of its own (`DramStandard.tck_ps`); `sim.memory.dma` converts. `docs/dram.md` tells
how a channel schedules.
"""

from __future__ import annotations

import enum
import math
from dataclasses import dataclass
from typing import NamedTuple

from tandemsim.sim.arch.checks import Rules, require, require_integers
from tandemsim.sim.arch.dram.address_map import Piece, pieces_of
from tandemsim.sim.arch.dram.spacing import Spacing, check_refresh, spacing_of
from tandemsim.sim.arch.dram.timing import MAX_BYTES, MAX_DELAY_CLOCKS, MAX_DELAY_PS, DramStandard

PS_PER_SECOND = 1_000_000_000_000
MAX_QUEUE = 64  # requests of one kind; assumed: twice the queues of Ramulator 2.1
MAX_BANKS = 64  # of a channel: four ranks of DDR4
MAX_CHANNELS = 1024  # and requests in a queue; assumed: 32 times an HBM2 stack's
MAX_RANKS = 8  # or pseudo-channels; assumed
MAX_BANDWIDTH = 10**15  # bytes per second; assumed: more than any array can take
MAX_CAPACITY = MAX_CHANNELS * MAX_BYTES  # of all channels, so that addresses fit the int64 of the kernels


class Scheduler(enum.StrEnum):
    """Which of the queued requests a channel serves first."""

    FRFCFS = "frfcfs"  # of those whose next command is legal now the oldest
    FRFCFS_ROWHIT = "frfcfs_rowhit"  # and no row is closed that an older queued request would hit
    FCFS = "fcfs"  # the oldest of all, reads and writes in one order


class DramTiming(NamedTuple):
    """A `DramConfig` as a kernel sees it: clocks, shifts and limits, all ints."""

    spacing: Spacing
    tck_ps: int
    burst_bytes: int
    burst_shift: int  # log2 of burst_bytes
    channels: int
    ranks: int  # or pseudo-channels
    groups: int  # bank groups of a channel
    banks: int  # banks of a channel
    group_shift: int  # bank >> group_shift = its group
    rank_shift: int  # bank >> rank_shift = its rank
    always_open: int
    refresh: int
    dual_command_bus: int
    wck_sync: int
    read_queue: int
    write_queue: int
    write_enter: int  # write mode starts at this many queued writes
    write_leave: int  # and ends below this many; at least 1, so that it ends when none is left
    in_order: int
    keep_row_hits: int
    row_cap: int
    read_latency: int  # RD to completion
    write_latency: int  # WR to completion


@dataclass(frozen=True, slots=True, kw_only=True)
class DramConfig:
    """Channels of one standard and their controllers."""

    standard: DramStandard
    channels: int = 1
    ranks: int = 1
    # A name of sim.arch.dram.address_map.NAMED_MAPS, or fields from high to low bits.
    mapping: str = "mop4clxor"
    refresh: bool = True
    scheduler: Scheduler = Scheduler.FRFCFS
    row_cap: int = 0  # a row is closed after so many accesses; 0: it stays open until a conflict or a refresh
    read_queue: int = 32  # Ramulator 2.1, default
    write_queue: int = 32  # Ramulator 2.1, default
    # Write mode starts above the high part of the queue, and ends below the low one.
    write_high_watermark: float = 0.8  # Ramulator 2.1, default
    write_low_watermark: float = 0.2  # Ramulator 2.1, default
    command_latency: int = 1  # clocks from acceptance to the first command; Ramulator 2.1: 1
    bandwidth_bytes_per_second: int | None = None  # the ideal memory's, of all channels: sets the burst

    def __post_init__(self) -> None:
        known, halves = isinstance(self.scheduler, Scheduler), self.standard.pseudo_channels
        with Rules() as rules:
            with rules.apart():
                require_integers(self, 1, "channels", "ranks", maximum=MAX_CHANNELS)
                for field in ("channels", "ranks"):
                    value = getattr(self, field)
                    require(value & (value - 1) == 0, f"DramConfig.{field} must be a power of two", value)
                require(self.ranks <= MAX_RANKS, f"DramConfig.ranks must be at most {MAX_RANKS}", self.ranks)
            with rules.apart():
                require_integers(self, 1, "read_queue", "write_queue", maximum=MAX_QUEUE)
            with rules.apart():
                require_integers(self, 0, "row_cap")
            with rules.apart():
                require_integers(self, 0, "command_latency", maximum=MAX_DELAY_CLOCKS)
            rules.require(
                known, f"DramConfig.scheduler must be one of {', '.join(Scheduler)}", self.scheduler
            )
            rule = f"DramStandard.pseudo_channels must be at most {MAX_RANKS}"
            rules.require(halves <= MAX_RANKS, rule, halves)
        banks = self._scopes * self.standard.bank_groups * self.standard.banks
        require(banks <= MAX_BANKS, f"DramConfig must have at most {MAX_BANKS} banks a channel", banks)
        low, high = self.write_low_watermark, self.write_high_watermark
        require(
            0 <= low <= high <= 1, "DramConfig watermarks must satisfy 0 <= low <= high <= 1", (low, high)
        )
        single = self.ranks == 1 or self.standard.pseudo_channels == 1
        require(single, "DramConfig.ranks must be 1 for a standard with pseudo-channels", self.ranks)
        rule = f"DramConfig must have at most {MAX_CAPACITY} bytes: channels, ranks, banks, rows or row_bytes"
        require(self.capacity_bytes <= MAX_CAPACITY, rule, self.capacity_bytes)
        self._check_bandwidth()
        if self.refresh:
            check_refresh(spacing_of(self.standard, self.burst_clocks), self._scopes)
        _ = self.pieces  # raises for an invalid mapping

    def _check_bandwidth(self) -> None:
        if self.standard.rows > 1:
            rule = f"DramConfig.bandwidth_bytes_per_second must be none for {self.standard.name}"
            require(self.bandwidth_bytes_per_second is None, rule, self.bandwidth_bytes_per_second)
        elif self.bandwidth_bytes_per_second is not None:
            least = -(-self.burst_bytes * self.channels * PS_PER_SECOND // MAX_DELAY_PS)
            require_integers(self, 1, "bandwidth_bytes_per_second", maximum=MAX_BANDWIDTH)
            rule = f"DramConfig.bandwidth_bytes_per_second must be at least {least} (a burst a millisecond)"
            require(self.bandwidth_bytes_per_second >= least, rule, self.bandwidth_bytes_per_second)

    @property
    def burst_bytes(self) -> int:
        """Bytes that one RD or WR moves."""
        return self.standard.burst_bytes

    @property
    def burst_clocks(self) -> int:
        """Clocks that a burst occupies the data bus."""
        if self.bandwidth_bytes_per_second is None:
            return self.standard.burst_clocks
        ps = -(-self.burst_bytes * self.channels * PS_PER_SECOND // self.bandwidth_bytes_per_second)
        return -(-ps // self.standard.tck_ps)

    @property
    def data_buses(self) -> int:
        """Data buses that work at the same time."""
        return self.channels * self.standard.pseudo_channels

    @property
    def peak_bytes_per_second(self) -> float:
        """Bandwidth of all data buses without a gap."""
        burst_ps = self.burst_clocks * self.standard.tck_ps
        return self.data_buses * self.burst_bytes * PS_PER_SECOND / burst_ps

    @property
    def capacity_bytes(self) -> int:
        """Bytes of all channels; addresses wrap there."""
        s = self.standard
        return self.channels * self._scopes * s.bank_groups * s.banks * s.rows * s.row_bytes

    @property
    def _scopes(self) -> int:
        return self.ranks * self.standard.pseudo_channels

    @property
    def pieces(self) -> list[Piece]:
        """The address map, as bit pieces to be XORed together."""
        s = self.standard
        sizes = {"channel": self.channels, "rank": self._scopes, "group": s.bank_groups, "bank": s.banks}
        sizes |= {"row": s.rows, "column": s.row_bytes // s.burst_bytes}
        bits = {field: size.bit_length() - 1 for field, size in sizes.items()}
        return pieces_of(self.mapping, bits, s.burst_bytes.bit_length() - 1)

    @property
    def timing(self) -> DramTiming:
        """The config in clocks."""
        s = self.standard
        spacing = spacing_of(s, self.burst_clocks)
        groups = self._scopes * s.bank_groups
        latency = self.command_latency - 1  # the controller's tick already is one clock
        return DramTiming(
            spacing=spacing,
            tck_ps=s.tck_ps,
            burst_bytes=s.burst_bytes,
            burst_shift=s.burst_bytes.bit_length() - 1,
            channels=self.channels,
            ranks=self._scopes,
            groups=groups,
            banks=groups * s.banks,
            group_shift=s.banks.bit_length() - 1,
            rank_shift=(s.banks * s.bank_groups).bit_length() - 1,
            always_open=int(s.rows == 1),
            refresh=int(self.refresh),
            dual_command_bus=int(s.dual_command_bus),
            wck_sync=int(s.wck_sync),
            read_queue=self.read_queue,
            write_queue=self.write_queue,
            write_enter=math.floor(self.write_high_watermark * self.write_queue) + 1,
            write_leave=max(1, math.ceil(self.write_low_watermark * self.write_queue)),
            in_order=int(self.scheduler is Scheduler.FCFS),
            keep_row_hits=int(self.scheduler is Scheduler.FRFCFS_ROWHIT),
            row_cap=self.row_cap,
            read_latency=spacing.rd_data + spacing.burst + latency,
            write_latency=spacing.wr_data + spacing.burst + latency,
        )
