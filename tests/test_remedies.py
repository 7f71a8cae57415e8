"""What the commands say of a missing package works wherever the project is installed from."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
SOURCES = [
    path
    for folder in ("sim", "rtl", "traces", "workloads", "tandemsim")
    for path in (ROOT / folder).rglob("*.py")
]


def test_no_remedy_needs_the_folder_of_a_checkout() -> None:
    remedies = [found for path in SOURCES for found in re.findall(r"pip install '([^']+)'", path.read_text())]
    assert len(remedies) >= 4
    assert not [remedy for remedy in remedies if not remedy.startswith("tandemsim[")]
