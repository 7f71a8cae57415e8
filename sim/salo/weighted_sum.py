"""The weighted-sum unit: joins the passes of a row, one unit at the end of each local and each global row.

Obeys: SALO (arXiv 2206.14550) section 4, merging of a split softmax, and the weight control of its artifact.
The artifact's unit divides integers and so gets weights of 0 and 1; here the weights have fractions
(`sim.arch.reciprocal`).

State of a row: the exponent `merged_max` (the largest of its passes), the row sum `merged_sum` relative to
it, and head_dim sums `merged`. The row sum stays below 2**renormalise_at: when a pass would take it there,
the exponent is raised by one.
"""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

from tandemsim.sim.arch.salo.config import SaloConfig
from tandemsim.sim.arch.salo.constants import MergeConstants, merge_constants
from tandemsim.sim.arch.salo.stages import Stage
from tandemsim.sim.arch.types import Integers
from tandemsim.sim.engine.fixed import saturate, shift_half_up
from tandemsim.sim.engine.jit import jit
from tandemsim.sim.salo.reciprocal import reciprocal
from tandemsim.sim.salo.registers import MERGE, MERGE_EXPONENT, OUTPUT, no_saturations


class Aligned(NamedTuple):
    """The accumulated row sum and that of a pass, both brought to one exponent and added."""

    exponent: int  # of the accumulated sums from now on
    row_sum: int  # accumulated, the pass included
    merged_shift: int  # right shift from the accumulated exponent to the new one
    row_shift: int  # right shift from the exponent of the pass to the new one
    row_part: int  # row sum of the pass at the new exponent


@jit
def align(
    merged_exponent: int,
    merged_sum: int,
    row_max: int,
    row_sum: int,
    constants: MergeConstants,
    counters: Integers,
) -> Aligned:
    """Align the accumulated row sum and the row sum of a new pass to a common exponent, and add them.

    All shifts round half up.
    """
    joined_exponent = max(merged_exponent, row_max)
    total = shift_half_up(merged_sum, joined_exponent - merged_exponent)
    total += shift_half_up(row_sum, joined_exponent - row_max)
    if total >= constants.renormalise:
        joined_exponent += 1
    merged_shift, row_shift = joined_exponent - merged_exponent, joined_exponent - row_max
    row_part = shift_half_up(row_sum, row_shift)
    joined_sum = shift_half_up(merged_sum, merged_shift) + row_part
    kept_exponent = saturate(joined_exponent, constants.exponent_minimum, constants.exponent_maximum)
    counters[MERGE_EXPONENT] += kept_exponent != joined_exponent
    return Aligned(kept_exponent, joined_sum, merged_shift, row_shift, row_part)


@jit
def pass_weight(joined_sum: int, row_part: int, constants: MergeConstants) -> int:
    """Return the weight of a pass in the mean of all, ``row_part / joined_sum`` rounded half up.

    Only for per_pass. Exactly 1.0 in the first pass, and exactly 0 when no PE of the row took part.
    """
    one = 1 << constants.weight_fraction
    if row_part == joined_sum:
        return one if row_part > 0 else 0
    inverse, exponent = reciprocal(joined_sum, constants.reciprocal)
    drop = constants.reciprocal.fraction + exponent - constants.weight_fraction
    return min(one, shift_half_up(row_part * inverse, drop))


@jit
def merge(
    merged: int,
    psum: int,
    merged_shift: int,
    row_shift: int,
    weight: int,
    constants: MergeConstants,
    counters: Integers,
) -> int:
    """Return one of the head_dim accumulated sums with that of a pass merged in, saturated.

    Deferred: both moved to the joined exponent (each rounded half up), added. Per pass: their mean, weighted
    by `weight` for the pass and 1 - `weight` for the accumulated sum, rounded half up once.
    """
    if constants.deferred:
        total = shift_half_up(merged, merged_shift) + shift_half_up(psum, row_shift)
    else:
        common = max(constants.fraction, constants.psum_fraction)
        old = ((1 << constants.weight_fraction) - weight) * merged << (common - constants.fraction)
        new = weight * psum << (common - constants.psum_fraction)
        total = shift_half_up(old + new, constants.weight_fraction + common - constants.fraction)
    kept = saturate(total, constants.minimum, constants.maximum)
    counters[MERGE] += kept != total
    return kept


@jit
def output(
    merged: int, inverse: int, inverse_exponent: int, constants: MergeConstants, counters: Integers
) -> int:
    """Return the output of a merged sum, rounded half up to the output format and saturated.

    Deferred it is first divided by the row sum, whose reciprocal is (inverse, inverse_exponent).
    """
    drop = constants.fraction - constants.output_fraction
    if constants.deferred:
        drop += constants.reciprocal.fraction + inverse_exponent - constants.sum_fraction
        merged = merged * inverse
    exact = shift_half_up(merged, drop)
    value = saturate(exact, constants.output_minimum, constants.output_maximum)
    counters[OUTPUT] += value != exact
    return value


