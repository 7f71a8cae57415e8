"""Fields and constants are explained by the comment beside them, and so in the reference.

The sources give a field its unit and source at the end of its line, or on the lines above it. Sphinx itself
reads only comments that begin with ``#:``, so what it has read of each module is completed here.
"""

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from functools import cache
from itertools import takewhile

from reference import FENCE, file_of, modules_in, packages
from sphinx.application import Sphinx
from sphinx.pycode import ModuleAnalyzer

LONGEST_VALUE = 80  # characters of a constant's value that the reference repeats
SPECIAL = re.compile(r"([\\*|_<>])")  # what reStructuredText reads as more than itself
Assigned = tuple[str, str, ast.Assign | ast.AnnAssign]  # class or nothing, name, statement


def setup(app: Sphinx) -> dict[str, bool]:
    app.connect("source-read", complete_analyzers, priority=400)  # before the fences are expanded
    return {"parallel_read_safe": True}


def complete_analyzers(app: Sphinx, docname: str, source: list[str]) -> None:
    """Complete what Sphinx reads of our modules before the first page that shows any."""
    if FENCE.search(source[0]):
        complete_all()


@cache
def complete_all() -> None:
    """Give Sphinx's analyzer of each module the comments as documentation of what they explain."""
    for module in (name for package in packages() for name in (package, *modules_in(package))):
        analyzer = ModuleAnalyzer.for_file(file_of(module), module)
        ModuleAnalyzer.cache["module", module] = analyzer  # asked for by name, it would import the module
        known = analyzer.find_attr_docs()
        known |= {name: lines for name, lines in comments_in(analyzer.code).items() if name not in known}


def comments_in(source: str) -> dict[tuple[str, str], list[str]]:
    """Return (class, name) -> documentation of what `source` assigns in modules and classes.

    It is the comment inside the statement or at its end, or else the one above it, or else nothing.
    """
    beside: dict[int, str] = {}
    alone: dict[int, str] = {}
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            lines = beside if token.line[: token.start[1]].strip() else alone
            lines[token.start[0]] = token.string.lstrip("# ")
    found: dict[tuple[str, str], list[str]] = {}
    for scope, name, node in assignments(ast.parse(source), ""):
        last = node.end_lineno or node.lineno
        inside = [beside.get(line) or alone.get(line, "") for line in range(node.lineno, last + 1)]
        above = list(takewhile(bool, (alone.get(line, "") for line in range(node.lineno - 1, 0, -1))))
        comment = " ".join(filter(None, inside)) or " ".join(reversed(above))
        found[scope, name] = [escaped(comment), "", *hidden(scope, node)]
    return found


def assignments(node: ast.Module | ast.ClassDef, scope: str) -> Iterator[Assigned]:
    """Yield what `node` assigns in its body and in those of its classes, type variables apart."""
    for child in node.body:
        match child:
            case ast.ClassDef():
                yield from assignments(child, f"{scope}.{child.name}".lstrip("."))
            case ast.Assign(value=ast.Call(func=ast.Name(id="TypeVar"))):
                pass
            case ast.AnnAssign(target=ast.Name(id=name)) | ast.Assign(targets=[ast.Name(id=name)]):
                yield scope, name, child


def hidden(scope: str, node: ast.Assign | ast.AnnAssign) -> list[str]:
    """Return the line that keeps a long value of a constant out of the reference."""
    long = node.value is not None and len(ast.unparse(node.value)) > LONGEST_VALUE
    return [":meta hide-value:", ""] if long and not scope else []


def escaped(comment: str) -> str:
    """Return `comment` as reStructuredText that shows the same characters; backticks keep their meaning."""
    parts = comment.split("`")
    return "`".join(part if place % 2 else SPECIAL.sub(r"\\\1", part) for place, part in enumerate(parts))
