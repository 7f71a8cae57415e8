"""Each fault that a page can have fails the build of the documentation site, with a line that names it."""

from pathlib import Path

from tests.docs.site_builder import build, build_pages

CONTENTS = "# Site\n\n## Use\n\n- [One](one.md): the first\n- [Two](two.md): the second\n"
PAGES = {
    "index": CONTENTS,
    "one": "# One\n\nSee [two](two.md#a-part), [a tool](../tools/tool.py) and `tools/tool.py`.\n",
    "two": "# Two\n\n## A part\n\nThe [tools](../tools), a [file](data.json), `tools/*.py`.\n",
}


def faults_of(folder: Path, **pages: str) -> list[str]:
    """What is said of the good site when some of its pages are others."""
    return build_pages(folder, {**PAGES, **pages})


def test_pages_without_a_fault_pass(tmp_path: Path) -> None:
    assert faults_of(tmp_path) == []
    html = (tmp_path / "built" / "html" / "one.html").read_text()
    assert 'href="two.html#a-part"' in html
    assert "tools/tool.py</span></code>" in html


def test_links_that_lead_nowhere_fail(tmp_path: Path) -> None:
    text = "# One\n\n[a](three.md)\n\n[b](two.md#no-such-part)\n\n[c](../tools/gone.py)\n\n![d](no.png)\n"
    faults = sorted(faults_of(tmp_path, one=text))
    places = {3: "'three.md'", 5: "'no-such-part'", 7: "'../tools/gone.py'", 9: "no.png"}
    assert [fault.partition(" ")[0] for fault in faults] == [f"one.md:{line}:" for line in places]
    for fault, target in zip(faults, places.values(), strict=True):
        assert target in fault


def test_a_page_that_is_not_in_the_contents_fails(tmp_path: Path) -> None:
    (fault,) = faults_of(tmp_path, three="# Three\n")
    assert fault.startswith("three.md: ")
    assert "toctree" in fault


def test_a_page_of_the_contents_that_does_not_exist_fails(tmp_path: Path) -> None:
    faults = faults_of(tmp_path, index=CONTENTS + "- [Three](three.md): the third\n")
    assert faults
    assert all("three" in fault for fault in faults)


def test_a_path_in_code_that_does_not_exist_fails(tmp_path: Path) -> None:
    (fault,) = faults_of(tmp_path, one="# One\n\nRun `tools/tool.py` and `tools/gone.py`.\n")
    assert fault.startswith("one.md:3: ")
    assert "the repository has no tools/gone.py" in fault


def test_a_package_that_no_page_shows_fails(tmp_path: Path) -> None:
    assert faults_of(tmp_path) == []
    ended = build(tmp_path / "docs", tmp_path / "again")
    assert ended.returncode == 1
    assert "no page of docs/reference has tandemsim.sim.engine" in ended.stderr


def test_a_package_of_the_reference_that_does_not_exist_fails(tmp_path: Path) -> None:
    faults = faults_of(tmp_path, one="# One\n\n```{modules}\ntandemsim.sim.no_such\n```\n")
    assert "No module named 'tandemsim.sim.no_such'" in "\n".join(faults)
