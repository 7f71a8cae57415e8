"""What a foot and a tap have in common: a tile's command, its words counted, and accumulators behind them.

An accumulator is read in one cycle, and in the next its new value is made and written. The read port sees
what is written in its cycle.
"""

from __future__ import annotations

from typing import NamedTuple

from amaranth import Module, Mux, Signal, Value, unsigned
from amaranth.lib import data, memory

from tandemsim.rtl.lib.pipeline import named


class Accumulators(NamedTuple):
    """What was read, in the cycle in which it is to be written."""

    data: Value  # what the accumulators held
    written: Signal  # what they are to hold, unless it leaves
    first: Value  # sums start: what was there does not count
    leaves: Value  # the sums are an output word
    end: Value  # the tile's last


def tile_of(m: Module, starts: Value, command: data.View) -> data.View:
    """Return the command of the tile that has started, from that very cycle on."""
    held, tile = Signal.like(command, name="held"), Signal.like(command, name="tile")
    with m.If(starts):
        m.d.sync += held.eq(command)
    m.d.comb += tile.eq(Mux(starts, command, held))
    return tile


def words_seen(m: Module, starts: Value, valid: Value, most: Value) -> Signal:
    """Return how many words of the tile there were before this one; `most` is as wide as all of them."""
    counted = Signal.like(most, name="counted")
    seen = named(m, Mux(starts, 0, counted)[: len(counted)], "seen")
    m.d.sync += counted.eq(seen + valid)
    return seen


def accumulators(
    m: Module, command: data.View, valid: Value, number: Value, last: Value, bits: int, depth: int
) -> Accumulators:
    """Read, with `valid`, the accumulators of word `number` of the tile; `last` is its last word."""
    # At least two words: an address of no bits is one of two in Verilog.
    held = memory.Memory(shape=unsigned(bits), depth=max(2, depth), init=[])
    m.submodules.accumulators = held
    write = held.write_port()
    read = held.read_port(transparent_for=[write])

    address, written = Signal.like(command.base, name="address"), Signal(bits, name="written")
    adds, first, leaves, end = (Signal(name=name) for name in ("adds", "first", "leaves", "ends"))
    at = named(m, (command.base + number)[: len(address)], "at")
    m.d.comb += [
        read.addr.eq(at),
        read.en.eq(valid),
        write.addr.eq(address),
        write.data.eq(written),
        write.en.eq(adds & ~leaves),
    ]
    m.d.sync += [
        address.eq(at),
        adds.eq(valid),
        first.eq(command.first),
        leaves.eq(command.leaves),
        end.eq(last),
    ]
    return Accumulators(read.data, written, first, named(m, adds & leaves, "shown"), end)
