"""The words that users read: errors and docs say "is not a ...", as English does."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PRODUCT = ("tandemsim", "sim", "rtl", "traces", "workloads")

# "is no field", "that are none": what is not so in English. "There is no field" and "is no longer" are.
FOREIGN = re.compile(r"(?<![Tt]here )\b(?:is|are) (?:no\b(?! longer| more\b| \w+er than\b)|none\b(?! of\b))")


def foreign(text: str) -> list[str]:
    """Return each foreign turn of a text, with the words around it."""
    text = " ".join(text.split())
    return [text[max(0, m.start() - 30) : m.end() + 30] for m in FOREIGN.finditer(text)]


def strings(path: Path) -> Iterator[str]:
    """Yield every string of a source: messages, docstrings, and the fixed parts of f-strings."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def sources() -> list[Path]:
    return sorted(path for folder in PRODUCT for path in (ROOT / folder).rglob("*.py"))


def pages() -> list[Path]:
    return [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]


def test_no_message_or_docstring_says_is_no() -> None:
    found = {str(path): [turn for text in strings(path) for turn in foreign(text)] for path in sources()}
    assert len(found) > 100
    assert {path: turns for path, turns in found.items() if turns} == {}


def test_no_page_says_is_no() -> None:
    found = {path.name: foreign(path.read_text()) for path in pages()}
    assert len(found) > 5
    assert {path: turns for path, turns in found.items() if turns} == {}


@pytest.mark.parametrize(
    "text, is_foreign",
    [
        ("t.json: is no valid JSON", True),
        ("a pattern\n    that is none", True),
        ("true and false are none", True),
        ("there is no third model", False),
        ("There are no global tokens", False),
        ("is no longer read", False),
        ("is no faster than that", False),
        ("is not a field; did you mean dims?", False),
        ("is none of those", False),
    ],
)
def test_the_foreign_turn_is_recognized(text: str, is_foreign: bool) -> None:
    assert bool(foreign(text)) == is_foreign
