"""The disk cache: found again by a second process, never stale, and bounded."""

import os
import shutil
from pathlib import Path

import pytest

from tandemsim.sim.engine import kernel_cache
from tests.engine.package import KERNEL, ask

ROOT = Path(__file__).parents[2]


def compiled_files(tree: Path) -> dict[str, int]:
    return {str(path): path.stat().st_mtime_ns for path in (tree.parent / "cache").rglob("*.nb?")}


def test_a_second_process_finds_the_kernels_of_the_first(package: Path) -> None:
    assert ask(package) == "15 0"
    files = compiled_files(package)
    assert files
    assert ask(package) == "15 1"
    assert compiled_files(package) == files


def test_an_edit_in_another_file_is_never_answered_by_the_old_kernel(package: Path) -> None:
    assert ask(package) == "15 0"
    edit(package / "sim/helper.py", "3 *", "5 *")
    assert ask(package) == "25 0"  # a helper
    edit(package / "sim/factor.py", "= 1", "= 2")
    assert ask(package) == "50 0"  # a constant that the kernel has frozen
    edit(package / "traces/offset.py", "= 0", "= 1")
    assert ask(package) == "51 0"  # the same, of another package
    edit(package / "traces/offset.py", "= 1", "= 0")
    assert ask(package) == "50 1"  # and back: its folder is still there


def edit(path: Path, before: str, after: str) -> None:
    """Change a file and keep its time and size, as nothing but a digest would notice."""
    stamp, text = path.stat(), path.read_text()
    assert before in text
    path.write_text(text.replace(before, after))
    os.utime(path, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
    assert path.stat().st_size == stamp.st_size


def test_a_class_of_somebody_else_does_not_spoil_the_cache(package: Path) -> None:
    theirs = "from enum import IntEnum\n\n\nclass Kind(IntEnum):\n    DONE = 5\n"
    (package.parent / "theirs.py").write_text(theirs)
    beside = {"PYTHONPATH": str(package.parent)}
    foreign = "from theirs import Kind; from tandemsim.sim.kernel import run; print(run(5), run(Kind.DONE))"
    assert ask(package, foreign, **beside) == "15 15"
    files = compiled_files(package)
    assert ask(package) == "15 1"  # where `theirs` cannot be imported
    assert ask(package, foreign, **beside) == "15 15"
    assert compiled_files(package) == files  # nothing piles up


def test_kernels_outside_the_package_are_compiled_but_not_cached(package: Path) -> None:
    (package / "mine.py").write_text(KERNEL.replace("def run", "def mine"))
    code = "from mine import mine; print(mine(5), mine.stats.cache_path)"
    assert ask(package, code) == "15 None"
    assert not any("mine" in name for name in compiled_files(package))


def test_the_jit_can_be_switched_off(package: Path) -> None:
    code = "from tandemsim.sim.kernel import run; print(run(5), type(run).__name__)"
    assert ask(package, code, NUMBA_DISABLE_JIT="1") == "15 function"
    assert compiled_files(package) == {}


def test_a_folder_that_cannot_be_written_is_replaced_by_a_temporary_one(package: Path) -> None:
    (package.parent / "file").write_text("")
    (package.parent / "tmp").mkdir()
    where = {"TANDEM_CACHE_DIR": str(package.parent / "file/x"), "TMPDIR": str(package.parent / "tmp")}
    assert ask(package, **where) == "15 0"
    assert ask(package, **where) == "15 1"
    assert list((package.parent / "tmp").rglob("*.nbi"))


def test_without_any_folder_there_is_no_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setattr(kernel_cache, "_parents", lambda: iter([tmp_path / "file"]))
    assert kernel_cache.cache_folder.__wrapped__() is None


def test_a_folder_of_another_user_is_not_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernel_cache, "_parents", lambda: iter([tmp_path]))
    assert kernel_cache.cache_folder.__wrapped__() == tmp_path / "kernels" / kernel_cache.source_digest()
    monkeypatch.setattr(os, "getuid", lambda: os.geteuid() + 1)
    assert kernel_cache.cache_folder.__wrapped__() is None


def test_the_most_recent_folders_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kernels = tmp_path / "kernels"
    for age in range(12):
        folder = kernels / f"{age:032x}"
        folder.mkdir(parents=True)
        (folder / "kernel.nbc").write_text("")
        os.utime(folder, (1e9 - age, 1e9 - age))
    (kernels / "notes").mkdir()
    os.utime(kernels / "notes", (0, 0))
    monkeypatch.setattr(kernel_cache, "_parents", lambda: iter([tmp_path]))
    ours = kernel_cache.cache_folder.__wrapped__()
    recent = {f"{age:032x}" for age in range(kernel_cache.KEPT_FOLDERS - 1)}
    assert {path.name for path in kernels.iterdir()} == {ours.name, "notes"} | recent


@pytest.mark.parametrize(
    "named, expected",
    [
        ({"TANDEM_CACHE_DIR": "/a", "XDG_CACHE_HOME": "/b"}, "/a"),
        ({"XDG_CACHE_HOME": "/b"}, "/b/tandemsim"),
        ({"HOME": "/c"}, "/c/.cache/tandemsim"),
    ],
)
def test_the_folder_is_where_the_user_says(
    named: dict[str, str], expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("TANDEM_CACHE_DIR", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    for name, value in named.items():
        monkeypatch.setenv(name, value)
    assert next(kernel_cache._parents()) == Path(expected)


def test_the_digest_knows_content_names_and_order(tmp_path: Path) -> None:
    folder = tmp_path / "sim"

    def digest_of(**files: str) -> str:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        for name, text in files.items():
            (folder / f"{name}.py").write_text(text)
        return kernel_cache.source_digest((folder,))

    assert digest_of(a="x", b="y") == digest_of(b="y", a="x")
    digests = [
        digest_of(a="x", b="y"),
        digest_of(a="y", b="x"),
        digest_of(a="xy", b=""),
        digest_of(a="x", c="y"),
        digest_of(a="x"),
    ]
    assert len(set(digests)) == len(digests)


def test_the_digest_knows_the_versions(monkeypatch: pytest.MonkeyPatch) -> None:
    here = kernel_cache.source_digest()
    monkeypatch.setattr(kernel_cache, "version", lambda name: f"{name} 99")
    assert kernel_cache.source_digest() != here


def test_the_digest_covers_every_module_of_the_package() -> None:
    found = {path for folder in kernel_cache.SOURCES for path in kernel_cache._python_files(folder)}
    assert {str(path) for path in (ROOT / "sim").rglob("*.py")} <= found
