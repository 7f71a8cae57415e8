"""Paths of the repository in the pages: each must exist, and leads to what the site has of it.

A link to a file outside docs/ is right on GitHub, where a page is seen in its folder. Here it leads to the
page that shows the file, or to the reference of a module, and is code without a link for anything else.
Inline code that is a path, such as ``sim/run.py`` or ``tests/salo/test_*.py``, is treated alike.
"""

import os
import re
from pathlib import Path

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.transforms import SphinxTransform
from sphinx.util import logging

PAGES = {"README.md": "start", "CONTRIBUTING.md": "contributing", "CHANGELOG.md": "changelog"}
PACKAGES = ("sim", "rtl", "traces", "workloads")
FOLDERS = (*PACKAGES, "benchmarks", "docs", "examples", "tests", "tools")
PATH = re.compile(rf"(?:{'|'.join(FOLDERS)})/[\w./*-]*")
HISTORY = {"changelog"}  # may name what is gone

logger = logging.getLogger(__name__)


def setup(app: Sphinx) -> dict[str, bool]:
    app.add_transform(RepositoryPaths)
    return {"parallel_read_safe": True}


class RepositoryPaths(SphinxTransform):
    """Links and inline code that name a path of the repository."""

    default_priority = 10  # before references are collected and resolved

    def apply(self) -> None:
        for kind in (addnodes.pending_xref, addnodes.download_reference):
            for link in list(self.document.findall(kind)):
                if link.get("reftype") == "myst":
                    self.follow(link)
        for code in list(self.document.findall(nodes.literal)):
            if not isinstance(code.parent, nodes.reference | addnodes.pending_xref):
                self.check(code)

    def follow(self, link: nodes.Element) -> None:
        """Point a link that leaves docs/ at what the site has of its target; leave any other to Sphinx."""
        path = self.target_of(link)
        if path in PAGES:
            anchor = {"reftargetid": link.get("reftargetid") or link["reftarget"].partition("#")[2] or None}
            self.replace(link, refdomain="doc", reftype="myst", reftarget=PAGES[path], **anchor)
        elif module := module_of(path):
            self.replace(link, refdomain="py", reftype="mod", reftarget=module)
        elif path and not path.startswith("docs/"):
            link.replace_self(nodes.literal("", link.astext()))

    def target_of(self, link: nodes.Element) -> str:
        """Return the path of a link's target in the repository, or nothing where nothing is."""
        target = link["reftarget"].partition("#")[0]
        docs, root = self.folders()
        if link.get("refdomain") == "doc":  # the name of a page, from docs/ and without its suffix
            places = [docs / f"{target}.md"]
        else:
            places = [(docs / self.env.docname).parent / target]
            if self.env.docname in PAGES.values():  # shows a file whose links start from the root
                places.append(root / target)
        paths = [Path(os.path.normpath(place)) for place in places if target]
        found = (path for path in paths if path.exists() and path.is_relative_to(root))
        return next((path.relative_to(root).as_posix() for path in found), "")

    def folders(self) -> tuple[Path, Path]:
        """Return docs/ and the root of the repository."""
        return Path(self.env.srcdir), Path(self.env.srcdir).parent

    def check(self, code: nodes.literal) -> None:
        """Warn of a path that does not exist; make that of a module a link."""
        text = code.astext()
        if not PATH.fullmatch(text) or self.env.docname in HISTORY:
            return
        if not any(self.folders()[1].glob(text.rstrip("/"))):
            logger.warning("the repository has no %s", text, location=code, type="repository", subtype="path")
        elif module := module_of(text):
            self.replace(code, refdomain="py", reftype="mod", reftarget=module)

    def replace(self, node: nodes.Element, **attributes: str | None) -> None:
        """Put a reference that Sphinx resolves later in the place of `node`, with the same text."""
        reference = addnodes.pending_xref(
            refdoc=self.env.docname, refexplicit=True, refwarn=True, **attributes
        )
        reference.source, reference.line = node.source, node.line
        reference += [nodes.literal("", node.astext())] if isinstance(node, nodes.literal) else node.children
        node.replace_self(reference)


def module_of(path: str) -> str:
    """Return the module in a file of our packages, or nothing."""
    if not path.endswith(".py") or path.partition("/")[0] not in PACKAGES or "*" in path:
        return ""
    parts = Path(path).with_suffix("").parts
    return ".".join(("tandemsim", *(parts[:-1] if parts[-1] == "__init__" else parts)))
