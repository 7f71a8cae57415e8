"""Tandem: a cycle-level simulator of DNN hardware whose circuit ships with it.

In a checkout the packages `sim`, `rtl`, `traces` and `workloads` lie at the top of the repository, beside
this folder; the wheel holds them inside it. Either way they are imported as ``tandemsim.sim`` and so on: a
bare ``import sim`` would load a second copy of each module.
"""

from __future__ import annotations

from pathlib import Path

__version__ = "0.1.0"

_ROOT = Path(__file__).resolve().parent.parent
if (_ROOT / "pyproject.toml").is_file() and (_ROOT / "sim").is_dir():
    __path__.append(str(_ROOT))
