"""What `import tandemsim` offers, and what it costs."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

import tandemsim

ROOT = Path(__file__).parents[2]


def answer(code: str) -> str:
    """What a fresh Python prints."""
    command = [sys.executable, "-c", code]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()


def contents() -> list[str]:
    """The names in the table of contents of the package's docstring."""
    table = (tandemsim.__doc__ or "").partition("Contents:")[2].partition("\n\ndocs/")[0]
    return re.findall(r"`(\w+)`", table)


def test_the_table_of_contents_is_what_is_exported() -> None:
    assert sorted(contents()) == sorted(set(tandemsim.__all__) - {"__version__"})


def test_every_name_is_there_and_has_a_docstring() -> None:
    for name in tandemsim.__all__:
        assert getattr(tandemsim, name) is not None
        if name not in ("__version__", "machines", "presets"):
            assert getattr(tandemsim, name).__doc__


def test_names_are_listed_before_they_are_used() -> None:
    listed = answer("import tandemsim; print(*dir(tandemsim))").split()
    assert listed == sorted(tandemsim.__all__)


def test_every_mistake_is_a_user_error() -> None:
    errors = {name for name in tandemsim.__all__ if name.endswith("Error")}
    assert {"ComparisonError", "StudyError"} <= errors
    assert all(issubclass(getattr(tandemsim, name), tandemsim.UserError) for name in errors)


def test_a_star_import_brings_exactly_the_names() -> None:
    found = answer("from tandemsim import *\nprint(*sorted(n for n in dir() if not n.startswith('__')))")
    assert found.split() == sorted(name for name in tandemsim.__all__ if name != "__version__")


def test_importing_the_package_loads_nothing_of_weight() -> None:
    loaded = answer("import sys, tandemsim; print(*sorted({n.partition('.')[0] for n in sys.modules}))")
    others = set(loaded.split()) - sys.stdlib_module_names - {"tandemsim", "__main__", "sitecustomize"}
    assert not {name for name in others if not name.startswith(("_", "distutils"))}


@pytest.mark.parametrize("name", ["ConfigError", "TraceError", "Pattern", "Trace", "presets", "machines"])
def test_names_that_run_nothing_do_not_load_the_compiler(name: str) -> None:
    assert answer(f"import sys, tandemsim; tandemsim.{name}; print('numba' in sys.modules)") == "False"


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="module 'tandemsim' has no attribute 'runn'"):
        tandemsim.runn  # noqa: B018


def test_the_package_says_that_it_is_typed() -> None:
    assert (ROOT / "tandemsim" / "py.typed").exists()
