"""Single backticks in docstrings: a name that the reference has becomes a link, anything else is code.

The sources write `Pattern`, `sim.arch` or `--set` alike, as the terminal shows them. So a name may be short: it is
looked up beside where it stands, and then, with a capital or a dot, anywhere in the reference if only one place has it.
"""

import re

from docutils import nodes
from docutils.nodes import Element
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx
from sphinx.domains.python import PythonDomain
from sphinx.environment import BuildEnvironment
from sphinx.roles import XRefRole
from sphinx.util.nodes import make_refnode

NAME = re.compile(r"[A-Za-z_]\w*(\.\w+)*(\(\))?")


def setup(app: Sphinx) -> dict[str, bool]:
    app.add_role("name", NameRole())
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
        self, env: BuildEnvironment, refnode: Element, has_explicit_title: bool, title: str, target: str
    ) -> tuple[str, str]:
        refnode["py:module"], refnode["py:class"] = env.ref_context.get("py:module"), env.ref_context.get("py:class")
        return title, target.removesuffix("()")


def resolve_short_name(
    app: Sphinx, env: BuildEnvironment, node: pending_xref, content: nodes.TextElement
) -> nodes.reference | None:
    """Link a name that Sphinx could not find from where it stands, if only one object ends in it."""
    name = node["reftarget"]
    if node.get("refdomain") != "py" or node["reftype"] != "obj" or not (name[:1].isupper() or "." in name):
        return None
    domain: PythonDomain = env.domains.python_domain
    found = [full for full, entry in domain.objects.items() if f".{full}".endswith(f".{name}") and not entry.aliased]
    if len(found) != 1:
        return None
    place = domain.objects[found[0]]
    return make_refnode(app.builder, node["refdoc"], place.docname, place.node_id, content, found[0])
