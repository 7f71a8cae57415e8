"""The processing element of the SALO array: one multiplier, shared by its two phases, and two shifters.

Obeys: the PE of the SALO artifact, its defects mended as `sim.salo.pe` says, the model.
"""

from __future__ import annotations

from amaranth import EnableInserter, Module, Mux, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from tandemsim.rtl.lib.fixed import (
    drop_half_even,
    drop_half_up,
    larger,
    moved,
    saturate,
    shape,
    shift_half_up,
)
from tandemsim.rtl.lib.pipeline import named
from tandemsim.rtl.salo.exp import ExpUnit
from tandemsim.sim.arch.formats import Rounding
from tandemsim.sim.arch.salo.config import SaloConfig
from tandemsim.sim.arch.salo.numerics import Normalisation
from tandemsim.sim.arch.salo.stages import Stage
from tandemsim.sim.arch.salo.wires import wires


class PE(wiring.Component):
    """One multiplier, one adder, and the registers of one (query, key) pair.

    How: the stage code steers the multiplier (query x key or mantissa x inverse or weight x value) and
    enables the registers of its stage; what only passes through has a register that is always enabled.
    """

    def __init__(self, config: SaloConfig) -> None:
        self.config = config
        self.wire = wire = wires(config)
        globals_ = max(1, config.array.global_rows)  # a port of no bits is one of two in Verilog
        to_the_right = {
            "stage": shape(wire.stage),
            "query": shape(wire.element),
            "row_valid": 1,
            "row_tag": 1,
            "psum": shape(wire.psum),
            "row_sum": shape(wire.row_sum),
            "row_max": shape(wire.exponent),
        }
        down = {"kv": shape(wire.element), "kv_valid": 1, "kv_global_valid": globals_, "kv_tag": 1}
        super().__init__(
            {
                "stage_in": In(to_the_right["stage"]),
                "query_in": In(to_the_right["query"]),
                "row_valid_in": In(1),
                "row_tag_in": In(1),
                "psum_in": In(to_the_right["psum"]),
                "row_sum_in": In(to_the_right["row_sum"]),
                "row_max_in": In(to_the_right["row_max"]),
                "kv_in": In(down["kv"]),
                "kv_valid_in": In(1),
                "kv_global_valid_in": In(globals_),
                "kv_tag_in": In(1),
                "column_enabled": In(1),
                "inverse": In(shape(wire.inverse)),
                "inverse_exponent": In(shape(wire.inverse_exponent)),
                "stage_out": Out(to_the_right["stage"]),
                "query_out": Out(to_the_right["query"]),
                "row_valid_out": Out(1),
                "row_tag_out": Out(1),
                "psum_out": Out(to_the_right["psum"]),
                "row_sum_out": Out(to_the_right["row_sum"]),
                "row_max_out": Out(to_the_right["row_max"]),
                "kv_out": Out(down["kv"]),
                "kv_valid_out": Out(1),
                "kv_global_valid_out": Out(globals_),
                "kv_tag_out": Out(1),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        numerics, wire = self.config.numerics, self.wire
        sums = numerics.sums(self.config.array.normalisation)
        self._pass_on(m)
        score = Signal(shape(wire.score))
        active = Signal()
        shift = Signal(wire.exponent.width)
        weight = Signal(shape(wire.weight))

        exp_stage = named(m, self.stage_in == Stage.EXP, "exp_stage")
        m.submodules.exp = EnableInserter(exp_stage)(unit := ExpUnit(self.config))
        m.d.comb += unit.score.eq(score)
        exponent, mantissa = unit.exponent, unit.mantissa

        # ROW_SUM: the row's maximum with this PE's, and what moves its sum and this PE's share there.
        joined_max = named(m, larger(self.row_max_in, exponent), "joined_max")
        from_left = named(m, (joined_max - self.row_max_in)[: len(shift)], "from_left")
        from_here = named(m, (joined_max - exponent)[: len(shift)], "from_here")
        share, new_weight = self._share(m, mantissa, from_here)

        product = self._product(m, weight, mantissa)
        in_row_sum = self.stage_in == Stage.ROW_SUM
        carried = Mux(in_row_sum, self.row_sum_in, self.psum_in)
        aligned = named(m, shift_half_up(carried, Mux(in_row_sum, from_left, shift)), "aligned")
        if sums.psum_rounding is Rounding.HALF_EVEN:
            narrowed = drop_half_even(product, self._product_drop)
        else:
            narrowed = drop_half_up(product, self._product_drop)
        # The one adder: score + product, row sum + share, partial sum + narrowed product.
        in_score = self.stage_in == Stage.SCORE
        total = Mux(in_score, score, aligned) + Mux(in_score, product, Mux(in_row_sum, share, narrowed))
        total = named(m, total, "total")

        with m.Switch(self.stage_in):
            with m.Case(Stage.SCORE):
                m.d.sync += score.eq(saturate(total, numerics.score.minimum, numerics.score.maximum))
                agree = self.row_tag_in == self.kv_tag_in
                m.d.sync += active.eq(self.row_valid_in & self.column_enabled & self.kv_valid_in & agree)
            with m.Case(Stage.ROW_SUM):
                m.d.sync += [
                    self.row_max_out.eq(Mux(active, joined_max, self.row_max_in)),
                    self.row_sum_out.eq(
                        Mux(active, saturate(total, 0, numerics.row_sum.maximum), self.row_sum_in)
                    ),
                    weight.eq(Mux(active, new_weight, 0)),
                ]
                if self._deferred:  # else a pass is already relative to its row's maximum
                    m.d.sync += shift.eq(Mux(active, from_left, 0))
            with m.Case(Stage.WEIGHTED_SUM):
                m.d.sync += self.psum_out.eq(saturate(total, sums.psum.minimum, sums.psum.maximum))
            with m.Case(Stage.FLUSH):
                m.d.sync += [score.eq(0), active.eq(0)]
            if not self._deferred:
                with m.Case(Stage.NORMALISE):
                    found = self._probability(m, product, exponent)
                    m.d.sync += weight.eq(Mux(active, found, 0))
        return m

    @property
    def _deferred(self) -> bool:
        return self.config.array.normalisation is Normalisation.DEFERRED

    @property
    def _product_drop(self) -> int:
        numerics = self.config.numerics
        sums = numerics.sums(self.config.array.normalisation)
        return numerics.weight.fraction + numerics.input.fraction - sums.psum.fraction

    def _pass_on(self, m: Module) -> None:
        """Hand on, in every cycle, what only passes through."""
        for name in ("stage", "query", "row_valid", "row_tag", "kv", "kv_valid", "kv_global_valid", "kv_tag"):
            m.d.sync += getattr(self, f"{name}_out").eq(getattr(self, f"{name}_in"))

    def _product(self, m: Module, weight: Value, mantissa: Value) -> Signal:
        """The one multiplier: query x key, weight x value; per_pass also mantissa x inverse."""
        left = Mux(self.stage_in == Stage.SCORE, self.query_in, weight)
        right: Value = self.kv_in
        if not self._deferred:
            in_normalise = self.stage_in == Stage.NORMALISE
            left = Mux(in_normalise, mantissa, left)
            right = Mux(in_normalise, self.inverse, right)
        return named(m, named(m, left, "left") * named(m, right, "right"), "product")

    def _share(self, m: Module, mantissa: Value, down: Value) -> tuple[Value, Value]:
        """Return what the PE adds to the row sum, and its weight (0 per pass), `down` below the maximum."""
        numerics = self.config.numerics
        fraction = numerics.weight.fraction if self._deferred else numerics.row_sum.fraction
        aligned = moved(mantissa, numerics.exp.fraction_bits - fraction, down)
        if not self._deferred:
            return aligned, 0
        weight = named(m, saturate(aligned, 0, numerics.weight.maximum), "new_weight")
        return weight << (numerics.row_sum.fraction - fraction), weight

    def _probability(self, m: Module, product: Value, exponent: Value) -> Value:
        """Return mantissa x inverse as a weight, `normalise_latency` - 1 registers behind the multiplier."""
        numerics = self.config.numerics
        drop = numerics.exp.fraction_bits - numerics.weight.fraction
        drop += numerics.reciprocal.fraction - numerics.row_sum.fraction
        for stage in range(1, self.config.array.normalise_latency):
            register = Signal.like(product, name=f"product_{stage}")
            m.d.sync += register.eq(product)
            product = register
        down = named(m, (self.inverse_exponent - exponent)[:-1], "down")  # not negative where it matters
        aligned = moved(product, drop, down)
        return saturate(aligned, 0, numerics.weight.maximum)
