"""Validation of configs and the messages of what is wrong: written once, here.

Every message has one shape, the rule first and the value last:
``SaloArray.rows must be a positive integer, not 0``. Where a config is made of settings (`sim.arch.settings`)
the class is replaced by the key that ``--set`` takes:
``array.rows must be ...``.
"""

from __future__ import annotations

import dataclasses
import difflib
import enum
import hashlib
import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Self

MAX_INTEGER = 2**31 - 1  # assumed: sums and products of two of them stay exact in the int64 of the kernels
MOST_AMOUNT = 1e15  # of a quantity without a bound of its own; assumed
LONGEST_VALUE = 80  # characters of a value that a message repeats
LONGEST_PATH = 160  # of a path
LONGEST_LINE = 300  # of a whole message, with the program's name
TEXT = "text that UTF-8 can encode, without lone surrogates"
LONGEST_LIST = 100  # of the names that a message lists; of more it names the first few


class UserError(Exception):
    """A mistake in what the user gave. The command line prints it as one line and exits with code 2."""


class ConfigError(UserError, ValueError):
    """A config value that breaks a rule, or a config key that does not exist; or several of them."""

    def __init__(self, *messages: str) -> None:
        super().__init__("; ".join(messages))
        self.messages = messages


def require(holds: bool, rule: str, value: object) -> None:
    """Raise `ConfigError` with ``<rule>, not <value>`` unless `holds`."""
    if not holds:
        raise ConfigError(f"{rule}, not {shown(value)}")


class Rules:
    """Collects what is wrong, so that one error says all of it.

        with Rules() as rules:
            rules.require(self.rows > 0, "SaloArray.rows must be positive", self.rows)
            with rules.apart():
                other.check()

    The end of the outer block raises the `ConfigError`.
    """

    def __init__(self) -> None:
        self._messages: list[str] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if error is None and self._messages:
            raise ConfigError(*dict.fromkeys(self._messages))

    def require(self, holds: bool, rule: str, value: object) -> None:
        """Note ``<rule>, not <value>`` unless `holds`."""
        with self.apart():
            require(holds, rule, value)

    @contextmanager
    def apart(self) -> Iterator[None]:
        """Note the `ConfigError` of a block, and continue after it."""
        try:
            yield
        except ConfigError as error:
            self._messages += error.messages

    @property
    def broken(self) -> bool:
        """Whether anything has been noted."""
        return bool(self._messages)


def require_integers(config: Any, minimum: int, *fields: str, maximum: int = MAX_INTEGER) -> None:
    """Check that each named field of `config` is an int, and not a bool, in `minimum`..`maximum`."""
    kind = {0: "a non-negative integer", 1: "a positive integer"}.get(minimum, f"an integer >= {minimum}")
    with Rules() as rules:
        for field in fields:
            name, value = f"{type(config).__name__}.{field}", getattr(config, field)
            good = isinstance(value, int) and not isinstance(value, bool) and value >= minimum
            rules.require(good, f"{name} must be {kind}", value)
            if good:
                rules.require(value <= maximum, f"{name} must be at most {maximum}", value)


def require_amounts(config: Any, *fields: str, least: float = 0.0, most: float = MOST_AMOUNT) -> None:
    """Check that each named field of `config` is a number in `least`...`most`, which NaN is not."""
    with Rules() as rules:
        for field in fields:
            value = getattr(config, field)
            rule = f"{type(config).__name__}.{field} must be a number in {least:g}...{most:g}"
            rules.require(least <= value <= most, rule, value)


def nearest(what: str, name: str, choices: Iterable[str], more: str = "") -> str:
    """Return the message for an unknown `name`; `hint` says which names there are."""
    return f"unknown {what} {shown(name)}; {hint(name, choices, more)}"


def hint(name: str, choices: Iterable[str], more: str = "") -> str:
    """Return what follows an unknown `name` in a message: the nearest valid ones, or all if none is near.

    If all of them do not fit into a line, the first few stand for them; `more` says what lists all.
    """
    known = sorted(map(printable, choices))
    near = difflib.get_close_matches(name[:LONGEST_VALUE], known, n=3, cutoff=0.5)
    if near:
        return f"did you mean {_either(near)}?"
    if more:
        return f"{more} lists them"
    listed = ", ".join(known) or "none"
    if len(listed) > LONGEST_LIST:
        listed = (listed[:LONGEST_LIST].rpartition(", ")[0] or listed[:LONGEST_LIST]) + ", ..."
    return f"known: {listed}"


def one_line(program: str, message: str, advice: str = "") -> str:
    """Return what a terminal is to see: program, message and `advice` in one line that is not too long."""
    text = printable(f"{program}: {' '.join(message.split())}")
    return shortened(text, LONGEST_LINE - len(advice)) + advice


def to_dict(config: Any) -> Any:
    """Return `config` (nested dataclasses, enums, tuples) as plain JSON values, in field order."""
    if dataclasses.is_dataclass(config) and not isinstance(config, type):
        return {f.name: to_dict(getattr(config, f.name)) for f in dataclasses.fields(config)}
    if isinstance(config, enum.Enum):
        return config.value
    if isinstance(config, (tuple, list)):
        return [to_dict(item) for item in config]
    return config


def digest(config: Any) -> str:
    """Return the SHA-256 of the config's canonical JSON."""
    text = json.dumps(to_dict(config), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _either(names: list[str]) -> str:
    quoted = [shown(name) for name in names]
    return quoted[0] if len(quoted) == 1 else ", ".join(quoted[:-1]) + " or " + quoted[-1]


def shown(value: object, longest: int = LONGEST_VALUE) -> str:
    """Return a value as messages repeat it: in one line, cut where it is long."""
    if isinstance(value, (str, bytes)):
        value = value[: 2 * longest]  # so that a text of megabytes is not written out first
    try:
        text = str(value.value) if isinstance(value, enum.Enum) else repr(value)
    except ValueError:  # an int of more digits than Python is willing to print
        text = "a huge number"
    except RecursionError:
        text = "a deeply nested value"
    return shortened(printable(text), longest)


def is_text(text: str) -> bool:
    """Whether a file of text can hold it: a string of Python may have halves of surrogate pairs."""
    return not any("\ud800" <= char <= "\udfff" for char in text)


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


def shown_path(path: object) -> str:
    """Return a path as messages name it: a long one by its two ends."""
    text, half = str(path), LONGEST_PATH // 2
    return text if len(text) <= LONGEST_PATH else f"{text[:half]}...{text[3 - half :]}"
