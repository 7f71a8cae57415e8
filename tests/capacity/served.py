"""A mix that is served in no time, and studies of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tandemsim.sim.capacity.study import Study
from tandemsim.sim.capacity.variants import variants_named
from tandemsim.sim.serving.mixes import mix_named

# Few layers: compiled kernels take a run of 1,000 queries in milliseconds.
MIX = "tiny-yolov2=40"
SETTINGS = {"cores": "16"}


def study(policies: str = "layer_wise,veltair", **fields: Any) -> Study:
    """A study of a small machine with few queries."""
    given = {"queries": 1000, "seeds": 2, "settings": SETTINGS, **fields}
    return Study(mix=mix_named(given.pop("mix", MIX)), policies=tuple(variants_named(policies)), **given)


def csv_of(path: Path, *lines: str) -> Path:
    """A file of queries."""
    path.write_text("seconds,network\n" + "".join(f"{line}\n" for line in lines))
    return path
