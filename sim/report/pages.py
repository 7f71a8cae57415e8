"""HTML pages from templates: everything escaped, nothing that does not print, one look for all of them.

A page includes ``page.css``, which lies in this package; its own template may lie in another.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import resources
from typing import Any

from tandemsim.sim.report.format import clean

HOME = "tandemsim.sim.report"  # the package of page.css


def rendered(template: str, values: Mapping[str, Any], package: str = HOME) -> str:
    """Return the page that `template`, a file in ``templates/`` of `package`, makes of `values`."""
    import jinja2  # here, because a run without --out makes no page, and it takes a tenth of a second

    def source(name: str) -> str:
        places = [resources.files(where).joinpath("templates", name) for where in (package, HOME)]
        return next(place for place in places if place.is_file()).read_text("utf-8")

    environment = jinja2.Environment(
        loader=jinja2.FunctionLoader(source),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
        finalize=_visible,  # whatever a name holds
    )
    return environment.get_template(template).render(values)


def _visible(value: object) -> object:
    """A text without control characters; markup, which is ours, as it is."""
    return clean(value) if type(value) is str else value
