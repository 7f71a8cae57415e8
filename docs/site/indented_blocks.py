"""Indented blocks of docstrings are shown as they stand: tables, formulas, commands, as in docs/.

reStructuredText would run their lines together, unless a double colon stands before them.
"""

import re

from sphinx.application import Sphinx

LIST_ITEM = re.compile(r"([-*+]|\d+[.)]) ")


def setup(app: Sphinx) -> dict[str, bool]:
    app.connect("autodoc-process-docstring", mark_blocks)
    return {"parallel_read_safe": True}


def mark_blocks(app: Sphinx, what: str, name: str, obj: object, options: object, lines: list[str]) -> None:
    lines[:] = with_marks(lines)


def with_marks(lines: list[str]) -> list[str]:
    """Return `lines` with a double colon before each indented block, unless it belongs to a list."""
    marked: list[str] = []
    paragraph: list[str] = []  # the lines at the margin since the last blank one before a block
    for number, line in enumerate(lines):
        if line[:1].isspace() and line.strip():
            begins = number > 0 and not lines[number - 1].strip() and bool(paragraph)
            if begins and not LIST_ITEM.match(paragraph[0]) and not paragraph[-1].endswith("::"):
                marked += ["::", ""]
            paragraph = [] if begins else paragraph
        elif line.strip():
            paragraph = [*paragraph, line] if number and lines[number - 1].strip() else [line]
        marked.append(line)
    return marked
