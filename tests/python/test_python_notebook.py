"""examples/tandem.ipynb: it runs from its first cell to its last, and shows what is stored in it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.python.notebooks import NOTEBOOK, executed, outputs, read


def test_the_notebook_shows_what_is_stored_in_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("PYTHONPATH", "IPYTHONDIR", "JUPYTER_RUNTIME_DIR", "JUPYTER_PLATFORM_DIRS"):
        monkeypatch.setenv(variable, "")  # so that they are put back afterwards
    stored = read(NOTEBOOK)
    assert list(outputs(executed(stored, tmp_path))) == list(outputs(stored))


def test_the_stored_notebook_was_run_in_order_and_has_its_pictures() -> None:
    notebook = read(NOTEBOOK)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1))
    kinds = [kind for _, shown in outputs(notebook) for kind in shown]
    assert kinds.count("text/html") >= 3 and kinds.count("image/png") == 1
    assert all(cell.outputs for cell in code)


def test_the_notebook_is_small() -> None:
    assert NOTEBOOK.stat().st_size < 200_000
