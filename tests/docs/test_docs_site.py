"""The site of docs/ builds without a warning, has every page and module, and all its links lead somewhere."""

import ast
import json
import zlib
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from tests.docs.site_builder import ROOT, build


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    ended = build(ROOT / "docs", folder)
    assert (ended.returncode, ended.stderr) == (0, "")
    return folder / "html"


class Page(HTMLParser):
    """The links of a page, and the places that a link may name."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.links: list[str] = []
        self.places: set[str] = set()
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name in ("href", "src") and value:
                self.links.append(value)
            elif name == "id" and value:
                self.places.add(value)


def test_every_page_of_docs_is_in_the_site(site: Path) -> None:
    pages = [path.relative_to(ROOT / "docs").with_suffix(".html") for path in (ROOT / "docs").rglob("*.md")]
    assert len(pages) > 20
    assert [page for page in pages if not (site / page).is_file()] == []


def test_every_link_of_the_site_leads_to_a_file_and_a_place_in_it(site: Path) -> None:
    """The oracle reads the HTML alone, and knows nothing of Sphinx."""
    pages = {path: Page(path) for path in site.rglob("*.html")}
    lost = []
    for path, page in pages.items():
        for link in page.links:
            parts = urlsplit(link)
            if parts.scheme:
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            place = unquote(parts.fragment)
            if not target.exists() or (place and target in pages and place not in pages[target].places):
                lost.append(f"{path.relative_to(site)}: {link}")
    assert sum(len(page.links) for page in pages.values()) > 1000
    assert lost == []


def inventory(site: Path) -> set[tuple[str, str]]:
    """The names that other sites may link to: (name, kind)."""
    packed = (site / "objects.inv").read_bytes().split(b"\n", 4)[4]
    lines = zlib.decompress(packed).decode().splitlines()
    return {(line.split()[0], line.split()[1]) for line in lines}


def public_names(path: Path) -> set[tuple[str, str]]:
    """The classes and functions that a module defines for others: those in its ``__all__``, if it has one."""
    found: set[tuple[str, str]] = set()
    offered: set[str] | None = None
    for node in ast.parse(path.read_text()).body:
        match node:
            case ast.ClassDef(name=name) if not name.startswith("_"):
                found.add((name, "py:class"))
            case ast.FunctionDef(name=name) if not name.startswith("_"):
                found.add((name, "py:function"))
            case ast.Assign(targets=[ast.Name(id="__all__")], value=value):
                offered = set(ast.literal_eval(value))
    return {(name, kind) for name, kind in found if offered is None or name in offered}


def test_every_module_and_what_it_offers_is_in_the_reference(site: Path) -> None:
    known = {(name, "py:class" if kind == "py:exception" else kind) for name, kind in inventory(site)}
    wanted: set[tuple[str, str]] = set()
    for path in (
        file for folder in ("sim", "rtl", "traces", "workloads") for file in (ROOT / folder).rglob("*.py")
    ):
        parts = ["tandemsim", *path.relative_to(ROOT).with_suffix("").parts]
        if parts[-1] == "__init__":
            parts.pop()
        if not parts[-1].startswith("_"):
            module = ".".join(parts)
            wanted |= {(module, "py:module")} | {
                (f"{module}.{name}", kind) for name, kind in public_names(path)
            }
    assert len(wanted) > 500
    assert wanted - known == set()


def test_fields_carry_the_comment_beside_them(site: Path) -> None:
    page = (site / "reference" / "arch-salo.html").read_text(encoding="utf-8")
    field = page.partition('id="tandemsim.sim.arch.salo.config.SaloArray.rows"')[2][:2000]
    assert "artifact, num_rows" in field


def test_the_search_knows_words_of_pages_and_names_of_the_reference(site: Path) -> None:
    text = (site / "searchindex.js").read_text(encoding="utf-8")
    index = json.loads(text.removeprefix("Search.setIndex(").removesuffix(")"))
    for word, page in (("jedec", "dram"), ("horowitz", "energy"), ("perfetto", "report")):
        found = index["terms"][word]
        names = [index["docnames"][number] for number in ([found] if isinstance(found, int) else found)]
        assert page in names, word
    assert any(name.endswith("sim.arch.salo.config") for name in index["objects"])


def test_the_sidebar_has_every_page(site: Path) -> None:
    links = {urlsplit(link).path for link in Page(site / "index.html").links}
    pages = {
        path.relative_to(ROOT / "docs").with_suffix(".html").as_posix()
        for path in (ROOT / "docs").rglob("*.md")
    }
    assert pages - links == {"index.html"} - links
