"""How an op states a pattern: in which of its `dims` and `attrs` each part stands, and how it is read there.

Obeys the ``window_attention`` contract of ``tandem-trace/1``. Errors are `TraceError` and name the op's
field.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from tandemsim.sim.arch.checks import hint
from tandemsim.traces.bands import Band, is_integer
from tandemsim.traces.errors import TraceError, violation
from tandemsim.traces.pattern_parts import Blocks, Chunks, PatternParts

Dims = Mapping[str, int | tuple[int, ...]]
Attrs = Mapping[str, Any]

ALWAYS = ("bands", "global_tokens")  # of `attrs`; the others are left out at their defaults
PATTERN_ATTRS = (*ALWAYS, "q_offset", "causal", "chunks", "sink_tokens", "border", "blocks")
OTHER_ATTRS = ("scale", "softcap", "operands")  # of a window attention, which `traces.attention` reads
PATTERN_DIMS = ("seq_len", "q_len", "grid")
BORDERS = ("clamped",)  # what a border may be beside cut off, the default
IN_OP = {"clamped": "border"}  # fields of a pattern that have another name in an op

CHUNKS = "[size, before, after, phase]"
BLOCKS = '{"query": queries, "key": keys, "rows": [[block, ...], ...]}'


def stated_as(error: TraceError) -> TraceError:
    """Return an error of a pattern as one of the op that states it."""
    name = re.split(r"[.\[]", error.field)[0]
    place = IN_OP.get(name, name) + error.field[len(name) :]
    if name in PATTERN_DIMS:
        place = f"dims.{place}"
    elif IN_OP.get(name, name) in PATTERN_ATTRS:
        place = f"attrs.{place}"
    return TraceError(error.message, field=place)


def check_names(attrs: Attrs) -> None:
    """Check the names in the ``attrs`` of a ``window_attention``."""
    known = (*PATTERN_ATTRS, *OTHER_ATTRS)
    for name in attrs:
        if name.startswith("random"):
            raise TraceError("is not supported: random keys are stated as blocks", field=f"attrs.{name}")
        if name not in known:
            advice = hint(name, known)
            raise TraceError(f"is not an attribute of window_attention; {advice}", field=f"attrs.{name}")
    for name in ALWAYS:
        if name not in attrs:
            raise TraceError("is missing", field=name)


def dims_of(parts: PatternParts) -> dict[str, int | tuple[int, ...]]:
    """Return what the ``dims`` of an op state of a pattern."""
    dims: dict[str, int | tuple[int, ...]] = {"seq_len": parts.seq_len}
    if parts.q_len != parts.seq_len:
        dims["q_len"] = parts.q_len
    if parts.grid is not None:
        dims["grid"] = parts.grid
    return dims


def attrs_of(parts: PatternParts) -> dict[str, Any]:
    """Return what the ``attrs`` of an op state of a pattern; what is at its default is left out."""
    windows: Sequence[Sequence[int]] = parts.window_2d if parts.window_2d is not None else parts.bands
    attrs: dict[str, Any] = {"bands": [list(row) for row in windows]}
    attrs["global_tokens"] = list(parts.global_tokens)
    if parts.q_offset:
        attrs["q_offset"] = parts.q_offset
    if parts.causal:
        attrs["causal"] = True
    if parts.chunks is not None:
        attrs["chunks"] = list(parts.chunks)
    if parts.sink_tokens:
        attrs["sink_tokens"] = list(parts.sink_tokens)
    if parts.clamped:
        attrs["border"] = "clamped"
    if parts.blocks is not None:
        attrs["blocks"] = {**parts.blocks._asdict(), "rows": [list(row) for row in parts.blocks.rows]}
    return attrs


def stated_fields(dims: Dims, attrs: Attrs) -> dict[str, Any]:
    """Return the fields of a `traces.pattern.Pattern` from an op. Errors name them, not the op's fields."""
    check_names(attrs)
    fields = _window(dims, attrs) | {"global_tokens": read_integers(attrs, "global_tokens", "[index, ...]")}
    if "q_len" in dims:
        fields["q_len"] = read_integer(dims, "q_len")
        if fields["q_len"] == 0:
            raise violation("q_len", "must be a positive integer", 0)
    if "q_offset" in attrs:
        fields["q_offset"] = read_integer(attrs, "q_offset")
    if "causal" in attrs:
        fields["causal"] = attrs["causal"]
    if "chunks" in attrs:
        fields["chunks"] = Chunks(*read_integers(attrs, "chunks", CHUNKS, 4))
    if "sink_tokens" in attrs:
        fields["sink_tokens"] = read_integers(attrs, "sink_tokens", "[index, ...]")
    if "border" in attrs:
        if attrs["border"] not in BORDERS:
            raise violation("border", f"must be {' or '.join(BORDERS)}, or left out", attrs["border"])
        fields["clamped"] = True
    if "blocks" in attrs:
        fields["blocks"] = _read_blocks(attrs["blocks"])
    return fields


def _window(dims: Dims, attrs: Attrs) -> dict[str, Any]:
    if "grid" not in dims:
        rows = read_rows(attrs, "bands", "[[low, high, dilation], ...]", 3)
        return {"seq_len": read_integer(dims, "seq_len"), "bands": tuple(Band(*row) for row in rows)}
    height, width = grid = read_integers(dims, "grid", "[height, width]", 2)
    window = read_rows(attrs, "bands", "[[low_y, high_y], [low_x, high_x]] on a grid", 2, count=2)
    seq_len = read_integer({"seq_len": height * width, **dims}, "seq_len")
    return {"seq_len": seq_len, "grid": grid, "window_2d": window}


def _read_blocks(value: object) -> Blocks:
    if not isinstance(value, Mapping) or set(value) != set(Blocks._fields):
        raise violation("blocks", f"must be {BLOCKS}", value)
    query, key = (read_integer(value, name, "blocks.") for name in ("query", "key"))
    if not isinstance(value["rows"], (list, tuple)):
        raise violation("blocks.rows", "must be [[block, ...], ...]", value["rows"])
    rows = (_integers(row, "blocks.rows", "[[block, ...], ...]", None) for row in value["rows"])
    return Blocks(query, key, tuple(rows))


def read_integer(values: Mapping[str, object], field: str, within: str = "") -> int:
    """Return a JSON integer. `within` begins the field's name in a message."""
    value = values.get(field)
    if isinstance(value, int) and is_integer(value):
        return value
    if value is None:
        raise TraceError("is missing", field=within + field)
    raise violation(within + field, "must be an integer", value)


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
