"""Notebooks executed: ``python -m tests.python.notebooks`` stores what examples/tandem.ipynb shows anew."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat

ROOT = Path(__file__).parents[2]
NOTEBOOK = ROOT / "examples" / "tandem.ipynb"
TIMEOUT = 300  # seconds of a cell; the first of all compiles the kernels
LOOKS = re.compile(r"<(svg|style)\b.*?</\1>", re.DOTALL)  # within HTML: a matter of fonts, and of taste


def read(path: Path) -> Any:
    """Return a notebook."""
    return nbformat.read(path, as_version=4)


def executed(notebook: Any, folder: Path) -> Any:
    """Return the notebook as this Python executes it, in `folder`; a cell that fails is an error."""
    from nbclient import NotebookClient

    fresh = nbformat.from_dict(notebook)
    own = {"PYTHONPATH": str(ROOT), "IPYTHONDIR": str(folder), "JUPYTER_RUNTIME_DIR": str(folder)}
    os.environ.update(own | {"JUPYTER_PLATFORM_DIRS": "1"})
    where = {"metadata": {"path": str(folder)}}
    client = NotebookClient(
        fresh, timeout=TIMEOUT, kernel_name="python3", record_timing=False, resources=where
    )
    client.execute()
    fresh.metadata = notebook.metadata  # without the version of this Python
    return fresh


def outputs(notebook: Any) -> Iterator[tuple[str, dict[str, str]]]:
    """Yield the source of each code cell, and what it shows by type, less how it looks."""
    for cell in notebook.cells:
        if cell.cell_type == "code":
            shown: dict[str, str] = {}
            for output in cell.outputs:
                data = {"stdout": output.text} if output.output_type == "stream" else output.data
                shown |= {kind: "" if kind == "image/png" else str(text) for kind, text in data.items()}
            shown = {kind: LOOKS.sub("", text) for kind, text in shown.items()}
            yield cell.source, shown


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as name:
        nbformat.write(executed(read(NOTEBOOK), Path(name)), NOTEBOOK)
