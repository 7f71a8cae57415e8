"""The preset of ANT beside SALO: both machines as we would build them, on the DRAM of the first."""

from __future__ import annotations

from tandemsim.sim.arch.ant.presets import ANT
from tandemsim.sim.arch.fused.config import FusedConfig, ant_units, salo_units
from tandemsim.sim.arch.salo.presets import SALO

# One channel of DDR4-2400 would be the bound of Longformer's second feed-forward product and of its norms.
ANT_SALO = FusedConfig(ant=ant_units(ANT), salo=salo_units(SALO), dram=ANT.dram)
