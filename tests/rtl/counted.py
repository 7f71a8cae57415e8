"""The configurations whose circuits are counted in gates, in the order of docs/synthesis.md."""

from dataclasses import replace

from tandemsim.sim.arch.salo.config import SaloConfig
from tandemsim.sim.arch.salo.family import SALO_FAMILY
from tandemsim.sim.arch.salo.gates import UnitGates, unit_gates
from tandemsim.sim.arch.salo.numerics import NUMERICS

COUNTED = {
    f"{preset}-{formats}": replace(config, numerics=numerics)
    for preset, config in SALO_FAMILY.configs.items()
    for formats, numerics in NUMERICS.items()
}


def gates_of(config: SaloConfig) -> UnitGates:
    """Return the counts of a configuration's units."""
    return unit_gates(config.array, config.numerics)
