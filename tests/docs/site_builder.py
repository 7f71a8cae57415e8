"""Builds a documentation site as `make docs-site` does, from this tree or from made-up pages."""

import shlex
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def command(source: Path, target: Path) -> list[str]:
    """Return the command of the Makefile, for other folders."""
    shown = ["make", "--no-print-directory", "--dry-run", "docs-site"]
    recipe = subprocess.run(shown, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    (line,) = (line for line in recipe.splitlines() if " -m sphinx " in line)
    words = shlex.split(line)
    words[0] = sys.executable
    words[words.index("--doctree-dir") + 1] = str(target / "doctrees")
    assert words[-2:] == ["docs", "build/site"]
    return [*words[:-2], "--no-color", str(source), str(target / "html")]  # which CI would have colored


def build(source: Path, target: Path, *more: str) -> subprocess.CompletedProcess[str]:
    """Build `source` into ``target / "html"`` and return how that ended."""
    return subprocess.run(
        [*command(source, target), *more], cwd=ROOT, capture_output=True, text=True, check=False
    )


def build_pages(folder: Path, pages: dict[str, str]) -> list[str]:
    """Build a site of `pages`, which may name a file beside them and one of a folder `tools`.

    Returns what Sphinx warns of, without the folder's path; it fails exactly if it warns. Packages that
    no page shows are left out.
    """
    docs, tools = folder / "docs", folder / "tools"
    docs.mkdir()
    tools.mkdir()
    (tools / "tool.py").touch()
    (docs / "data.json").write_text("{}")
    for name, text in pages.items():
        (docs / f"{name}.md").write_text(text)
    ended = build(docs, folder / "built", "--define", "suppress_warnings=reference.package")
    warnings = [line.replace(f"{docs}/", "") for line in ended.stderr.splitlines() if line.strip()]
    assert (ended.returncode != 0) == bool(warnings), ended
    return warnings
