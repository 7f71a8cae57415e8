"""The processing element of the SALO array: one multiplier, shared by its two phases, and two shifters.

Obeys: the PE of the SALO artifact, its defects mended as `sim.salo.pe` says, the model.
"""

from __future__ import annotations

from amaranth import EnableInserter, Module, Mux, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from tandemsim.rtl.lib.fixed import drop_half_even, drop_half_up, larger, moved, saturate, shift_half_up
from tandemsim.rtl.lib.pipeline import delayed, named
from tandemsim.rtl.lib.wires import shape
from tandemsim.rtl.salo.exp import ExpUnit
from tandemsim.sim.arch.salo.config import SaloConfig
from tandemsim.sim.arch.salo.constants import array_constants
from tandemsim.sim.arch.salo.stages import Stage
from tandemsim.sim.arch.salo.wires import wires
from tandemsim.sim.arch.wires import BIT, Wire


class PE(wiring.Component):
    """One multiplier, one adder, and the registers of one (query, key) pair.

    How: the stage code steers the multiplier (query x key or mantissa x inverse or weight x value) and
    enables the registers of its stage; what only passes through has a register that is always enabled.
    """

    def __init__(self, config: SaloConfig) -> None:
        self.config = config
        wire = wires(config)
        to_the_right = {
            "stage": wire.stage,
            "query": wire.element,
            "row_valid": BIT,
            "row_tag": BIT,
            "psum": wire.psum,
            "row_sum": wire.row_sum,
            "row_max": wire.exponent,
        }
        down = {
            "kv": wire.element,
            "kv_valid": BIT,
            # At least one bit: Verilog writes a port of none as [-1:0], which is two.
            "kv_global_valid": Wire(max(1, config.array.global_rows)),
            "kv_tag": BIT,
        }
        passed = to_the_right | down
        used_here = {
            "column_enabled": BIT,
            "inverse": wire.inverse,
            "inverse_exponent": wire.inverse_exponent,
        }
        super().__init__(
            {f"{name}_in": In(shape(port)) for name, port in passed.items()}
            | {name: In(shape(port)) for name, port in used_here.items()}
            | {f"{name}_out": Out(shape(port)) for name, port in passed.items()}
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        array, wire = self.config.array, wires(self.config)
        self._constants = c = array_constants(self.config.numerics, array.normalisation, array.head_dim)
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
        narrow = drop_half_even if c.half_even else drop_half_up
        narrowed = narrow(product, c.product_drop)
        # The one adder: score + product, row sum + share, partial sum + narrowed product.
        in_score = self.stage_in == Stage.SCORE
        total = Mux(in_score, score, aligned) + Mux(in_score, product, Mux(in_row_sum, share, narrowed))
        total = named(m, total, "total")

        with m.Switch(self.stage_in):
            with m.Case(Stage.SCORE):
                m.d.sync += score.eq(saturate(total, c.score_minimum, c.score_maximum))
                agree = self.row_tag_in == self.kv_tag_in
                m.d.sync += active.eq(self.row_valid_in & self.column_enabled & self.kv_valid_in & agree)
            with m.Case(Stage.ROW_SUM):
                m.d.sync += [
                    self.row_max_out.eq(Mux(active, joined_max, self.row_max_in)),
                    self.row_sum_out.eq(Mux(active, saturate(total, 0, c.sum_maximum), self.row_sum_in)),
                    weight.eq(Mux(active, new_weight, 0)),
                ]
                if c.deferred:  # else a pass is already relative to its row's maximum
                    m.d.sync += shift.eq(Mux(active, from_left, 0))
            with m.Case(Stage.WEIGHTED_SUM):
                m.d.sync += self.psum_out.eq(saturate(total, c.psum_minimum, c.psum_maximum))
            with m.Case(Stage.FLUSH):
                m.d.sync += [score.eq(0), active.eq(0)]
            if not c.deferred:
                with m.Case(Stage.NORMALISE):
                    found = self._probability(m, product, exponent)
                    m.d.sync += weight.eq(Mux(active, found, 0))
        return m

    def _pass_on(self, m: Module) -> None:
        """Hand on, in every cycle, what only passes through."""
        for name in ("stage", "query", "row_valid", "row_tag", "kv", "kv_valid", "kv_global_valid", "kv_tag"):
            m.d.sync += getattr(self, f"{name}_out").eq(getattr(self, f"{name}_in"))

    def _product(self, m: Module, weight: Value, mantissa: Value) -> Signal:
        """The one multiplier: query x key, weight x value; per_pass also mantissa x inverse."""
        left = Mux(self.stage_in == Stage.SCORE, self.query_in, weight)
        right: Value = self.kv_in
        if not self._constants.deferred:
            in_normalise = self.stage_in == Stage.NORMALISE
            left = Mux(in_normalise, mantissa, left)
            right = Mux(in_normalise, self.inverse, right)
        return named(m, named(m, left, "left") * named(m, right, "right"), "product")

    def _share(self, m: Module, mantissa: Value, down: Value) -> tuple[Value, Value]:
        """Return what the PE adds to the row sum, and its weight (0 per pass), `down` below the maximum."""
        c = self._constants
        fraction = c.weight_fraction if c.deferred else c.sum_fraction
        aligned = moved(mantissa, c.exp_fraction - fraction, down)
        if not c.deferred:
            return aligned, 0
        weight = named(m, saturate(aligned, 0, c.weight_maximum), "new_weight")
        return weight << (c.sum_fraction - fraction), weight

    def _probability(self, m: Module, product: Signal, exponent: Value) -> Value:
        """Return mantissa x inverse as a weight, `normalise_latency` - 1 registers behind the multiplier."""
        product = delayed(m, product, self.config.array.normalise_latency - 1, "product")
        down = named(m, (self.inverse_exponent - exponent)[:-1], "down")  # not negative where it matters
        aligned = moved(product, self._constants.probability_drop, down)
        return saturate(aligned, 0, self._constants.weight_maximum)
