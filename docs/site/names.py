"""Names in docstrings and annotations mean what they mean in their module; other backticks are code.

The sources write `Pattern`, `sim.arch` or `--set` alike, in single backticks. A name that the module imports
stands for what it imported; one that is nowhere in the reference, as a parameter's, stays without a link.
"""

import ast
import re
import sys
from functools import cache
from typing import TypeVar

from docutils import nodes
from field_comments import assignments
from reference import NAMESPACE
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.pycode import ModuleAnalyzer
from sphinx.roles import XRefRole
from sphinx.util.nodes import make_refnode

NAME = re.compile(r"[A-Za-z_]\w*(\.\w+)*(\(\))?")
CODE = re.compile(r"(``.+?``(?!`)|`[^`]+`)(?=(\w)?)", re.DOTALL)


def setup(app: Sphinx) -> dict[str, bool]:
    app.add_role("name", NameRole())
    app.connect("autodoc-process-docstring", part_endings)
    app.connect("doctree-read", qualify_names)
    app.connect("missing-reference", resolve_short_name)
    return {"parallel_read_safe": True}


class NameRole(XRefRole):
    """The role of text in single backticks."""

    def run(self) -> tuple[list[nodes.Node], list[nodes.system_message]]:
        if not NAME.fullmatch(self.text):
            return [nodes.literal(self.rawtext, self.text)], []
        self.refdomain, self.reftype, self.classes = "py", "obj", ["xref", "py", "py-obj"]
        return self.create_xref_node()

    def process_link(
        self, env: BuildEnvironment, refnode: nodes.Element, has_explicit_title: bool, title: str, target: str
    ) -> tuple[str, str]:
        refnode["py:module"] = env.ref_context.get("py:module")
        refnode["py:class"] = env.ref_context.get("py:class")
        return title, target.removesuffix("()")


def part_endings(app: Sphinx, what: str, name: str, obj: object, options: object, lines: list[str]) -> None:
    """Let an ending follow a name, as in `Pattern`s; reStructuredText wants a mark between them."""
    paragraphs = "\n".join(lines).split("\n\n")
    parted = [text if text[:1].isspace() else CODE.sub(with_mark, text) for text in paragraphs]
    lines[:] = "\n\n".join(parted).split("\n")


def with_mark(code: re.Match[str]) -> str:
    return code[1] + ("\\ " if code[2] else "")


def qualify_names(app: Sphinx, document: nodes.document) -> None:
    """Give each name that its module assigns or imports its full name; a type variable is no reference."""
    for node in list(document.findall(pending_xref)):
        if node.get("refdomain") != "py":
            continue
        first, dot, rest = node["reftarget"].partition(".")
        if origin := meanings_in(node.get("py:module") or "").get(first):
            node["reftarget"] = origin + dot + rest
        node.attributes.pop("refspecific", None)  # else `int64` of numpy would be found where we have one
        module, _, name = node["reftarget"].rpartition(".")
        if isinstance(getattr(sys.modules.get(module), name, None), TypeVar):
            node.replace_self(nodes.Text(name))


@cache
def meanings_in(module: str) -> dict[str, str]:
    """Return name -> full name of what `module` assigns or imports from our packages."""
    if not ours(module):
        return {}
    tree = ast.parse(ModuleAnalyzer.for_module(module).code)
    found = {name: f"{module}.{name}" for scope, name, _ in assignments(tree, "") if not scope}
    for node in ast.walk(tree):
        match node:
            case ast.ImportFrom(module=str(source), names=names) if ours(source):
                found |= {alias.asname or alias.name: f"{source}.{alias.name}" for alias in names}
    return found


def ours(module: str) -> bool:
    return module.partition(".")[0] == NAMESPACE


def resolve_short_name(
    app: Sphinx, env: BuildEnvironment, node: pending_xref, content: nodes.TextElement
) -> nodes.reference | None:
    """Link a name that Sphinx did not find: an alias of a type, or the only object that ends in the name.

    The latter only for names in backticks with a capital or a dot: others may well be parameters.
    """
    name, objects = node["reftarget"], env.domains.python_domain.objects
    if node.get("refdomain") != "py":
        return None
    found = [name] if name in objects else []
    if not found and node["reftype"] == "obj" and (name[:1].isupper() or "." in name):
        found = [full for full in objects if full.endswith(f".{name}") and not objects[full].aliased]
    if len(found) != 1:
        return None
    place = objects[found[0]]
    return make_refnode(app.builder, node["refdoc"], place.docname, place.node_id, content, found[0])
