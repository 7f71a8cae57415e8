"""The two processing elements of the ANT array: one that keeps its weight, one that keeps its sum.

Obeys: ANT, MICRO 2022 (arXiv 2208.14286): one integer multiplier and a shifter for all types. Which PE takes
a weight, and how results leave, is ours.
"""

from __future__ import annotations

from typing import NamedTuple

from tandemsim.sim.ant.sums import wrap
from tandemsim.sim.arch.ant.config import AntConfig


def add_product(total: int, base: int, shift: int, weight: int, weight_shift: int, width: int) -> int:
    """Return ``total + base * 2**shift * weight * 2**weight_shift`` in `width` bits."""
    return wrap(total + ((base * weight) << (shift + weight_shift)), width)


class WeightPEInputs(NamedTuple):
    """What a PE sees in a cycle."""

    activation_base_in: int  # from the left, as everything down to swap_in
    activation_shift_in: int
    swap_in: bool  # the first activation of a tile
    psum_in: int  # from above, as everything down to weight_valid_in; 0 in row 0
    weight_base_in: int
    weight_shift_in: int
    weight_valid_in: bool  # a weight that no PE above has kept


class WeightPEOutputs(NamedTuple):
    """What a PE shows in the cycle after: registers, all of them."""

    activation_base_out: int  # to the right
    activation_shift_out: int
    swap_out: bool
    psum_out: int  # down
    weight_base_out: int
    weight_shift_out: int
    weight_valid_out: bool


class WeightPE:
    """Weight stationary: one multiplier, one shifter, one adder, and two weights.

    What: psum_out <- psum_in + activation * weight. With swap_in the weight that waits comes into use, from
    this very cycle on, and the PE is in need of another. A valid weight that meets a PE in need waits there
    and travels no further, with swap_in too; any other travels down. So weights in the order of the rows,
    from the cycle of the swap on, find their rows without an address. After reset every PE is in need.

    When: everything moves one PE in a cycle.
    """

    def __init__(self, config: AntConfig) -> None:
        self._width = config.array.accumulator_width
        self.weight = self.waiting = (0, 0)  # base, shift
        self.in_need = True

    def __call__(self, inputs: WeightPEInputs) -> WeightPEOutputs:
        """Run one cycle; return what the outputs show in the next."""
        if inputs.swap_in:
            self.weight, self.in_need = self.waiting, True
        operands = (inputs.activation_base_in, inputs.activation_shift_in, *self.weight)
        psum = add_product(inputs.psum_in, *operands, self._width)
        kept = inputs.weight_valid_in and self.in_need
        if kept:
            self.waiting, self.in_need = (inputs.weight_base_in, inputs.weight_shift_in), False
        return WeightPEOutputs(
            inputs.activation_base_in,
            inputs.activation_shift_in,
            inputs.swap_in,
            psum,
            inputs.weight_base_in,
            inputs.weight_shift_in,
            inputs.weight_valid_in and not kept,
        )


class OutputPEInputs(NamedTuple):
    """What a PE sees in a cycle."""

    activation_base_in: int  # from the left, as everything down to last_in
    activation_shift_in: int
    valid_in: bool  # a pair of a tile that has this row
    first_in: bool  # of the tile's pairs
    last_in: bool
    weight_base_in: int  # from above
    weight_shift_in: int
    go: bool  # the results of this column begin to leave
    above: int  # the result above, and whether it moves here; 0 in row 0
    above_moves: bool


class OutputPEOutputs(NamedTuple):
    """What a PE shows: `moves` in the same cycle, all else in the cycle after."""

    activation_base_out: int  # to the right
    activation_shift_out: int
    valid_out: bool
    first_out: bool
    last_out: bool
    weight_base_out: int  # down
    weight_shift_out: int
    result: int  # of this PE, or on its way from above
    moves: bool  # to the PE below, or out of the array


class OutputPE:
    """Output stationary: one multiplier, one shifter, one adder, and a place in the column's shift register.

    What: with valid_in, the sum takes activation * weight, and starts with it at first_in; at last_in the sum
    becomes the result, which waits. With `go` it begins to move, and from then on moves down in every cycle.
    A result that waits is passed by none, as `GemmController` sees to it.

    When: everything moves one PE in a cycle. `moves` answers to `go` in the same cycle.
    """

    def __init__(self, config: AntConfig) -> None:
        self._width = config.array.accumulator_width
        self.sum = self.result = 0
        self.waits = self.moving = False

    def __call__(self, inputs: OutputPEInputs) -> OutputPEOutputs:
        """Run one cycle; return `moves` of this one, and what the other outputs show in the next."""
        moves = self.moving or (self.waits and inputs.go)
        if inputs.valid_in:
            operands = inputs.activation_base_in, inputs.activation_shift_in
            weight = inputs.weight_base_in, inputs.weight_shift_in
            self.sum = add_product(0 if inputs.first_in else self.sum, *operands, *weight, self._width)
        self.waits, self.moving = self.waits and not moves, inputs.above_moves
        if inputs.above_moves:
            self.result = inputs.above
        if inputs.valid_in and inputs.last_in:
            self.result, self.waits, self.moving = self.sum, True, False
        return OutputPEOutputs(
            inputs.activation_base_in,
            inputs.activation_shift_in,
            inputs.valid_in,
            inputs.first_in,
            inputs.last_in,
            inputs.weight_base_in,
            inputs.weight_shift_in,
            self.result,
            moves,
        )
