"""`TraceError`, the one exception of this package, and what its messages are made of.

Obeys the trace contract: every error is one line of at most `LONGEST_LINE` printable characters and names the
file, the op and the field, as far as they are known: ``longformer.json: op 12 'layer.0.query': dims.k must be
a positive integer, not 0``.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable

LONGEST_LINE = 280  # characters of a message: with a command's name before it, it stays below 300
LONGEST_NAME = 100  # characters of the name of a file, an op or a field in a message
SHORT_NAME = 40  # the same where the line would be too long
LONGEST_VALUE = 80  # characters of a value that a message repeats
MOST_NAMES = 8  # names that an unknown one is answered with, where none is near


class TraceError(ValueError):
    """A trace, pattern or file breaks a rule. `file`, `op`, `field` are empty where they do not apply."""

    def __init__(self, message: str, *, file: str = "", op: str = "", field: str = "") -> None:
        self.message, self.file, self.op, self.field = message, file, op, field
        for longest in (LONGEST_NAME, SHORT_NAME):  # names give way first, so that a line ends in its value
            where = printable(file)
            where = (
                where if len(where) <= longest else f"...{where[3 - longest :]}"
            )  # the end tells the files
            what, place = (shortened(printable(name), longest) for name in (op, field))
            claim = f"{place} {message}" if field else message
            text = " ".join(": ".join(part for part in (where, what, claim) if part).split())
            if len(text) <= LONGEST_LINE:
                break
        super().__init__(shortened(printable(text), LONGEST_LINE))

    def located(self, *, file: str = "", op: str = "") -> TraceError:
        """Return this error with the file or the op added, where it does not name one yet."""
        return TraceError(self.message, file=self.file or file, op=self.op or op, field=self.field)


def violation(field: str, rule: str, value: object) -> TraceError:
    """Return the error of a `field` whose `value` breaks a `rule`: the rule first, the value last."""
    return TraceError(f"{rule}, not {shown(value)}", field=field)


def nearest(name: str, choices: Iterable[str]) -> str:
    """Return what follows an unknown `name` in a message: the nearest valid ones, or some if none is near."""
    known = sorted(map(printable, choices))
    near = difflib.get_close_matches(name[:LONGEST_NAME], known, n=3, cutoff=0.5)
    if near:
        return f"did you mean {' or '.join(map(shown, near))}?"
    return f"known: {listed(known)}"


def listed(names: Iterable[str]) -> str:
    """Return names as one short text: the first few, and how many more there are."""
    known = list(names)
    texts = [shortened(printable(name), LONGEST_VALUE) for name in known[:MOST_NAMES]]
    more = len(known) - len(texts)
    return (", ".join(texts) or "none") + (f" and {more} more" if more else "")


def shown(value: object) -> str:
    """Return a value as a short text."""
    if isinstance(value, (str, bytes)):
        value = value[: 2 * LONGEST_VALUE]  # so that a text of megabytes is not written out first
    try:
        text = repr(value)
    except ValueError:  # an int of more digits than Python is willing to print
        text = "a huge number"
    except RecursionError:
        text = "a deeply nested value"
    return shortened(printable(text), LONGEST_VALUE)


def shortened(text: str, length: int) -> str:
    """Return a text without its end, if it is longer than `length` characters."""
    return text if len(text) <= length else f"{text[: length - 3]}..."


def printable(text: str) -> str:
    """Return a text in which whatever moves a cursor, hides or reorders text is written as an escape.

    The one way in which names from a file reach a terminal: controls, line ends, marks of direction and
    halves of surrogate pairs become what `repr` makes of them, all else stays.
    """
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else repr(char)[1:-1] for char in text)
