"""ANT beside SALO: the configuration of a machine with both arrays, one vector unit and one DRAM.

The ANT array computes products and the vector unit what stands between them, as in `sim.arch.ant`; sliding
windows run on a SALO array, as in `sim.arch.salo`. Each has scratchpads of its own; DRAM, clock and the
energies of their cells are the same. Models: `sim.fused`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, fields
from typing import Any

from tandemsim.sim.arch.ant.config import AntArray, AntConfig, OutlierPath, VectorUnit
from tandemsim.sim.arch.checks import ConfigError
from tandemsim.sim.arch.dram.config import PS_PER_SECOND, DramConfig
from tandemsim.sim.arch.energy import EnergyConfig
from tandemsim.sim.arch.salo.config import SaloArray, SaloConfig, SaloScheduling
from tandemsim.sim.arch.salo.numerics import PUBLISHED, SaloNumerics
from tandemsim.sim.arch.sram import BufferConfig, ScratchpadConfig


@dataclass(frozen=True, slots=True, kw_only=True)
class AntUnits:
    """What `AntConfig` has beside DRAM, energy and clock."""

    array: AntArray = field(default_factory=AntArray)
    vector: VectorUnit = field(default_factory=VectorUnit)
    outliers: OutlierPath = field(default_factory=OutlierPath)
    activation_scratchpad: BufferConfig
    weight_scratchpad: BufferConfig
    accumulator_scratchpad: BufferConfig
    residual_scratchpad: BufferConfig
    output_scratchpad: BufferConfig
    vector_scratchpad: BufferConfig


@dataclass(frozen=True, slots=True, kw_only=True)
class SaloUnits:
    """What `SaloConfig` has beside DRAM, energy and clock."""

    array: SaloArray = field(default_factory=SaloArray)
    numerics: SaloNumerics = PUBLISHED
    scheduling: SaloScheduling = field(default_factory=SaloScheduling)
    query_scratchpad: BufferConfig
    key_scratchpad: ScratchpadConfig
    value_scratchpad: ScratchpadConfig
    global_scratchpad: BufferConfig
    output_scratchpad: BufferConfig


@dataclass(frozen=True, slots=True, kw_only=True)
class FusedConfig:
    """The machine of both arrays."""

    ant: AntUnits
    salo: SaloUnits
    dram: DramConfig
    energy: EnergyConfig = field(default_factory=EnergyConfig)
    clock_hz: int = 1_000_000_000  # assumed: as each of the arrays

    def __post_init__(self) -> None:
        _checked(lambda: self.ant_config, "AntConfig", "AntUnits")
        _checked(lambda: self.salo_config, "SaloConfig", "SaloUnits")

    @property
    def ant_config(self) -> AntConfig:
        """The ANT machine by itself, on this DRAM."""
        return AntConfig(**_values(self.ant), dram=self.dram, energy=self.energy, clock_hz=self.clock_hz)

    @property
    def salo_config(self) -> SaloConfig:
        """The SALO machine by itself, on this DRAM."""
        return SaloConfig(**_values(self.salo), dram=self.dram, energy=self.energy, clock_hz=self.clock_hz)

    @property
    def cycle_ps(self) -> int:
        """Length of a machine cycle in picoseconds."""
        return PS_PER_SECOND // self.clock_hz


def ant_units(config: AntConfig) -> AntUnits:
    """Return the units of an ANT machine."""
    return AntUnits(**{name: getattr(config, name) for name in _names(AntUnits)})


def salo_units(config: SaloConfig) -> SaloUnits:
    """Return the units of a SALO machine."""
    return SaloUnits(**{name: getattr(config, name) for name in _names(SaloUnits)})


def _names(units: type) -> list[str]:
    return [each.name for each in fields(units)]


def _values(units: AntUnits | SaloUnits) -> dict[str, Any]:
    return {name: getattr(units, name) for name in _names(type(units))}


def _checked(build: Callable[[], object], whole: str, units: str) -> None:
    """Check the rules of a machine by itself; what they say of its own fields is said of the units'."""
    try:
        build()
    except ConfigError as error:
        shared = ("dram", "energy", "clock_hz")
        named = [message.replace(f"{whole}.", f"{units}.") for message in error.messages]
        for name in shared:
            named = [message.replace(f"{units}.{name}", f"FusedConfig.{name}") for message in named]
        raise ConfigError(*named) from None
