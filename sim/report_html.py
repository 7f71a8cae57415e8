"""A report as one HTML page that needs nothing else: no script, no font, no picture from anywhere.

It reads on a phone, prints on paper, and follows the reader's choice of light or dark. The page is
``templates/report.html``; what it shows is put into words here, so that the template only lays out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib import resources
from typing import TYPE_CHECKING, Any

from sim import plot_style
from sim.report import OpReport, Report
from sim.report_format import PJ, exact, percent, plain, si, title
from sim.report_groups import NotRunGroup, not_run_groups
from sim.report_rules import ratio
from sim.report_text import ran_sentence

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TEMPLATE = "report.html"

# What each figure shows, in the order of the page.
CAPTIONS = {
    "cycles": (
        "Cycles of each op",
        "On the left all cycles of each op; on the right its stalls alone, as a share of its cycles.",
    ),
    "roofline": (
        "Roofline",
        "Each op is a point. None can rise above the line: DRAM bandwidth bounds it on the left, "
        "the multipliers on the right.",
    ),
    "utilization": (
        "Utilization over time",
        "Useful multiply-accumulates as a share of what all multipliers could do, and the bytes that cross "
        "the DRAM pins.",
    ),
    "energy": ("Energy", "Where the energy of the run was spent."),
}


def report_html(report: Report, figures: Mapping[str, Figure]) -> str:
    """Return the page. `figures` are those of `sim.plots.draw`; the call takes their titles away."""
    import jinja2  # here, because a run without --out makes no page, and it takes a tenth of a second

    environment = jinja2.Environment(
        autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=jinja2.StrictUndefined
    )
    source = resources.files("sim").joinpath("templates", TEMPLATE).read_text("utf-8")
    return environment.from_string(source).render(_page(report, figures))


def _page(report: Report, figures: Mapping[str, Figure]) -> dict[str, Any]:
    """Everything that the template shows, as texts, and lengths of bars in percent."""
    colours = {"compute": plot_style.CSS[plot_style.COMPUTE]}
    colours |= {
        name: plot_style.CSS[colour] for name, colour in plot_style.colours(list(report.stall_cycles)).items()
    }
    return {
        "report": report,
        "sentence": ran_sentence(report),
        "share": 100 * report.macs_share,
        "tiles": list(_tiles(report)),
        "parts": [part for part in _parts(report, colours) if part["cycles"] != "0"],
        "figures": [
            {"name": name, "heading": heading, "caption": caption, "svg": plot_style.svg(figures[name], name)}
            for name, (heading, caption) in CAPTIONS.items()
            if name in figures
        ],
        "ops": [_op(op) | {"parts": _parts(op, colours)} for op in report.ops],
        "memories": list(_memories(report)),
        "dram": list(_dram(report)),
        "not_run": [_not_run(group, report) for group in not_run_groups(report.not_run)],
        "extra": list(_settings(report.extra)),
        "config": list(_settings(report.config)),
    }


def _tiles(report: Report) -> Iterator[tuple[str, str, str]]:
    """The figures that a reader wants first: a label, the figure, and a word beside it."""
    clock = exact(report.clock_hz, "Hz")
    energy = report.energy_pj.total * PJ
    yield "Time", si(report.seconds, "s"), f"{report.cycles:,} cycles at {clock}"
    yield "Utilization", f"{report.utilization:.3f}", f"of {report.multipliers:,} multipliers"
    yield (
        "Work",
        si(report.macs, "MAC"),
        f"{len(report.ops):,} of {len(report.ops) + len(report.not_run):,} ops",
    )
    yield "Energy", si(energy, "J"), f"{si(ratio(energy, report.macs), 'J')} per MAC"
    yield "Power", si(report.power_w, "W"), f"on average, at {clock}"
    if report.area_mm2 is not None:
        yield "Area", f"{report.area_mm2:.3g} mm²", ""


def _parts(timed: Report | OpReport, colours: Mapping[str, str]) -> list[dict[str, Any]]:
    """Compute and stalls of the run or of one op, with the length of each in a bar."""
    cycles = {"compute": timed.compute_cycles, **timed.stall_cycles}
    return [
        {
            "name": title(name),
            "cycles": f"{part:,}",
            "share": percent(part, timed.cycles),
            "length": f"{100 * ratio(part, timed.cycles):.3f}",
            "colour": colours.get(name, "muted"),
        }
        for name, part in cycles.items()
    ]


def _op(op: OpReport) -> dict[str, Any]:
    return {
        "name": op.name,
        "kind": op.kind,
        "cycles": f"{op.cycles:,}",
        "stalled": percent(op.cycles - op.compute_cycles, op.cycles),
        "utilization": f"{op.utilization:.3f}",
        "tiles": f"{op.tiles:,}",
        "macs": si(op.macs, ""),
        "dram": si(op.dram_bytes, "B"),
    }


def _memories(report: Report) -> Iterator[tuple[str, str, str]]:
    """Bytes read and written, by memory."""
    for name, traffic in report.scratchpad.items():
        yield f"{title(name)} scratchpad", si(traffic.read_bytes, "B"), si(traffic.write_bytes, "B")
    yield "DRAM", si(report.dram.read_bytes, "B"), si(report.dram.write_bytes, "B")


def _dram(report: Report) -> Iterator[tuple[str, str]]:
    dram, peak = report.dram, report.dram_peak_bytes_per_cycle
    rate = ratio(dram.read_bytes + dram.write_bytes, report.cycles)
    yield "Asked for, of the bytes read", percent(dram.useful_read_bytes, dram.read_bytes)
    yield "Bandwidth used", f"{rate:.2f} of {'unlimited' if peak is None else f'{peak:.4g}'} B/cycle"
    found = {"hits": dram.row_hits, "misses": dram.row_misses, "conflicts": dram.row_conflicts}
    for name, count in found.items():
        if dram.requests:
            yield f"Row {name}", f"{count:,} ({percent(count, dram.requests)})"


def _not_run(group: NotRunGroup, report: Report) -> dict[str, Any]:
    return {
        "kind": group.kind,
        "count": f"{group.count:,}",
        "macs": si(group.macs, ""),
        "share": percent(group.macs, report.macs + report.macs_not_run),
        "reason": group.reason,
        "names": [op.name for op in report.not_run if (op.kind, op.reason) == (group.kind, group.reason)],
    }


def _settings(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Nested values as dotted names, the form in which --set takes them."""
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from _settings(value, f"{prefix}{name}.")
        else:
            yield prefix + name, plain(value)
