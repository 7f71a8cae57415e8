"""What a model computes and its trace does not say: a line each, with how often it came up."""

from __future__ import annotations

from collections import Counter


class Notes(Counter[str]):
    """The lines of one run, in the order in which they came up."""

    def add(self, line: str) -> None:
        """Count a line."""
        self[line] += 1

    def lines(self) -> list[str]:
        """Return the lines, with how often each came up if more than once."""
        return [line if count == 1 else f"{line} ({count} times)" for line, count in self.items()]

    def configuration(self) -> dict[str, list[str]]:
        """Return what the source of a trace states of them: `not_modeled`, left out without a line."""
        return {"not_modeled": self.lines()} if self else {}
