"""The attention array as others use it: streams of commands and operands in, streams of outputs out.

Obeys: payload, valid, ready as in Amaranth's `lib.stream`; words as in `sim.arch.salo.ports`. Model:
`sim.salo.tile_engine`.
"""

from __future__ import annotations

from amaranth import Module, Mux, Value
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from tandemsim.rtl.lib.staging import Staging
from tandemsim.rtl.lib.wires import layout
from tandemsim.rtl.salo.array import PEArray
from tandemsim.rtl.salo.controller import Controller
from tandemsim.sim.arch.salo.config import SaloConfig
from tandemsim.sim.arch.salo.ports import command_fields, global_output_fields, operand_fields, output_fields
from tandemsim.sim.arch.salo.stages import Stage


class TileEngine(wiring.Component):
    """Runs tiles on the array: one command per tile, two operand words per head element, outputs when due.

    How: a controller, the array, and a staging buffer for the outputs of the local and of the global rows.
    The command stands at its stream while its tile runs.
    """

    def __init__(self, config: SaloConfig) -> None:
        self.config = config
        super().__init__(
            {
                "command": In(stream.Signature(layout(command_fields(config)))),
                "operands": In(stream.Signature(layout(operand_fields(config)))),
                "output": Out(stream.Signature(layout(output_fields(config)))),
                "global_output": Out(stream.Signature(layout(global_output_fields(config)))),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.controller = controller = Controller(self.config)
        m.submodules.array = array = PEArray(self.config)
        command, operands = self.command.payload, self.operands.payload
        m.d.comb += [
            controller.command_valid.eq(self.command.valid),
            controller.head_dim.eq(self._elements(controller)),
            controller.leaves.eq(command.last),
            controller.operands_valid.eq(self.operands.valid),
            self.command.ready.eq(controller.command_ready),
            self.operands.ready.eq(controller.operands_ready),
            array.stage.eq(controller.stage),
            array.end.eq(controller.end),
            array.command.eq(command),
            array.operands.eq(operands),
        ]
        buffers = [("output", controller.reserve, controller.output_free)]
        if self.config.array.global_rows:
            m.d.comb += controller.global_leaves.eq(command.global_last.as_value().any())
            buffers.append(("global_output", controller.global_reserve, controller.global_output_free))
        for name, reserve, free in buffers:
            word = getattr(array, name)
            staging = Staging(word.shape(), words=self.config.array.head_dim, tiles=self.config.staging_tiles)
            m.submodules[f"{name}_staging"] = staging
            m.d.comb += [
                staging.reserve.eq(reserve),
                free.eq(staging.room != 0),
                staging.word.eq(word),
                staging.word_valid.eq(getattr(array, f"{name}_valid")),
            ]
            wiring.connect(m, staging.output, wiring.flipped(getattr(self, name)))
        return m

    def _elements(self, controller: Controller) -> Value:
        """Return the elements that the controller counts: of a value where it is at those, else of a head."""
        command = self.command.payload
        if not self.config.array.value_dims:
            return command.head_dim
        return Mux(controller.stage == Stage.WEIGHTED_SUM, command.value_dim[0], command.head_dim)
