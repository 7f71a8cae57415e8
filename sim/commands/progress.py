"""What a terminal sees while a run goes on: bars, on stderr, gone when it ends."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from tandemsim.sim.shell.stopping import cleaned_by, unstopped

if TYPE_CHECKING:
    from tandemsim.sim.machines.contract import Progress


@contextmanager
def progress(quiet: bool) -> Iterator[Progress | None]:
    """Yield a progress callback that draws bars on a terminal's stderr, or None."""
    if quiet or not (sys.stderr and sys.stderr.isatty()):
        yield None
        return
    from rich.console import Console
    from rich.progress import Progress as Bars

    from tandemsim.sim.run import COMPILING

    bars = Bars(console=Console(stderr=True), transient=True)
    tasks: dict[str, Any] = {}

    def advance(what: str, done: int, total: int) -> None:
        with unstopped():  # or bars that a signal has ended would begin anew
            if what == COMPILING:
                bars.console.print(what, highlight=False)  # a line that stays, for what has no steps
                return
            bars.start()  # not before, so that a mistake of the user stays one line
            if what not in tasks:
                tasks[what] = bars.add_task(what, total=total)
            bars.update(tasks[what], completed=done, total=total)

    with cleaned_by(bars.stop):  # which shows the cursor again
        yield advance
