"""docs/python.md: every example works and prints what is shown; its table of keys is that of the code."""

import re
from pathlib import Path

import pytest

import tandemsim
from tandemsim.sim.report.summary import SUMMARY_KEYS
from tests.python.python_docs import PAGE, check, parts


@pytest.mark.slow
def test_examples_print_what_the_page_shows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert check(parts()[0], tmp_path, monkeypatch) >= 30


def test_an_example_that_prints_something_else_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(AssertionError, match="Expected:\n    3\nGot:\n    2"):
        check("    >>> 1 + 1\n    3\n", tmp_path, monkeypatch)


def test_the_keys_of_a_summary_are_those_of_the_page() -> None:
    rows = re.findall(r"^\| `(.+?)` \| (.+) \|$", PAGE.read_text(), flags=re.MULTILINE)
    assert dict(rows) == SUMMARY_KEYS and len(rows) == len(SUMMARY_KEYS)


def test_the_page_names_everything_that_there_is() -> None:
    used = set(re.findall(r"\bts\.(\w+)", PAGE.read_text()))
    assert used <= set(tandemsim.__all__)
    classes = {"Band", "Comparison", "Report", "Run", "Serving", "SweepResult", "Trace"}  # which calls return
    assert set(tandemsim.__all__) - used <= classes | {"__version__", "UserError"}
