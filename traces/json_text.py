"""Finds what JSON allows and a trace does not: a key that stands twice, huge numbers, deep nesting.

A decoder silently keeps the last of two equal keys, and reports huge numbers and deep nesting without a
place. So keys are compared in a separate pass (`check_keys`; 1.4 ms of the 4 ms that reading longformer.json
takes), and what that pass or the decoder refuses is searched for again, to say where it stands
(`find_fault`).
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from tandemsim.sim.arch.checks import shown

MAX_DEPTH = 32  # assumed: lists and objects within one another; a trace has six of its own
LONGEST_NUMBER = 308  # digits; of more, a double is infinite
_TOKENS = re.compile(r'"(?:[^"\\]|\\.)*"|[\[\]{}]', re.DOTALL)

Path = tuple[str | int, ...]


class Fault(NamedTuple):
    """Something wrong in a document: what, where, and the document with this in its place."""

    rule: str
    path: Path
    document: Any


class _Marked(NamedTuple):
    """Stands in a document for a value that a trace cannot hold."""

    rule: str


class _TwiceError(Exception):
    """Two equal keys in one object."""


def check_keys(text: str) -> Exception | None:
    """Return the error of Python's reader on a document; None if it is JSON, and no key stands twice."""
    try:
        json.loads(text, object_pairs_hook=_unique)
    except (ValueError, RecursionError, _TwiceError) as error:
        return error
    return None


def find_fault(text: str) -> Fault | None:
    """Return the first value that is JSON and that a trace cannot hold; None if there is none."""
    try:
        document = json.loads(
            text,
            object_pairs_hook=_marked_pairs,
            parse_int=_marked_integer,
            parse_float=_marked_float,
            parse_constant=lambda word: _Marked(f"must be a JSON value, not {word}"),
        )
    except RecursionError:
        return _too_deep(text)
    except ValueError:
        return None
    found = next(_marks(document, ()), None)
    return Fault(found[1].rule, found[0], document) if found else None


def path_text(path: Path) -> str:
    """Return a path as messages have it: ``ops[3].dims.m``."""
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path).lstrip(".")


def is_too_deep(value: object, depth: int = MAX_DEPTH) -> bool:
    """Tell whether lists and objects are nested more than `depth` deep in a decoded value."""
    if not isinstance(value, (list, dict)):
        return False
    inside = value.values() if isinstance(value, dict) else value
    return depth == 0 or any(is_too_deep(item, depth - 1) for item in inside if type(item) in (list, dict))


def _unique(pairs: list[tuple[str, Any]]) -> None:
    """Refuse equal keys; return nothing in place of the object, so that few values are held at once."""
    if len({key for key, _ in pairs}) < len(pairs):
        raise _TwiceError


def _marked_pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    table: dict[str, Any] = {}
    for key, value in pairs:
        table[key] = _Marked("must be stated once, not twice") if key in table else value
    return table


def _marked_integer(digits: str) -> object:
    return int(digits) if len(digits) <= LONGEST_NUMBER else _huge(digits)


def _marked_float(text: str) -> object:
    value = float(text)
    return value if math.isfinite(value) else _huge(text)


def _huge(text: str) -> _Marked:
    return _Marked(f"must be a number below 1e{LONGEST_NUMBER}, not {shown(text)[1:-1]}")


def _marks(value: Any, path: Path) -> Iterator[tuple[Path, _Marked]]:
    """Yield every mark of a document in its order."""
    if isinstance(value, _Marked):
        yield path, value
    elif isinstance(value, (dict, list)):
        inside = value.items() if isinstance(value, dict) else enumerate(value)
        for key, item in inside:
            if isinstance(item, (dict, list, _Marked)):
                yield from _marks(item, (*path, key))


def _too_deep(text: str) -> Fault | None:
    """Return the place at which a document of any depth goes too deep.

    The text before it, with its brackets closed, is a document of `MAX_DEPTH` that every reader takes.
    """
    closing: list[str] = []
    for token in _TOKENS.finditer(text):
        if token[0] in ("[", "{"):
            closing.append("]" if token[0] == "[" else "}")
        elif token[0] in ("]", "}") and closing:
            closing.pop()
        if len(closing) > MAX_DEPTH:
            head = text[: token.start()] + "null" + "".join(reversed(closing[:-1]))
            break
    else:
        return None
    try:
        document = json.loads(head)
    except ValueError:  # it is not JSON even before that
        return None
    path: list[str | int] = []
    value = document
    while value is not None:
        key = len(value) - 1 if isinstance(value, list) else next(reversed(value))
        path.append(key)
        value = value[key]
    return Fault(f"must be nested at most {MAX_DEPTH} deep", tuple(path), document)
