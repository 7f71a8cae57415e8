"""Constraints: expressions over a point's fields, such as ``array.rows * array.cols <= 1024``.

The language is Python's, cut down to what computes a truth value: numbers, texts, ``true`` and ``false``,
arithmetic, comparisons, ``in``, ``and``, ``or``, ``not``, ``x if c else y``, and the functions in
`FUNCTIONS`. A dotted name is a config field. Nothing else parses, so a study can run no code.
"""

from __future__ import annotations

import ast
import math
import operator
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from tandemsim.sim.arch.checks import ConfigError, nearest, shown

Lookup = Callable[[str], Any]

LONGEST = 1000  # characters; assumed: a constraint that people can read
LARGEST_BITS = 4096  # of an integer on the way; assumed: more than any product of config fields
FUNCTIONS: dict[str, Callable[..., Any]] = {
    "abs": abs,
    "ceil": math.ceil,
    "floor": math.floor,
    "log2": math.log2,
    "max": max,
    "min": min,
}
WORDS = {"true": True, "false": False, "none": None, "inf": math.inf}
_BINARY: dict[type, Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: operator.pow,
}
_UNARY: dict[type, Callable[[Any], Any]] = {
    ast.Not: operator.not_,
    ast.USub: operator.neg,
    ast.UAdd: operator.pos,
}
_COMPARISONS: dict[type, Callable[[Any, Any], Any]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.In: lambda item, items: item in items,
    ast.NotIn: lambda item, items: item not in items,
}


@dataclass(frozen=True, slots=True)
class Constraint:
    """One expression that every point must fulfill."""

    text: str
    tree: ast.expr
    names: frozenset[str]  # dotted names of the fields that it reads

    def holds(self, lookup: Lookup) -> bool:
        """Return its truth for the fields that `lookup` returns by name. Raises `ConfigError`."""
        try:
            value = _value(self.tree, lookup)
        except (TypeError, ValueError, ArithmeticError, RecursionError) as error:
            raise ConfigError(f"constraint {shown(self.text)} has no value: {error}") from None
        if not isinstance(value, bool):
            raise ConfigError(f"constraint {shown(self.text)} must be true or false, not {shown(value)}")
        return value


def constraint(text: str) -> Constraint:
    """Parse an expression. Raises `ConfigError` for what the language does not have."""
    if len(text) > LONGEST:
        raise ConfigError(f"a constraint must have at most {LONGEST} characters, not {len(text)}")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SyntaxWarning)  # of `1and`, which is well understood
            tree = ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        told = error.msg if isinstance(error, SyntaxError) else str(error)
        raise ConfigError(f"constraint {shown(text)} is not an expression: {told}") from None
    try:
        return Constraint(text, tree, frozenset(_names(tree, text)))
    except RecursionError:
        raise ConfigError(f"constraint {shown(text)} is nested too deeply") from None


def _names(node: ast.expr, text: str) -> Iterator[str]:
    """Yield the fields that an expression reads; refuse what the language does not have."""
    match node:
        case ast.Constant(value=bool() | int() | float() | str()):
            return
        case ast.Name() | ast.Attribute():
            name = _dotted(node, text)
            if name not in WORDS:
                yield name
            return
        case ast.BoolOp(values=parts) | ast.Tuple(elts=parts) | ast.List(elts=parts):
            pass
        case ast.UnaryOp(op=op, operand=part) if type(op) in _UNARY:
            parts = [part]
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _BINARY:
            parts = [left, right]
        case ast.Compare(left=left, ops=ops, comparators=others) if all(
            type(op) in _COMPARISONS for op in ops
        ):
            parts = [left, *others]
        case ast.IfExp(test=test, body=body, orelse=orelse):
            parts = [test, body, orelse]
        case ast.Call(func=ast.Name(id=name), args=parts, keywords=[]):
            if name not in FUNCTIONS:
                raise ConfigError(f"constraint {shown(text)}: {nearest('function', name, FUNCTIONS)}")
        case _:
            refused = ast.get_source_segment(text.strip(), node) or type(node).__name__
            raise ConfigError(f"constraint {shown(text)} may not contain {shown(refused)}")
    for part in parts:
        yield from _names(part, text)


def _dotted(node: ast.expr, text: str) -> str:
    match node:
        case ast.Name(id=name):
            return name
        case ast.Attribute(value=value, attr=name):
            return f"{_dotted(value, text)}.{name}"
    raise ConfigError(f"constraint {shown(text)}: a dot joins names alone")


def _value(node: ast.expr, lookup: Lookup) -> Any:
    match node:
        case ast.Constant(value=value):
            return value
        case ast.Name() | ast.Attribute():
            name = _dotted(node, "")
            return WORDS[name] if name in WORDS else lookup(name)
        case ast.BoolOp(op=ast.And(), values=parts):
            return all(_truth(part, lookup) for part in parts)
        case ast.BoolOp(values=parts):
            return any(_truth(part, lookup) for part in parts)
        case ast.Tuple(elts=parts) | ast.List(elts=parts):
            return [_value(part, lookup) for part in parts]
        case ast.UnaryOp(op=ast.Not(), operand=part):
            return not _truth(part, lookup)
        case ast.UnaryOp(op=op, operand=part):
            return _UNARY[type(op)](_number(_value(part, lookup)))
        case ast.BinOp(left=left, op=op, right=right):
            return _computed(op, _number(_value(left, lookup)), _number(_value(right, lookup)))
        case ast.Compare(left=left, ops=ops, comparators=others):
            values = [_value(part, lookup) for part in (left, *others)]
            return all(
                _COMPARISONS[type(op)](a, b) for op, a, b in zip(ops, values, values[1:], strict=False)
            )
        case ast.IfExp(test=test, body=body, orelse=orelse):
            return _value(body if _truth(test, lookup) else orelse, lookup)
        case ast.Call(func=ast.Name(id=name), args=parts):
            return FUNCTIONS[name](*(_number(_value(part, lookup)) for part in parts))
    raise AssertionError(ast.dump(node))  # `_names` has refused everything else


def _computed(op: ast.operator, left: Any, right: Any) -> Any:
    whole = isinstance(left, int) and isinstance(right, int)
    if isinstance(op, ast.Pow) and whole and abs(left).bit_length() * abs(right) > LARGEST_BITS:
        raise OverflowError("a power is too large")
    result = _BINARY[type(op)](left, right)
    if isinstance(result, complex):
        raise ValueError("a root of a negative number")
    if isinstance(result, int) and result.bit_length() > LARGEST_BITS:
        raise OverflowError("a product is too large")
    return result


def _number(value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise TypeError(f"{shown(value)} is not a number")
    return value


def _truth(node: ast.expr, lookup: Lookup) -> bool:
    value = _value(node, lookup)
    if not isinstance(value, bool):
        raise TypeError(f"{shown(value)} is not true or false")
    return value
