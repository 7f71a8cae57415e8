"""The JSON Schema of a trace document, as published in `docs/trace.schema.json`: made from the types and the
kinds.

It says what each part must state. What joins the parts (order, shapes, MACs, digest) is beyond a JSON Schema;
that is in `traces.validate`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from tandemsim.traces.kinds import KINDS, MAX_DIM, PADS
from tandemsim.traces.schema import SCHEMA, Trace

Schema = dict[str, Any]

#: A pattern, as `traces.pattern` reads it: lists of integers.
PATTERN = {
    "bands": {"type": "array", "items": {"type": "array", "items": {"type": "integer"}}},
    "global_tokens": {"type": "array", "items": {"type": "integer", "minimum": 0}, "uniqueItems": True},
}


def json_schema() -> Schema:
    """Return the schema, in the dialect 2020-12."""
    dialect = "https://json-schema.org/draft/2020-12/schema"
    schema = {"$schema": dialect, "title": SCHEMA, **msgspec.json.schema(Trace)}
    cases = [{"if": {"properties": {"kind": {"const": kind}}}, "then": _rules(kind)} for kind in KINDS]
    schema["$defs"]["Op"]["allOf"] = cases
    return schema


def _rules(kind: str) -> Schema:
    """Return what holds for the ops of one kind."""
    facts = KINDS[kind]
    dims = {name: _integer(name) for name in facts.required}
    dims |= {name: {**_integer(name), "default": default} for name, default in facts.optional.items()}
    if kind != "window_attention":
        return {"properties": {"dims": _object(dims, facts.required)}}
    dims["grid"] = {"type": "array", "items": _integer("grid"), "minItems": 2, "maxItems": 2}
    stated = _object(dims, (name for name in facts.required if name != "seq_len"))
    stated["anyOf"] = [{"required": ["seq_len"]}, {"required": ["grid"]}]
    return {"properties": {"dims": stated, "attrs": _object(PATTERN, PATTERN)}, "required": ["attrs"]}


def _integer(dim: str) -> Schema:
    return {"type": "integer", "minimum": 0 if dim in PADS else 1, "maximum": MAX_DIM}


def _object(properties: Schema, required: Iterable[str]) -> Schema:
    return {"properties": properties, "required": list(required), "additionalProperties": False}
