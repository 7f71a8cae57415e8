"""Texts of any characters: none that could harm a terminal gets through, none breaks a column or a line."""

import unicodedata
from xml.etree import ElementTree

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tandemsim.sim.report.format import clean, cut, shortened, width_of
from tandemsim.sim.report.layout import bars, table, wrapped

# What terminals obey or hide: controls, formats such as marks of direction, surrogates, private, unassigned.
UNSEEN = ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")
ANY = st.text(max_size=40)
BARS = tuple("▏▎▍▌▋▊▉█")
WIDE = st.text("ab Ａ中文字한🙂é\u0301\x1b\n\x00\u202e", max_size=40)


@given(ANY | WIDE)
@example("\x1b[31mred\x07\x00\x9b\u202eabc\u2028\ufffe\ud800")
def test_cleaned_texts_hold_nothing_unseen_and_are_valid_in_xml(text: str) -> None:
    short = clean(text)
    assert len(short) == len(text)
    assert not [c for c in short if unicodedata.category(c) in UNSEEN]
    escaped = short.replace("&", "&amp;").replace("<", "&lt;")
    assert ElementTree.fromstring(f"<t>{escaped}</t>").text in (short, None)


@given(ANY)
def test_what_can_be_seen_is_kept(text: str) -> None:
    kept = [(old, new) for old, new in zip(text, clean(text), strict=True) if old != new]
    assert all(unicodedata.category(old) in (*UNSEEN, "Zs") for old, _ in kept)


@pytest.mark.parametrize(
    "text, width",
    [("abc", 3), ("中文", 4), ("ｗｗ", 4), ("é", 1), ("e\u0301", 1), ("🙂", 2), ("µ…", 2), ("", 0)],
)
def test_widths_are_those_of_a_terminal(text: str, width: int) -> None:
    assert width_of(text) == width


@given(WIDE, st.integers(0, 30), st.booleans())
def test_a_cut_text_is_the_longest_part_that_fits(text: str, width: int, last: bool) -> None:
    part = cut(text, width, last)
    assert (text.endswith if last else text.startswith)(part)
    assert width_of(part) <= width
    if part != text:
        more = text[-len(part) - 1 :] if last else text[: len(part) + 1]
        assert width_of(more) > width


@given(ANY | WIDE, st.integers(3, 40))
def test_shortened_texts_fit_and_keep_both_ends(text: str, width: int) -> None:
    short = shortened(text, width)
    assert width_of(short) <= width
    if width_of(clean(text)) <= width:
        assert short == clean(text)
    else:
        head, _, tail = short.partition("…")
        assert clean(text).startswith(head) and clean(text).endswith(tail)
        assert width_of(short) >= width - 2  # a wide character may not fit on either side


@given(ANY | WIDE, st.integers(4, 40), st.sampled_from(["", "- ", "    "]))
def test_wrapped_texts_fit_and_lose_no_character(text: str, width: int, then: str) -> None:
    lines = wrapped(text, width + len(then), "  ", then)
    assert all(width_of(line) <= width + len(then) for line in lines)
    assert all(line.startswith("  " if place == 0 else then) for place, line in enumerate(lines))
    said = "".join(line[len("  " if place == 0 else then) :] for place, line in enumerate(lines))
    assert said.replace(" ", "") == "".join(clean(text).split())


@given(st.lists(st.tuples(WIDE, WIDE, WIDE), min_size=1, max_size=6), st.sampled_from(["<>>", "<><"]))
def test_columns_of_a_table_stay_in_line_whatever_its_cells_hold(rows: list, align: str) -> None:
    lines = table([[*row, "|"] for row in rows], f"{align}>", 400)
    assert len(lines) == len(rows)
    assert len({width_of(line) for line in lines}) == 1 and all(line.endswith("|") for line in lines)


@given(st.lists(st.tuples(WIDE, st.text("0123456789,", max_size=9)), min_size=1, max_size=5))
def test_a_table_is_as_wide_as_it_may_be_and_no_wider(rows: list) -> None:
    assert max(map(width_of, table(rows, "<>", 30))) <= 30


@given(st.lists(st.tuples(WIDE, st.floats(0, 1)), min_size=1, max_size=6), st.integers(40, 100))
def test_bars_begin_in_one_column_and_end_inside_the_width(rows: list, width: int) -> None:
    lines = bars([[name] for name, _ in rows], "<", [share for _, share in rows], width)
    assert max(map(width_of, lines)) <= width
    barred = [line for line in lines if line.endswith(BARS)]
    assert len({width_of(line.rstrip("".join(BARS))) for line in barred}) <= 1
