"""The processing element of the SALO array.

Obeys: the PE of the SALO artifact (output stationary for scores, weight stationary for values), with its
defects mended: nothing is left over from a pass, the leftmost PE counts, a PE may be masked. Arithmetic: the
functions here, which `sim.salo.array` runs for whole tiles; cycles: the class, one call per cycle.
"""

from __future__ import annotations

from typing import NamedTuple

from tandemsim.sim.arch.salo.config import SaloConfig
from tandemsim.sim.arch.salo.constants import SaloConstants, array_constants
from tandemsim.sim.arch.salo.stages import Stage
from tandemsim.sim.arch.types import Integers
from tandemsim.sim.engine.fixed import saturate, shift_half_even, shift_half_up
from tandemsim.sim.engine.jit import jit
from tandemsim.sim.salo.exp import exponential
from tandemsim.sim.salo.registers import PSUM, ROW_SUM, SCORE, WEIGHT, no_saturations


@jit
def multiply_accumulate(
    score: int, query: int, key: int, constants: SaloConstants, counters: Integers
) -> int:
    """Return ``score + query * key``, saturated at every step."""
    exact = score + query * key
    total = saturate(exact, constants.score_minimum, constants.score_maximum)
    counters[SCORE] += total != exact
    return total


@jit
def join_row(
    row_max: int, row_sum: int, exponent: int, mantissa: int, constants: SaloConstants, counters: Integers
) -> tuple[int, int, int, int]:
    """Return (row_max, row_sum, shift, weight) of a row after one more PE, given those of the PEs left of it.

    All sums of a row are relative to 2**row_max. `shift` moves what comes from the left to the new maximum,
    rounding half up. Deferred, the PE's share is its weight, rounded half up to the weight's fraction, so
    that the row sum adds what the weighted sum will use. Per pass it is the mantissa, rounded half up to the
    fraction of the sum; weight and shift are then 0: `probability` makes the weight, and partial sums are
    relative to the whole row.
    """
    joined_max = max(row_max, exponent)
    shift = joined_max - row_max
    drop = joined_max - exponent + constants.exp_fraction
    aligned_sum = shift_half_up(row_sum, shift)
    if constants.deferred:
        weight = _weight(mantissa, drop - constants.weight_fraction, constants, counters)
        share = weight << (constants.sum_fraction - constants.weight_fraction)
    else:
        share = shift_half_up(mantissa, drop - constants.sum_fraction)
        shift = weight = 0
    joined_sum = saturate(aligned_sum + share, constants.sum_minimum, constants.sum_maximum)
    counters[ROW_SUM] += joined_sum != aligned_sum + share
    return joined_max, joined_sum, shift, weight


@jit
def probability(
    exponent: int,
    mantissa: int,
    inverse: int,
    inverse_exponent: int,
    constants: SaloConstants,
    counters: Integers,
) -> int:
    """Return mantissa * 2**exponent over the sum of the row, rounded half up; per_pass only.

    `inverse` and `inverse_exponent` are the reciprocal of the row sum, the row's maximum added to the latter.
    """
    drop = constants.probability_drop + inverse_exponent - exponent
    return _weight(mantissa * inverse, drop, constants, counters)


@jit
def _weight(value: int, drop: int, constants: SaloConstants, counters: Integers) -> int:
    exact = shift_half_up(value, drop)
    weight = saturate(exact, constants.weight_minimum, constants.weight_maximum)
    counters[WEIGHT] += weight != exact
    return weight


@jit
def narrow_product(product: int, constants: SaloConstants) -> int:
    """Return weight * value in the fraction of a partial sum, rounded as `SumFormats.psum_rounding` says."""
    if constants.half_even:
        return shift_half_even(product, constants.product_drop)
    return shift_half_up(product, constants.product_drop)


@jit
def add_product(
    psum: int, shift: int, weight: int, value: int, constants: SaloConstants, counters: Integers
) -> int:
    """Return ``psum >> shift`` (half up) plus ``weight * value``, saturated."""
    exact = shift_half_up(psum, shift) + narrow_product(weight * value, constants)
    total = saturate(exact, constants.psum_minimum, constants.psum_maximum)
    counters[PSUM] += total != exact
    return total


class PEInputs(NamedTuple):
    """What a PE sees in a cycle."""

    stage_in: int  # Stage; from the left, as everything down to row_max_in
    query_in: int  # SaloNumerics.input
    row_valid_in: bool  # the row has a query
    row_tag_in: int  # 1 bit: parity of the image row that the row's keys must have (2-D patterns)
    psum_in: int  # SumFormats.psum; 0 at column 0
    row_sum_in: int  # SaloNumerics.row_sum; 0 at column 0
    row_max_in: int  # exponent; the lowest one at column 0
    # From the PE up and left, as everything down to kv_tag_in: the key in SCORE, the value in WEIGHTED_SUM.
    kv_in: int
    kv_valid_in: bool  # the local rows may use the key
    kv_global_valid_in: int  # one bit for each global row, which uses it as its kv_valid_in
    kv_tag_in: int  # 1 bit: parity of the key's image row
    column_enabled: bool  # the column stands for an offset of the band
    inverse: int  # mantissa of the reciprocal of the row sum, from the end of the row; per_pass only
    inverse_exponent: int  # its exponent plus the row's maximum


