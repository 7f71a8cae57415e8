"""The JSON Schema of a trace, as published in `docs/trace.schema.json`: made from the types and the kinds.

It says what each part must state. What joins the parts (order, shapes, MACs, digest) is beyond a JSON Schema;
that is in `traces.validate`.
"""

from __future__ import annotations

import msgspec

from tandemsim.traces.kind import Kind, Schema, integer_schema
from tandemsim.traces.kinds import KINDS
from tandemsim.traces.repeats import Document
from tandemsim.traces.schema import SCHEMA


def json_schema() -> Schema:
    """Return the schema, in the dialect 2020-12."""
    dialect = "https://json-schema.org/draft/2020-12/schema"
    schema = {"$schema": dialect, "title": SCHEMA, **msgspec.json.schema(Document)}
    cases = [
        {"if": {"properties": {"kind": {"const": name}}}, "then": _rules(kind)}
        for name, kind in KINDS.items()
    ]
    schema["$defs"]["Kinds"] = {"allOf": cases}
    for name in ("Op", "RepeatedOp"):
        schema["$defs"][name]["allOf"] = [{"$ref": "#/$defs/Kinds"}]
    return schema


def _rules(kind: Kind) -> Schema:
    """Return what holds for the ops of one kind."""
    properties = {name: integer_schema(name) for name in kind.required}
    for name, value in kind.optional.items():
        properties[name] = integer_schema(name) | ({"default": value} if isinstance(value, int) else {})
    dims = {"properties": properties, "required": list(kind.required), "additionalProperties": False}
    rules: Schema = {"description": kind.line, "properties": {"dims": dims}}
    if kind.attrs:
        rules["properties"]["attrs"] = {"properties": {attr.name: attr.schema for attr in kind.attrs}}
    required = [attr.name for attr in kind.attrs if attr.required]
    if required:
        rules["properties"]["attrs"]["required"] = required
        rules["required"] = ["attrs"]
    return kind.refined(rules)
