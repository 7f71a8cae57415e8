"""Tensors in block formats: by the scale rule of the specification, or with the best of the scales near it.

The rule is that of OCP's Microscaling Formats and of NVFP4 (`sim.arch.blocks`). The search is ours: it makes
formats comparable whose largest element is a power of two, such as flint's, which the rule lets saturate by
up to half. Both store the same bits.
"""

from __future__ import annotations

import numpy as np

from tandemsim.sim.arch.blocks import BlockFormat, Blocks
from tandemsim.sim.arch.codes import CodeFormat
from tandemsim.sim.arch.types import Doubles

#: Codes of a scale that are tried, from that of the rule on: one of E8M0 doubles it, eight of E4M3 do. Up to
#: twice the rule's and more, because of flint the upper half of a grid is one value; further ones win nothing
#: (measured on the weights of all-MiniLM-L6-v2, int4, flint4, pot4 and E2M1).
POWERS, STEPS = range(-1, 3), range(-4, 13)
MOST_POWER, MOST_STEP = 254, 126  # the largest codes of E8M0 and E4M3 that are numbers


def like_mxfp4(element: CodeFormat) -> BlockFormat:
    """Return blocks of 32 with a scale of E8M0, as MXFP4 has them, of another element."""
    return BlockFormat(f"{element.name} x 32", element, 32, element.unit)


def like_nvfp4(element: CodeFormat) -> BlockFormat:
    """Return blocks of 16 with a scale of E4M3 and a scale of the tensor, as NVFP4 has them."""
    return BlockFormat(f"{element.name} x 16", element, 16, element.unit, float_scale=True)


def searched(values: Doubles, form: BlockFormat) -> Blocks:
    """Quantize `values` [..., K] with the scale of each block that gives the least squared error.

    Of equal ones the nearest to the rule's is taken, of two as near the smaller.
    """
    rule = form.quantize(values)
    offsets, most = (STEPS, MOST_STEP) if form.float_scale else (POWERS, MOST_POWER)
    best, least = rule.scales, _errors(values, form, rule)
    for offset in sorted(offsets, key=lambda step: (abs(step), step)):
        scales = np.clip(rule.scales + offset, 0, most)
        errors = _errors(values, form, form.quantize_with(values, scales, rule.tensor_scale))
        best = np.where(errors < least, scales, best)
        least = np.minimum(errors, least)
    return form.quantize_with(values, best, rule.tensor_scale)


def _errors(values: Doubles, form: BlockFormat, blocks: Blocks) -> Doubles:
    """Return the squared error of each block, relative to a power of two near the largest value."""
    power = int(np.frexp(np.abs(values).max())[1])
    squares = np.ldexp(form.dequantize(blocks) - values, -power) ** 2
    starts = np.arange(0, values.shape[-1], form.length)
    sums: Doubles = np.add.reduceat(squares, starts, axis=-1)
    return sums
