"""Every word of a report has a meaning: in the glossary, in the terminal's width, and in docs/report.md."""

from pathlib import Path

import pytest

from tandemsim.sim.report.accounts import MULTIPLIER_CYCLES, STALL
from tandemsim.sim.report.format import width_of
from tandemsim.sim.report.glossary import energy_word, glossary_text, markdown, multiplier_word, word
from tandemsim.sim.report.words import PARTS
from tandemsim.sim.run import Request, simulate

PAGE = Path(__file__).parents[2] / "docs" / "report.md"


@pytest.fixture(scope="module", params=["salo", "ant"])
def document(request: pytest.FixtureRequest) -> dict:
    """The report of a real run, on SALO with values, so with everything that the machine has to say."""
    values = request.param == "salo"
    run = Request(workload="vil-tiny", machine=request.param, functional=values)
    return simulate(run).report.as_dict()


def without_meaning(part: str, keys) -> list[str]:
    return [key for key in keys if not word(part, key).meaning]


def test_every_key_of_a_real_report_has_a_meaning(document: dict) -> None:
    assert without_meaning("run", document) == []
    for op in document["ops"]:
        assert without_meaning("ops", op) == []
    for op in document["not_run"]:
        assert without_meaning("ops", op) == []
    assert without_meaning("DRAM", document["dram"]) == []
    assert without_meaning("scratchpads", document["scratchpad"]) == []
    for traffic in document["scratchpad"].values():
        assert without_meaning("scratchpads", traffic) == []
    for values in document.get("functional", ()):
        assert without_meaning("functional", [*values, *values["saturations"]]) == []


def test_every_name_in_the_accounts_of_a_real_report_has_a_meaning(document: dict) -> None:
    for record in (document, *document["ops"]):
        assert without_meaning("where the cycles went", record["stall_cycles"]) == []
        assert [name for name in record["multiplier_cycles"] if not multiplier_word(name).meaning] == []
        tensors = record["dram_tensors"]
        fields = {name for traffic in tensors.values() for name in traffic}
        assert without_meaning("DRAM by tensor", [*tensors, *fields]) == []
    names = [*document["energy_pj"], *document["energy_actions_pj"]]
    assert [name for name in names if not energy_word(name).meaning] == []


def test_every_name_that_the_contract_lists_has_a_meaning() -> None:
    assert [name for name in MULTIPLIER_CYCLES if not multiplier_word(name).meaning] == []
    assert multiplier_word(f"{STALL}dram") == word("where the cycles went", "dram")


def test_words_that_nobody_knows_have_no_meaning_and_no_error() -> None:
    assert word("ops", "spin").meaning == energy_word("array.spin").meaning == ""
    assert multiplier_word("stall_spin").meaning == multiplier_word("spin").meaning == ""


def test_meanings_are_one_sentence_each() -> None:
    for part, words in PARTS.items():
        for key, entry in words.items():
            assert entry.meaning.endswith(".") and "\n" not in entry.meaning, (part, key)
            assert not entry.brief.endswith(".") and len(entry.brief) <= 22, (part, key)


@pytest.mark.parametrize("width", [60, 80, 100])
def test_the_glossary_fits_the_terminal_and_leaves_no_word_out(width: int) -> None:
    text = glossary_text(width)
    assert max(map(width_of, text.splitlines())) <= width
    joined = " ".join(text.split())
    for words in PARTS.values():
        for key, entry in words.items():
            assert key in joined and entry.meaning in joined, key


def test_the_page_holds_every_word_as_the_report_uses_it() -> None:
    ends = PAGE.read_text().endswith("## Words\n\n" + markdown())
    assert ends, "replace what follows '## Words' by the output of: python -m sim.report.glossary"
