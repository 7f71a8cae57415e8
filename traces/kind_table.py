"""The table of all kinds of op, as docs/traces.md has it: what each states and reads, and its MACs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from tandemsim.traces.kind import Kind
from tandemsim.traces.kinds import KINDS

HEAD = ("kind", "what it computes", "dims (default)", "inputs, in this order", "MACs")


def kind_table() -> str:
    """Return the table in Markdown, one row a kind, without a final newline."""
    head, *rows = [f"| {' | '.join(row)} |" for row in (HEAD, *map(_row, KINDS.values()))]
    return "\n".join([head, "|---" * len(HEAD) + "|", *rows])


def _row(kind: Kind) -> tuple[str, ...]:
    return f"`{kind.name}`", kind.line, _dims(kind), kind.inputs, kind.counted


def _dims(kind: Kind) -> str:
    """Name the required dims, then the optional ones, those of one default together."""
    alone = [name for name in kind.required if name not in kind.implied]
    parts = [f"`{' '.join(alone)}`"]
    parts += [f"`{name}` or `{' '.join(kind.lists)}` or both" for name in kind.implied]
    parts += [f"`{' '.join(names)}` ({_default(default)})" for default, names in _by_default(kind.optional)]
    return ", ".join(parts)


def _by_default(optional: Mapping[str, int | str]) -> Iterable[tuple[int | str, list[str]]]:
    found: dict[int | str, list[str]] = {}
    for name, default in optional.items():
        found.setdefault(default, []).append(name)
    return found.items()


def _default(default: int | str) -> str:
    return f"`{default}`" if isinstance(default, str) else str(default)
