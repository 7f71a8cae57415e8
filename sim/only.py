"""``--only``: some ops of a trace, by their names; the others are in the report as left out."""

from __future__ import annotations

import re
from collections.abc import Sequence

from tandemsim.sim.arch.checks import ConfigError, shown
from tandemsim.traces.schema import Op

REASON = "left out by --only"
FIRST = 3  # names that a message gives as examples


def selected(ops: Sequence[Op], expression: str, runs: frozenset[str]) -> set[int]:
    """Return the ids of those of `ops` in whose names `expression` is found.

    Raises `ConfigError` where none of them is of a kind in `runs`.
    """
    try:
        wanted = re.compile(expression)
    except (re.error, OverflowError, RecursionError) as error:
        raise ConfigError(f"--only takes a regular expression ({error}), not {shown(expression)}") from None
    found = [op for op in ops if wanted.search(op.name)]
    if not any(op.kind in runs for op in found):
        names = dict.fromkeys(op.name for op in ops if op.kind in runs)
        some = ", ".join(shown(name) for name in [*names][:FIRST])
        rule = f"--only must match an op that the machine runs, such as {some or 'there is none here'}"
        raise ConfigError(f"{rule}, not {shown(expression)}")
    return {op.id for op in found}
