"""The JSON Schema of ``tandem-report/1``, generated from the annotations in `sim.report.contract`.

``python -m sim.report.schema`` prints it; ``docs/report.schema.json`` is that output, held up to date by a
test. Obeys JSON Schema 2020-12. No record forbids further keys, because reports may grow.
"""

from __future__ import annotations

import json
import sys
import types
import typing
from collections.abc import Mapping
from typing import Any

from tandemsim.sim.report import contract as report

DIALECT = "https://json-schema.org/draft/2020-12/schema"
_PLAIN = {int: "integer", float: "number", str: "string", bool: "boolean", type(None): "null"}


def report_schema() -> dict[str, Any]:
    """Return the schema of a whole report."""
    head = {"$schema": DIALECT, "title": report.SCHEMA}
    return head | _of_record(report.Report)


def schema_text() -> str:
    return json.dumps(report_schema(), indent=2) + "\n"


def _of_record(record: type) -> dict[str, Any]:
    """A record is an object with every key of the contract; keys are fields or properties."""
    keys = [key for key in report.KEYS[record] if key != "*"]
    return {
        "description": (record.__doc__ or "").split("\n")[0],
        "type": "object",
        "properties": {key: _of_type(_annotation(record, key)) for key in keys},
        "required": keys,
    }


def _annotation(record: type, key: str) -> Any:
    member = getattr(record, key)
    if isinstance(member, property):
        return typing.get_type_hints(member.fget, include_extras=True)["return"]
    return typing.get_type_hints(record, include_extras=True)[key]


def _of_type(kind: Any) -> dict[str, Any]:
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin is typing.Annotated:
        return _annotated(arguments[0], arguments[1:])
    if origin in (typing.Union, types.UnionType):
        return {"anyOf": [_of_type(argument) for argument in arguments]}
    if origin is tuple:
        return {"type": "array", "items": _of_type(arguments[0])}
    if origin is Mapping:
        values = {} if arguments[1] is Any else {"additionalProperties": _of_type(arguments[1])}
        return {"type": "object"} | values
    return _of_record(kind) if kind in report.KEYS else {"type": _PLAIN[kind]}


def _annotated(kind: Any, marks: tuple[Any, ...]) -> dict[str, Any]:
    schema = _of_type(kind)
    for mark in marks:
        keyword, value = ("description", mark) if isinstance(mark, str) else mark
        schema[keyword] = value
    return schema


if __name__ == "__main__":
    sys.stdout.write(schema_text())
