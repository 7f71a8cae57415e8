"""What a pattern must obey, and how its parts are read from the JSON of an op.

Each function raises `TraceError` with the field that breaks its rule. The rules are those of
`traces.pattern`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tandemsim.sim.arch.checks import hint
from tandemsim.traces.bands import check_span, is_integer
from tandemsim.traces.errors import TraceError, violation

MAX_SEQ_LEN = 2**24  # assumed: sixteen million tokens, so that an array of that length stays affordable
ATTRS = ("bands", "global_tokens")  # what a window_attention states in `attrs`


def check_seq_len(seq_len: int) -> None:
    """Check the type and the range of a sequence length."""
    if not is_integer(seq_len) or not 1 <= seq_len <= MAX_SEQ_LEN:
        raise violation("seq_len", f"must be an integer in 1..{MAX_SEQ_LEN}", seq_len)


def check_positive(**sizes: int) -> None:
    """Check the arguments of a constructor."""
    for name, value in sizes.items():
        if not is_integer(value) or value < 1:
            raise violation(name, "must be a positive integer", value)


def check_global_tokens(tokens: Sequence[int], seq_len: int) -> None:
    """Check that the global tokens are distinct tokens of the sequence."""
    seen: set[int] = set()
    for token in tokens:
        if not is_integer(token) or not 0 <= token < seq_len:
            raise violation("global_tokens", f"must be indices in 0..{seq_len - 1}", token)
        if token in seen:
            raise TraceError(f"must name each token once, not {token} twice", field="global_tokens")
        seen.add(token)


def check_grid(
    seq_len: int,
    grid: tuple[int, int] | None,
    window: tuple[tuple[int, int], tuple[int, int]] | None,
    has_bands: bool,
    global_tokens: Sequence[int],
) -> None:
    """Check a window on a grid, and that every token outside the grid is global."""
    if grid is None or window is None or has_bands:
        raise TraceError("must come with a 2-D window and without 1-D bands", field="grid")
    height, width = grid
    if not all(is_integer(side) and side >= 1 for side in grid) or height * width > seq_len:
        raise violation("grid", f"must be [height, width] within the {seq_len} tokens", list(grid))
    for (low, high), length, unit in zip(window, grid, ("rows", "columns"), strict=True):
        check_span(low, high, length, unit)
    outside = seq_len - height * width
    covered = set(global_tokens)
    missing = next((token for token in range(outside) if token not in covered), None)
    if missing is not None:
        rule = f"must hold each of the {outside} tokens outside the grid"
        raise TraceError(f"{rule}, and token {missing} is missing", field="global_tokens")


def check_attrs(attrs: Mapping[str, Any]) -> None:
    """Check the names in the ``attrs`` of a ``window_attention``: both, and no others."""
    for name in attrs:
        if name.startswith("random"):
            raise TraceError("is not supported: a pattern is bands and global tokens", field=f"attrs.{name}")
        if name not in ATTRS:
            advice = hint(name, ATTRS)
            raise TraceError(f"is not an attribute of window_attention; {advice}", field=f"attrs.{name}")
    for name in ATTRS:
        if name not in attrs:
            raise TraceError("is missing", field=name)


def read_integer(values: Mapping[str, object], field: str) -> int:
    """Return a JSON integer."""
    value = values.get(field)
    if isinstance(value, int) and is_integer(value):
        return value
    if value is None:
        raise TraceError("is missing", field=field)
    raise violation(field, "must be an integer", value)


def read_integers(
    values: Mapping[str, object], field: str, shape: str, count: int | None = None
) -> tuple[int, ...]:
    """Return a JSON list of (`count`) integers. `shape` is what the message asks for."""
    return _integers(values[field], field, shape, count)


def read_rows(
    values: Mapping[str, object], field: str, shape: str, width: int, count: int | None = None
) -> tuple[tuple[int, ...], ...]:
    """Return a JSON list of (`count`) lists of `width` integers."""
    value = values[field]
    if not isinstance(value, (list, tuple)) or (count is not None and len(value) != count):
        raise violation(field, f"must be {shape}", value)
    return tuple(_integers(row, field, shape, width) for row in value)


def _integers(value: object, field: str, shape: str, count: int | None) -> tuple[int, ...]:
    items = value if isinstance(value, (list, tuple)) else None
    if items is None or not all(map(is_integer, items)) or (count is not None and len(items) != count):
        raise violation(field, f"must be {shape}", value)
    return tuple(items)
