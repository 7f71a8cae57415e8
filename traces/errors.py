"""`TraceError`, the one exception of this package, and what its messages are made of.

Obeys the trace contract: every error is one line of at most `LONGEST_LINE` printable characters and names the
file, the op and the field, as far as they are known: ``longformer.json: op 12 'layer.0.query': dims.k must be
a positive integer, not 0``.
"""

from __future__ import annotations

from collections.abc import Iterable

from tandemsim.sim.arch.checks import LONGEST_VALUE, UserError, printable, shortened, shown

LONGEST_LINE = 280  # characters of a message: with a command's name before it, it stays below 300
LONGEST_NAME = 100  # characters of the name of a file, an op or a field in a message
SHORT_NAME = 40  # the same where the line would be too long
MOST_NAMES = 8  # names that a message lists


class TraceError(UserError, ValueError):
    """A trace, pattern or file breaks a rule. `file`, `op`, `field` are empty where they do not apply."""

    def __init__(self, message: str, *, file: str = "", op: str = "", field: str = "") -> None:
        self.message, self.file, self.op, self.field = message, file, op, field
        for longest in (LONGEST_NAME, SHORT_NAME):  # names give way first, so that a line ends in its value
            where = printable(file)
            if len(where) > longest:
                where = f"...{where[3 - longest :]}"  # files of one folder differ in their ends
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


def listed(names: Iterable[str]) -> str:
    """Return names as one short text: the first few, and how many more there are."""
    known = list(names)
    texts = [shortened(printable(name), LONGEST_VALUE) for name in known[:MOST_NAMES]]
    more = len(known) - len(texts)
    return (", ".join(texts) or "none") + (f" and {more} more" if more else "")
