"""A report as one HTML page that needs nothing else: no script, no font, no picture from anywhere.

It reads on a phone, prints on paper, and follows the reader's choice of light or dark. The page is
``templates/report.html``; what it shows is put into words here, so that the template only lays out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from tandemsim.sim.report import plot_style
from tandemsim.sim.report.config import sections
from tandemsim.sim.report.contract import Report
from tandemsim.sim.report.explanation import MAX_EXPLAINED, explained, longest_explained, saved
from tandemsim.sim.report.format import PJ, exact, percent, plain, si, times, title
from tandemsim.sim.report.glossary import UNKNOWN, cycles_word, multiplier_word, word
from tandemsim.sim.report.groups import NotRunGroup, OpGroup, grouped, not_run_groups
from tandemsim.sim.report.pages import rendered
from tandemsim.sim.report.rules import ratio
from tandemsim.sim.report.text import counted_area, ran_sentence
from tandemsim.sim.report.words import PARTS, Word

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TEMPLATE = "report.html"
MANY = 10**10  # what is more is shown with three digits

# What each figure shows, in the order of the page.
CAPTIONS = {
    "cycles": (
        "Cycles of each op",
        "On the left all cycles of each op, those that are alike as one; on the right its stalls alone, as a "
        "share of its cycles.",
    ),
    "multipliers": (
        "Where the multipliers' cycles went, by op",
        "All cycles of all multipliers, by what became of them. The useful part is the utilization.",
    ),
    "roofline": (
        "Roofline",
        "A point for each op, or for ops that are alike; the ring is the whole run. None can rise above the "
        "line: DRAM bandwidth bounds it on the left, the multipliers on the right.",
    ),
    "utilization": (
        "Utilization over time",
        "Useful multiply-accumulates as a share of what all multipliers could do, and the bytes that cross "
        "the DRAM pins. Lines begin ops; ticks at the top begin heads, where there are not too many. Of a "
        "machine with several engines the rows below show when each works.",
    ),
    "energy": (
        "Energy",
        "Where the energy of the run was spent, by part of the machine and, in pale bars, by action.",
    ),
}


def report_html(report: Report, figures: Mapping[str, Figure]) -> str:
    """Return the page. `figures` are those of `sim.report.plots.draw`; the call takes their titles away."""
    return rendered(TEMPLATE, _page(report, figures))


def _page(report: Report, figures: Mapping[str, Figure]) -> dict[str, Any]:
    """Everything that the template shows, as texts, and lengths of bars in percent."""
    css, colors = plot_style.CSS, cycles_colors(report)
    account = plot_style.multiplier_colors(list(report.multiplier_cycles), list(report.stall_cycles))
    whole = report.cycles * report.multipliers
    groups, explanations = grouped(report.ops), explained(report)
    names = {op.name: group.name for group in groups for op in group.ops}
    return {
        "report": report,
        "sentence": ran_sentence(report),
        "share": 100 * report.macs_share,
        "tiles": list(tiles(report)),
        "accounts": [
            ("Where the cycles went", cycles_parts(report, colors)),
            (
                f"Where the cycles of {report.multipliers:,} multipliers went",
                [
                    _part(name, count, whole, css[account[name]], multiplier_word(name))
                    for name, count in report.multiplier_cycles.items()
                ],
            ),
        ],
        "explained": [
            {**entry, "settings": [{**tried, "saved": saved(tried)} for tried in entry["settings"]]}
            for entry in longest_explained(explanations, MAX_EXPLAINED)
        ],
        "unexplained": max(0, len(explanations) - MAX_EXPLAINED),
        "figures": [
            {"name": name, "heading": heading, "caption": caption, "svg": plot_style.svg(figures[name], name)}
            for name, (heading, caption) in CAPTIONS.items()
            if name in figures
        ],
        "ops": [_ops(group, colors, names) for group in groups],
        "tensors": list(_tensors(report)),
        "memories": list(_memories(report)),
        "dram": list(_dram(report)),
        "not_run": [_not_run(group, report) for group in not_run_groups(report.not_run)],
        "results": list(_results(report)),
        "config": list(sections(report)),
        "meaning": lambda part, key: word(part, key).meaning,
        "glossary": PARTS,
    }


def cycles_colors(report: Report) -> dict[str, str]:
    """Return the variable of the palette for compute and for each stall."""
    stalls = plot_style.colors(list(report.stall_cycles))
    return {name: plot_style.CSS[c] for name, c in {"compute": plot_style.COMPUTE, **stalls}.items()}


def tiles(report: Report) -> Iterator[tuple[str, str, str, str]]:
    """The figures that a reader wants first: a label, the figure, a word beside it, and its meaning."""
    clock = exact(report.clock_hz, "Hz")
    energy = report.energy_pj.total * PJ
    ran = f"{len(report.ops):,} of {len(report.ops) + len(report.not_run):,} ops"
    figures = {
        "seconds": ("Time", si(report.seconds, "s"), f"{report.cycles:,} cycles at {clock}"),
        "utilization": ("Utilization", f"{report.utilization:.3f}", f"of {report.multipliers:,} multipliers"),
        "macs": ("Work", si(report.macs, "MAC"), ran),
        "energy_pj": ("Energy", si(energy, "J"), f"{si(ratio(energy, report.macs), 'J')} per MAC"),
        "power_w": ("Power", si(report.power_w, "W"), f"on average, at {clock}"),
    }
    if report.area_mm2 is not None:
        figures["area_mm2"] = ("Area", f"{report.area_mm2:.3g} mm²", counted_area(report))
    for key, shown in figures.items():
        yield (*shown, word("run", key).meaning)


def cycles_parts(timed: Report | OpGroup, colors: Mapping[str, str]) -> list[dict[str, Any]]:
    """Compute and stalls of the run or of some ops, with the length of each in a bar."""
    cycles = {"compute": timed.compute_cycles, **timed.stall_cycles}
    return [
        _part(name, count, timed.cycles, colors.get(name, "muted"), cycles_word(name))
        for name, count in cycles.items()
    ]


def _part(name: str, count: int, whole: int, color: str, entry: Word) -> dict[str, Any]:
    return {
        "name": title(name),
        "count": f"{count:,}" if whole < MANY else si(count, ""),
        "share": percent(count, whole),
        "length": f"{100 * ratio(count, whole):.3f}",
        "color": color,
        "meaning": entry.meaning,
        "is_there": bool(count),
    }


def _ops(group: OpGroup, colors: Mapping[str, str], names: Mapping[str, str]) -> dict[str, Any]:
    """Return a row; `names` are those of the groups by op."""
    first, count = group.ops[0], len(group.ops)
    host = str(first.extra.get("rides_on", ""))
    return {
        "rides_on": names.get(host, host),
        "name": group.name,
        "kind": first.kind,
        "count": f"{count:,}",
        "cycles": group.cycles_each,
        "parts": cycles_parts(group, colors),
        "stalled": percent(group.stalled, group.cycles),
        "utilization": f"{group.utilization:.3f}",
        "tiles": f"{first.tiles:,}",
        "macs": si(first.macs, ""),
        "dram": si(sum(op.dram_bytes for op in group.ops) / count, "B"),
    }


def _tensors(report: Report) -> Iterator[tuple[str, ...]]:
    """Name, meaning, size, bytes read, how often, bytes written, of each tensor that moved."""
    for name, traffic in report.dram_tensors.items():
        read, written = traffic.read_bytes, traffic.write_bytes
        if read or written:
            again = times(traffic.times_read) if read else ""
            meaning = word("DRAM by tensor", name).meaning
            yield title(name), meaning, si(traffic.size_bytes, "B"), si(read, "B"), again, si(written, "B")


def _memories(report: Report) -> Iterator[tuple[str, str, str, str]]:
    """Name, meaning, bytes read and written, by memory."""
    for name, traffic in report.scratchpad.items():
        moved = si(traffic.read_bytes, "B"), si(traffic.write_bytes, "B")
        yield (f"{title(name)} scratchpad", word("scratchpads", name).meaning, *moved)
    moved = si(report.dram.read_bytes, "B"), si(report.dram.write_bytes, "B")
    yield ("DRAM", word("run", "dram").meaning, *moved)


def _dram(report: Report) -> Iterator[tuple[str, str, str]]:
    dram, peak = report.dram, report.dram_peak_bytes_per_cycle
    more = dram.read_bytes - dram.useful_read_bytes
    filled = f"{si(more, 'B')} ({percent(more, dram.read_bytes)})" if more else "none"
    yield "Read only to fill bursts up", word("DRAM", "useful_read_bytes").meaning, filled
    rate = ratio(dram.read_bytes + dram.write_bytes, report.cycles)
    peak_text = "unlimited" if peak is None else f"{peak:.4g}"
    meaning = word("run", "dram_peak_bytes_per_cycle").meaning
    yield "Bandwidth used", meaning, f"{rate:.2f} of {peak_text} B/cycle"
    for name in ("row_hits", "row_misses", "row_conflicts"):
        count = getattr(dram, name)
        if dram.requests:
            share = f"{count:,} ({percent(count, dram.requests)})"
            yield title(name).capitalize(), word("DRAM", name).meaning, share


def _not_run(group: NotRunGroup, report: Report) -> dict[str, Any]:
    return {
        "kind": group.kind,
        "count": f"{group.count:,}",
        "macs": si(group.macs, ""),
        "share": percent(group.macs, report.macs + report.macs_not_run),
        "reason": group.reason,
        "names": [op.name for op in report.not_run if (op.kind, op.reason) == (group.kind, group.reason)],
    }


def _results(report: Report) -> Iterator[tuple[str, str, list[tuple[str, str, list[str]]]]]:
    """Further results as tables: a heading, its meaning, and rows of a name, its meaning and values.

    A list of records is a table with a column for each record; single values share one table.
    """
    single = {name: value for name, value in report.further.items() if not isinstance(value, (Mapping, list))}
    for name, value in report.further.items():
        if name not in single:
            records = [value] if isinstance(value, Mapping) else value
            keys = dict.fromkeys(key for record in records for key in record)
            rows = [(key, [plain(record.get(key, "")) for record in records]) for key in keys]
            yield title(name), word("run", name).meaning, [_row(name, key, values) for key, values in rows]
    if single:
        yield "run", "", [_row("run", name, [plain(value)]) for name, value in single.items()]


def _row(part: str, key: str, values: list[str]) -> tuple[str, str, list[str]]:
    return title(key), PARTS.get(part, {}).get(key, UNKNOWN).meaning, values
