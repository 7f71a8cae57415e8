"""What a comparison says in sentences, the same in the terminal and on the page."""

from __future__ import annotations

from tandemsim.sim.arch.checks import shown
from tandemsim.sim.comparison.labels import shared_bits, shared_settings
from tandemsim.sim.comparison.metrics import METRICS
from tandemsim.sim.comparison.runs import Group, Runs
from tandemsim.sim.report.format import clean, exact
from tandemsim.sim.report.summary import settings_text

SPEEDUP = "the time of the first run of each table over the time of this one"


def heading(runs: Runs) -> str:
    """Say what is compared: ``3 runs of longformer``."""
    names = [section.workload for section in runs.sections]
    listed = names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
    return f"{len(runs.reports)} runs of {listed}"


def shared_sentence(runs: Runs) -> str:
    """Say what all runs have, without a stop: settings and operand widths; empty where there is none."""
    shared, bits = shared_settings(runs.reports), shared_bits(runs.reports)
    parts = [f"set in all runs: {clean(settings_text(shared))}"] if shared else []
    parts += [f"operand widths in all runs: {bits}"] if bits else []
    return "; ".join(parts)


def best_sentence(mark: str) -> str:
    """Say what `mark` means."""
    best = ", ".join(metric.best for metric in METRICS)
    return f"{mark} is the best of its table ({best}); where all are equal nothing is marked."


def apart_sentence(runs: Runs, first: Group, group: Group) -> str:
    """Say why no ratio leads from one group to another of the same workload."""
    names = [shown(runs.labels[group.runs[0]]) for group in (first, group)]
    return f"No ratio between {names[0]} and {names[1]}: {group.apart}."


def alone_sentence(runs: Runs, group: Group) -> str:
    """Say that a run has nothing to be measured against; empty where it has."""
    if len(group.runs) > 1:
        return ""
    return f"{shown(runs.labels[group.runs[0]])} has no run of the same scope to be measured against."


def clocks_sentence(runs: Runs, group: Group) -> str:
    """Say that cycles of the group's runs are not equally long; empty where they are."""
    if runs.have_one_clock(group):
        return ""
    clocks = {runs.reports[place].clock_hz for place in group.runs}
    listed = ", ".join(exact(clock, "Hz") for clock in sorted(clocks))
    return f"Clocks differ ({listed}): compare time, and not cycles."


def equal_sentence(count: int) -> str:
    """Say how many fields are equal, without a stop."""
    return f"{count:,} config field{' is' if count == 1 else 's are'} equal in all runs"


def factor(ratio: float) -> str:
    """Return a ratio to three digits: ``1.37×``."""
    return f"{ratio:.2f}×" if 0.1 <= ratio < 10 else f"{ratio:.3g}×"
