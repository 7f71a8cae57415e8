"""What a report says of memory and energy: records that `sim.report.contract` is made of.

Quantities that could contradict each other are checked when a record is built.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any

from tandemsim.sim.report.rules import Amount, Count, check, check_counts, ratio


@dataclass(frozen=True, slots=True, kw_only=True)
class DramTraffic:
    """What the DRAM served, in whole bursts, and how its requests met the row buffers.

    `extra` has those that its write queue absorbed and that never reached the pins.
    """

    read_bytes: Annotated[Count, "bytes of all read bursts"]
    write_bytes: Annotated[Count, "bytes of all write bursts"]
    useful_read_bytes: Annotated[Count, "bytes that were asked for, of those read"]
    row_hits: Annotated[Count, "requests that found their row open"]
    row_misses: Annotated[Count, "requests that found the bank closed"]
    row_conflicts: Annotated[Count, "requests that found another row open"]
    extra: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        names = [f.name for f in dataclasses.fields(self) if f.name != "extra"]
        check_counts("dram", {name: getattr(self, name) for name in names})
        useful, read = self.useful_read_bytes, self.read_bytes
        check(useful <= read, f"dram: {useful} useful bytes of {read} bytes read")
        check_extra(self, self.extra)

    @property
    def requests(self) -> int:
        return self.row_hits + self.row_misses + self.row_conflicts


@dataclass(frozen=True, slots=True, kw_only=True)
class ScratchpadTraffic:
    """What went through the ports of one scratchpad."""

    read_bytes: Annotated[Count, "bytes read by the array or the DMA"]
    write_bytes: Annotated[Count, "bytes written by the array or the DMA"]
    extra: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_counts("scratchpad", {"read_bytes": self.read_bytes, "write_bytes": self.write_bytes})
        check_extra(self, self.extra)


@dataclass(frozen=True, slots=True, kw_only=True)
class TensorTraffic:
    """What the DMA asked the DRAM for on behalf of one tensor, before whole bursts were made of it."""

    read_bytes: Annotated[Count, "bytes of it that were asked for, each time again"]
    write_bytes: Annotated[Count, "bytes of it that were written"]
    size_bytes: Annotated[Count, "bytes that the tensor has; of a run, in all ops together"]

    def __post_init__(self) -> None:
        check_counts("tensor", dataclasses.asdict(self))

    @property
    def times_read(self) -> float:
        """How often each byte was read on average; 0 where nothing was."""
        return ratio(self.read_bytes, self.size_bytes)


@dataclass(frozen=True, slots=True, kw_only=True)
class Energy:
    """Energy of the run in pJ, by where it was spent."""

    array: Annotated[Amount, "the array's switching energy"]
    scratchpad: Annotated[Amount, "scratchpad accesses"]
    dram: Annotated[Amount, "DRAM, with its interface"]
    static: Annotated[Amount, "leakage over the run's time"]

    def __post_init__(self) -> None:
        for name, value in self.parts.items():
            check(0 <= value < float("inf"), f"energy: {name} is {value} pJ")

    @property
    def parts(self) -> dict[str, float]:
        return dataclasses.asdict(self)

    @property
    def total(self) -> float:
        return self.array + self.scratchpad + self.dram + self.static


# Keys of each record in the JSON, in the order of the contract. "*" is where the `extra` fields go.
PART_KEYS: dict[type, tuple[str, ...]] = {
    DramTraffic: (
        *("read_bytes", "write_bytes", "useful_read_bytes", "row_hits", "row_misses", "row_conflicts", "*"),
    ),
    ScratchpadTraffic: ("read_bytes", "write_bytes", "*"),
    TensorTraffic: ("read_bytes", "write_bytes", "size_bytes"),
    Energy: ("array", "scratchpad", "dram", "static"),
}


def check_extra(record: object, extra: Mapping[str, Any], keys: tuple[str, ...] | None = None) -> None:
    """Check that no extra field hides one of the contract."""
    taken = [name for name in extra if name in (keys or PART_KEYS[type(record)])]
    check(not taken, f"extra fields {taken} hide fields of {type(record).__name__}")
