"""docs/python.md as doctests: its sections, each with what it shows."""

from __future__ import annotations

import doctest
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[2] / "docs" / "python.md"
NEEDS_TORCH = "## A model of your own"  # the section, the page's last, that `make test-models` runs


def check(text: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> int:
    """Run the examples of `text` in `folder`, one after another; return how many there are."""
    monkeypatch.chdir(folder)
    monkeypatch.setenv("COLUMNS", "100")
    test = doctest.DocTestParser().get_doctest(text, {}, PAGE.name, str(PAGE), 0)
    said: list[str] = []
    result = doctest.DocTestRunner(verbose=False).run(test, out=said.append)
    assert result.failed == 0, "".join(said)
    return result.attempted


def parts() -> tuple[str, str]:
    """Return what the page has before the section that needs torch, and that section."""
    before, heading, after = PAGE.read_text().partition(NEEDS_TORCH)
    return before, heading + after
