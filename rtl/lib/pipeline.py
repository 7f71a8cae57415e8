"""Names for expressions, and delays: a value so many cycles later."""

from __future__ import annotations

from amaranth import Module, Signal, Value


def named(m: Module, value: Value, name: str) -> Signal:
    """Return `value` as a signal of its own, so that it has a name in the Verilog and in waveforms."""
    signal = Signal(Value.cast(value).shape(), name=name)
    m.d.comb += signal.eq(value)
    return signal


def delayed(m: Module, value: Signal, cycles: int, name: str) -> Signal:
    """Return `value` as it was `cycles` cycles ago, all zero after reset; for 0 cycles the value itself."""
    for stage in range(1, cycles + 1):
        register = Signal.like(value, name=f"{name}_{stage}")
        m.d.sync += register.eq(value)
        value = register
    return value
