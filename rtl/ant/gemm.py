"""The matrix engine as others use it: streams of commands, activations and weights in, of output words out.

Obeys: payload, valid, ready as in Amaranth's `lib.stream`; words as in `sim.arch.ant.ports`. Model:
`sim.ant.gemm`.
"""

from __future__ import annotations

from amaranth import Module
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from tandemsim.rtl.ant.array import SystolicArray
from tandemsim.rtl.ant.controller import GemmController
from tandemsim.rtl.lib.staging import Staging
from tandemsim.rtl.lib.wires import layout
from tandemsim.sim.arch.ant.config import AntConfig
from tandemsim.sim.arch.ant.ports import activation_fields, command_fields, output_fields, weight_fields


class AntGemm(wiring.Component):
    """Runs tiles of matrix products: a command a tile, a word of operands a cycle, outputs when due.

    How: a controller, the array, and a staging buffer of output words.
    """

    def __init__(self, config: AntConfig) -> None:
        self.config = config
        super().__init__(
            {
                "command": In(stream.Signature(layout(command_fields(config)))),
                "activations": In(stream.Signature(layout(activation_fields(config)))),
                "weights": In(stream.Signature(layout(weight_fields(config)))),
                "output": Out(stream.Signature(layout(output_fields(config)))),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.controller = controller = GemmController(self.config)
        m.submodules.array = array = SystolicArray(self.config)
        word = layout(output_fields(self.config))
        m.submodules.staging = staging = Staging(word, words=self.config.staging_words)
        m.d.comb += [
            controller.command_valid.eq(self.command.valid),
            controller.command.eq(self.command.payload),
            controller.activations_valid.eq(self.activations.valid),
            controller.weights_valid.eq(self.weights.valid),
            controller.room.eq(staging.room),
            self.command.ready.eq(controller.command_ready),
            self.activations.ready.eq(controller.activations_ready),
            self.weights.ready.eq(controller.weights_ready),
            array.activations.eq(self.activations.payload),
            array.weights.eq(self.weights.payload),
            array.activations_valid.eq(controller.activations_ready),
            array.weights_valid.eq(controller.weights_ready),
            array.begins.eq(controller.begins),
            array.ends.eq(controller.ends),
            array.tile.eq(controller.tile),
            array.command.eq(self.command.payload),
            array.go.eq(controller.go),
            staging.reserve.eq(controller.reserve),
            staging.word.eq(array.word),
            staging.word_valid.eq(array.word_valid),
        ]
        wiring.connect(m, staging.output, wiring.flipped(self.output))
        return m
