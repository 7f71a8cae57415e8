"""Turns msgspec's decoding errors into `TraceError`s that name the op and the field.

msgspec reports ``Expected `int`, got `str` - at `$.ops[3].dims[...]```; a user reads
``longformer.json: op 3 'layer.0.query': dims.m must be int, not str``.
"""

from __future__ import annotations

import re
from typing import Any, get_args

import msgspec

from tandemsim.sim.arch.checks import hint, shown
from tandemsim.traces.errors import TraceError, violation
from tandemsim.traces.json_text import find_fault, path_text
from tandemsim.traces.repeats import Document, Word
from tandemsim.traces.schema import SCHEMA, ArrayInfo, Op, Quant, Role, Source, Tensor

RECORDS: dict[str, type[msgspec.Struct]] = {
    "ops": Op,
    "tensors": Tensor,
    "source": Source,
    "arrays": ArrayInfo,
    "quant": Quant,
}

REPEAT_PARTS = ("word", "turns", "items")


def explain(error: Exception, text: str) -> TraceError:
    """Return the `TraceError` for a document that a reader refused."""
    fault = find_fault(text)
    if fault:
        path = path_text(fault.path)
        where, field = _place(fault.document, path)
        return TraceError(fault.rule, op=where, field=field)
    try:
        document = msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError) as broken:
        half = re.search(r"\\u[dD][89a-fA-F]", text)  # which is also read as a document that ends too early
        return TraceError(f"is not valid JSON: {'half of a surrogate pair' if half else broken}")
    if not isinstance(document, dict) or document.get("schema") != SCHEMA:
        found = document.get("schema") if isinstance(document, dict) else document
        return TraceError(f"must be {SCHEMA!r}, not {shown(found)}", field="schema")
    said, _, place = str(error).partition(" - at `$")
    path = _with_key(document, place.rstrip("`").lstrip("."), said)
    return _message(said.replace("`", ""), path, _place(document, path), _at(document, path))


def _message(text: str, path: str, place: tuple[str, str], value: object) -> TraceError:
    """Translate one of msgspec's sentences about the `value` at a path."""
    where, field = place
    if match := re.match(r"Object missing required field (\w+)", text):
        return TraceError("is missing", op=where, field=".".join(filter(None, (field, match[1]))))
    if match := re.match(r"Object contains unknown field (.+)", text):
        advice = hint(match[1], _record(path).__struct_fields__)
        return TraceError(
            f"is not a field; {advice}", op=where, field=".".join(filter(None, (field, match[1])))
        )
    if match := re.match(r"Invalid enum value '?(.*?)'?$", text):
        choices = {"role": get_args(Role), "schema": [SCHEMA]}.get(field, get_args(Word))
        return TraceError(f"{match[1]!r} is unknown; {hint(match[1], choices)}", op=where, field=field)
    if match := re.match(r"Expected (.+), got (.+)", text):
        return TraceError(f"must be {match[1]}, not {match[2]}", op=where, field=field)
    return violation(field, re.sub("^Expected", "must be", text), value).located(op=where)


def _with_key(document: object, path: str, text: str) -> str:
    """Replace ``[...]``, msgspec's word for a key, by the first that leads to a value of the type it got."""
    got = re.search(r"got `(\w+)`", text)
    before, gap, after = path.partition("[...]")
    if gap and got:
        for key, item in _at(document, before).items():
            if _type(_at(item, after)) == got[1]:
                return f"{before}.{key}{after}"
    return path


def _at(value: Any, path: str) -> Any:
    """Return what a path like ``ops[3].dims`` leads to; `Ellipsis` if to nothing."""
    for step in re.findall(r"\w+", path):
        try:
            value = value[int(step) if isinstance(value, list) else step]
        except (LookupError, TypeError):
            return ...
    return value


def _type(value: object) -> str:
    """Return what msgspec calls the type of a JSON value."""
    names = {dict: "object", list: "array", type(None): "null"}
    return names.get(type(value), type(value).__name__)


def _place(document: dict[str, Any], path: str) -> tuple[str, str]:
    """Return the op or tensor that a path like ``ops[3].dims.m`` leads to, and the field of it: ``dims.m``.

    An item of a repeat, ``ops[3][2][0].dims.m``, is named like any other, and the repeat itself ``ops[3]``.
    """
    match = re.match(r"(ops|tensors)\[(\d+)\](?:\[(\d)\](?:\[(\d+)\])?)?", path)
    if match is None:
        return "", path
    what, position, part, inner = match.groups()
    item = document[what][int(position)]
    if part is not None and inner is None:
        return f"{what}[{position}]", (*REPEAT_PARTS, "")[min(int(part), len(REPEAT_PARTS))]
    if inner is not None:
        item = item[int(part)][int(inner)]
    field = path[match.end() :].lstrip(".")
    if not isinstance(item, dict):
        return match[0], field
    kind = what.rstrip("s")
    name = f" {shown(item['name'])}" if kind == "op" and "name" in item else ""
    return (f"{kind} {shown(item['id'])}{name}" if "id" in item else match[0] + name), field


def _record(path: str) -> type[msgspec.Struct]:
    """Return the type of the object that a path leads to."""
    names = [name for name in re.findall(r"[a-z]+", path) if name in RECORDS]
    return RECORDS[names[-1]] if names else Document
