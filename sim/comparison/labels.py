"""Short names of runs: what tells each from the others, and nothing that all of them share."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from tandemsim.sim.comparison.scope import batch_of, bits_of
from tandemsim.sim.report.contract import Report


def labels_of(reports: Sequence[Report]) -> tuple[str, ...]:
    """Return a label for each run: machine, preset, settings, batch, operand widths, as far as they differ.

    Of runs that none of these tells apart the second and later ones have a number.
    """
    machines = {report.machine for report in reports}
    presets = {(report.machine, report.preset) for report in reports}
    batches = {batch_of(report) for report in reports}
    several_bits = len({_widths(report) for report in reports}) > len(
        {_widths(report)[:-1] for report in reports}
    )
    varying = _varying(reports)
    labels = []
    for report in reports:
        parts = [report.machine] if len(machines) > 1 else []
        parts += [report.preset] if len(presets) > len(machines) else []
        parts += [f"{key}={_said(report.settings[key])}" for key in varying if key in report.settings]
        parts += [f"batch {batch_of(report)}"] if len(batches) > 1 else []
        parts += [f"bits={bits_of(report)}"] if several_bits and bits_of(report) else []
        labels.append(" ".join(parts) or report.preset)
    return numbered(labels, [report.workload for report in reports])


def numbered(labels: Sequence[str], apart: Sequence[str]) -> tuple[str, ...]:
    """Return the labels, those that come again under the same word of `apart` with a number."""
    seen: Counter[tuple[str, str]] = Counter()
    names = []
    for label, where in zip(labels, apart, strict=True):
        seen[label, where] += 1
        count = seen[label, where]
        names.append(f"{label} ({count})" if count > 1 else label)
    return tuple(names)


def _varying(reports: Sequence[Report]) -> list[str]:
    """Names of the settings that some of the runs have otherwise, or not at all."""
    names = dict.fromkeys(name for report in reports for name in report.settings)
    return [name for name in names if len({_stated(report, name) for report in reports}) > 1]


def shared_settings(reports: Sequence[Report]) -> dict[str, object]:
    """Return the settings that all of the runs have, with one value: what no label says."""
    varying = _varying(reports)
    return {name: value for name, value in reports[0].settings.items() if name not in varying}


def shared_bits(reports: Sequence[Report]) -> str:
    """Return the operand widths that all of the runs have; empty where they differ or a run has none."""
    found = {bits_of(report) for report in reports}
    return found.pop() if len(found) == 1 else ""


def _widths(report: Report) -> tuple[str, str, str, str]:
    """Return a run's widths after what they follow from, where nobody names any."""
    return report.workload, report.machine, report.preset, bits_of(report)


def _stated(report: Report, name: str) -> str:
    return repr(report.settings[name]) if name in report.settings else ""


def _said(value: object) -> str:
    items: Iterable[object] = value if isinstance(value, (list, tuple)) else [value]
    return ",".join(map(str, items))