class PEOutputs(NamedTuple):
    """What a PE shows in the cycle after: registers, all of them."""

    stage_out: int  # to the right, as everything down to row_max_out
    query_out: int
    row_valid_out: bool
    row_tag_out: int
    psum_out: int
    row_sum_out: int
    row_max_out: int
    kv_out: int  # to the PE down and right, as everything down to kv_tag_out
    kv_valid_out: bool
    kv_global_valid_out: int
    kv_tag_out: int


class PE:
    """One multiplier, one adder, and the registers of one (query, key) pair.

    What, by `stage_in`, all of it in the registers at the end of the cycle:

      SCORE         score <- saturate(score + query_in * kv_in); active <- row_valid_in and column_enabled
                    and kv_valid_in and row_tag_in == kv_tag_in (the masks hold still for head_dim cycles).
      EXP           (exponent, mantissa) <- those of 2^score, see `ExpUnit`; score is kept.
      ROW_SUM       active: (row_max_out, row_sum_out, shift, weight) <- `join_row`, the score's share added
                    to row_max_in and row_sum_in. Not active: both pass unchanged, shift <- 0, weight <- 0.
      NORMALISE     weight <- `probability` of inverse and inverse_exponent, 0 if not active. per_pass only.
      WEIGHTED_SUM  psum_out <- saturate((psum_in >> shift) + weight * kv_in), see `add_product`: value n of
                    the head in the n-th cycle of the stage. A PE that is not active passes psum_in unchanged.
      FLUSH         score <- 0, active <- false.
      IDLE          nothing.

    A register that a stage does not name is held; reset clears all. psum_out, row_sum_out and row_max_out are
    thus valid in the cycle after their stage. Query, stage, masks and key or value are passed on in every
    cycle.

    When: one cycle for each stage code, except that the sender holds EXP for `exp_latency` and NORMALISE for
    `normalise_latency` cycles: the registers are right after the last of them.
    """

    def __init__(self, config: SaloConfig) -> None:
        self._constants = array_constants(config.numerics, config.array.normalisation, config.array.head_dim)
        self.saturations = no_saturations()
        self.score = self.exponent = self.mantissa = self.shift = self.weight = 0
        self.active = False
        self.psum = self.row_sum = self.row_max = 0

    def __call__(self, inputs: PEInputs) -> PEOutputs:
        """Run one cycle; return what the outputs show in the next."""
        work = self._stages.get(Stage(inputs.stage_in))
        if work:
            work(self, inputs)
        return PEOutputs(
            inputs.stage_in,
            inputs.query_in,
            inputs.row_valid_in,
            inputs.row_tag_in,
            self.psum,
            self.row_sum,
            self.row_max,
            inputs.kv_in,
            inputs.kv_valid_in,
            inputs.kv_global_valid_in,
            inputs.kv_tag_in,
        )

    def _score(self, inputs: PEInputs) -> None:
        self.score = multiply_accumulate(
            self.score, inputs.query_in, inputs.kv_in, self._constants, self.saturations
        )
        tags_agree = inputs.row_tag_in == inputs.kv_tag_in
        self.active = bool(
            inputs.row_valid_in and inputs.column_enabled and inputs.kv_valid_in and tags_agree
        )

    def _exp(self, _: PEInputs) -> None:
        self.exponent, self.mantissa = exponential(self.score, self._constants, self.saturations)

    def _row_sum(self, inputs: PEInputs) -> None:
        row = inputs.row_max_in, inputs.row_sum_in
        self.row_max, self.row_sum, self.shift, self.weight = *row, 0, 0
        if self.active:
            joined = join_row(*row, self.exponent, self.mantissa, self._constants, self.saturations)
            self.row_max, self.row_sum, self.shift, self.weight = joined

    def _normalize(self, inputs: PEInputs) -> None:
        self.weight = 0
        if self.active:
            inverse = inputs.inverse, inputs.inverse_exponent
            score = self.exponent, self.mantissa
            self.weight = probability(*score, *inverse, self._constants, self.saturations)

    def _weighted_sum(self, inputs: PEInputs) -> None:
        self.psum = add_product(
            inputs.psum_in, self.shift, self.weight, inputs.kv_in, self._constants, self.saturations
        )

    def _flush(self, _: PEInputs) -> None:
        self.score, self.active = 0, False

    _stages = {  # noqa: RUF012 (a table of methods, never written)
        Stage.SCORE: _score,
        Stage.EXP: _exp,
        Stage.ROW_SUM: _row_sum,
        Stage.NORMALISE: _normalize,
        Stage.WEIGHTED_SUM: _weighted_sum,
        Stage.FLUSH: _flush,
    }
