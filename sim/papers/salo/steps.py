"""From SALO's published cost model to a machine that computes the whole pattern, one step at a time: data.

Each step changes one thing and says in a line why the cycles change. `sim.papers.salo.rows` runs them.
The steps name presets and settings as ``--set`` takes them; nothing here knows a machine.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

PUBLISHED_PRESET = "salo-dac22"
OUR_PRESET = "salo"


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One figure: a run of a preset with settings, or the cost model with another workload."""

    figure: str
    reason: str
    preset: str = ""
    settings: Mapping[str, str] = field(default_factory=dict)  # as --set takes them
    waits: bool = False  # count the cycles that wait for memory too
    aside: bool = False  # beside the ladder: the next step does not start from it
    variant: str = ""  # workload of the cost model, which is then asked in place of a machine


def _published(figure: str, reason: str, *settings: Mapping[str, str]) -> Step:
    """Return a step of the published preset."""
    together = {key: value for part in settings for key, value in part.items()}
    return Step(figure=figure, reason=reason, preset=PUBLISHED_PRESET, settings=together)


_ALL = {"scheduling.skip_masked": "false", "scheduling.leftover_keys": "false"}
_SKIP = {"scheduling.skip_masked": "true", "scheduling.leftover_keys": "false"}
_LEFTOVER = {"scheduling.skip_masked": "true", "scheduling.leftover_keys": "true"}
_DEFERRED = {"array.normalisation": "deferred"}
_SEGMENTS = {"array.column_segments": "2"}
_DEFERRED_REASON = (
    "dividing once, after the last pass: no wait for the row sum, 130 cycles a tile in place of 163"
)

_PRESET = Step(
    figure="preset salo, no waiting",
    reason="the global row and column work beside the local PEs, and ports of its own feed the global row "
    "Longformer's separate projections: no extra pass",
    preset=OUR_PRESET,
)
_WAITS = Step(
    figure="preset salo, with DRAM",
    reason="first keys, refreshes, row misses, last outputs; the published model has no memory",
    preset=OUR_PRESET,
    waits=True,
)

LONGFORMER = (
    _published(
        "513 keys, 17 passes",
        "Longformer attends to 256 keys on each side and to itself: 513 keys are 17 passes of 32 columns",
        _ALL,
    ),
    _published(
        "masked tiles skipped",
        "at both ends of the sequence some tiles hold no pair; the model runs them",
        _SKIP,
    ),
    _published(
        "leftover key, 16 passes",
        "the one key beyond 512 goes through the global column, idle in all but one pass of a block",
        _LEFTOVER,
    ),
    _published(
        "normalization deferred",
        _DEFERRED_REASON,
        _LEFTOVER,
        _DEFERRED,
    ),
    _PRESET,
    Step(
        figure="aside: separate passes",
        reason="without ports of its own the global row needs passes in which only it works",
        preset=OUR_PRESET,
        settings={"array.global_projections": "separate"},
        aside=True,
    ),
    _WAITS,
)

_ONE_BAND = _published(
    "one band per pass",
    "the published wiring takes one contiguous band per pass: 15 passes; the model packs 225 keys into 8",
    _ALL,
)
_IMAGE = (
    _ONE_BAND,
    _published(
        "bands outside the image skipped",
        "blocks at the top and bottom of the image have fewer than 15 rows of keys; the model runs all",
        _SKIP,
    ),
    _published(
        "two column segments",
        "keys injected at the middle column too: two bands of 15 in 32 columns, so that 8 passes are real",
        _SKIP,
        _SEGMENTS,
    ),
    _published(
        "normalization deferred",
        _DEFERRED_REASON,
        _SKIP,
        _SEGMENTS,
        _DEFERRED,
    ),
    Step(
        figure="preset salo, no waiting",
        reason="the global row and column work beside the local PEs: no extra pass",
        preset=OUR_PRESET,
    ),
    _WAITS,
)
_HEADS = Step(
    figure="3 heads, not 6",
    reason="the script has 6 heads; stage 1 of ViL-Medium-Wide, whose trace we run, has 3",
    variant="vil-1-3-heads",
)

STEPS = {"longformer": LONGFORMER, "vil-1": (_HEADS, *_IMAGE), "vil-2": _IMAGE}

# What each workload of the script stands for: a checked-in trace, and which of its window_attention ops.
TRACES: Mapping[str, tuple[str, int | None]] = {
    "longformer": ("longformer", 0),
    "vil-1": ("vil-medium-wide", 0),
    "vil-2": ("vil-medium-wide", 1),
}
