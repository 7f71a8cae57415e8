"""The units of SALO's circuit, from the exponential of a PE to the whole engine."""

from __future__ import annotations

from tandemsim.rtl.lib.units import Units
from tandemsim.rtl.salo.array import PEArray
from tandemsim.rtl.salo.controller import Controller
from tandemsim.rtl.salo.exp import ExpUnit
from tandemsim.rtl.salo.pe import PE
from tandemsim.rtl.salo.reciprocal import ReciprocalUnit
from tandemsim.rtl.salo.sink import SinkUnit
from tandemsim.rtl.salo.tile_engine import TileEngine
from tandemsim.rtl.salo.weighted_sum import GlobalWeightedSum, WeightedSum
from tandemsim.sim.arch.salo.config import SaloConfig
from tandemsim.sim.arch.salo.stages import Stage

WHOLE = ("pe_array", "tile_engine")  # these hold all PEs
SECONDS_PER_PE = 0.01  # measured: `python -m rtl.build tile_engine`, 10 s of CPU for 1,088 PEs


def seconds(unit: str, config: SaloConfig) -> float:
    """Return roughly how long a unit takes to write."""
    return config.array.pes * SECONDS_PER_PE if unit in WHOLE else 0.0


UNITS = Units(
    kinds=(
        ExpUnit,
        ReciprocalUnit,
        SinkUnit,
        PE,
        WeightedSum,
        GlobalWeightedSum,
        Controller,
        PEArray,
        TileEngine,
    ),
    said={"stages": {stage.name: int(stage) for stage in Stage}},
    seconds=seconds,
)
