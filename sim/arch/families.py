"""The table of families: every machine that can be configured, by the name that ``--machine`` takes.

A new machine adds one line here, and one in `sim.machines.table`.
"""

from __future__ import annotations

from collections.abc import Mapping

from tandemsim.sim.arch.ant.family import ANT_FAMILY
from tandemsim.sim.arch.checks import ConfigError, nearest
from tandemsim.sim.arch.cpu.family import CPU_FAMILY
from tandemsim.sim.arch.family import Family
from tandemsim.sim.arch.fused.family import FUSED_FAMILY
from tandemsim.sim.arch.salo.family import SALO_FAMILY

FAMILIES: Mapping[str, Family] = {
    family.name: family for family in (SALO_FAMILY, ANT_FAMILY, FUSED_FAMILY, CPU_FAMILY)
}


def family_named(name: str | None) -> Family:
    """Return a family by name (None: the first); `ConfigError` names the nearest of an unknown one."""
    if name is None:
        return next(iter(FAMILIES.values()))
    if name not in FAMILIES:
        raise ConfigError(nearest("machine", name, FAMILIES))
    return FAMILIES[name]
