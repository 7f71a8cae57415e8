"""Fixed-point arithmetic as expressions: the circuits' side of the rounding and bounds of `sim.arch.formats`.

Written apart from that of the models, which works on integers of any size: here widths matter.
"""

from __future__ import annotations

from amaranth import Cat, Const, Mux, Shape, Value, signed


def saturate(value: Value, minimum: int, maximum: int) -> Value:
    """Return the value of minimum..maximum that is nearest to `value`, in the width of these bounds."""
    value, bounds = Value.cast(value), Shape.cast(range(minimum, maximum + 1))
    own, inside = value.shape(), _as(value, bounds)
    # Only bounds that the value's own width lets it pass: the others would be constants.
    if own.signed and -(1 << (own.width - 1)) < minimum or not own.signed and minimum > 0:
        inside = Mux(value < minimum, Const(minimum, bounds), inside)
    if (1 << (own.width - own.signed)) - 1 > maximum:
        inside = Mux(value > maximum, Const(maximum, bounds), inside)
    return _as(inside, bounds)


def shift_half_up(value: Value, shift: Value) -> Value:
    """Return ``value / 2**shift`` rounded to the nearest, ties up; `shift` is an unsigned signal.

    One bit below the result decides: keep it through the shift, add one there, drop it.
    """
    doubled = Cat(Const(0, 1), value)
    doubled = doubled.as_signed() if Value.cast(value).shape().signed else doubled
    rounded = ((doubled >> shift) + 1) >> 1
    return _as(rounded, Value.cast(value).shape())


def drop_half_up(value: Value, drop: int) -> Value:
    """Return ``value / 2**drop`` rounded to the nearest, ties up; a negative `drop` shifts left."""
    if drop <= 0:
        return value << -drop
    return (value + (1 << (drop - 1))) >> drop


def drop_half_even(value: Value, drop: int) -> Value:
    """Return ``value / 2**drop`` rounded to the nearest, ties to even; a negative `drop` shifts left."""
    if drop <= 0:
        return value << -drop
    return (value + ((1 << (drop - 1)) - 1) + value[drop]) >> drop


def moved(value: Value, drop: int, down: Value) -> Value:
    """Return ``value / 2**(drop + down)``, half up; `down` is an unsigned signal, `drop` may be negative."""
    if drop < 0:
        return shift_half_up(value << -drop, down)
    return shift_half_up(value, down + drop)


def in_width(value: Value, width: int) -> Value:
    """Return a signed value in `width` bits, sign and all or cut off."""
    missing = max(0, width - len(value))
    return Cat(value, value[-1].replicate(missing))[:width].as_signed()


def larger(left: Value, right: Value) -> Value:
    """Return the larger of two signed values."""
    width = max(len(left), len(right))
    return _as(Mux(left > right, left, right), signed(width))


def _as(value: Value, wanted: Shape) -> Value:
    """Return the value in at most the width of `wanted`, and with its sign."""
    value = Value.cast(value)
    cut = value[: wanted.width]
    if not wanted.signed:
        return cut
    is_positive = not value.shape().signed and len(value) < wanted.width
    return cut if is_positive else cut.as_signed()
