"""Which runs of our own machine stand beside ANT's figures: data. Nothing here knows a machine."""

from __future__ import annotations

from collections.abc import Mapping

# (accelerator, network) -> preset, and settings as --set takes them. Empty while no machine of ours runs ANT.
RUNS: Mapping[tuple[str, str], tuple[str, Mapping[str, str]]] = {}

# Network -> a checked-in trace, and which of its ops runs: None is all of them.
TRACES: Mapping[str, tuple[str, int | None]] = {}
