"""The SALO array's number formats as kernels and circuits take them: ints and tables, for one normalization.

Numba compiles a kernel once for all values of such a tuple. `SaloNumerics` says what each field means.
"""

from __future__ import annotations

from typing import NamedTuple

from tandemsim.sim.arch.formats import Rounding
from tandemsim.sim.arch.reciprocal import ReciprocalConstants
from tandemsim.sim.arch.salo.numerics import Normalisation, SaloNumerics, score_shift
from tandemsim.sim.arch.types import Integers


class SaloConstants(NamedTuple):
    """What the kernels of a row of PEs need."""

    deferred: int  # 1: `Normalisation.DEFERRED`
    score_minimum: int
    score_maximum: int
    score_drop: int  # right shift from the raw score to log2 units with exp_fraction fraction bits
    exponent_minimum: int
    exponent_maximum: int
    exp_fraction: int
    value_bits: int  # |value| <= 2**value_bits, raw
    weight_minimum: int
    weight_maximum: int
    weight_fraction: int
    sum_minimum: int
    sum_maximum: int
    sum_fraction: int
    psum_minimum: int
    psum_maximum: int
    product_drop: int  # fraction bits that a product has more than a partial sum; negative: fewer
    probability_drop: int  # fraction bits that mantissa x inverse has more than a weight; negative: fewer
    half_even: int  # 1: a product is rounded half to even; 0: half up
    reciprocal: ReciprocalConstants
    mantissas: Integers  # [2**exp_fraction], ExpConfig.mantissas


class MergeConstants(NamedTuple):
    """What the kernels of a weighted-sum unit need."""

    deferred: int  # 1: `Normalisation.DEFERRED`
    exponent_minimum: int  # of a cleared unit
    exponent_maximum: int  # of the merge exponent
    renormalise: int  # raw row sum at which the exponent is raised
    minimum: int
    maximum: int
    fraction: int
    psum_fraction: int
    sum_fraction: int
    weight_fraction: int
    output_minimum: int
    output_maximum: int
    output_fraction: int
    reciprocal: ReciprocalConstants


def array_constants(numerics: SaloNumerics, normalisation: Normalisation, head_dim: int) -> SaloConstants:
    """Return the constants of the rows of an array of `head_dim`."""
    sums = numerics.sums(normalisation)
    exp, weight = numerics.exp, numerics.weight
    return SaloConstants(
        deferred=int(normalisation is Normalisation.DEFERRED),
        score_minimum=numerics.score.minimum,
        score_maximum=numerics.score.maximum,
        score_drop=numerics.score.fraction + score_shift(head_dim) - exp.fraction_bits,
        exponent_minimum=exp.exponent_minimum,
        exponent_maximum=exp.exponent_maximum,
        exp_fraction=exp.fraction_bits,
        value_bits=numerics.input.width - 1,
        weight_minimum=weight.minimum,
        weight_maximum=weight.maximum,
        weight_fraction=weight.fraction,
        sum_minimum=numerics.row_sum.minimum,
        sum_maximum=numerics.row_sum.maximum,
        sum_fraction=numerics.row_sum.fraction,
        psum_minimum=sums.psum.minimum,
        psum_maximum=sums.psum.maximum,
        product_drop=weight.fraction + numerics.input.fraction - sums.psum.fraction,
        # The reciprocal of a row sum has the fraction bits of its table, less those of the sum.
        probability_drop=exp.fraction_bits
        - weight.fraction
        + numerics.reciprocal.fraction
        - numerics.row_sum.fraction,
        half_even=int(sums.psum_rounding is Rounding.HALF_EVEN),
        reciprocal=numerics.reciprocal.constants,
        mantissas=exp.mantissas,
    )


def merge_constants(numerics: SaloNumerics, normalisation: Normalisation, global_row: bool) -> MergeConstants:
    """Return the constants of the weighted-sum unit of a local or a global row."""
    sums = numerics.sums(normalisation)
    merge = sums.global_merge if global_row else sums.merge
    return MergeConstants(
        deferred=int(normalisation is Normalisation.DEFERRED),
        exponent_minimum=numerics.exp.exponent_minimum,
        exponent_maximum=(1 << (numerics.merge_exponent_width - 1)) - 1,
        renormalise=1 << (numerics.renormalise_at + numerics.row_sum.fraction),
        minimum=merge.minimum,
        maximum=merge.maximum,
        fraction=merge.fraction,
        psum_fraction=sums.psum.fraction,
        sum_fraction=numerics.row_sum.fraction,
        weight_fraction=numerics.merge_weight_fraction,
        output_minimum=numerics.output.minimum,
        output_maximum=numerics.output.maximum,
        output_fraction=numerics.output.fraction,
        reciprocal=numerics.reciprocal.constants,
    )
