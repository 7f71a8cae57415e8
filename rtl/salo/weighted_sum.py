"""The weighted-sum unit: a merge buffer of one word for each element of a head, aligned once a pass.

Obeys: SALO (arXiv 2206.14550) section 4, merging of a split softmax. Model: `sim.salo.weighted_sum`.
"""

from __future__ import annotations

from amaranth import Const, Module, Mux, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from tandemsim.rtl.lib.fixed import drop_half_up, larger, moved, saturate, shift_half_up
from tandemsim.rtl.lib.pipeline import delayed, named
from tandemsim.rtl.lib.wires import shape
from tandemsim.rtl.salo.reciprocal import ReciprocalUnit
from tandemsim.sim.arch.salo.config import SaloConfig
from tandemsim.sim.arch.salo.constants import merge_constants
from tandemsim.sim.arch.salo.numerics import Normalisation
from tandemsim.sim.arch.salo.stages import Stage
from tandemsim.sim.arch.salo.wires import wires


class WeightedSum(wiring.Component):
    """Merges the passes of a local row, and divides by the row sum.

    How: ROW_SUM finds the shifts of a pass and starts the reciprocal; WEIGHTED_SUM reads, merges and writes
    back one word of the buffer per cycle; the output multiplier follows a cycle later. Registers of
    `merge_latency` beyond the first stand before the merge, those of `reciprocal_latency` before the output
    multiplier.
    """

    global_row = False

    def __init__(self, config: SaloConfig) -> None:
        self.config = config
        self.constants = merge_constants(config.numerics, config.array.normalisation, self.global_row)
        self.wire = wire = wires(config)
        self.merge_shape = shape(wire.global_merge if self.global_row else wire.merge)
        super().__init__(
            {
                "stage": In(shape(wire.stage)),
                "row_max": In(shape(wire.exponent)),
                "row_sum": In(shape(wire.row_sum)),
                "psum": In(shape(wire.psum)),
                "first": In(1),
                "restore": In(1),
                "restored_max": In(shape(wire.merge_max)),
                "restored_sum": In(shape(wire.merge_sum)),
                "restored": In(self.merge_shape),
                "merged_max": Out(shape(wire.merge_max), init=self.constants.exponent_minimum),
                "merged_sum": Out(shape(wire.merge_sum)),
                "merged": Out(self.merge_shape),
                "merged_valid": Out(1),
                "output": Out(shape(wire.output)),
                "output_valid": Out(1),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        into = self.config.array.merge_latency - 1
        late = {}
        for name in ("stage", "row_max", "row_sum", "psum", "first", "restore"):
            late[name] = delayed(m, getattr(self, name), into, name)
        for name in ("restored_max", "restored_sum", "restored"):
            late[name] = delayed(m, getattr(self, name), into, name)
        in_row_sum = named(m, late["stage"] == Stage.ROW_SUM, "in_row_sum")
        in_weighted_sum = named(m, late["stage"] == Stage.WEIGHTED_SUM, "in_weighted_sum")

        row_part = self._align(m, late, in_row_sum)
        divided = Signal()  # the cycle after ROW_SUM, in which merged_sum is new
        m.d.sync += divided.eq(in_row_sum)
        inverse, inverse_exponent, ready = self._reciprocal(m, divided)
        weight: Value = Const(0)
        if not self._deferred:
            weight = Signal(shape(self.wire.merge_weight))
            with m.If(ready):
                m.d.sync += weight.eq(self._pass_weight(m, row_part, inverse, inverse_exponent))
        self._merge(m, late, in_row_sum, in_weighted_sum, weight)
        self._output(m, inverse, inverse_exponent, ready)
        return m

    @property
    def _deferred(self) -> bool:
        return self.config.array.normalisation is Normalisation.DEFERRED

    def _align(self, m: Module, late: dict[str, Signal], in_row_sum: Value) -> Signal:
        """Join maximum and sum of the row, set both sides' shifts; return the pass's part of the sum."""
        c, first = self.constants, late["first"]
        start_max = Mux(late["restore"], late["restored_max"], c.exponent_minimum)
        start_sum = Mux(late["restore"], late["restored_sum"], 0)
        held_max = named(m, Mux(first, start_max, self.merged_max), "held_max")
        held_sum = named(m, Mux(first, start_sum, self.merged_sum), "held_sum")
        joined_max = named(m, larger(held_max, late["row_max"]), "joined_max")
        held_down = named(m, (joined_max - held_max)[:-1], "held_down")
        row_down = named(m, (joined_max - late["row_max"])[:-1], "row_down")
        total = shift_half_up(held_sum, held_down) + shift_half_up(late["row_sum"], row_down)
        full = named(m, total >= c.renormalise, "full")
        held_shift, row_shift = held_down + full, row_down + full
        part = named(m, shift_half_up(late["row_sum"], row_shift), "row_part_next")
        row_part = Signal.like(part, name="row_part")
        self.merged_shift = Signal.like(held_shift, name="merged_shift")
        self.row_shift = Signal.like(row_shift, name="row_shift")
        with m.If(in_row_sum):
            m.d.sync += [
                self.merged_max.eq(saturate(joined_max + full, c.exponent_minimum, c.exponent_maximum)),
                self.merged_sum.eq(shift_half_up(held_sum, held_shift) + part),
                row_part.eq(part),
                self.merged_shift.eq(held_shift),
                self.row_shift.eq(row_shift),
            ]
        return row_part

    def _reciprocal(self, m: Module, divided: Signal) -> tuple[Signal, Signal, Signal]:
        """Return mantissa and exponent of 1/merged_sum, and when they are new."""
        m.submodules.reciprocal = unit = ReciprocalUnit(self.config)
        m.d.comb += unit.value.eq(self.merged_sum)
        ready = delayed(m, divided, self.config.array.reciprocal_latency - 1, "divided")
        return unit.mantissa, unit.exponent, ready

    def _pass_weight(self, m: Module, row_part: Value, inverse: Value, inverse_exponent: Value) -> Value:
        """Return the share of the pass in the mean of all; 1.0 and 0 exactly."""
        c = self.constants
        one = 1 << c.weight_fraction
        product = named(m, row_part * inverse, "share_product")
        share = moved(product, c.reciprocal.fraction - c.weight_fraction, inverse_exponent)
        share = Mux(share > one, one, share)
        return Mux(row_part == self.merged_sum, Mux(row_part == 0, 0, one), share)

    def _merge(
        self, m: Module, late: dict[str, Signal], in_row_sum: Value, in_weighted_sum: Value, weight: Value
    ) -> None:
        """One word per cycle: read, merge, write back, show."""
        c = self.constants
        depth = max(2, self.config.array.head_dim)  # an address of no bits is one of two in Verilog
        m.submodules.buffer = buffer = Memory(shape=self.merge_shape, depth=depth, init=[])
        read, write = buffer.read_port(domain="comb"), buffer.write_port()
        index = Signal(range(depth), name="index")
        begins, restores = Signal(name="begins"), Signal(name="restores")
        with m.If(in_row_sum):
            m.d.sync += [index.eq(0), begins.eq(late["first"]), restores.eq(late["restore"])]
        with m.Elif(in_weighted_sum):
            m.d.sync += index.eq(index + 1)
        restored = Mux(restores, late["restored"], 0)
        held = named(m, Mux(begins, restored, read.data), "held")
        merged = named(m, saturate(self._joined(held, late["psum"], weight), c.minimum, c.maximum), "next")
        m.d.comb += [
            read.addr.eq(index),
            write.addr.eq(index),
            write.data.eq(merged),
            write.en.eq(in_weighted_sum),
        ]
        m.d.sync += self.merged_valid.eq(in_weighted_sum)
        with m.If(in_weighted_sum):
            m.d.sync += self.merged.eq(merged)

    def _joined(self, held: Value, psum: Value, weight: Value) -> Value:
        c = self.constants
        if self._deferred:
            return shift_half_up(held, self.merged_shift) + shift_half_up(psum, self.row_shift)
        common = max(c.fraction, c.psum_fraction)
        rest = (1 << c.weight_fraction) - weight
        old = (rest * held) << (common - c.fraction)
        new = (weight * psum) << (common - c.psum_fraction)
        return drop_half_up(old + new, c.weight_fraction + common - c.fraction)

    def _output(self, m: Module, inverse: Value, inverse_exponent: Value, ready: Value) -> None:
        """Divide, deferred, and narrow."""
        c, late = self.constants, self.config.array.reciprocal_latency - 1
        merged = delayed(m, self.merged, late, "merged")
        valid = delayed(m, self.merged_valid, late, "merged_valid")
        drop = c.fraction - c.output_fraction
        if self._deferred:
            kept, kept_exponent = Signal.like(inverse, name="inverse"), Signal.like(inverse_exponent)
            with m.If(ready):
                m.d.sync += [kept.eq(inverse), kept_exponent.eq(inverse_exponent)]
            product = named(m, merged * kept, "output_product")
            exact = moved(product, drop + c.reciprocal.fraction - c.sum_fraction, kept_exponent)
        else:
            exact = drop_half_up(merged, drop)
        narrowed = saturate(exact, c.output_minimum, c.output_maximum)
        m.d.sync += [self.output_valid.eq(valid), self.output.eq(Mux(valid, narrowed, 0))]


class GlobalWeightedSum(WeightedSum):
    """Merges the passes of a global row: a `WeightedSum` with the merge format of the global rows."""

    global_row = True
