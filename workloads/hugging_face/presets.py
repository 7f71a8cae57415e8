"""Configurations of public models, by the names that they have on the Hugging Face hub.

They lie in ``data/presets.toml``, each with its source; nothing is downloaded. A key that stands under
`assumed` was not compared with the published file.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any

from msgspec import Struct, convert

PRESETS = "data/presets.toml"


class Preset(Struct, frozen=True, forbid_unknown_fields=True):
    """One public model: the class of its config and of its model, and what differs from the defaults."""

    model_type: str  # of transformers, whose config class fills in what is not stated
    architecture: str  # the class of the model
    source: str
    config: Mapping[str, Any] = {}
    assumed: tuple[str, ...] = ()


@cache
def presets() -> Mapping[str, Preset]:
    """Return all presets by name."""
    text = files(__package__).joinpath(PRESETS).read_text(encoding="utf-8")
    return convert(tomllib.loads(text), dict[str, Preset])


def find(name: str) -> tuple[str, Preset] | None:
    """Return the preset of this name, or the only one whose name begins so."""
    matches = [key for key in presets() if key.startswith(name)]
    chosen = name if name in presets() else matches[0] if len(matches) == 1 else None
    return None if chosen is None else (chosen, presets()[chosen])
