"""How a report's numbers read to people, the same in the terminal, in HTML and in plots."""

from __future__ import annotations

import math
from collections.abc import Mapping

from tandemsim.sim.report.accounts import STALL
from tandemsim.sim.report.rules import ratio

_PREFIXES = {-12: "p", -9: "n", -6: "µ", -3: "m", 0: "", 3: "k", 6: "M", 9: "G", 12: "T", 15: "P", 18: "E"}
PJ = 1e-12

# Names of the places where cycles and energy go, as people read them; others are shown with spaces.
_TITLES = {"dram": "DRAM", "exponential_sum": "exponential, sum"}
MARKS = ("Mn", "Me")  # Unicode's categories of what stands on the character before
UNPRINTABLE = "\ufffd"


def si(value: float, unit: str) -> str:
    """Return `value` to three digits with an SI prefix: ``si(37.66e9, "MAC")`` is ``37.7 GMAC``."""
    if value == 0:
        return f"0 {unit}".rstrip()
    digits = float(f"{value:.2e}")  # rounded first, so that 999.9 becomes 1.00 k and not 1000
    power = min(max(3 * math.floor(math.log10(abs(digits)) / 3), min(_PREFIXES)), max(_PREFIXES))
    scaled = digits / 10.0**power
    decimals = max(0, 2 - math.floor(math.log10(abs(scaled)) + 1e-9))
    return f"{scaled:.{decimals}f} {_PREFIXES[power]}{unit}".rstrip()


def exact(value: int, unit: str) -> str:
    """Return a whole number with an SI prefix and no extra digits: ``1 GHz``."""
    power = next(power for power in (9, 6, 3, 0) if value >= 10**power or not power)
    return f"{value / 10**power:g} {_PREFIXES[power]}{unit}"


def percent(part: float, whole: float) -> str:
    """Return the share as text; a nonzero share is never shown as 0 %."""
    share = 100 * ratio(part, whole)
    if 0 < share < 0.1:
        return "< 0.1 %"
    if 99.95 <= share < 100:
        return "> 99.9 %"
    return f"{share:.1f} %"


def title(name: str) -> str:
    """Return how a stall or an energy field is shown: ``cold_fill`` is ``cold fill``."""
    if name.startswith(STALL):
        return f"stalled: {title(name.removeprefix(STALL))}"
    return _TITLES.get(name, name.replace("_", " "))


def times(ratio: float) -> str:
    """Return how often something was done, to three digits: ``17.2 times``."""
    text = f"{ratio:.3g}"
    return "once" if text == "1" else f"{text} times"


def plain(value: object) -> str:
    """Return a value of a config or a result as people write it; lists and mappings in one line."""
    if isinstance(value, Mapping):
        if value and all(type(item) is int and not item for item in value.values()):
            return "none"  # of many counts: more words would say no more
        return ", ".join(f"{title(str(name))} {plain(item)}" for name, item in value.items())
    if isinstance(value, (list, tuple)):
        return ", ".join(plain(item) for item in value)
    if isinstance(value, bool) or value is None:
        return {True: "yes", False: "no", None: "none"}[value]
    if isinstance(value, float):
        return f"{value:.4g}"
    return f"{value:,}" if isinstance(value, int) else str(value)


def clean(text: str) -> str:
    """Return `text` without characters that cannot be seen: escapes, line ends, marks of direction.

    Spaces of any kind become a space, all else that does not print becomes U+FFFD. The rest is valid in
    XML, and safe on a terminal.
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else " " if c.isspace() else UNPRINTABLE for c in text)


def width_of(text: str) -> int:
    """Return the columns that `text` takes in a terminal, after Unicode's standard annex 11."""
    if text.isascii():
        return len(text)
    from unicodedata import category, east_asian_width  # here, because most names do without

    return sum(0 if category(c) in MARKS else 2 if east_asian_width(c) in "WF" else 1 for c in text)


def cut(text: str, width: int, last: bool = False) -> str:
    """Return as much of the beginning of `text`, or of its end, as fits into `width` columns."""
    if width_of(text) <= width:
        return text
    kept, room = 0, width
    for character in reversed(text) if last else text:
        room -= width_of(character)
        if room < 0:
            break
        kept += 1
    return text[len(text) - kept :] if last else text[:kept]


def shortened(text: str, width: int) -> str:
    """Return `text`, cleaned, with its middle left out where it is wider than `width` columns.

    Both ends stay, because they tell names apart.
    """
    text = clean(text)
    if width_of(text) <= width:
        return text
    head = (width - 1) // 2
    return cut(text, head) + "…" + cut(text, width - 1 - head, last=True)
