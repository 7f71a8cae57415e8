"""What the documentation site reads of sources that are written for people: comments, blocks, short names."""

import sys
from collections.abc import Iterator
from types import ModuleType

import pytest

from tests.docs.site_builder import ROOT


@pytest.fixture
def extensions(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, ModuleType]]:
    monkeypatch.syspath_prepend(str(ROOT / "docs" / "site"))
    import field_comments
    import indented_blocks
    import names

    loaded = {"comments": field_comments, "blocks": indented_blocks, "names": names}
    yield loaded
    for module in (*(module.__name__ for module in loaded.values()), "reference"):
        sys.modules.pop(module, None)


SOURCE = """
LIMIT = 4  # the most; a source_
# of two lines,
# above
PLAIN: int = 3
BARE = 1


class Box:
    side: int = 3  # in `cells`
    both: tuple[int, int] = (
        5,  # of one value
        6,  # and the next
    )

    class Inner:
        deep: str  # of a class in a class
"""


def test_a_comment_beside_an_assignment_or_above_it_describes_it(extensions: dict[str, ModuleType]) -> None:
    found = {name: lines[0] for name, lines in extensions["comments"].comments_in(SOURCE).items()}
    assert found == {
        ("", "LIMIT"): r"the most; a source\_",
        ("", "PLAIN"): "of two lines, above",
        ("", "BARE"): "",
        ("Box", "side"): "in `cells`",
        ("Box", "both"): "of one value and the next",
        ("Box.Inner", "deep"): "of a class in a class",
    }


def test_a_long_value_of_a_constant_is_not_repeated(extensions: dict[str, ModuleType]) -> None:
    source = f"SHORT = 1\nLONG = {list(range(100))}\n"
    lines = extensions["comments"].comments_in(source)
    assert ":meta hide-value:" in lines["", "LONG"]
    assert ":meta hide-value:" not in lines["", "SHORT"]


@pytest.mark.parametrize(
    "docstring, marks",
    [
        (["One.", "", "    a = b", "    c = d", "", "Two."], 1),
        (["One.", "", "    a", "", "    b", "", "Two.", "", "    c"], 2),
        (["One ends in a mark::", "", "    a"], 0),
        (["- an item", "", "  its second paragraph"], 0),
        (["One", "    goes on."], 0),
        (["One.", "", "Two."], 0),
    ],
)
def test_indented_blocks_are_marked_once(
    extensions: dict[str, ModuleType], docstring: list[str], marks: int
) -> None:
    marked = extensions["blocks"].with_marks(docstring)
    assert marked.count("::") == marks
    unmarked = [line for line in marked if line.strip() and line != "::"]
    assert unmarked == [line for line in docstring if line.strip()]


def test_an_ending_may_follow_a_name(extensions: dict[str, ModuleType]) -> None:
    lines = ["Turns `A`s into ``b``s, `c` d `e`, ``f `g` ``.", "", "    `A`s in a block", ""]
    extensions["names"].part_endings(None, "class", "", None, None, lines)
    marked = r"Turns `A`\ s into ``b``\ s, `c` d `e`, ``f `g` ``."
    assert lines == [marked, "", "    `A`s in a block", ""]


def test_a_name_means_what_its_module_imports_or_assigns(extensions: dict[str, ModuleType]) -> None:
    meanings = extensions["names"].meanings_in("tandemsim.sim.arch.salo.config")
    assert meanings["EnergyConfig"] == "tandemsim.sim.arch.energy.EnergyConfig"
    assert meanings["MAX_SIDE"] == "tandemsim.sim.arch.salo.config.MAX_SIDE"
    assert "NamedTuple" not in meanings
    assert extensions["names"].meanings_in("tandemsim")["Trace"] == "tandemsim.traces.schema.Trace"
