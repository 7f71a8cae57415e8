"""The scratchpads of a machine: software-managed SRAM, banked or not. Model: `sim.memory.scratchpad`."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from tandemsim.sim.arch.checks import require, require_integers


class Buffering(enum.StrEnum):
    """How a scratchpad receives the next tile while the present one is in use."""

    DOUBLE = "double"  # two halves that swap
    CIRCULAR = "circular"  # slots that are refilled one by one, oldest first


@dataclass(frozen=True, slots=True, kw_only=True)
class BufferConfig:
    """A software-managed SRAM whose users each have a bank of their own, so that nobody waits for another."""

    capacity_bytes: int

    def __post_init__(self) -> None:
        require_integers(self, 1, "capacity_bytes")


@dataclass(frozen=True, slots=True, kw_only=True)
class ScratchpadConfig:
    """A banked, software-managed SRAM."""

    capacity_bytes: int
    banks: int = 1
    ports: int = 1  # words that a bank serves in one cycle
    buffering: Buffering = Buffering.DOUBLE

    def __post_init__(self) -> None:
        require_integers(self, 1, "capacity_bytes", "banks", "ports")
        require(
            self.capacity_bytes % self.banks == 0,
            f"ScratchpadConfig.capacity_bytes must be a multiple of banks ({self.banks})",
            self.capacity_bytes,
        )
