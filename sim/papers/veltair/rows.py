"""VELTAIR's four numbers beside ours: gains, what carries them, mean latency, and what they depend on.

Nothing is fitted to the four numbers. Every gain is shown twice: with all policies planning for the whole
target, and with each policy at its own best margin.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from tandemsim.sim.papers.comparison import Row
from tandemsim.sim.papers.veltair.experiments import (
    ALL,
    ARTIFACT,
    AT_ONE,
    DEFAULT,
    ERRING,
    MIXES,
    OURS,
    OWN,
    PARTS,
    SENSITIVE_MIX,
    UNDER_LOAD,
    VARIED,
    WITHOUT,
)
from tandemsim.sim.papers.veltair.found import Found, Value
from tandemsim.sim.papers.veltair.published import ABSTRACT, GAINS, LATENCY
from tandemsim.sim.papers.veltair.published import ARTIFACT as ARTIFACT_SOURCE

TITLE = "VELTAIR, ASPLOS 2022, arXiv 2201.06212"
FULL = "veltair"
RULES = (AT_ONE, OWN)
OURS_SOURCE = "sim/papers/veltair/experiments.py"
MARGINS = {
    AT_ONE: "every policy plans to use the whole target, the artifact's only rule",
    OWN: "every policy has its own best margin, tuned on other queries",
}
NO_RIVAL = "the abstract names no rival, and the margins of the paper's baselines are not published"
BEST_OTHER = "the best of those that have none of VELTAIR's ideas"
OUR_BEST = "the best of veltair and of our own policies, with versions or a price on time"
LIKE_ARTIFACT = (
    "steps of 8 cores, shares by MACs, threads not bound, plans blind to teams;"
    " 10 us for each joining thread is assumed"
)
NEVER = "the other policy carries no load at all"
EQUAL = "at 0.9 of the load that layer_wise carries with its own margin; most of it is idle cores put to use"
SENSITIVITY = "default: see above; three sequences of 3,000 or 4,000 queries"
SCHEDULING = {
    "planaria": "time that is left and spare cores, layer by layer",
    "adaptive_blocks": "scheduling alone",
    "adaptive_compilation": "compilation alone, on layer_wise",
    "veltair": "both",
    "planaria_versions": "versions without blocks",
    "priced_versions": "versions, and blocks by price",
}


def veltair_rows(found: Found) -> list[Row]:
    """Return every comparison that something was found for."""
    rows: list[Row] = []
    for mix in MIXES:
        rows += [*_headline(found, mix), *_ablation(found, mix), *_latency(found, mix), *_loads(found, mix)]
    rows += _sensitivity(found)
    return [row for row in rows if row.ours is not None or row.reason == NEVER]


def best(found: Found, mix: str, scenario: str, rule: str, names: Sequence[str]) -> str | None:
    """Return the policy of `names` that carries most; None where none of them was asked for."""
    loads = {name: found.load(mix, scenario, rule, name) for name in names}
    known = {name: load.value for name, load in loads.items() if load is not None}
    return max(known, key=lambda name: known[name]) if known else None


def _headline(found: Found, mix: str) -> Iterator[Row]:
    for over in ("layer_wise", "model_wise", "planaria", "prema"):
        for rule in RULES:
            if over == "prema" and rule == AT_ONE:
                continue  # it plans with no target
            gain = found.gain(mix, DEFAULT, rule, FULL, over)
            reason = f"{MARGINS[rule]}; {NO_RIVAL}"
            yield _row(mix, f"veltair over {over}, {rule}", gain, reason, paper=GAINS[mix], source=ABSTRACT)
    yield from _over_best(
        found, mix, DEFAULT, OWN, (FULL,), f"veltair over the best other, {OWN}", BEST_OTHER
    )
    ours = (FULL, *OURS)
    yield from _over_best(found, mix, DEFAULT, OWN, ours, f"our best over the best other, {OWN}", OUR_BEST)
    figure = f"veltair over the best other, {ARTIFACT}"
    yield from _over_best(found, mix, ARTIFACT, OWN, (FULL,), figure, LIKE_ARTIFACT)
    gain = found.gain(mix, ARTIFACT, OWN, FULL, "layer_wise")
    yield _row(mix, f"veltair over layer_wise, {ARTIFACT}", gain, LIKE_ARTIFACT, source=ARTIFACT_SOURCE)
    figure = f"our best over the best other, {ERRING}"
    reason = "planned times err by so much, each version of each layer by itself"
    yield from _over_best(found, mix, ERRING, OWN, ours, figure, reason)


def _over_best(
    found: Found, mix: str, scenario: str, rule: str, names: Sequence[str], figure: str, reason: str
) -> Iterator[Row]:
    one, other = best(found, mix, scenario, rule, names), best(found, mix, scenario, rule, WITHOUT)
    if one is None or other is None:
        return
    gain = found.gain(mix, scenario, rule, one, other)
    yield _row(mix, figure, gain, f"{one} over {other}: {reason}", paper=GAINS[mix], source=ABSTRACT)


def _ablation(found: Found, mix: str) -> Iterator[Row]:
    """Yield what each mechanism adds to layer_wise, and what is left against a version tuned under load."""
    for name in ("planaria", *PARTS, "planaria_versions", "priced_versions"):
        for rule in RULES:
            gain = found.gain(mix, DEFAULT, rule, name, "layer_wise")
            if (name, rule) != (FULL, rule):
                yield _row(mix, f"part: {name} over layer_wise, {rule}", gain, SCHEDULING[name])
    for over in ("layer_wise", "planaria"):
        gain = found.gain(mix, UNDER_LOAD, OWN, FULL, over)
        reason = "the one version that ships is the best on a busy machine, not on an idle one"
        yield _row(mix, f"veltair over {over}, {UNDER_LOAD}", gain, reason)


def _latency(found: Found, mix: str) -> Iterator[Row]:
    for rule in RULES:
        change = found.latency_change(mix, rule)
        figure = f"mean latency, veltair against layer_wise, {rule}"
        yield _row(mix, figure, change, EQUAL, paper=LATENCY, source=ABSTRACT)


def _loads(found: Found, mix: str) -> Iterator[Row]:
    whole = found.capacity(mix)
    for name in ALL:
        for rule in RULES:
            load = found.load(mix, DEFAULT, rule, name)
            if load is None or whole is None:
                continue
            margin = found.margin(mix, DEFAULT, rule, name)
            planned = "plans with no target" if margin is None else f"margin {margin:g}"
            reason = f"{planned}; {100 * load.value / whole:.1f} % of what busy cores would finish"
            yield _row(mix, f"highest load, {name}, {rule}", load, reason, unit="queries/s")


def _sensitivity(found: Found) -> Iterator[Row]:
    for name in VARIED:
        for over in ("layer_wise", "planaria"):
            gain = found.gain(SENSITIVE_MIX, name, OWN, FULL, over)
            yield _row(f"sensitivity, {SENSITIVE_MIX}", f"{name}, veltair over {over}", gain, SENSITIVITY)


def _row(
    workload: str,
    figure: str,
    value: Value | None,
    reason: str,
    *,
    unit: str = "%",
    paper: float | None = None,
    source: str = OURS_SOURCE,
) -> Row:
    ours = None if value is None else value.value
    if ours is not None and math.isinf(ours):
        ours, reason = None, NEVER
    gap = None if ours is None or paper is None else (100 + ours) / (100 + paper) - 1
    return Row(
        workload=workload,
        figure=figure,
        unit=unit,
        paper=paper,
        ours=ours,
        half=None if value is None or ours is None else value.half,
        gap=gap,
        reason=reason,
        source=source,
    )
