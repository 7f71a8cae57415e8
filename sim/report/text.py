"""A report for the terminal: at most 100 columns, plain text, the caveats below the figures.

Drawn with the standard library alone, so that a run without ``--out`` imports nothing for it.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from typing import TextIO

from tandemsim.sim.report.contract import DramTraffic, Report
from tandemsim.sim.report.explanation import MAX_EXPLAINED, explained, longest_explained, saved
from tandemsim.sim.report.format import PJ, exact, percent, plain, shortened, si, times, title
from tandemsim.sim.report.glossary import cycles_word, multiplier_word
from tandemsim.sim.report.groups import grouped, longest, not_run_groups
from tandemsim.sim.report.layout import BAR, EIGHTHS, bars, padded, table, wrapped
from tandemsim.sim.report.rules import ratio

MAX_WIDTH = 100
MIN_WIDTH = 72  # narrower than this the terminal wraps
LABEL_WIDTH = 13
MAX_OPS = 40  # lines of ops; a screen and a half
INDENT = "  "
ASCII = str.maketrans(
    {"─": "-", BAR: "#", "µ": "u", "²": "2", "…": "~", "×": "x"} | dict.fromkeys(EIGHTHS[1:], "-")
)


def print_report(report: Report, stream: TextIO) -> None:
    """Print the report as wide as the terminal allows, in the characters that the stream can carry."""
    print_text(report_text(report, shutil.get_terminal_size((MAX_WIDTH, 0)).columns), stream)


def print_text(text: str, stream: TextIO) -> None:
    """Print the text in the characters that the stream can carry."""
    try:
        text.encode(stream.encoding or "utf-8")
    except UnicodeEncodeError:
        text = text.translate(ASCII).encode("ascii", "replace").decode()
    stream.write(text)


def report_text(report: Report, width: int = MAX_WIDTH) -> str:
    """Return the report as text of at most `width` columns, though never narrower than `MIN_WIDTH`."""
    width = min(max(width, MIN_WIDTH), MAX_WIDTH)
    sections = [
        _heading(report, width),
        _figures(report, width),
        _explanation(report, width),
        _where_cycles_went(report, width),
        _where_multipliers_went(report, width),
        _where_energy_went(report, width),
        _tensors(report, width),
        _scratchpads(report, width),
        _ops(report, width),
        _not_run(report, width),
        _extra(report, width),
        _notes(report, width),
    ]
    return "\n\n".join("\n".join(lines) for lines in sections if lines) + "\n"


def counted_area(report: Report) -> str:
    """Say by what area configurations are compared; nothing where that is the area of the report."""
    counted = report.area_estimate_mm2
    if counted is None or counted == report.area_mm2:
        return ""
    return f"{counted:.3g} mm² by our count of gates"


def ran_sentence(report: Report) -> str:
    """Say what share of the model the figures are about."""
    if not report.ops:
        return "Nothing of this model runs on this machine."
    if not report.macs_not_run:
        return "The whole model ran." if not report.not_run else "Every multiply-accumulate of the model ran."
    share = percent(report.macs, report.macs + report.macs_not_run)
    whole = si(report.macs + report.macs_not_run, "MAC")
    return f"{share} of the model's {whole} ran; every figure is about that part."


def _heading(report: Report, width: int) -> list[str]:
    version = f"tandemsim {report.version}"
    name = f"{report.workload} on {report.machine}, preset {report.preset}"
    name = shortened(name, width - len(version) - 2)
    settings = wrapped(f"with {report.settings_text}", width) if report.settings else []
    return [padded(name, width - len(version), "<") + version, *settings, "─" * width, ran_sentence(report)]


def _figures(report: Report, width: int) -> list[str]:
    energy = f"{si(report.energy_pj.total * PJ, 'J')}; {si(report.power_w, 'W')} on average"
    area = "" if report.area_mm2 is None else f"; {report.area_mm2:.3g} mm²"
    if counted := counted_area(report):
        area += f" ({counted})"
    figures = {
        "cycles": f"{report.cycles:,}; {si(report.seconds, 's')} at {exact(report.clock_hz, 'Hz')}",
        "work": f"{si(report.macs, 'MAC')} on {report.multipliers:,} multipliers",
        "utilization": f"{report.utilization:.3f}",
        "energy": energy + area,
        "DRAM": _dram(report),
    }
    indent = " " * LABEL_WIDTH
    return [
        line
        for label, text in figures.items()
        for line in wrapped(text, width, label.ljust(LABEL_WIDTH), indent)
    ]


def _dram(report: Report) -> str:
    dram, peak = report.dram, report.dram_peak_bytes_per_cycle
    moved = f"{si(dram.read_bytes, 'B')} read, {si(dram.write_bytes, 'B')} written"
    bandwidth = "no limit" if peak is None else f"{peak:.4g}"
    rate = f"{ratio(dram.read_bytes + dram.write_bytes, report.cycles):.2f} B/cycle of {bandwidth}"
    return "; ".join([moved, *unasked(dram), rate, *_rows(dram)])


def unasked(dram: DramTraffic) -> list[str]:
    """Bytes that were read only because a DRAM moves whole bursts; empty where there are none."""
    more = dram.read_bytes - dram.useful_read_bytes
    return [f"{percent(more, dram.read_bytes)} of the read only filled bursts up"] if more else []


def _rows(dram: DramTraffic) -> list[str]:
    """How requests met the row buffers; empty where the memory has none."""
    rows = {"hits": dram.row_hits, "misses": dram.row_misses, "conflicts": dram.row_conflicts}
    shares = [f"{percent(count, dram.requests)} row {name}" for name, count in rows.items()]
    return [", ".join(shares)] if dram.requests else []


def _explanation(report: Report, width: int) -> list[str]:
    lines = []
    entries = explained(report)
    shown = longest_explained(entries, MAX_EXPLAINED)
    for entry in shown:
        lines += wrapped(f"{entry['op']}: {entry['bound']}", width, INDENT, INDENT)
        rows = [
            [2 * INDENT + tried["set"], f"{tried['cycles']:,} cycles", saved(tried)]
            for tried in entry["settings"]
        ]
        lines += table(rows, "<>>", width) if rows else []
    if len(entries) > len(shown):
        more = f"and {len(entries) - len(shown)} more, all of them shorter; --json and --out have each"
        lines.append(f"{INDENT}{more}")
    return ["what bounds each op, and which settings would help most", *lines] if lines else []


def _where_cycles_went(report: Report, width: int) -> list[str]:
    parts = {"compute": report.compute_cycles, **report.stall_cycles}
    rows = [
        [INDENT + title(name), cycles_word(name).brief, f"{cycles:,}", percent(cycles, report.cycles)]
        for name, cycles in parts.items()
    ]
    shares = [ratio(cycles, report.cycles) for cycles in parts.values()]
    return ["where the cycles went", *bars(rows, "<<>>", shares, width)] if report.cycles else []


def _where_multipliers_went(report: Report, width: int) -> list[str]:
    parts, whole = report.multiplier_cycles, report.cycles * report.multipliers
    rows = [
        [INDENT + title(name), multiplier_word(name).brief, si(cycles, ""), percent(cycles, whole)]
        for name, cycles in parts.items()
    ]
    heading = f"where the multipliers' cycles went ({report.multipliers:,} multipliers)"
    return (
        [heading, *bars(rows, "<<>>", [cycles / whole for cycles in parts.values()], width)] if rows else []
    )


def _where_energy_went(report: Report, width: int) -> list[str]:
    """The energy of each part, with those of its actions that took any, where they are known."""
    total = report.energy_pj.total
    parts: list[tuple[str, float]] = []
    for part, spent in report.energy_pj.parts.items():
        parts.append((INDENT + title(part), spent))
        for name, picojoules in report.energy_actions_pj.items():
            if name.startswith(f"{part}.") and picojoules:
                parts.append((2 * INDENT + title(name.removeprefix(f"{part}.")), picojoules))
    rows = [[name, si(spent * PJ, "J"), percent(spent, total)] for name, spent in parts]
    return (
        ["where the energy went", *bars(rows, "<>>", [spent / total for _, spent in parts], width)]
        if total
        else []
    )


def _tensors(report: Report, width: int) -> list[str]:
    rows = [["DRAM by tensor", "size", "read", "each byte", "written"]]
    for name, traffic in report.dram_tensors.items():
        if traffic.read_bytes or traffic.write_bytes:
            again = times(traffic.times_read) if traffic.read_bytes else ""
            moved = [si(traffic.read_bytes, "B"), again, si(traffic.write_bytes, "B")]
            rows.append([INDENT + title(name), si(traffic.size_bytes, "B"), *moved])
    return table(rows, "<>>>>", width) if len(rows) > 1 else []


def _scratchpads(report: Report, width: int) -> list[str]:
    rows = [
        [INDENT + name, f"{si(traffic.read_bytes, 'B')} read", f"{si(traffic.write_bytes, 'B')} written"]
        for name, traffic in report.scratchpad.items()
    ]
    return ["scratchpads", *table(rows, "<>>", width)] if rows else []


def _ops(report: Report, width: int) -> list[str]:
    rows = [["ops (figures of each)", "count", "cycles", "stalled", "utilization", "tiles", "MACs"]]
    groups = grouped(report.ops)
    shown = longest(groups, MAX_OPS)
    for group in shown:
        first = group.ops[0]
        time = (f"{len(group.ops):,}", group.cycles_each, percent(group.stalled, group.cycles))
        work = (f"{group.utilization:.3f}", f"{first.tiles:,}", si(first.macs, ""))
        rows.append([INDENT + group.name, *time, *work])
    left_out = len(groups) - len(shown)
    more = [f"{INDENT}and {left_out} more, all of them shorter; --json and --out list every op"]
    return table(rows, "<>>>>>>", width) + (more if left_out else []) if shown else []


def _not_run(report: Report, width: int) -> list[str]:
    whole = report.macs + report.macs_not_run
    rows = [["not run", "count", "MACs", "of model", "why"]]
    for group in not_run_groups(report.not_run):
        share = percent(group.macs, whole) if group.macs else ""
        rows.append([INDENT + group.kind, f"{group.count:,}", si(group.macs, ""), share, group.reason])
    return table(rows, "<>>><", width) if len(rows) > 1 else []


def _extra(report: Report, width: int) -> list[str]:
    """Further results of the machine: single values in one line, then a line for each of the others."""
    single = {
        name: value for name, value in report.further.items() if not isinstance(value, (Mapping, list, tuple))
    }
    others = {name: value for name, value in report.further.items() if name not in single}
    texts = [plain(single)] if single else []
    texts += [f"{title(name)}: {plain(value)}" for name, value in others.items()]
    return [line for text in texts for line in wrapped(text, width, then=INDENT)]


def _notes(report: Report, width: int) -> list[str]:
    return [line for note in report.notes for line in wrapped(note, width, "note: ", "      ")]
