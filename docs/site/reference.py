"""The pages of docs/reference/ list packages; the modules are found, and the text is their docstrings.

A fence ``{modules}`` with one package per line becomes a section for each module. A package that is on no
page is a warning, so that a new one cannot be forgotten.
"""

import re
from pathlib import Path

from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.pycode import ModuleAnalyzer
from sphinx.util import logging

ROOT = Path(__file__).resolve().parent.parent.parent
NAMESPACE = "tandemsim"
PACKAGES = ("sim", "rtl", "traces", "workloads")
FENCE = re.compile(r"^```\{modules\}\n(.*?)^```$", re.MULTILINE | re.DOTALL)

logger = logging.getLogger(__name__)


def setup(app: Sphinx) -> dict[str, bool]:
    app.connect("source-read", expand_fences)
    app.connect("viewcode-find-source", source_of)
    app.connect("env-check-consistency", warn_of_missing_packages)
    return {"parallel_read_safe": True}


def expand_fences(app: Sphinx, docname: str, source: list[str]) -> None:
    source[0] = FENCE.sub(lambda fence: sections(fence[1].split()), source[0])


def sections(shown: list[str]) -> str:
    """Return a section for each module of the packages `shown`; the first has the page itself."""
    first, *others = shown
    text = automodule(first) + "".join(section("##", module) for module in modules_in(first))
    for package in others:
        text += section("##", package) + "".join(section("###", module) for module in modules_in(package))
    return text


def section(level: str, module: str) -> str:
    return f"\n{level} {module.removeprefix(f'{NAMESPACE}.')}\n{automodule(module)}"


def automodule(name: str) -> str:
    return f"\n```{{eval-rst}}\n.. automodule:: {name}\n```\n"


def packages() -> list[str]:
    """Return every package of ours that the reference has to show."""
    folders = [file.parent for top in PACKAGES for file in sorted((ROOT / top).rglob("__init__.py"))]
    return [NAMESPACE, *(".".join((NAMESPACE, *folder.relative_to(ROOT).parts)) for folder in folders)]


def modules_in(package: str) -> list[str]:
    """Return the modules directly in `package` by name; ``__main__``, which starts a command, is not one."""
    file = file_of(package)
    files = sorted(file.parent.glob("*.py")) if file.name == "__init__.py" else []
    return [f"{package}.{file.stem}" for file in files if not file.stem.startswith("_")]


def file_of(module: str) -> Path:
    """Return the file of a module of ours; in a checkout the packages lie beside the namespace's folder."""
    parts = module.split(".")
    place = ROOT.joinpath(*(parts[1:] if parts[1:2] and parts[1] in PACKAGES else parts))
    return place / "__init__.py" if place.is_dir() else place.with_suffix(".py")


def source_of(app: Sphinx, module: str) -> tuple[str, dict[str, tuple[str, int, int]]] | None:
    """Return the source of a module of ours and the places of its names, without importing it."""
    if module.partition(".")[0] != NAMESPACE or not file_of(module).is_file():
        return None
    analyzer = ModuleAnalyzer.for_file(file_of(module), module)
    return analyzer.code, analyzer.find_tags()


def warn_of_missing_packages(app: Sphinx, env: BuildEnvironment) -> None:
    """Warn of each package of the tree that no page of the reference shows."""
    for package in packages():
        if package not in env.domains.python_domain.modules:
            logger.warning("no page of docs/reference has %s", package, type="reference", subtype="package")
