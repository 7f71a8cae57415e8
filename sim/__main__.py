"""``python -m sim``, or ``tandem``: the command as a process of its own. All else is in `sim.command_line`.

Nothing of weight is imported before `program` has said how signals end the process: until then Python would
answer one with a traceback.
"""

from __future__ import annotations

from collections.abc import Sequence

from sim.arch.stopping import finish, stop_at_once


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command inside this process; return its exit code."""
    from sim import command_line

    return command_line.main(arguments)


def program() -> None:
    """Run the command that the process was started with, and end the process."""
    stop_at_once("tandem")
    finish(main)


if __name__ == "__main__":
    program()
