"""The table at the end, the survivors, and the page that argues which of them nobody can tell."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from pathlib import Path

from rich.console import Console
from rich.table import Column, Table

from tests.mutants import judge
from tests.mutants.campaign import Verdict
from tests.mutants.structure import CLASSES

PAGE = Path(__file__).resolve().parents[2] / "docs" / "mutants.md"
WANTED = 0.95
YOSYS = "bit of a port (yosys mutate)"


def argued(page: Path = PAGE) -> set[str]:
    """Return the names of the faults that the page argues to be equivalent: its items that begin with one."""
    return set(re.findall(r"^- `(\S+/\S+/\S+)`", page.read_text(), re.MULTILINE)) if page.exists() else set()


def show(verdicts: list[Verdict], argued: set[str], proved: set[str], console: Console) -> bool:
    """Print tables and survivors; return whether enough were caught and no argument was refuted."""
    equivalent = argued | proved
    told = [verdict for verdict in verdicts if verdict.stage or verdict.fault.name not in equivalent]
    for title, key in (
        (
            "what is changed",
            lambda v: CLASSES.get(v.fault.kind, YOSYS) if v.fault.source != "yosys" else YOSYS,
        ),
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


def _table(
    title: str, verdicts: Iterable[Verdict], equivalent: set[str], key: Callable[[Verdict], str]
) -> Table:
    rows: dict[str, list[int]] = {}
    for verdict in verdicts:
        row = rows.setdefault(key(verdict), [0, 0, 0])
        row[0] += 1
        row[1] += bool(verdict.stage)
        row[2] += not verdict.stage and verdict.fault.name in equivalent
    table = Table(title, *map(_right, ("faults", "caught", "equivalent", "share")))
    rows = dict(sorted(rows.items()))
    if rows:
        rows["all"] = [sum(column) for column in zip(*rows.values(), strict=True)]
    for name, (total, caught, same) in rows.items():
        share = f"{caught / (total - same):.1%}" if total > same else "-"
        table.add_row(name, str(total), str(caught), str(same), share)
    return table


def _right(title: str) -> Column:
    return Column(title, justify="right")


def _stages(verdicts: Iterable[Verdict]) -> str:
    stages = [verdict.stage for verdict in verdicts]
    return ", ".join(f"{stage} {stages.count(stage)}" for stage in judge.STAGES if stage in stages)
