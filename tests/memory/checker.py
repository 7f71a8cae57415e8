"""A checker of command logs: it knows what `jedec` says, which rows are open, the buses, no more."""

from __future__ import annotations

from collections.abc import Iterable

from tests.memory.jedec import COLUMN, NEVER, READS, TURNAROUND, Device, History
from tests.memory.replay import Logged

LONG_AGO = -1000


class Checker:
    """Takes commands one by one; `found` lists what each of them breaks."""

    def __init__(self, device: Device, *, refresh: bool = True, on_time: bool = True) -> None:
        self.device = device
        self.refresh = refresh
        self.latest = device.symbols["REFI"] if on_time else NEVER  # of a refresh, from when it is due
        self.found: list[str] = []
        self.history = History(device)
        self.open_rows: dict[int, int] = {}
        self.refreshes = [0] * device.ranks
        self.pending_act: Logged | None = None  # LPDDR5: ACT1 whose ACT2 has not come
        self.cas_at = self.wck_until = -1
        # of the last burst on each data bus: clock on which it ends, command, rank
        self.bursts: dict[int, tuple[int, str, int]] = {}
        self.in_clock: list[Logged] = []

    def check(self, log: Iterable[Logged]) -> list[str]:
        """Return every fault of a log."""
        for line in log:
            before = len(self.found)
            self._check_line(line)
            self.found[before:] = [
                f"{line.command} {line.where} at {line.clock}: {x}" for x in self.found[before:]
            ]
        return self.found

    def _check_line(self, line: Logged) -> None:
        clock, command, where, row = line
        self._check_command_bus(line)
        if command not in ("ACT2", "CAS"):
            self.found += self.history.broken(command, where, clock)
            self.history.record(command, where, clock)
        if command in ("PREAB", "REF"):
            self._check_rank_command(line)
        elif command in COLUMN:
            self._expect(self.open_rows.get(where) == row, "the row is not open")
            self._check_data_bus(line)
            if command in ("RDA", "WRA"):
                self.open_rows.pop(where, None)
        elif command == "PRE":
            self._expect(self.open_rows.pop(where, None) == row, "the row was not open")
        elif command == "ACT":
            self._expect(where not in self.open_rows, "a row is open")
            self._expect(self.pending_act is None, "an activation has not ended")
            if self.device.wck:
                self.pending_act = line
            else:
                self.open_rows[where] = row
        if self.device.wck:
            self._check_lpddr5(line)

    def _expect(self, holds: bool, otherwise: str) -> None:
        if not holds:
            self.found.append(otherwise)

    def _check_command_bus(self, line: Logged) -> None:
        if self.in_clock and self.in_clock[-1].clock != line.clock:
            self._expect(self.in_clock[-1].clock < line.clock, "the log is not in order")
            self.in_clock = []
        self.in_clock.append(line)
        columns = sum(each.command in COLUMN for each in self.in_clock)
        if self.device.two_buses:
            self._expect(columns <= 1 and len(self.in_clock) - columns <= 1, "a command bus is taken")
        else:
            self._expect(len(self.in_clock) == 1, "the command bus is taken")

    def _check_rank_command(self, line: Logged) -> None:
        clock, command, rank, _ = line
        banks = [bank for bank in range(self.device.bank_count) if self.device.rank_of(bank) == rank]
        pending = self.pending_act is not None and self.pending_act.where in banks
        self._expect(not pending, "an activation has not ended")
        if command == "PREAB":
            for bank in banks:
                self.open_rows.pop(bank, None)
            return
        self._expect(not any(bank in self.open_rows for bank in banks), "a row is open")
        interval = self.device.symbols["REFI"]
        self.refreshes[rank] += 1
        due = self.refreshes[rank] * interval
        self._expect(self.refresh and due <= clock < due + self.latest, f"the refresh was due at {due}")

    def _check_data_bus(self, line: Logged) -> None:
        rank = self.device.rank_of(line.where)
        bus = 0 if self.device.shared_data_bus else rank
        data = self.device.data(line.command)
        start, end = line.clock + data.start, line.clock + data.stop
        free, before, before_rank = self.bursts.get(bus, (LONG_AGO, "", rank))
        gap = 0
        if before in READS and line.command not in READS:
            gap = TURNAROUND
        if rank != before_rank and (before in READS or line.command in READS):
            gap = max(gap, self.device.symbols["CS"])
        self._expect(start >= free + gap, f"the data bus is taken until {free}")
        self.bursts[bus] = (end, line.command, rank)

    def _check_lpddr5(self, line: Logged) -> None:
        clock, command, where, row = line
        if command == "ACT2":
            first = self.pending_act
            ours = first is not None and (first.where, first.row) == (where, row)
            in_time = first is not None and clock <= first.clock + self.device.symbols["AAD"]
            self._expect(ours and in_time, "it belongs to no activation, or comes too late")
            self.open_rows[where] = row
            self.pending_act = None
        elif command == "CAS":
            self._expect(clock >= self.wck_until, "WCK runs")
            self.cas_at = clock
        elif command in COLUMN:
            self._expect(clock < self.wck_until or self.cas_at == clock - 1, "WCK does not run")
            stops = clock + self.device.data(command).stop + self.device.symbols["WCKPST"]
            self.wck_until = max(self.wck_until, stops)
        late = self.pending_act is not None and clock > self.pending_act.clock + self.device.symbols["AAD"]
        self._expect(not late, "an activation has not ended")
