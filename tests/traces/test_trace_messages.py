"""What a message may look like: one printable line of bounded length, whatever the file says."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tandemsim.sim.arch.checks import hint, printable, shown
from tandemsim.traces.codec import dumps, load, save
from tandemsim.traces.errors import LONGEST_LINE, TraceError, violation
from tandemsim.traces.validate import seal

#: What moves a cursor, rings, hides, reorders or breaks a line: ESC, BEL, NUL, DEL, C1, line ends, marks of
#: direction, a zero-width space, half of a surrogate pair.
EVIL = "\x1b[2J\a\0\x7f\x9b31m\n\r\u2028\u202e\u200b\ud800"


@given(st.text(), st.text(), st.text(), st.text())
def test_an_error_is_one_printable_line_of_bounded_length(message, file, op, field):
    line = str(TraceError(message, file=file, op=op, field=field).located(file="x.json"))
    assert (line.isprintable() or line == "") and len(line) <= LONGEST_LINE < 300 - len("traces: ")


@given(st.integers(0, 5000), st.integers(0, 5000), st.integers(0, 5000), st.integers(0, 5000))
def test_a_long_line_still_ends_in_its_value(file, op, field, value):
    error = violation("f" * field, "must be short", "v" * value).located(file="x" * file, op="o" * op)
    shown_value = "'" + "v" * value + "'" if value <= 78 else "'" + "v" * 76 + "..."
    assert str(error).endswith(f"must be short, not {shown_value}") and len(str(error)) <= LONGEST_LINE


@given(st.text())
def test_text_made_printable_is_that_text_unless_something_is_not_printable(text):
    found = printable(text)
    assert found.isprintable() and (found == text) == text.isprintable()
    assert printable(found) == found


def test_whatever_moves_a_cursor_is_written_as_an_escape():
    escapes = r"\x1b[2J\x07\x00\x7f\x9b31m\n\r\u2028\u202e\u200b\ud800"
    assert printable("a" + EVIL + "z") == f"a{escapes}z"
    assert printable("modèle 模型 🙂") == "modèle 模型 🙂"


@pytest.mark.parametrize(
    "value", [10**5000, "x" * 10**6, [[1] * 1000] * 1000, EVIL, b"\xff" * 10**6], ids=range(5)
)
def test_a_value_is_shown_in_short(value):
    assert len(shown(value)) <= 80 and shown(value).isprintable()


def test_a_value_nested_beyond_what_can_be_written_is_shown_in_words():
    value = []
    for _ in range(100_000):
        value = [value]
    assert shown(value) == "a deeply nested value"


def test_of_many_known_names_some_are_listed():
    assert hint("x", ["b" * 9, "a"]) == "known: a, bbbbbbbbb"
    many = hint("?", (f"name{i}" for i in range(1000)))
    assert many.startswith("known: name0, ") and many.endswith(", ...") and len(many) < 120
    assert hint(EVIL, [EVIL]).isprintable() and hint("x", []) == "known: none"


@pytest.mark.parametrize("place", ["op", "model", "key", "value", "exporter", "version", "origin", "tensor"])
def test_no_name_of_a_file_reaches_the_terminal_as_it_is(small, resealed, tmp_path, capsys, place):
    from tandemsim.traces.__main__ import main

    evil = EVIL.replace("\ud800", "")  # JSON in UTF-8 cannot hold it
    document = json.loads(dumps(small))
    source = document["source"]
    if place == "op":
        for op in document["ops"]:
            op["name"] = evil
    elif place == "tensor":
        document["tensors"][0]["name"] = evil
    elif place in ("key", "value"):
        source["configuration"] = {evil: 1} if place == "key" else {"a": [evil]}
    else:
        source[{"version": "exporter_version"}.get(place, place)] = evil
    (tmp_path / "x.json").write_bytes(resealed(document))
    assert load(tmp_path / "x.json").source.model == source["model"]
    plain = _printed(capsys, main, small, tmp_path)
    assert main([str(tmp_path / "x.json")]) == 0
    lines = capsys.readouterr().out.split("\n")
    assert all(line.isprintable() for line in lines)
    assert len(lines) == len(plain)  # no row more, no row less
    assert main(["convert", str(tmp_path / "x.json"), "--out", "-"]) == 0
    printed = capsys.readouterr()
    assert all(line.isprintable() for line in (printed.out + printed.err).split("\n"))


def _printed(capsys, main, trace, folder):
    save(trace, folder / "plain.json")
    assert main([str(folder / "plain.json")]) == 0
    return capsys.readouterr().out.split("\n")


def test_a_name_longer_than_a_screen_is_cut(small, tmp_path, capsys):
    import msgspec

    from tandemsim.traces.__main__ import main

    source = msgspec.structs.replace(
        small.source, model="m" * 10**6, configuration={"k" * 10**6: "v" * 10**6}
    )
    save(seal(source=source, tensors=small.tensors, ops=small.ops, arrays=small.arrays), tmp_path / "x.json")
    assert main([str(tmp_path / "x.json")]) == 0
    assert len(capsys.readouterr().out) < 5000


@pytest.mark.parametrize("word", ["x" * 5000, EVIL, "x" * 5000 + ".json"], ids=range(3))
@pytest.mark.parametrize(
    "before", [[], ["convert"], ["longformer"], ["--"], ["convert", "--out"]], ids=range(5)
)
def test_any_word_is_answered_in_one_short_line(capsys, word, before):
    from tandemsim.traces.__main__ import main

    try:
        code = main([*before, word])
    except SystemExit as stopped:
        code = stopped.code
    err = capsys.readouterr().err
    assert code == 2 and err.startswith("traces: ") and err.endswith("\n")
    assert len(err[:-1]) <= 300 and err[:-1].isprintable()
