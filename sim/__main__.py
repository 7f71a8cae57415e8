"""``python -m sim``, or ``tandem``: the command as a process of its own. All else is in `sim.commands.main`.

Nothing of weight is imported before `program` has said how signals end the process: Python would answer one
with a traceback. Those that come in between wait.
"""

from __future__ import annotations

import signal

if __name__ == "__main__":
    signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGINT, signal.SIGTERM, signal.SIGHUP))

from collections.abc import Sequence

from tandemsim.sim.shell.stopping import finish, stop_at_once


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command inside this process; return its exit code."""
    from tandemsim.sim.commands import main as command_line

    return command_line.main(arguments)


def program() -> None:
    """Run the command that the process was started with, and end the process."""
    stop_at_once("tandem")
    finish(main)


if __name__ == "__main__":
    program()
