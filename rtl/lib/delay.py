"""Long delays in a memory: a ring that is read where it is about to be written.

What a reset leaves in the memory is anything: flags that say whether a value counts need registers, as
`rtl.lib.pipeline.delayed` has them.
"""

from __future__ import annotations

from amaranth import Module, Mux, Signal, Value, unsigned
from amaranth.lib import memory

from tandemsim.rtl.lib.pipeline import delayed, named

SHORT = 4  # cycles that registers do as well


def delayed_in_memory(m: Module, value: Value, cycles: int, name: str) -> Value:
    """Return `value` as it was `cycles` cycles ago."""
    if cycles <= SHORT:
        return delayed(m, named(m, value, f"{name}_0"), cycles, name)
    # The read port has a register of its own: one place less.
    ring = memory.Memory(shape=unsigned(len(value)), depth=cycles - 1, init=[])
    m.submodules[f"{name}_ring"] = ring
    place = Signal(range(cycles - 1), name=f"{name}_place")
    m.d.sync += place.eq(Mux(place == cycles - 2, 0, place + 1))
    read, write = ring.read_port(), ring.write_port()
    m.d.comb += [
        read.addr.eq(place),
        read.en.eq(1),
        write.addr.eq(place),
        write.data.eq(value),
        write.en.eq(1),
    ]
    return read.data
