"""What the words of a report mean: looked up for tooltips, set for the terminal, and as Markdown.

The words themselves are in `sim.report.words`. ``python -m sim.report.glossary`` prints the tables that end
``docs/report.md``; a test holds that page to them, and every key of a real report to an entry here.
"""

from __future__ import annotations

import sys

from tandemsim.sim.report.accounts import STALL
from tandemsim.sim.report.layout import wrapped
from tandemsim.sim.report.words import ACTIONS, ENERGY, MULTIPLIERS, PARTS, STALLS, Word

INDENT = "  "
COLUMN = 24  # where meanings begin; longer words get a line of their own
UNKNOWN = Word("")  # of a machine that brings words of its own


def word(part: str, key: str) -> Word:
    """Return the entry of `key` in a part of `PARTS`; an empty one where there is none."""
    return PARTS[part].get(key, UNKNOWN)


def cycles_word(name: str) -> Word:
    """Return the entry of a stall cause, or of `compute`."""
    return STALLS.get(name, UNKNOWN)


def multiplier_word(name: str) -> Word:
    """Return the entry of what became of multipliers' cycles; a stall is as long as the machine's."""
    return (
        STALLS.get(name.removeprefix(STALL), UNKNOWN)
        if name.startswith(STALL)
        else MULTIPLIERS.get(name, UNKNOWN)
    )


def energy_word(name: str) -> Word:
    """Return the entry of a part of the energy, or of an action in it."""
    return ACTIONS.get(name, ENERGY.get(name, UNKNOWN))


def glossary_text(width: int) -> str:
    """Return every word with its meaning for a terminal of `width` columns, part by part."""
    sections = []
    for part, words in PARTS.items():
        lines = [part]
        for key, entry in words.items():
            lines += _set(key, entry.meaning, max(width, COLUMN + 24))
        sections.append("\n".join(lines))
    return "\n\n".join(sections) + "\n"


def _set(key: str, meaning: str, width: int) -> list[str]:
    """The word, and its meaning beside it, or below it where the word is too long."""
    start = f"{INDENT}{key}"
    indent = " " * COLUMN
    if len(start) + 2 > COLUMN:
        return [start, *wrapped(meaning, width, indent, indent)]
    return wrapped(meaning, width, start.ljust(COLUMN), indent)


def markdown() -> str:
    """Return every word with its meaning as tables, a heading for each part."""
    sections = []
    for part, words in PARTS.items():
        rows = [f"| `{key}` | {entry.meaning} |" for key, entry in words.items()]
        sections.append(
            "\n".join([f"### {part[0].upper()}{part[1:]}", "", "| word | meaning |", "|---|---|", *rows])
        )
    return "\n\n".join(sections) + "\n"


if __name__ == "__main__":
    sys.stdout.write(markdown())
