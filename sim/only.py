"""``--only``: some ops of a trace, by their names; the others are in the report as left out."""

from __future__ import annotations

import re
from collections.abc import Sequence

from tandemsim.sim.arch.checks import ConfigError, shown
from tandemsim.traces.schema import Op

OPTION = "--only (only= in Python)"
FIRST = 3  # names that a message gives as examples


def selected(ops: Sequence[Op], expression: str, runs: frozenset[str]) -> set[int]:
    """Return the ids of those of `ops` in whose names `expression` is found.

    Raises `ConfigError` where none of them is of a kind in `runs`, though some of `ops` are.
    """
    try:
        wanted = re.compile(expression)
    except (re.error, OverflowError, RecursionError) as error:
        rule = f"{OPTION} must be a regular expression ({error})"
        raise ConfigError(f"{rule}, not {shown(expression)}") from None
    matches = [op for op in ops if wanted.search(op.name)]
    names = dict.fromkeys(op.name for op in ops if op.kind in runs)
    if names and not any(op.kind in runs for op in matches):
        some = ", ".join(shown(name) for name in [*names][:FIRST])
        rule = f"{OPTION} must match an op that the machine runs, such as {some}"
        raise ConfigError(f"{rule}, not {shown(expression)}")
    return {op.id for op in matches}
