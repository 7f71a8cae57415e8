"""A staging buffer: words that must be taken from a pipeline that does not wait, for a stream that may.

Room is reserved by the tile before its words are on their way, so that no word is ever refused; it is free
again when the tile's last word has been taken. A word is offered two cycles after it was written.
"""

from __future__ import annotations

from amaranth import Cat, Module, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.fifo import SyncFIFOBuffered
from amaranth.lib.wiring import In, Out


class Staging(wiring.Component):
    """Holds the words of up to `tiles` tiles of at most `words` words; payloads end with a bit `end`."""

    def __init__(self, layout: data.StructLayout, tiles: int, words: int) -> None:
        self.tiles, self.words = tiles, words
        super().__init__(
            {
                "reserve": In(1),
                "free": Out(1),
                "word": In(layout),
                "word_valid": In(1),
                "output": Out(stream.Signature(layout)),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        width = len(self.word.as_value())
        # One of the words is the register of the output; the others are a memory, of which an address of no
        # bits would be one of two in Verilog.
        depth = max(2, self.tiles * self.words) + 1
        m.submodules.fifo = fifo = SyncFIFOBuffered(width=width, depth=depth)
        taken = Signal()
        room = Signal(range(self.tiles + 1), init=self.tiles)
        m.d.comb += [
            fifo.w_data.eq(self.word.as_value()),
            fifo.w_en.eq(self.word_valid),
            Cat(self.output.payload.as_value()).eq(fifo.r_data),
            self.output.valid.eq(fifo.r_rdy),
            fifo.r_en.eq(self.output.ready),
            taken.eq(self.output.valid & self.output.ready & self.output.payload.end),
            self.free.eq(room != 0),
        ]
        m.d.sync += room.eq(room - self.reserve + taken)
        return m
