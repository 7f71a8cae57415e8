"""How fast one core computes a layer whose data are in L3: the law that is fitted to VELTAIR's profile.

A core does `macs_per_cycle` at most. What part of it a compiled loop reaches depends, in that profile, on two
things above all: whether a row of outputs is whole vectors, and whether neighboring outputs read neighboring
inputs. `sim.cpu.calibration` fits the law, and shows what it is worth on layers that it was not fitted to.
"""

from __future__ import annotations

import numpy as np

from tandemsim.sim.arch.cpu.config import CpuConfig, RateLaw
from tandemsim.sim.arch.types import Doubles
from tandemsim.sim.cpu.shapes import Shape
from tandemsim.sim.cpu.tiles import Tilings


def efficiency(shape: Shape, law: RateLaw) -> float:
    """Return the share of a core's peak that a product reaches, 0...1."""
    share = law.efficiency
    if shape.row % law.lanes == 0:
        share *= law.whole_rows
    if shape.strided:
        share *= law.strided
    if shape.groups > 1 and shape.stored:
        share *= min(1.0, law.depthwise * shape.n)
    return min(1.0, share)


def work_seconds(shape: Shape, config: CpuConfig) -> float:
    """Return the seconds of one core for all of a layer, without what its data cost."""
    core, law = config.core, config.rates
    rate = config.clock_hz * core.macs_per_cycle * efficiency(shape, law)
    vectors = config.clock_hz * law.lanes * law.vector_efficiency
    return shape.macs / rate + shape.element_ops / vectors


def chunk_seconds(shape: Shape, tilings: Tilings, config: CpuConfig) -> Doubles:
    """Return the seconds of a chunk on one core, everything in L3, for each version.

    A product's rate was measured with its data; only what a version moves beyond the least is added. A pass
    takes as long as its data or its work, whichever is longer.
    """
    work, speed = work_seconds(shape, config), config.core.l3_bytes_per_second
    moved = tilings.past_l2_bytes / speed
    if shape.passes:
        return np.maximum(moved, work) / tilings.chunks
    least = (shape.left_bytes + shape.right_bytes + shape.output_bytes + shape.beside_bytes) / speed
    return (work + moved - least) / tilings.chunks
