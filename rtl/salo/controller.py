"""The controller of the SALO array: a position in the pass and a counter.

Obeys: the pass of `sim.arch.salo.config` and the codes of `sim.arch.salo.stages`.
Model: `sim.salo.controller`.
"""

from __future__ import annotations

from amaranth import Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from tandemsim.rtl.lib.pipeline import named
from tandemsim.rtl.lib.wires import shape
from tandemsim.sim.arch.salo.config import SaloConfig
from tandemsim.sim.arch.salo.stages import Stage, pass_stages
from tandemsim.sim.arch.salo.wires import wires


class Controller(wiring.Component):
    """Runs tile commands one after the other: a stage code for column 0 in every cycle.

    How: `phase` is the place in the list of stages, `step` counts its cycles. Both stand still, and the stage
    is IDLE, in a cycle in which something is missing.
    """

    def __init__(self, config: SaloConfig) -> None:
        self.config = config
        super().__init__(
            {
                "command_valid": In(1),
                "head_dim": In(config.array.head_dim.bit_length()),
                "leaves": In(1),
                "global_leaves": In(1),
                "operands_valid": In(1),
                "output_free": In(1),
                "global_output_free": In(1),
                "stage": Out(shape(wires(config).stage)),
                "operands_ready": Out(1),
                "command_ready": Out(1),
                "end": Out(1),
                "reserve": Out(1),
                "global_reserve": Out(1),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        phases = pass_stages(self.config.array)
        # At least 2: a counter of no bits is one of two in Verilog.
        longest = max(2, self.config.array.head_dim, *(cycles for _, cycles in phases))
        phase, step = Signal(range(len(phases)), name="phase"), Signal(range(longest), name="step")
        stage, last = Signal.like(self.stage, name="wanted"), Signal.like(step, name="last")
        with m.Switch(phase):
            for index, (code, cycles) in enumerate(phases):
                with m.Case(index):
                    m.d.comb += [stage.eq(code), last.eq(cycles - 1 if cycles else self.head_dim - 1)]
        in_values = named(m, stage == Stage.WEIGHTED_SUM, "in_values")
        takes_operand = named(m, in_values | (stage == Stage.SCORE), "takes_operand")
        begins = named(m, in_values & (step == 0), "begins")
        room = (self.output_free | ~self.leaves) & (self.global_output_free | ~self.global_leaves)
        runs = self.command_valid & (room | ~begins) & (self.operands_valid | ~takes_operand)
        runs = named(m, runs, "runs")
        last_step = named(m, step == last, "last_step")
        last_phase = named(m, phase == len(phases) - 1, "last_phase")
        with m.If(runs):
            m.d.sync += step.eq(Mux(last_step, 0, step + 1))
            with m.If(last_step):
                m.d.sync += phase.eq(Mux(last_phase, 0, phase + 1))
        m.d.comb += [
            self.stage.eq(Mux(runs, stage, Stage.IDLE)),
            self.operands_ready.eq(runs & takes_operand),
            self.command_ready.eq(runs & last_step & last_phase),
            self.end.eq(runs & last_step & in_values),
            self.reserve.eq(runs & begins & self.leaves),
            self.global_reserve.eq(runs & begins & self.global_leaves),
        ]
        return m
