"""A report for the terminal: at most 100 columns, plain text, the caveats beside the figures.

Drawn with the standard library alone, so that a run without ``--out`` imports nothing for it.
"""

from __future__ import annotations

import shutil
import textwrap
from collections.abc import Mapping, Sequence
from typing import TextIO

from sim.report import DramTraffic, Report
from sim.report_format import PJ, exact, percent, plain, shortened, si, title
from sim.report_groups import grouped, longest, not_run_groups
from sim.report_rules import ratio

MAX_WIDTH = 100
MIN_WIDTH = 72  # narrower than this the terminal wraps
LABEL_WIDTH = 13
MAX_OPS = 40  # lines of ops; a screen and a half
MIN_CELL = 8
INDENT = "  "
BAR = "█"
EIGHTHS = ("", "▏", "▎", "▍", "▌", "▋", "▊", "▉")
ASCII = str.maketrans(
    {"─": "-", "█": "#", "µ": "u", "²": "2", "…": "~", "×": "x"} | dict.fromkeys(EIGHTHS[1:], "-")
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
        _where_cycles_went(report, width),
        _where_energy_went(report, width),
        _scratchpads(report, width),
        _ops(report, width),
        _not_run(report, width),
        _extra(report, width),
        _notes(report, width),
    ]
    return "\n\n".join("\n".join(lines) for lines in sections if lines) + "\n"


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
    given = textwrap.wrap(f"with {report.settings_text}", width) if report.settings else []
    return [name + version.rjust(width - len(name)), *given, "─" * width, ran_sentence(report)]


def _figures(report: Report, width: int) -> list[str]:
    energy = f"{si(report.energy_pj.total * PJ, 'J')}; {si(report.power_w, 'W')} on average"
    area = "" if report.area_mm2 is None else f"; {report.area_mm2:.3g} mm²"
    figures = {
        "cycles": f"{report.cycles:,}; {si(report.seconds, 's')} at {exact(report.clock_hz, 'Hz')}",
        "work": f"{si(report.macs, 'MAC')} on {report.multipliers:,} multipliers",
        "utilization": f"{report.utilization:.3f}",
        "energy": energy + area,
        "DRAM": _dram(report),
    }
    lines = []
    for label, text in figures.items():
        lines += textwrap.wrap(f"{label:<{LABEL_WIDTH}}{text}", width, subsequent_indent=" " * LABEL_WIDTH)
    return lines


def _dram(report: Report) -> str:
    dram, peak = report.dram, report.dram_peak_bytes_per_cycle
    moved = f"{si(dram.read_bytes, 'B')} read, {si(dram.write_bytes, 'B')} written"
    useful = f"{percent(dram.useful_read_bytes, dram.read_bytes)} of the read was asked for"
    bandwidth = "no limit" if peak is None else f"{peak:.4g}"
    rate = f"{ratio(dram.read_bytes + dram.write_bytes, report.cycles):.2f} B/cycle of {bandwidth}"
    return "; ".join([moved, useful, rate, *_rows(dram)])


def _rows(dram: DramTraffic) -> list[str]:
    """How requests met the row buffers; nothing where the memory has none."""
    found = {"hits": dram.row_hits, "misses": dram.row_misses, "conflicts": dram.row_conflicts}
    shares = [f"{percent(count, dram.requests)} row {name}" for name, count in found.items()]
    return [", ".join(shares)] if dram.requests else []


def _where_cycles_went(report: Report, width: int) -> list[str]:
    parts = {"compute": report.compute_cycles, **report.stall_cycles}
    shown = {name: (f"{cycles:,}", cycles) for name, cycles in parts.items()}
    return ["where the cycles went", *_bars(shown, report.cycles, width)] if report.cycles else []


def _where_energy_went(report: Report, width: int) -> list[str]:
    energy = report.energy_pj
    parts = {name: getattr(energy, name) for name in ("array", "scratchpad", "dram", "static")}
    shown = {name: (si(picojoules * PJ, "J"), picojoules) for name, picojoules in parts.items()}
    return ["where the energy went", *_bars(shown, energy.total, width)] if energy.total else []


def _bars(parts: Mapping[str, tuple[str, float]], whole: float, width: int) -> list[str]:
    """One line a part: its name, its amount as text, its share, a bar of that length."""
    cells = [[INDENT + title(name), text, percent(part, whole)] for name, (text, part) in parts.items()]
    lines = _table(cells, "<>>", width)
    room = width - max(map(len, lines)) - 2
    bars = (_bar(part / whole, room) for _, part in parts.values())
    return [f"{line}  {bar}".rstrip() for line, bar in zip(lines, bars, strict=True)]


def _bar(share: float, room: int) -> str:
    """A bar in eighths of a column; what is not nothing gets at least one of them."""
    eighths = max(round(8 * room * share), 1 if share else 0)
    return BAR * (eighths // 8) + EIGHTHS[eighths % 8]


def _scratchpads(report: Report, width: int) -> list[str]:
    rows = [
        [INDENT + name, f"{si(traffic.read_bytes, 'B')} read", f"{si(traffic.write_bytes, 'B')} written"]
        for name, traffic in report.scratchpad.items()
    ]
    return ["scratchpads", *_table(rows, "<>>", width)] if rows else []


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
    return _table(rows, "<>>>>>>", width) + (more if left_out else []) if shown else []


def _not_run(report: Report, width: int) -> list[str]:
    whole = report.macs + report.macs_not_run
    rows = [["not run", "count", "MACs", "of model", "why"]]
    for group in not_run_groups(report.not_run):
        share = percent(group.macs, whole) if group.macs else ""
        rows.append([INDENT + group.kind, f"{group.count:,}", si(group.macs, ""), share, group.reason])
    return _table(rows, "<>>><", width) if len(rows) > 1 else []


def _extra(report: Report, width: int) -> list[str]:
    """Further results of the machine: single values in one line, then a line for each of the others."""
    single = {
        name: value for name, value in report.extra.items() if not isinstance(value, (Mapping, list, tuple))
    }
    others = {name: value for name, value in report.extra.items() if name not in single}
    texts = [plain(single)] if single else []
    texts += [f"{title(name)}: {plain(value)}" for name, value in others.items()]
    return [line for text in texts for line in textwrap.wrap(text, width, subsequent_indent=INDENT)]


def _notes(report: Report, width: int) -> list[str]:
    return [
        line
        for note in report.notes
        for line in textwrap.wrap(note, width, initial_indent="note: ", subsequent_indent="      ")
    ]


def _table(rows: Sequence[Sequence[str]], align: str, width: int) -> list[str]:
    """Lay cells out in columns, two spaces apart, in at most `width` columns.

    What does not fit is taken from the last column where that is text (``<``), wrapped, and else from the
    first, whose texts lose their middles.
    """
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    flexible = len(align) - 1 if align[-1] == "<" else 0
    others = sum(widths) - widths[flexible] + 2 * (len(widths) - 1)
    widths[flexible] = max(min(widths[flexible], width - others), MIN_CELL)
    indent = " " * (sum(widths[:flexible]) + 2 * flexible)
    lines = []
    for row in rows:
        cells, more = list(row), []
        if flexible:
            cells[-1], *more = textwrap.wrap(row[-1], widths[-1]) or [""]
        else:
            cells[0] = shortened(row[0], widths[0])
        laid = [f"{cell:{side}{size}}" for cell, side, size in zip(cells, align, widths, strict=True)]
        lines.append("  ".join(laid).rstrip())
        lines += [indent + text for text in more]
    return lines
