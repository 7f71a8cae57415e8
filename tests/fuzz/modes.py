"""The modes of the fuzzer: what is made up, and what share of the cases it has.

A mode is a function of a random generator and a `tests.fuzz.judge.Judge`; it makes one case up, runs the
commands and notes the faults that the judge does not see.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import NamedTuple

from tests.fuzz import (
    argument_words,
    config_files,
    extreme_sizes,
    setting_words,
    stopped_runs,
    tensor_files,
    topologies,
    trace_bytes,
    trace_structure,
    valid_runs,
)
from tests.fuzz.judge import Judge


class Mode(NamedTuple):
    """How a case is made, the share of it in a campaign over all modes, and a line about it."""

    case: Callable[[random.Random, Judge], None]
    share: int
    line: str


MODES = {
    "bytes": Mode(trace_bytes.case, 200, "traces with damaged bytes, plain and packed"),
    "structure": Mode(trace_structure.case, 180, "traces of wrong content"),
    "valid": Mode(valid_runs.case, 60, "valid configs, patterns, batches: laws"),
    "settings": Mode(setting_words.case, 150, "hostile values of --set"),
    "toml": Mode(config_files.case, 120, "--config files"),
    "npz": Mode(tensor_files.case, 90, "--functional files"),
    "csv": Mode(topologies.case, 100, "SCALE-Sim topologies, both ways"),
    "argv": Mode(argument_words.case, 90, "random words and options"),
    "sizes": Mode(extreme_sizes.case, 8, "inputs near the limits, and bombs"),
    "signals": Mode(stopped_runs.case, 2, "signals at random moments"),
}


def planned(modes: dict[str, Mode], count: int, first: int = 0) -> list[tuple[str, int]]:
    """Return `count` cases (mode, seed), shared out over the modes, each from seed `first` on, mixed."""
    whole = sum(mode.share for mode in modes.values())
    parts = {name: count * mode.share // whole for name, mode in modes.items()}
    for name in sorted(modes, key=lambda name: -modes[name].share)[: count - sum(parts.values())]:
        parts[name] += 1
    # The same share of each mode at every moment, so that a campaign that is cut short has met all of them.
    cases = [((at + 0.5) / part, name, first + at) for name, part in parts.items() for at in range(part)]
    return [(name, seed) for _, name, seed in sorted(cases)]


def generator(mode: str, seed: int) -> random.Random:
    """Return the random generator of a case: of a text, so that no two modes meet the same numbers."""
    return random.Random(f"{mode} {seed}")
