"""``python -m tests.fuzz``: made-up input of every kind, and the rules that every answer keeps.

Prints each finding with the command that runs it again, and a table of the modes. Exit code 1 on a finding.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections import Counter

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from tests.fuzz.campaign import Verdict, run
from tests.fuzz.modes import MODES, planned

COUNT = 100_000


def main(arguments: list[str]) -> int:
    """Run the command line; return its exit code."""
    options = parser().parse_args(arguments)
    modes = {name: MODES[name] for name in options.mode or MODES}
    count = options.count or (COUNT if options.seed is None else len(modes))
    cases = planned(modes, count, options.seed or 0)
    found = Tally()
    stderr = Console(stderr=True, soft_wrap=True)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
    )
    started = time.monotonic()
    with Progress(
        *columns, TimeRemainingColumn(), console=stderr, disable=not sys.stderr.isatty()
    ) as progress:
        bar = progress.add_task("fuzz", total=len(cases), rate="")

        def done(verdict: Verdict) -> None:
            found.add(verdict)
            rate = found.total / max(time.monotonic() - started, 1e-3)
            progress.update(bar, advance=1, rate=f"{rate:.0f}/s")
            for fault in verdict.faults:
                progress.console.print(escape(line_of(verdict, fault)), highlight=False)

        stopped = 0
        try:
            run(cases, min(options.jobs, len(cases)), done)
        except KeyboardInterrupt:  # Ctrl-C: what has been found until here counts
            stopped = 130
        except RuntimeError as error:
            stopped = 1
            progress.console.print(str(error), markup=False, highlight=False)
    Console(width=100).print(found.table())
    return 1 if found.findings.total() else stopped


class Tally:
    """Counts of a campaign, by mode."""

    def __init__(self) -> None:
        self.cases: Counter[str] = Counter()
        self.refused: Counter[str] = Counter()
        self.findings: Counter[str] = Counter()

    def add(self, verdict: Verdict) -> None:
        self.cases[verdict.mode] += 1
        self.refused[verdict.mode] += verdict.refused
        self.findings[verdict.mode] += bool(verdict.faults)

    @property
    def total(self) -> int:
        return self.cases.total()

    def table(self) -> Table:
        table = Table("mode", "what", *("cases", "refused", "findings"), box=None)
        for column in table.columns[2:]:
            column.justify = "right"
        for mode in [name for name in MODES if self.cases[name]]:
            counts = (counter[mode] for counter in (self.cases, self.refused, self.findings))
            table.add_row(mode, MODES[mode].line, *(f"{count:,}" for count in counts))
        return table


def line_of(verdict: Verdict, fault: str) -> str:
    """Return a finding, with the command that runs its case again."""
    return f"make fuzz MODE={verdict.mode} SEED={verdict.seed}: {fault}"


def positive(word: str) -> int:
    """Return a number of at least 1."""
    if not word.isdecimal() or int(word) == 0:
        raise argparse.ArgumentTypeError(f"must be a positive integer, not {word!r}")
    return int(word)


def natural(word: str) -> int:
    """Return a number of at least 0."""
    if not word.isdecimal():
        raise argparse.ArgumentTypeError(f"must be a non-negative integer, not {word!r}")
    return int(word)


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    made = argparse.ArgumentParser(prog="python -m tests.fuzz", description=(__doc__ or "").split("\n\n")[1])
    made.add_argument("--count", type=positive, help=f"cases (default: {COUNT:,}; with --seed: one a mode)")
    made.add_argument("--mode", nargs="+", choices=[*MODES], help="what is made up (default: everything)")
    made.add_argument("--seed", type=natural, help="of the first case; the next ones follow (default: 0)")
    made.add_argument("--jobs", type=positive, default=os.cpu_count() or 1, help="processes")
    return made


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
