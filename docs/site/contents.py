"""The contents of the site are the list in docs/index.md: one list, which GitHub shows as well.

Each second-level heading becomes a group of the sidebar, and each bullet that begins with a link one of its
pages, under the text of that link. Sphinx says which page is missing from the list, and which does not exist.
"""

import re

from sphinx.application import Sphinx

HEADING = re.compile(r"^## (.+)$")
ENTRY = re.compile(r"^- \[([^\]]+)\]\(([\w./-]+)\.md\)")


def setup(app: Sphinx) -> dict[str, bool]:
    app.connect("source-read", append_toctrees)
    return {"parallel_read_safe": True}


def append_toctrees(app: Sphinx, docname: str, source: list[str]) -> None:
    """Append to the root page the directives that make its list the contents."""
    if docname == app.config.root_doc:
        source[0] += "".join(toctree(caption, pages) for caption, pages in groups(source[0]).items() if pages)


def groups(text: str) -> dict[str, list[tuple[str, str]]]:
    """Return heading -> (title, page without suffix) of every entry below it, in the order of `text`."""
    found: dict[str, list[tuple[str, str]]] = {}
    heading = ""
    for line in text.splitlines():
        if match := HEADING.match(line):
            heading = match[1]
        elif match := ENTRY.match(line):
            found.setdefault(heading, []).append((match[1], match[2]))
    return found


def toctree(caption: str, pages: list[tuple[str, str]]) -> str:
    entries = "".join(f"{title} <{page}>\n" for title, page in pages)
    return f"\n```{{toctree}}\n:hidden:\n:caption: {caption}\n\n{entries}```\n"
