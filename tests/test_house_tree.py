"""The tree itself: nothing of one machine in it, no file too long to read, no package among the tests."""

import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = (
    "tandemsim",
    "sim",
    "rtl",
    "traces",
    "workloads",
    "examples",
    "tests",
    "tools",
    "benchmarks",
    "docs",
    ".ci",
)
SOURCES = {
    ".py",
    ".md",
    ".toml",
    ".txt",
    ".cff",
    ".html",
    ".css",
    ".js",
    ".json",
    ".csv",
    ".out",
    ".ipynb",
    "",
}

# Homes, scratch folders and checkouts: what holds on the machine of whoever wrote it.
MACHINE_PATH = re.compile(r"(?<![\w.\-/])/(?:home|root|Users|mnt|opt|srv|tmp/\w)\b[\w/]*")
# Aims are 160 and 300 lines; past 400 a file is two.
LONGEST = 400


def files() -> Iterator[Path]:
    here = (path for path in ROOT.iterdir() if path.is_file() and path.suffix in SOURCES)
    yield from (path for path in here if path.name != ".git")  # that of a linked worktree
    for folder in FOLDERS:
        yield from (path for path in (ROOT / folder).rglob("*") if path.is_file() and path.suffix in SOURCES)


def machine_paths(text: str) -> list[str]:
    return [match.group() for match in MACHINE_PATH.finditer(text)] + re.findall(re.escape(f"{ROOT}/"), text)


def test_no_path_of_a_machine_is_in_the_tree() -> None:
    found = {str(path.relative_to(ROOT)): machine_paths(path.read_text()) for path in files()}
    assert {path: paths for path, paths in found.items() if paths} == {}


def test_paths_of_a_machine_are_recognized() -> None:
    here = "/" + "home/someone/tandem"
    assert machine_paths(f"open('{here}/x') # see {here}") == [f"{here}/x", here]
    assert machine_paths("docs/work/x ./tmp/x https://example.org/home a/b /dev/stdout /usr/bin/env") == []


def test_every_page_and_section_that_is_named_exists() -> None:
    missing = []
    for source in files():
        for page, section in re.findall(
            r'docs/([\w-]+(?:\.\w+)*\.(?:md|json))(?:`*, "([^"]+)")?', source.read_text()
        ):
            path = ROOT / "docs" / page
            if not path.exists() or (section and f"# {section}\n" not in path.read_text()):
                missing.append((str(source.relative_to(ROOT)), page, section))
    assert missing == []


def test_no_source_is_too_long_to_read() -> None:
    sources = [path for path in files() if path.suffix == ".py"]
    lengths = {str(path.relative_to(ROOT)): len(path.read_text().splitlines()) for path in sources}
    assert len(lengths) > 20
    assert {path: length for path, length in lengths.items() if length > LONGEST} == {}


def test_no_test_folder_is_a_package() -> None:
    """One named sim or rtl would hide the package of that name."""
    assert list((ROOT / "tests").rglob("__init__.py")) == []


def test_test_files_have_names_of_their_own() -> None:
    names = [path.name for path in (ROOT / "tests").rglob("test_*.py")]
    assert sorted(set(names)) == sorted(names)


# What the formatter makes of a comment that is too long for the end of a line: it wraps the value.
SCARS = (
    re.compile(r"^ *[)\]}]+[,:]*  #(?! fmt:).*", re.MULTILINE),  # a bracket that closes, and the comment
    re.compile(r"[(\[{]\n.*[^,\s]  #(?! type:).*\n *[)\]}]"),  # brackets around one value with its comment
)


def scars(text: str) -> list[str]:
    code = re.sub(r'("""|\'\'\').*?\1', "", text, flags=re.DOTALL)  # without sources that a test holds
    return [match.group() for scar in SCARS for match in scar.finditer(code)]


def test_a_comment_that_does_not_fit_stands_above_its_line() -> None:
    found = {str(path.relative_to(ROOT)): scars(path.read_text()) for path in files() if path.suffix == ".py"}
    assert {path: places for path, places in found.items() if places} == {}


def test_scars_of_the_formatter_are_recognized() -> None:
    assert scars("x = (\n    1" + "  # one\n)\ny = 2\n")
    assert scars("x = (\n    1\n)" + "  # one\n")
    assert scars("for i in range(\n    2\n):" + "  # two\n")
    assert not scars("x = 1  # one\n# two\ny = (\n    1,  # one\n    2,  # two\n)\n")
