"""A trace on one screen: its source, how much of each kind of op it does, and its attention patterns."""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Iterable, Sequence

from tandemsim.sim.arch.checks import LONGEST_VALUE, printable, shortened, shown
from tandemsim.traces.kinds import KINDS
from tandemsim.traces.pattern import Pattern
from tandemsim.traces.pattern_words import describe
from tandemsim.traces.schema import Op, Tensor, Trace

GIGA, MEGA = 10**9, 10**6
LINE = 110  # characters; a longer configuration is folded
LONGEST_TEXT = 2000  # of a name or a configuration; what is longer is cut
PAIRS = ("pairs per head", "density")
RARE = ("kv_heads", "v_dim", "with")  # columns that stand only where some pattern needs them


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
    """One row for each different attention pattern; a rare column stands where some of them need it."""
    counts = Counter(_pattern_row(op, pattern) for op in ops if (pattern := op.pattern))
    rows = [(row[0], f"{count:,}", *row[1:]) for row, count in counts.items()]
    titles = ("window attention", "ops", "heads", "kv_heads", "head_dim", "v_dim", "with", *PAIRS)
    used = [
        place for place, title in enumerate(titles) if title not in RARE or any(row[place] for row in rows)
    ]
    table = [[row[place] for place in used] for row in (titles, *rows)]
    return _table(table, "<" + ">" * (len(used) - 1)) if rows else ""


def _pattern_row(op: Op, pattern: Pattern) -> tuple[str, ...]:
    """Return the cells of an op's row but the number of ops; those of rare columns may be empty."""
    batch, heads, head_dim = map(op.dim, ("batch", "heads", "head_dim"))
    optional = KINDS[op.kind].optional  # not every kind with a pattern lets heads share keys
    kv_heads = op.dim("kv_heads") if "kv_heads" in optional else heads
    v_dim = op.dim("v_dim") if "v_dim" in optional else head_dim
    grouped = f"{batch * kv_heads:,}" if kv_heads != heads else ""
    named = [
        name for name in ("softcap", "sinks", "bias") if name in op.attrs or op.operand(name) is not None
    ]
    sizes = f"{head_dim:,}", f"{v_dim:,}" if v_dim != head_dim else ""
    pairs = f"{pattern.pairs():,}", f"{pattern.density:.2%}"
    return describe(pattern), f"{batch * heads:,}", grouped, *sizes, " ".join(named), *pairs


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
