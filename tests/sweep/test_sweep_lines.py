"""Lines of a TOML document, against `tomllib`: the same keys and elements, at the right lines."""

import tomllib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tandemsim.sim.sweep.toml_lines import lines_of

DOCUMENT = '''\
# a comment with [brackets] and = signs
name = "a # b"
pareto = ["cycles", 'energy']   # trailing

[grid]
array.rows = [
    8,  # eight
    "]",
    [1, 2],
]
"cols" = 16
text = """
[not.a.table]
x = 1
""" # [[neither]]
inline = {a = 1, "b.c" = [2, {d = 3}]}
day = 1979-05-27 07:32:00
[[list]]
rows = 8
[[list]]
rows = 16
  [list.deep]
  x = QQQit's
two linesQQQ
[random.rows]
low = 1
'''.replace("QQQ", "'" * 3)


def paths(value: Any, place: tuple[str | int, ...] = ()) -> set[tuple[str | int, ...]]:
    """Every table, key and element of a parsed document."""
    inside: Any = (
        value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    )
    return {place}.union(*(paths(item, (*place, key)) for key, item in inside)) if inside else {place}


def test_every_key_and_element_has_a_line() -> None:
    assert set(lines_of(DOCUMENT)) | {()} == paths(tomllib.loads(DOCUMENT))


def test_lines_are_those_that_a_reader_counts() -> None:
    lines = lines_of(DOCUMENT)
    assert lines["name",] == 2
    assert [lines["grid", "array", "rows", place] for place in range(3)] == [7, 8, 9]
    assert lines["grid", "cols"] == 11
    assert lines["grid", "inline", "b.c", 1, "d"] == 16
    assert (lines["list", 0], lines["list", 1, "rows"], lines["list", 1, "deep", "x"]) == (18, 21, 23)
    assert lines["random", "rows", "low"] == 26


KEYS = st.text(st.characters(codec="utf-8", categories=["L", "N", "P"]), min_size=1, max_size=6)
SCALARS = st.integers(-9, 9) | st.booleans() | st.text(max_size=8) | st.floats(allow_nan=False)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3)
)


def quoted(text: str) -> str:
    return '"' + "".join(c if c.isalnum() else f"\\U{ord(c):08x}" for c in text) + '"'


def written(value: Any, breaks: bool) -> str:
    """A value as TOML; arrays may go over several lines."""
    if isinstance(value, dict):
        return (
            "{" + ", ".join(f"{quoted(key)} = {written(item, breaks)}" for key, item in value.items()) + "}"
        )
    if isinstance(value, list):
        between = ", # ,]\n" if breaks else ", "
        return "[" + "".join(written(item, breaks) + between for item in value) + "]"
    if isinstance(value, str):
        return quoted(value)
    return str(value).lower()


@given(st.dictionaries(KEYS, VALUES, max_size=5), st.booleans())
def test_any_document_has_the_keys_that_tomllib_finds(document: dict[str, Any], breaks: bool) -> None:
    text = "\n".join(f"{quoted(key)} = {written(value, breaks)}" for key, value in document.items())
    assert set(lines_of(text)) | {()} == paths(tomllib.loads(text))


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_line_ends_of_windows_count_as_one(end: str) -> None:
    assert lines_of(end.join(["a = 1", "", "[t]", "b = 2"]))["t", "b"] == 4
