"""A trace on one screen: its source, how much of each kind of op it does, and its attention patterns."""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Iterable, Sequence

from tandemsim.sim.arch.checks import LONGEST_VALUE, printable, shortened, shown
from tandemsim.traces.pattern import Band, Pattern
from tandemsim.traces.schema import Op, Tensor, Trace

GIGA, MEGA = 10**9, 10**6
LINE = 110  # characters; a longer configuration is folded
LONGEST_TEXT = 2000  # of a name or a configuration; what is longer is cut
BANDS_SHOWN = 4  # of a pattern; beyond it, their number says enough
GLOBALS_SHOWN = 4  # global tokens that are listed; beyond it, their number says enough


def summary(trace: Trace) -> str:
    """Return the summary as lines of plain text, without a final newline."""
    parts = [_header(trace), _kinds(trace.ops), _patterns(trace.ops)]
    return "\n\n".join(part for part in parts if part)


def _header(trace: Trace) -> str:
    source = trace.source
    settings = " ".join(f"{_plain(key)}={_plain(value)}" for key, value in source.configuration.items())
    exporter = f"{source.exporter} {source.exporter_version}"
    weights = [tensor for tensor in trace.tensors if tensor.role == "weight"]
    produced = [tensor for tensor in trace.tensors if tensor.role in ("activation", "output")]
    rows = [
        ("model", source.model),
        ("configuration", settings or "-"),
        ("exported by", exporter + (f" from {source.origin}" if source.origin else "")),
        ("schema", trace.schema),
        ("digest", trace.digest),
        ("ops", f"{len(trace.ops):,}, {trace.macs / GIGA:,.3f} GMAC"),
        ("weights", _sizes(weights)),
        ("activations", _sizes(produced)),
    ]
    fold = textwrap.TextWrapper(LINE, break_long_words=False, break_on_hyphens=False)
    fold.subsequent_indent = 15 * " "
    texts = ((title, shortened(printable(text), LONGEST_TEXT)) for title, text in rows)
    return "\n".join(fold.fill(f"{title:<15}{text}") for title, text in texts)


def _plain(value: object) -> str:
    return shortened(value, LONGEST_VALUE) if isinstance(value, str) else shown(value)


def _sizes(tensors: Iterable[Tensor]) -> str:
    own = [tensor for tensor in tensors if tensor.alias_of is None]
    elements, size = sum(t.elements for t in own), sum(t.size_bytes for t in own)
    return f"{elements:,} elements in {len(own):,} tensors, {size / MEGA:,.1f} MB"


def _kinds(ops: Sequence[Op]) -> str:
    """One row for each kind, the most MACs first."""
    counts: Counter[str] = Counter(op.kind for op in ops)
    macs: Counter[str] = Counter()
    for op in ops:
        macs[op.kind] += op.macs
    total = macs.total()
    kinds = sorted(counts, key=lambda kind: (-macs[kind], -counts[kind], kind))
    rows = [(kind, f"{counts[kind]:,}", f"{macs[kind]:,}", _percent(macs[kind], total)) for kind in kinds]
    all_ops = ("total", f"{len(ops):,}", f"{total:,}", _percent(total, total))
    return _table([("kind", "ops", "MACs", "share"), *rows, all_ops], "<>>>")


def _patterns(ops: Sequence[Op]) -> str:
    """One row for each different attention pattern."""
    counts = Counter(
        (pattern, op.dim("batch") * op.dim("heads"), op.dim("head_dim"))
        for op in ops
        if (pattern := op.pattern)
    )
    rows = []
    for (pattern, heads, head_dim), count in counts.items():
        pairs = f"{pattern.pairs():,}", f"{pattern.density:.2%}"
        rows.append((describe(pattern), f"{count:,}", f"{heads:,}", f"{head_dim:,}", *pairs))
    titles = ("window attention", "ops", "heads", "head_dim", "pairs per head", "density")
    return _table([titles, *rows], "<>>>>>") if rows else ""


def describe(pattern: Pattern) -> str:
    """Return a pattern in words."""
    if pattern.grid is not None and pattern.window_2d is not None:
        (low_y, high_y), (low_x, high_x) = pattern.window_2d
        size = f"{pattern.grid[0]}x{pattern.grid[1]} + {pattern.outside} tokens"
        shape = f"{size}, rows {low_y}..{high_y}, columns {low_x}..{high_x}"
    else:
        shape = f"{pattern.seq_len} tokens, offsets {_described_bands(pattern.bands)}"
    return shape + _described_globals(pattern.global_tokens)


def _described_bands(bands: Sequence[Band]) -> str:
    if not bands:
        return "none"
    more = len(bands) - BANDS_SHOWN
    return " and ".join(map(_offsets, bands[:BANDS_SHOWN])) + (f" and {more} bands more" if more > 0 else "")


def _offsets(band: Band) -> str:
    if band.low == band.high:
        return str(band.low)
    return f"{band.low}..{band.high}" + (f" step {band.dilation}" if band.dilation > 1 else "")


def _described_globals(tokens: Sequence[int]) -> str:
    if not tokens:
        return ""
    listed = " ".join(map(str, tokens)) if len(tokens) <= GLOBALS_SHOWN else f"{len(tokens)} tokens"
    return f", global {listed}"


def _percent(part: int, total: int) -> str:
    return f"{part / total:.1%}" if total else "-"


def _table(rows: Sequence[Sequence[str]], align: str) -> str:
    """Return rows as columns of text, each as wide as its widest cell; `align` has one of ``<>`` for each."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for row in rows:
        cells = (f"{cell:{side}{width}}" for cell, side, width in zip(row, align, widths, strict=True))
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)
