"""`TraceError`, the one exception of this package, and what its messages are made of.

Obeys the trace contract: every error is one line and names the file, the op and the field, as far as they are
known: ``longformer.json: op 12 'layer.0.query': dims.k must be a positive integer, not 0``.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable

LONGEST_VALUE = 80  # characters of a value that a message repeats


class TraceError(ValueError):
    """A trace, pattern or file breaks a rule. `file`, `op`, `field` are empty where they do not apply."""

    def __init__(self, message: str, *, file: str = "", op: str = "", field: str = "") -> None:
        self.message, self.file, self.op, self.field = message, file, op, field
        claim = f"{field} {message}" if field else message
        text = ": ".join(part for part in (file, op, claim) if part)
        super().__init__(" ".join(text.split()))

    def located(self, *, file: str = "", op: str = "") -> TraceError:
        """Return this error with the file or the op added, where it does not name one yet."""
        return TraceError(self.message, file=self.file or file, op=self.op or op, field=self.field)


def violation(field: str, rule: str, value: object) -> TraceError:
    """Return the error of a `field` whose `value` breaks a `rule`: the rule first, the value last."""
    return TraceError(f"{rule}, not {shown(value)}", field=field)


def nearest(name: str, choices: Iterable[str]) -> str:
    """Return what follows an unknown `name` in a message: the nearest valid ones, or all if none is near."""
    known = sorted(choices)
    near = difflib.get_close_matches(name, known, n=3, cutoff=0.5)
    return f"did you mean {' or '.join(map(repr, near))}?" if near else f"known: {', '.join(known) or 'none'}"


def shown(value: object) -> str:
    """Return a value as a short text."""
    try:
        text = repr(value)
    except ValueError:  # an int of more digits than Python is willing to print
        text = "a huge number"
    return text if len(text) <= LONGEST_VALUE else f"{text[: LONGEST_VALUE - 3]}..."
