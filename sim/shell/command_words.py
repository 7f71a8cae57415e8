"""What all commands refuse of the words on a command line, beside what argparse refuses by itself."""

from __future__ import annotations

from collections.abc import Container, Iterable


def option_without_value(words: Iterable[str], options: Container[str]) -> str | None:
    """Return the first of `options` given as ``--option=--``: argparse makes an empty list of that."""
    for word in words:
        option, equals, value = word.partition("=")
        if equals and value == "--" and option in options:
            return option
    return None
