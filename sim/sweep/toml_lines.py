"""The lines of a TOML document: which line holds which key and which value of an array.

`tomllib` reads values and tells no lines. This reader goes over a document that `tomllib` has accepted, so it
checks nothing; it only has to find where keys and values begin. Obeys TOML 1.0.
"""

from __future__ import annotations

import re
import tomllib
from bisect import bisect_right
from collections.abc import Iterator

Path = tuple[str | int, ...]  # keys, and places in arrays: ("grid", "rows", 2)

_BLANK = re.compile(r"(?:[ \t\r\n]|#[^\n]*)+")
_SPACE = re.compile(r"[ \t]+")
_STRING = re.compile(
    r'"""(?:\\.|[^\\])*?"""(?:"{1,2}(?!"))?|'
    r"'''.*?'''(?:'{1,2}(?!'))?|"
    r'"(?:\\.|[^"\\\n])*"|'
    r"'[^'\n]*'",
    re.DOTALL,
)
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_SCALAR = re.compile(r"[^,\]}#\n]+")


def lines_of(text: str) -> dict[Path, int]:
    """Return the line, from 1 on, of every table, key and array element of a valid document."""
    return _Reader(text.replace("\r\n", "\n")).document()


class _Reader:
    def __init__(self, text: str) -> None:
        self.text, self.at = text, 0
        self.starts = [0, *(match.end() for match in re.finditer("\n", text))]
        self.lines: dict[Path, int] = {}
        self.counts: dict[Path, int] = {}  # tables of each array of tables so far

    def document(self) -> dict[Path, int]:
        table: Path = ()
        self._skip(_BLANK)
        while self.at < len(self.text):
            if self._take("[["):
                table = self._under(self._key())
                self.counts[table] = self.counts.get(table, -1) + 1
                self._note(table)
                table = (*table, self.counts[table])
                self._note(table)
                self._take("]]")
            elif self._take("["):
                table = self._under(self._key())
                for end in range(1, len(table) + 1):  # it makes those that it lies in
                    self._note(table[:end])
                self._take("]")
            else:
                self._pair(table)
            self._skip(_BLANK)
        return self.lines

    def _under(self, key: Path) -> Path:
        """The path of a header: an array of tables on its way stands for its last table."""
        path: Path = ()
        for place, part in enumerate(key):
            path = (*path, part)
            if path in self.counts and place < len(key) - 1:
                path = (*path, self.counts[path])
        return path

    def _pair(self, table: Path) -> None:
        path = table
        for part in self._key():
            path = (*path, part)
            self._note(path)
        self._take("=")
        self._skip(_SPACE)
        self._value(path)

    def _key(self) -> Path:
        return tuple(self._key_parts())

    def _key_parts(self) -> Iterator[str]:
        while True:
            self._skip(_SPACE)
            start = self.at
            quoted = self._skip(_STRING)
            if not quoted:
                self._skip(_BARE_KEY)
            part = self.text[start : self.at]
            yield next(iter(tomllib.loads(f"{part} = 0"))) if quoted else part
            self._skip(_SPACE)
            if not self._take("."):
                return

    def _value(self, path: Path) -> None:
        if self._take("["):
            place = 0
            self._skip(_BLANK)
            while not self._take("]"):
                self._note((*path, place))
                self._value((*path, place))
                place += 1
                self._separated()
        elif self._take("{"):
            self._skip(_BLANK)
            while not self._take("}"):
                self._pair(path)
                self._separated()
        elif not self._skip(_STRING):
            self._skip(_SCALAR)

    def _separated(self) -> None:
        self._skip(_BLANK)
        self._take(",")
        self._skip(_BLANK)

    def _note(self, path: Path) -> None:
        self.lines.setdefault(path, bisect_right(self.starts, self.at))

    def _skip(self, pattern: re.Pattern[str]) -> bool:
        found = pattern.match(self.text, self.at)
        if found:
            self.at = found.end()
        return bool(found)

    def _take(self, text: str) -> bool:
        found = self.text.startswith(text, self.at)
        self.at += len(text) if found else 0
        return found
