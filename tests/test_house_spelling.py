"""One spelling, American, in code and in prose.

Exempt are the names that users type (`PUBLIC`) and what is called after them, and words in quotes: what a
paper or its script says.
"""

import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

from tandemsim.sim.arch.checks import to_dict
from tandemsim.sim.arch.families import FAMILIES

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = (
    *("tandemsim", "sim", "rtl", "traces", "workloads"),
    *("tests", "tools", "benchmarks", "docs", "examples"),
)
PROSE = {".md", ".html", ".css", ".toml", ".cff", ".json", ".ipynb", ""}  # and, in parts, .py

_ENDINGS = "(?:e|ed|es|er|ers|ing|able|ation|ations)"
_STEMS = (
    "(?:amort|categor|character|custom|digit|discret|emphas|equal|factor|final|formal|general|initial|item"
    "|linear|local|material|maxim|memor|minim|modern|neutral|normal|renormal|optim|organ|parallel|penal"
    "|popular|priorit|quant|random|rational|real|recogn|regular|serial|special|stabil|standard|summar"
    "|symbol|synchron|synthes|token|util|vector|visual)"
)
WORDS = [
    f"{_STEMS}is{_ENDINGS}",
    "(?:analy|cataly|paraly)s(?:e|ed|er|ers|ing)",  # "analyses" may be the noun
    r"\w*(?:behavi|col|fav|flav|harb|hon|hum|lab|neighb|od|rig|rum|vap)our\w*",
    r"(?:de)?cent(?:re|res|red|ring)",
    r"\w*(?:met|lit|fib|calib|theat)res?",
    r"\w*(?:cancel|channel|dial|fuel|label|level|marshal|model|signal|total|travel|tunnel)l(?:ed|er|ers|ing)",
    "(?:def|off|lic)ence",
    r"artefacts?|grey\w*|programmes?|ageing|fulfil|skilful|whilst|amongst|(?:mis)?spelt|learnt|burnt",
]
BRITISH = re.compile(rf"(?<![a-z])(?:{'|'.join(WORDS)})(?![a-z])", re.IGNORECASE)

#: Config fields that people's scripts set, spelled before there was a rule.
PUBLIC = ("array.normalisation", "array.normalise_latency", "numerics.renormalise_at")
_CALLED_AFTER_THEM = re.compile("normalis", re.IGNORECASE)
_CODE_BEFORE, _CODE_AFTER = {*"`._{'\""}, {*"`=_'\""}


def british(text: str) -> list[str]:
    """Return the British words of a prose text, without those in quotes and names of `PUBLIC` as code."""
    found = []
    for match in BRITISH.finditer(text):
        word, before, after = match.group(), text[: match.start()][-1:], text[match.end() :][:1]
        if before and before in "'\"" and after == before:
            continue
        is_code = word.isupper() or before in _CODE_BEFORE or after in _CODE_AFTER
        if not (is_code and _CALLED_AFTER_THEM.search(word)):
            found.append(match.group())
    return found


def british_source(text: str) -> list[str]:
    """Return the British words of a Python source: of its strings, comments and names."""
    found = []
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.STRING:
            value = token.string.lstrip("rfbRFB").strip("'\"")
            is_code = value.isidentifier() and _CALLED_AFTER_THEM.search(value)
            found += [] if is_code else british(value)
        elif token.type == tokenize.COMMENT:
            found += british(token.string)
        elif token.type == tokenize.NAME and not _CALLED_AFTER_THEM.search(token.string):
            found += BRITISH.findall(token.string.replace("_", " "))
    return found


def files() -> Iterator[Path]:
    yield from (
        path for path in ROOT.iterdir() if path.is_file() and path.suffix in PROSE and path.name != ".git"
    )
    for folder in FOLDERS:
        for path in (ROOT / folder).rglob("*"):
            own = path != Path(__file__).resolve() and path.parent.name != "data"  # of other people
            if path.is_file() and own and path.suffix in PROSE | {".py"}:
                yield path


def test_every_word_is_spelled_as_americans_do() -> None:
    read = {".py": british_source}
    found = {
        str(path.relative_to(ROOT)): read.get(path.suffix, british)(path.read_text()) for path in files()
    }
    assert len(found) > 300
    assert {path: sorted(set(words)) for path, words in found.items() if words} == {}


def test_public_names_are_config_fields_and_no_other_field_is_british() -> None:
    fields = {
        name.removeprefix("salo.")
        for family in FAMILIES.values()
        for name in _leaves(to_dict(family.config(None, {})))
    }
    assert {name for name in fields if BRITISH.search(name.replace("_", " "))} == set(PUBLIC)


def _leaves(value: object, prefix: str = "") -> Iterator[str]:
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _leaves(item, f"{prefix}.{key}" if prefix else key)
    else:
        yield prefix


@pytest.mark.parametrize(
    "text, words",
    [
        ("The colours of neighbours, normalised.", ["colours", "neighbours", "normalised"]),
        ("`array.normalisation`, --set normalisation=deferred, renormalise_at", []),
        ('"utilisation" that the script prints', []),
        ("is modelled behaviour", ["modelled", "behaviour"]),
        ("analyses, otherwise, optimistic, promised, a size, parallel", []),
        ("four hours of our tours", []),
    ],
)
def test_british_words_are_recognised(text: str, words: list[str]) -> None:
    assert british(text) == words


def test_names_in_sources_are_words_too() -> None:
    assert british_source("bar_colour = 1  # grey\n") == ["colour", "grey"]
    assert british_source("x = {'colour': 1, 'utilisation': 2}\n") == ["colour", "utilisation"]
    assert british_source("config.array.normalisation\nNORMALISE = {'normalise': 1}\n") == []
