"""The configurations whose circuits are counted in gates, in the order of docs/synthesis.md."""

from dataclasses import replace

from sim.arch.presets import SALO_PRESETS
from sim.arch.salo import SaloConfig
from sim.arch.salo_gates import UnitGates, unit_gates
from sim.arch.salo_numerics import NUMERICS

COUNTED = {
    f"{preset}-{formats}": replace(config, numerics=numerics)
    for preset, config in SALO_PRESETS.items()
    for formats, numerics in NUMERICS.items()
}


def gates_of(config: SaloConfig) -> UnitGates:
    """Return the counts of a configuration's units."""
    return unit_gates(config.array, config.numerics)
