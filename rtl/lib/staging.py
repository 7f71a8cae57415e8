"""A staging buffer: words that must be taken from a pipeline that does not wait, for a stream that may.

Whoever sends words on their way reserves room for them first, so that no word is ever refused: credits,
counted in words or in whole tiles. A word is offered two cycles after it was written.
"""

from __future__ import annotations

from amaranth import Module, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.fifo import SyncFIFOBuffered
from amaranth.lib.wiring import In, Out


class Staging(wiring.Component):
    """Holds `words` words, or `tiles` tiles of at most so many; payloads end with a bit `end`.

    A credit is a word, and free again in the cycle after it was taken; with `tiles` it is a tile, and so are
    `reserve` and `room`, and it is free again with the tile's last word.
    """

    def __init__(self, layout: data.StructLayout, *, words: int, tiles: int | None = None) -> None:
        self.words, self.tiles = words, tiles
        credits = range((words if tiles is None else tiles) + 1)
        super().__init__(
            {
                "reserve": In(credits),
                "room": Out(credits),
                "word": In(layout),
                "word_valid": In(1),
                "output": Out(stream.Signature(layout)),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        width = len(self.word.as_value())
        credits = self.words if self.tiles is None else self.tiles
        # One of the words is the register of the output; the others are a memory, of which an address of no
        # bits would be one of two in Verilog.
        depth = max(2, self.words if self.tiles is None else self.tiles * self.words) + 1
        m.submodules.fifo = fifo = SyncFIFOBuffered(width=width, depth=depth)
        taken = Signal()
        room = Signal.like(self.room, name="credits", init=credits)
        moves = self.output.valid & self.output.ready
        m.d.comb += [
            fifo.w_data.eq(self.word.as_value()),
            fifo.w_en.eq(self.word_valid),
            self.output.payload.as_value().eq(fifo.r_data),
            self.output.valid.eq(fifo.r_rdy),
            fifo.r_en.eq(self.output.ready),
            taken.eq(moves if self.tiles is None else moves & self.output.payload.end),
            self.room.eq(room),
        ]
        m.d.sync += room.eq(room - self.reserve + taken)
        return m
