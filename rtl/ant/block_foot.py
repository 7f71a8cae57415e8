"""The foot of block formats: a row of taps where blocks end, and where the sums of those of a column meet.

Obeys: `sim.arch.blocks`. Model: `sim.ant.block_foot`.
"""

from __future__ import annotations

from amaranth import Cat, Module, Mux, Signal, Value
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from tandemsim.rtl.ant.tap import Scaled, Tap, added
from tandemsim.rtl.lib.delay import delayed_in_memory
from tandemsim.rtl.lib.emit import unit
from tandemsim.rtl.lib.fixed import in_width
from tandemsim.rtl.lib.pipeline import delayed, named
from tandemsim.rtl.lib.wires import layout, shape
from tandemsim.sim.arch.ant.config import AntConfig
from tandemsim.sim.arch.ant.ports import command_fields
from tandemsim.sim.arch.ant.wires import blocks_of, tap_width, wires


class BlockFoot(wiring.Component):
    """Ends blocks at taps, and adds up what those of a column have when an output leaves.

    How: what enters the array waits in memories for its psums, and what leaves a tap for the tap below.
    """

    def __init__(self, config: AntConfig) -> None:
        self.config = config
        wire, array = wires(config), config.array
        super().__init__(
            {
                "psums": In(
                    data.ArrayLayout(data.ArrayLayout(shape(wire.block_sum), array.cols), array.segments)
                ),
                "activations_valid": In(1),
                "begins": In(1),
                "tile": In(layout(command_fields(config))),
                "scales": In(data.ArrayLayout(shape(wire.scale), array.segments)),
                "weights_valid": In(1),
                "row": In(shape(wire.rows)),
                "weight_scales": In(data.ArrayLayout(shape(wire.scale), array.cols)),
                "sums": Out(data.ArrayLayout(shape(wire.sum), array.cols)),
                "exponents": Out(data.ArrayLayout(shape(wire.exponent), array.cols)),
                "word_valid": Out(1),
                "end": Out(1),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m, array = Module(), self.config.array
        blocks = blocks_of(array)
        place = (blocks.length - 1).bit_length()
        # What goes from tap to tap; the flags in registers, since a reset must find them.
        flags = Cat(self.activations_valid & self.tile.blocks, self.begins, self.weights_valid)
        carried = data.StructLayout(
            {
                "tile": self.tile.shape(),
                "scales": self.scales.shape(),
                "segment": max(1, len(self.row) - place),
                "weight_scales": self.weight_scales.shape(),
            }
        )
        entering = Signal(carried)
        m.d.comb += [
            entering.tile.eq(self.tile),
            entering.scales.eq(self.scales),
            entering.segment.eq(self.row >> place),
            entering.weight_scales.eq(self.weight_scales),
        ]
        flags, word = named(m, flags, "flags"), entering.as_value()
        above: Value | None = None
        for segment in range(array.segments):
            lag = blocks.length if segment else blocks.length + array.cols - 1
            flags = delayed(m, flags, lag, f"flags_{segment}")
            word = delayed_in_memory(m, word, lag, f"entered_{segment}")
            tap = Tap(self.config)
            m.submodules[f"tap_{segment}"] = unit(platform, tap)
            then = data.View(carried, word)
            m.d.comb += [
                tap.psums.eq(self.psums[segment]),
                tap.valid.eq(flags[0]),
                tap.starts.eq(flags[1]),
                tap.command.eq(then.tile),
                tap.scale.eq(then.scales[segment]),
                tap.weight_scales.eq(then.weight_scales),
                tap.loads.eq(flags[2] & (then.segment == segment)),
            ]
            shown = Cat(tap.sums.as_value(), tap.exponents.as_value())
            if above is None:
                above, wait = shown, blocks.length
            else:
                waited = delayed_in_memory(m, above, wait, f"above_{segment}")
                above = self._merged(m, segment, waited, shown, tap.word_valid)
                wait = blocks.length - 1
            valid, end = tap.word_valid, tap.end
        assert above is not None
        late = int(array.segments > 1)
        m.d.comb += [
            Cat(self.sums.as_value(), self.exponents.as_value()).eq(above),
            self.word_valid.eq(delayed(m, valid, late, "valid")),
            self.end.eq(delayed(m, end, late, "last")),
        ]
        return m

    def _merged(self, m: Module, segment: int, above: Value, below: Value, valid: Value) -> Value:
        """Return the sums of a tap and of those above it, a cycle later; 0 where no word leaves."""
        width, cols = tap_width(self.config.array.blocks), self.config.array.cols
        sums, exponents = [], []
        for col in range(cols):
            one, other = (self._number(word, col) for word in (above, below))
            total = added(m, one, other, width, f"merged_{segment}_{col}")
            sums.append(total.significand)
            exponents.append(total.exponent)
        wide = len(self.sums[0])
        merged = Cat(*(in_width(each, wide) for each in sums), *exponents)
        register = Signal(len(merged), name=f"merged_{segment}")
        m.d.sync += register.eq(Mux(valid, merged, 0))
        return register

    def _number(self, word: Value, col: int) -> Scaled:
        """Return a column's number of a tap's sums and exponents."""
        cols, wide, bits = self.config.array.cols, len(self.sums[0]), len(self.exponents[0])
        exponents = word[cols * wide :]
        width = tap_width(self.config.array.blocks)
        return Scaled(
            word.word_select(col, wide)[:width].as_signed(), exponents.word_select(col, bits).as_signed()
        )
