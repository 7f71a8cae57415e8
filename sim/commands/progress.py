"""What a terminal sees while a run goes on: bars, on stderr, gone when it ends."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from tandemsim.sim.shell.stopping import cleaned_by, unstopped

if TYPE_CHECKING:
    from tandemsim.sim.arch.types import Progress


@contextmanager
def progress(quiet: bool, unit: str = "") -> Iterator[Progress | None]:
    """Yield a progress callback that draws bars on a terminal's stderr, or None.

    With a `unit` the bars say how many of them are done, and how many are done in a second or a minute.
    """
    if quiet or not (sys.stderr and sys.stderr.isatty()):
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bars

    from tandemsim.sim.run import NOTES

    columns = Bars.get_default_columns()
    if unit:
        rate = TextColumn("{task.fields[rate]}")
        left = TimeRemainingColumn(compact=True)
        columns = (columns[0], BarColumn(), MofNCompleteColumn(), rate, left, TextColumn("left"))
    bars = Bars(*columns, console=Console(stderr=True), transient=True)
    tasks: dict[str, Any] = {}

    def advance(what: str, done: int, total: int) -> None:
        with unstopped():  # or bars that a signal has ended would begin anew
            if what in NOTES:
                bars.console.print(what, highlight=False)  # a line that stays, for what has no steps
                return
            bars.start()  # not before, so that a mistake of the user stays one line
            if what not in tasks:
                tasks[what] = bars.add_task(what, total=total, completed=done, rate="")
            bars.update(
                tasks[what], completed=done, total=total, rate=_rate(bars.tasks[tasks[what]].speed, unit)
            )

    with cleaned_by(bars.stop):  # which shows the cursor again
        yield advance


def _rate(speed: float | None, unit: str) -> str:
    if not speed:
        return ""
    return f"{speed:.1f} {unit}/s" if speed >= 1 else f"{60 * speed:.1f} {unit}/min"
