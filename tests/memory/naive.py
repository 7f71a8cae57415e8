"""The controller of docs/dram.md, one clock after the other, over plain lists: slow, and easy to believe."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field

from tests.memory.jedec import Device, History
from tests.memory.replay import Logged, Requests

READ, WRITE = 0, 1
COLUMN_SLOT, ROW_SLOT = {"RD", "WR"}, {"ACT", "PRE", "PREAB", "REF"}


@dataclass(eq=False)
class Request:
    """A burst that was accepted."""

    kind: int
    bank: int
    row: int
    address: int
    owner: int
    accepted: int
    seen: bool = False


@dataclass
class Policy:
    """What of a `DramConfig` the controller obeys."""

    read_queue: int = 32
    write_queue: int = 32
    scheduler: str = "frfcfs"
    row_cap: int = 0
    refresh: bool = True


@dataclass
class NaiveChannel:
    """One channel. `done` maps owners to clocks of completion."""

    device: Device
    policy: Policy
    clock: int = 0
    done: dict[int, int] = field(default_factory=dict)
    log: list[Logged] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=lambda: defaultdict(int))

    def __post_init__(self) -> None:
        self.history = History(self.device)
        self.queues: tuple[list[Request], list[Request]] = ([], [])
        self.active: list[Request] = []
        self.urgent: list[tuple[str, int]] = []  # ("REF", rank) or ("PRE", bank)
        self.open_rows: dict[int, int] = {}
        self.accesses: dict[int, int] = defaultdict(int)  # since the row was opened
        self.write_mode = False
        self.cas: Request | None = None
        self.act2: Request | None = None
        self.act2_latest = self.wck_until = 0

    def accept(self, kind: int, bank: int, row: int, address: int, owner: int) -> bool:
        """Take a request, or refuse it because its queue is full."""
        writes = self.queues[WRITE]
        if self.policy.scheduler != "fcfs" and any(write.address == address for write in writes):
            self.done[owner] = self.clock + 1
            self.counts["merged" if kind == WRITE else "forwarded"] += 1
            return True
        size = self.policy.write_queue if kind == WRITE else self.policy.read_queue
        if len(self.queues[kind]) == size:
            return False
        self.queues[kind].append(Request(kind, bank, row, address, owner, self.clock))
        return True

    def tick(self) -> None:
        """Simulate the next clock."""
        self.clock += 1
        self._call_maintenance()
        if self.device.two_buses:
            self._serve(self._choose(COLUMN_SLOT))
            self._serve(self._choose(ROW_SLOT))
        elif self.cas:
            request, self.cas = self.cas, None
            self._access(request)
        elif self.act2 and self.act2_latest == self.clock:
            self._activate_second()
        else:
            choice = self._choose(COLUMN_SLOT | ROW_SLOT)
            if choice is None and self.act2:
                self._activate_second()
            else:
                self._serve(choice)

    def next_change(self) -> int:
        """Return the first clock after this one on which something else may be done."""
        ends = [self.history.next_change(self.clock)]
        if self.cas or self.act2:
            ends.append(self.clock + 1)
        if self.policy.refresh:
            interval = self.device.symbols["REFI"]
            ends.append((self.clock // interval + 1) * interval)
        return min(ends + [self.wck_until] * (self.wck_until > self.clock))

    def _call_maintenance(self) -> None:
        if self.policy.refresh and self.clock % self.device.symbols["REFI"] == 0:
            self.urgent += [("REF", rank) for rank in range(self.device.ranks)]
        for bank in range(self.device.bank_count if self.policy.row_cap else 0):
            due = bank in self.open_rows and self.accesses[bank] >= self.policy.row_cap
            if due and ("PRE", bank) not in self.urgent and self._legal("PRE", bank):
                self.urgent.append(("PRE", bank))

    def _choose(self, slot: set[str]) -> tuple[str, int, Request | None] | None:
        """Return the next command, its bank or rank, and the request that it serves."""
        for request in sorted(self.active, key=self._age):
            command = self._needed(request)
            if command in slot and self._legal(command, request.bank):
                return command, request.bank, request
        if self.urgent:
            command, where = self._urgent_command()
            allowed = command in slot and not self._is_held(command, where) and self._legal(command, where)
            return (command, where, None) if allowed else None
        for request in self._candidates():
            command = self._needed(request)
            held = command not in ("RD", "WR") and self._is_held(command, request.bank)
            if command in slot and not held and self._legal(command, request.bank):
                return command, request.bank, request
        return None

    def _candidates(self) -> list[Request]:
        if self.policy.scheduler == "fcfs":
            return sorted(self.queues[READ] + self.queues[WRITE], key=self._age)[:1]
        reads, writes, size = len(self.queues[READ]), len(self.queues[WRITE]), self.policy.write_queue
        if not self.write_mode and (writes > 0.8 * size or reads == 0):
            self.write_mode = True
        elif self.write_mode and writes < 0.2 * size and reads > 0:
            self.write_mode = False
        queue = self.queues[self.write_mode]
        if self.policy.scheduler == "frfcfs":
            return list(queue)
        return [each for each in queue if not any(self._protects(hit, each) for hit in queue)]

    def _protects(self, hit: Request, other: Request) -> bool:
        """Whether `other` would close a row that `hit`, which is older, needs open."""
        same_bank = hit.bank == other.bank and self._needed(other) == "PRE"
        return same_bank and self.open_rows.get(hit.bank) == hit.row and self._age(hit) < self._age(other)

    def _age(self, request: Request) -> tuple[int, int]:
        return request.accepted, request.owner

    def _needed(self, request: Request) -> str:
        if request.bank not in self.open_rows:
            return "ACT"
        if self.open_rows[request.bank] != request.row:
            return "PRE"
        return "WR" if request.kind == WRITE else "RD"

    def _urgent_command(self) -> tuple[str, int]:
        command, where = self.urgent[0]
        if command == "REF" and any(self.device.rank_of(bank) == where for bank in self.open_rows):
            return "PREAB", where
        return command, where

    def _is_held(self, command: str, where: int) -> bool:
        """Whether a request waits for a row that has been opened for it, or is being opened."""
        waiting = {request.bank for request in self.active} | ({self.act2.bank} if self.act2 else set())
        if command in ("PREAB", "REF"):
            return any(self.device.rank_of(bank) == where for bank in waiting)
        return where in waiting

    def _legal(self, command: str, where: int) -> bool:
        if command == "ACT" and self.act2:
            return False
        return not self.history.broken(command, where, self.clock)

    def _serve(self, choice: tuple[str, int, Request | None] | None) -> None:
        if choice is None:
            return
        command, where, request = choice
        if request is None:
            self._maintain(command, where)
        elif command in ("RD", "WR"):
            self._start_access(request)
        else:
            self._row_command(command, request)

    def _maintain(self, command: str, where: int) -> None:
        if command != "PREAB":
            self.urgent.pop(0)
        if command == "REF":
            self.counts["refreshes"] += 1
        closed = [where] if command == "PRE" else []
        if command == "PREAB":
            closed = [bank for bank in self.open_rows if self.device.rank_of(bank) == where]
        row = self.open_rows[where] if command == "PRE" else -1
        self._issue(command, where, row)
        for bank in closed:
            self._close(bank)

    def _start_access(self, request: Request) -> None:
        if not self.device.wck or self.clock < self.wck_until:
            self._access(request)
        elif self.act2 and self.act2_latest <= self.clock + 1:
            self._activate_second()
        else:
            self.cas = request
            self._issue("CAS", request.bank, -1)

    def _access(self, request: Request) -> None:
        if not request.seen:
            self.counts["row_hits"] += 1
        for waiting in (self.active, *self.queues):
            if request in waiting:
                waiting.remove(request)
        command = "WR" if request.kind == WRITE else "RD"
        bank = request.bank
        others = any(each.bank == bank for each in self.active)
        ends = 0 < self.policy.row_cap <= self.accesses[bank] and not others
        self._issue(command + "A" * ends, bank, request.row)
        self.accesses[bank] += 1
        if ends:
            self._close(bank)
        data = self.device.data(command)
        self.done[request.owner] = self.clock + data.stop
        self.wck_until = max(self.wck_until, self.clock + data.stop + self.device.symbols.get("WCKPST", 0))

    def _row_command(self, command: str, request: Request) -> None:
        if not request.seen:
            self.counts["row_misses" if command == "ACT" else "row_conflicts"] += 1
        request.seen = True
        if command == "PRE":
            self._issue("PRE", request.bank, self.open_rows[request.bank])
            self._close(request.bank)
            return
        self._issue("ACT", request.bank, request.row)
        self.queues[request.kind].remove(request)
        if self.device.wck:
            self.act2, self.act2_latest = request, self.clock + self.device.symbols["AAD"]
        else:
            self._open(request)

    def _activate_second(self) -> None:
        request, self.act2 = self.act2, None
        assert request is not None
        self._issue("ACT2", request.bank, request.row)
        self._open(request)

    def _open(self, request: Request) -> None:
        self.open_rows[request.bank] = request.row
        self.active.append(request)

    def _close(self, bank: int) -> None:
        del self.open_rows[bank]
        self.accesses[bank] = 0
        self.urgent = [need for need in self.urgent if need != ("PRE", bank)]

    def _issue(self, command: str, where: int, row: int) -> None:
        self.log.append(Logged(self.clock, command, where, row))
        if command not in ("ACT2", "CAS"):
            self.history.record(command, where, self.clock)


def run(channel: NaiveChannel, requests: Requests, until: int = 0, *, skip: bool = False) -> list[int]:
    """Serve all requests as `replay.replay` does; return the clocks on which they were accepted.

    With `skip`, clocks on which nothing can be other than on the one before are left out.
    """
    accepted: list[int] = []
    waiting = list(zip(*(column.tolist() for column in requests), strict=True))
    while len(channel.done) < len(waiting) or channel.clock < until:
        i, before = len(accepted), (len(channel.log), len(accepted))
        if i < len(waiting) and channel.clock >= waiting[i][0] and channel.accept(*waiting[i][1:], i):
            accepted.append(channel.clock)
        channel.tick()
        if skip and before == (len(channel.log), len(accepted)):
            due = [waiting[i][0]] if i < len(waiting) and waiting[i][0] >= channel.clock else []
            ends = [until] if until > channel.clock else []
            channel.clock = min([channel.next_change() - 1, *due, *ends])
    return accepted