class WeightedSumInputs(NamedTuple):
    """What the unit sees in a cycle."""

    stage: int  # Stage; from the last PE of the row, as the three below: what it did a cycle ago
    row_max: int  # sampled with ROW_SUM
    row_sum: int  # sampled with ROW_SUM
    psum: int  # sampled with WEIGHTED_SUM: value n of the head in the n-th of its cycles
    first: bool  # sampled with ROW_SUM: the pass begins the row's result
    restore: bool  # sampled with ROW_SUM: the result begins with the restored state, not from nothing
    restored_max: int  # sampled with ROW_SUM
    restored_sum: int  # sampled with ROW_SUM
    restored: int  # sampled with WEIGHTED_SUM: sum n of the restored state


class WeightedSumOutputs(NamedTuple):
    """What the unit shows in the cycle after: registers, all of them."""

    merged_max: int
    merged_sum: int
    merged: int  # sum n in the n-th cycle in which merged_valid holds: what is spilled
    merged_valid: bool
    output: int  # SaloNumerics.output: element n in the n-th cycle in which output_valid holds
    output_valid: bool


NOTHING = WeightedSumInputs(Stage.IDLE, 0, 0, 0, False, False, 0, 0, 0)


class WeightedSum:
    """Merges the passes of a local row, and divides by the row sum.

    What, by `stage`:

      ROW_SUM       first: the state is cleared (lowest exponent, row sum 0, sums 0), or, with `restore`,
                    taken from the restored ports: as spilled, as if the row had never stopped, or that of a
                    sink (`sim.salo.sink`). Then `align`.
      after it      per_pass: weight <- `pass_weight`. Deferred: inverse <- `reciprocal` of merged_sum.
      WEIGHTED_SUM  merged[n] <- `merge` of merged[n] (0 or restored in a first pass) and psum; n counts from
                    0 after each ROW_SUM. One cycle later the output register takes `output` of it.

    When: sum n is in `merged`, and merged_valid, `merge_latency` cycles after psum n was sampled; output n,
    and output_valid, `reciprocal_latency` cycles after that. The unit answers in every pass; who needs only
    the row's result takes the last. Needs a NORMALISE between ROW_SUM and WEIGHTED_SUM when it divides per
    pass.
    """

    global_row = False

    def __init__(self, config: SaloConfig) -> None:
        self._constants = merge_constants(config.numerics, config.array.normalisation, self.global_row)
        self.saturations = no_saturations()
        self.merged_max, self.merged_sum = self._constants.exponent_minimum, 0
        self.buffer = [0] * config.array.head_dim
        self.merged_shift = self.row_shift = self.row_part = 0
        self.weight = self.inverse = self.inverse_exponent = 0
        self.first = self.restore = self.divide = False
        self.index = 0
        self.merged, self.merged_valid = 0, False
        # Delay lines; one entry more than the latency, because append and read happen in the same call.
        self.late_inputs = deque([NOTHING] * config.array.merge_latency, config.array.merge_latency)
        late = config.array.reciprocal_latency
        self.late_merged = deque([(0, False)] * late, late)

    def __call__(self, inputs: WeightedSumInputs) -> WeightedSumOutputs:
        """Run one cycle; return what the outputs show in the next."""
        self.late_inputs.append(inputs)
        self.late_merged.append((self.merged, self.merged_valid))
        inputs = self.late_inputs[0]
        finished = self._output(*self.late_merged[0]), self.late_merged[0][1]
        if self.divide:
            self._divide()
        self.divide = inputs.stage == Stage.ROW_SUM
        self.merged_valid = inputs.stage == Stage.WEIGHTED_SUM
        if self.divide:
            self._align(inputs)
        elif self.merged_valid:
            self._merge(inputs)
        return WeightedSumOutputs(self.merged_max, self.merged_sum, self.merged, self.merged_valid, *finished)

    def _align(self, inputs: WeightedSumInputs) -> None:
        self.first, self.restore, self.index = inputs.first, inputs.first and inputs.restore, 0
        if self.restore:
            self.merged_max, self.merged_sum = inputs.restored_max, inputs.restored_sum
        elif self.first:
            self.merged_max, self.merged_sum = self._constants.exponent_minimum, 0
        state = self.merged_max, self.merged_sum
        row = inputs.row_max, inputs.row_sum
        aligned = align(*state, *row, self._constants, self.saturations)
        self.merged_max, self.merged_sum, self.merged_shift, self.row_shift, self.row_part = aligned

    def _divide(self) -> None:
        if self._constants.deferred:
            self.inverse, self.inverse_exponent = reciprocal(self.merged_sum, self._constants.reciprocal)
        else:
            self.weight = pass_weight(self.merged_sum, self.row_part, self._constants)

    def _merge(self, inputs: WeightedSumInputs) -> None:
        old = self.buffer[self.index]
        if self.first:
            old = inputs.restored if self.restore else 0
        shifts = self.merged_shift, self.row_shift
        self.merged = merge(old, inputs.psum, *shifts, self.weight, self._constants, self.saturations)
        self.buffer[self.index] = self.merged
        self.index += 1

    def _output(self, merged: int, valid: bool) -> int:
        if not valid:
            return 0
        return output(merged, self.inverse, self.inverse_exponent, self._constants, self.saturations)


class GlobalWeightedSum(WeightedSum):
    """Merges the passes of a global row: a `WeightedSum` with the merge format of the global rows."""

    global_row = True
