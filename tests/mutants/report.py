"""The table at the end, the survivors, and the page that argues which of them nobody can tell."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from pathlib import Path

from rich.console import Console
from rich.table import Column, Table

from tests.mutants import judge
from tests.mutants.campaign import Verdict
from tests.mutants.families import FAMILIES
from tests.mutants.structure import CLASSES

PAGE = Path(__file__).resolve().parents[2] / "docs" / "mutants.md"
WANTED = 0.95
YOSYS = "bit of a port (yosys mutate)"
ALL = "all"


def argued(page: Path = PAGE) -> set[str]:
    """Return the names of the faults that the page argues to be equivalent: its items that begin with one."""
    return set(re.findall(r"^- `(\S+/\S+/\S+)`", page.read_text(), re.MULTILINE)) if page.exists() else set()


def show(verdicts: list[Verdict], argued: set[str], proved: set[str], console: Console) -> bool:
    """Print tables and survivors; return whether enough were caught and no argument was refuted."""
    equivalent = argued | proved
    told = [verdict for verdict in verdicts if verdict.stage or verdict.fault.name not in equivalent]
    for title, key in (
        ("what is changed", _kind),
        ("module", lambda v: v.fault.unit),
        ("config", lambda v: v.fault.config),
    ):
        console.print(_table(title, verdicts, equivalent, key))
    caught = sum(bool(verdict.stage) for verdict in told)
    share = caught / len(told) if told else 1.0
    console.print(f"caught by stage: {_stages(verdicts)}")
    console.print(
        f"{len(verdicts)} faults, {len(verdicts) - len(told)} of them equivalent,"
        f" {caught} of the other {len(told)} caught: {share:.1%}, wanted {WANTED:.0%}"
    )
    for verdict in verdicts:
        if not verdict.stage:
            name = verdict.fault.name
            why = "equivalent, proved by Yosys" if name in proved else "SURVIVES"
            why = "equivalent, see docs/mutants.md" if name in argued else why
            console.print(f"\n{why}: {name}\n  {verdict.fault.text}", soft_wrap=True)
            console.print(f"  python -m tests.mutants --only '{name}'", soft_wrap=True)
    refuted = [v.fault.name for v in verdicts if v.stage and v.fault.name in equivalent]
    for name in refuted:
        console.print(f"\nREFUTED: docs/mutants.md argues that nobody can tell {name}", soft_wrap=True)
    return share >= WANTED and not refuted


def markdown(verdicts: Iterable[Verdict], argued: set[str]) -> str:
    """Return the table of the page: kinds of faults, and how many of each were caught in each family."""
    verdicts = list(verdicts)
    used = [name for name in FAMILIES if any(_family(v) == name for v in verdicts)]
    counts = {name: _rows([v for v in verdicts if _family(v) == name], argued, _kind) for name in used}
    heads = [f"{name.upper()}: faults | caught | equivalent" for name in used]
    lines = [f"| what is changed | {' | '.join(heads)} |", "|" + "---|" * (1 + 3 * len(used))]
    kinds = sorted({kind for rows in counts.values() for kind in rows if kind != ALL})
    for kind in [*kinds, ALL]:
        cells = [str(number) for rows in counts.values() for number in rows.get(kind, (0, 0, 0))]
        cells = [f"**{cell}**" for cell in (kind, *cells)] if kind == ALL else [kind, *cells]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _family(verdict: Verdict) -> str:
    config = verdict.fault.config
    return next(name for name, family in FAMILIES.items() if config in family.configs)


def _kind(verdict: Verdict) -> str:
    return YOSYS if verdict.fault.source == "yosys" else CLASSES[verdict.fault.kind]


def _table(
    title: str, verdicts: Iterable[Verdict], equivalent: set[str], key: Callable[[Verdict], str]
) -> Table:
    table = Table(title, *map(_right, ("faults", "caught", "equivalent", "share")))
    for name, (total, caught, same) in _rows(verdicts, equivalent, key).items():
        share = f"{caught / (total - same):.1%}" if total > same else "-"
        table.add_row(name, str(total), str(caught), str(same), share)
    return table


def _rows(
    verdicts: Iterable[Verdict], equivalent: set[str], key: Callable[[Verdict], str]
) -> dict[str, list[int]]:
    """Return how many faults there are of each kind, how many were caught, and how many cannot be."""
    rows: dict[str, list[int]] = {}
    for verdict in verdicts:
        row = rows.setdefault(key(verdict), [0, 0, 0])
        row[0] += 1
        row[1] += bool(verdict.stage)
        row[2] += not verdict.stage and verdict.fault.name in equivalent
    rows = dict(sorted(rows.items()))
    if rows:
        rows[ALL] = [sum(column) for column in zip(*rows.values(), strict=True)]
    return rows


def _right(title: str) -> Column:
    return Column(title, justify="right")


def _stages(verdicts: Iterable[Verdict]) -> str:
    stages = [verdict.stage for verdict in verdicts]
    return ", ".join(f"{stage} {stages.count(stage)}" for stage in judge.STAGES if stage in stages)
