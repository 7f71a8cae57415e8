"""The geometry of the array (`sim.arch.salo.geometry`) as kernels call it."""

from __future__ import annotations

from tandemsim.sim.arch.salo import geometry
from tandemsim.sim.engine.jit import jit

slot_of = jit(inline="always")(geometry.slot_of)
