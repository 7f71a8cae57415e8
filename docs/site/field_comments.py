"""Fields and constants are explained by the comment beside them, and so in the reference.

The sources give a field its unit and source at the end of its line, or on the lines above. Sphinx itself reads only
comments that begin with ``#:``.
"""

import ast
import io
import re
import sys
import tokenize
from functools import cache
from itertools import takewhile

from sphinx.application import Sphinx
from sphinx.pycode import ModuleAnalyzer

TUPLE_FIELD = "Alias for field number"  # what Python says of a field of a NamedTuple
SPECIAL = re.compile(r"([\\*|_<>])")  # characters that reStructuredText reads as more than themselves


def setup(app: Sphinx) -> dict[str, bool]:
    app.connect("autodoc-process-docstring", add_comment)
    return {"parallel_read_safe": True}


def add_comment(app: Sphinx, what: str, name: str, obj: object, options: object, lines: list[str]) -> None:
    """Make the comment of an attribute or constant its docstring where it has none of its own."""
    if what in ("attribute", "data", "property") and (not any(lines) or lines[0].startswith(TUPLE_FIELD)):
        parts = name.split(".")
        modules = (".".join(parts[:end]) for end in range(len(parts) - 1, 0, -1))
        module = next(module for module in modules if module in sys.modules)
        lines[:] = [escaped(comments_of(module).get(name.removeprefix(f"{module}."), ""))]


@cache
def comments_of(module: str) -> dict[str, str]:
    """Return qualified name -> comment for the assignments of `module` and of its classes."""
    return dict(comments_in(ModuleAnalyzer.for_module(module).code))


def comments_in(source: str) -> dict[str, str]:
    """Return qualified name -> comment: the one inside or at the end of an assignment, or else the one above it."""
    beside: dict[int, str] = {}
    alone: dict[int, str] = {}
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            only = not token.line[: token.start[1]].strip()
            (alone if only else beside)[token.start[0]] = token.string.lstrip("#: ")
    found: dict[str, str] = {}
    for name, node in assignments(ast.parse(source), ""):
        last = node.end_lineno or node.lineno
        inside = [beside.get(line) or alone.get(line, "") for line in range(node.lineno, last + 1)]
        above = list(takewhile(bool, (alone.get(line, "") for line in range(node.lineno - 1, 0, -1))))
        found[name] = " ".join(filter(None, inside)) or " ".join(reversed(above))
    return found


def assignments(node: ast.Module | ast.ClassDef, prefix: str) -> list[tuple[str, ast.stmt]]:
    """Return (qualified name, statement) of what `node` assigns in its body and in those of its classes."""
    found: list[tuple[str, ast.stmt]] = []
    for child in node.body:
        match child:
            case ast.ClassDef():
                found += assignments(child, f"{prefix}{child.name}.")
            case ast.AnnAssign(target=ast.Name(id=name)) | ast.Assign(targets=[ast.Name(id=name)]):
                found.append((prefix + name, child))
    return found


def escaped(comment: str) -> str:
    """Return `comment` as reStructuredText that shows the same characters; backticks keep their meaning."""
    parts = comment.split("`")
    return "`".join(part if place % 2 else SPECIAL.sub(r"\\\1", part) for place, part in enumerate(parts))
