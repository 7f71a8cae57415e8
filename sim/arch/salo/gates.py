"""Gate counts of the SALO circuits, and from them the area of arrays that no paper gives.

Measured, not published: `python -m rtl.synth` (`make synth`) maps the circuits of `rtl.salo` to the cells of
the published synthesis, for area alone; docs/synthesis.md says what that leaves out. A count is in areas of a
NAND2, memories apart. The units counted have latencies of one cycle, and heads of 64 elements.
"""

from __future__ import annotations

from typing import NamedTuple

from tandemsim.sim.arch.cells import NAND2_UM2
from tandemsim.sim.arch.salo.config import GlobalProjections, SaloArray
from tandemsim.sim.arch.salo.numerics import NUMERICS, Normalisation, SaloNumerics
from tandemsim.sim.arch.salo.stages import Stage


class UnitGates(NamedTuple):
    """NAND2 equivalents of one unit of each kind, for one normalization and one set of number formats."""

    exp_unit: int  # inside each PE
    reciprocal_unit: int  # inside each weighted-sum unit; per_pass also one at the end of each row
    sink_unit: int  # one in an array with sinks
    pe: int
    weighted_sum: int
    global_weighted_sum: int
    controller: int
    merge_bit: float  # a bit of a merge buffer that is made of flip-flops, its share of the ports included
    skew_bit: float  # one of `skew_bits`, with its share of the multiplexers where operands enter


DEFERRED, PER_PASS = Normalisation.DEFERRED, Normalisation.PER_PASS
# Each row: what `python -m rtl.synth` with these arguments prints.
GATES = {
    # --preset salo --set array.sinks=false --set array.value_dims=false
    (DEFERRED, "published"): UnitGates(368, 1860, 369, 2751, 9049, 8999, 170, 8.7, 5.44),
    # --preset salo --set numerics=wide --set array.sinks=false --set array.value_dims=false
    (DEFERRED, "wide"): UnitGates(396, 1894, 396, 3844, 10093, 10056, 170, 8.65, 5.46),
    # --preset salo-dac22
    (PER_PASS, "published"): UnitGates(368, 1857, 369, 4046, 11761, 12398, 171, 8.85, 5.64),
    # --preset salo-dac22 --set numerics=wide
    (PER_PASS, "wide"): UnitGates(396, 1913, 396, 5356, 14431, 14403, 171, 8.77, 5.65),
}


def unit_gates(array: SaloArray, numerics: SaloNumerics) -> UnitGates:
    """Return the counts of a configuration's units; assumed: formats not counted are like `wide`."""
    return GATES[array.normalisation, formats_of(numerics) or "wide"]


def formats_of(numerics: SaloNumerics) -> str | None:
    """Return the name of cataloged formats; None for others."""
    return next((name for name, known in NUMERICS.items() if known == numerics), None)


def skew_bits(array: SaloArray, numerics: SaloNumerics) -> int:
    """Return the bits of the registers between the array's ports and its units, as `rtl.salo.array` wires."""
    element, rows, cols, globals_ = numerics.input.width, array.rows, array.cols, array.global_rows
    word = element + 2 + max(1, globals_)  # a key or value, its tag, and for which rows it counts
    lags = sum(range(cols))
    heads = sum(range(0, cols, array.segment_cols))  # of the columns where a segment begins
    bits = lags + heads  # whether a column counts, whether segments are chained
    bits += word * (lags + (rows - 1) * heads) + rows * heads  # keys at the top and the edges; the row tags
    bits += sum((element + 1) * (cols + k) for k in range(array.global_cols))
    bits += sum((max(Stage).bit_length() + element + 1) * lag for lag in range(1, globals_ + 1))
    if array.global_projections is GlobalProjections.PRIVATE:
        bits += sum((element + 2) * (j + g + 1) for g in range(globals_) for j in range(cols))
    if array.sinks:  # whether a row begins with one, its exponent, its row sum
        sink = 1 + numerics.exp.exponent_width + numerics.highest_sink.bit_length()
        bits += sink * (cols + max(array.global_cols, globals_))
    behind = array.merge_latency + array.reciprocal_latency
    bits += 3 * (cols + array.global_cols) + 2 * behind  # first of a block; outputs leave; the last of them
    if array.normalisation is PER_PASS:  # the row's maximum waits for the reciprocal
        bits += (rows + globals_) * numerics.exp.exponent_width * (array.reciprocal_latency - 1)
    if globals_:
        bits += sum(cols + g + 1 + numerics.output.width * (globals_ - 1 - g) for g in range(globals_))
        bits += (globals_ + 1) * (cols + globals_ + behind)
    return bits


def array_nand2(array: SaloArray, numerics: SaloNumerics) -> float | None:
    """Return the NAND2 equivalents of an array, merge buffers as flip-flops; None where not measured."""
    latencies = (array.exp_latency, array.reciprocal_latency, array.normalise_latency, array.merge_latency)
    if formats_of(numerics) is None or set(latencies) != {1}:
        return None
    gates = unit_gates(array, numerics)
    sums = numerics.sums(array.normalisation)
    rows = array.rows * gates.weighted_sum + array.global_rows * gates.global_weighted_sum
    if array.normalisation is PER_PASS:
        rows += (array.rows + array.global_rows) * gates.reciprocal_unit
    if array.sinks:
        rows += gates.sink_unit
    merge = array.rows * sums.merge.width + array.global_rows * sums.global_merge.width
    memory = merge * array.head_dim * gates.merge_bit
    skew = skew_bits(array, numerics) * gates.skew_bit
    return array.pes * gates.pe + rows + gates.controller + memory + skew


def array_mm2(array: SaloArray, numerics: SaloNumerics) -> float | None:
    """Return the estimated area of an array: cells alone, no wires, no scratchpads, no staging buffers."""
    nand2 = array_nand2(array, numerics)
    return None if nand2 is None else nand2 * NAND2_UM2 / 1e6
