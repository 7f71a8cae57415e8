"""Text set in columns: tables, bars and paragraphs that fit a width, whatever the texts hold.

Widths are columns of a terminal, in which Chinese or Japanese characters and emoji take two and accents none.
Every text is cleaned first, so that no control character of a name reaches the terminal.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from tandemsim.sim.report.format import clean, cut, shortened, width_of

MIN_CELL = 8
GAP = 2  # columns between two cells
BAR = "█"
EIGHTHS = ("", "▏", "▎", "▍", "▌", "▋", "▊", "▉")


def wrapped(text: str, width: int, first: str = "", then: str = "") -> list[str]:
    """Break a text at its spaces into lines of at most `width`, which begin with `first`, and later `then`.

    Words that are wider than a line are cut.
    """
    lines = [first]
    begun = False  # the last line has a word
    for word in clean(text).split():
        if begun and width_of(lines[-1]) + 1 + width_of(word) <= width:
            lines[-1] += f" {word}"
            continue
        if begun:
            lines.append(then)
        *full, rest = _pieces(word, width - width_of(lines[-1]), width - width_of(then))
        for piece in full:
            lines[-1] += piece
            lines.append(then)
        lines[-1] += rest
        begun = True
    return lines if begun else []


def _pieces(word: str, room: int, later: int) -> list[str]:
    """Cut a word so that its first piece fits into `room` columns and each other into `later`."""
    pieces = []
    while width_of(word) > room:
        piece = cut(word, max(room, 2))  # a character takes at most two
        pieces.append(piece)
        word, room = word[len(piece) :], later
    return [*pieces, word]


def padded(text: str, width: int, side: str) -> str:
    """Fill a text up to `width`: ``<`` stands on the left."""
    blank = " " * max(width - width_of(text), 0)
    return text + blank if side == "<" else blank + text


def table(rows: Sequence[Sequence[str]], align: str, width: int) -> list[str]:
    """Lay cells out in columns, two spaces apart, in at most `width` columns.

    What does not fit is taken from the last column where that is text (``<``), wrapped, and else from the
    first, whose texts lose their middles.
    """
    rows = [[clean(cell) for cell in row] for row in rows]
    widths = [max(map(width_of, column)) for column in zip(*rows, strict=True)]
    flexible = len(align) - 1 if align[-1] == "<" else 0
    others = sum(widths) - widths[flexible] + GAP * (len(widths) - 1)
    widths[flexible] = max(min(widths[flexible], width - others), MIN_CELL)
    indent = " " * (sum(widths[:flexible]) + GAP * flexible)
    lines = []
    for row in rows:
        cells, more = list(row), []
        if flexible:
            cells[-1], *more = wrapped(row[-1], widths[-1]) or [""]
        else:
            cells[0] = shortened(row[0], widths[0])
        laid = [padded(cell, size, side) for cell, side, size in zip(cells, align, widths, strict=True)]
        lines.append((" " * GAP).join(laid).rstrip())
        lines += [indent + text for text in more]
    return lines


def bars(rows: Sequence[Sequence[str]], align: str, shares: Iterable[float], width: int) -> list[str]:
    """A table whose rows end in a bar as long as their share of what room is left."""
    lines = table(rows, align, width - MIN_CELL - GAP)
    start = max(map(width_of, lines)) + GAP
    lengths = (bar(share, width - start) for share in shares)
    return [(padded(line, start, "<") + bar).rstrip() for line, bar in zip(lines, lengths, strict=True)]


def bar(share: float, room: int) -> str:
    """A bar in eighths of a column; a nonzero share gets at least one eighth."""
    eighths = max(round(8 * room * share), 1 if share else 0)
    return BAR * (eighths // 8) + EIGHTHS[eighths % 8]
