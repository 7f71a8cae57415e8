"""What every command owes its user, whatever it is given: the rules, held against one command after another.

A refusal is exit code 2 and one printable line on stderr of at most 300 characters; nothing on stdout, no
file, no traceback, no more than 500 MiB. What is done is done whole (`tests.fuzz.outputs`). Commands run in
this process, with their streams caught where the system has them, so that nothing can be written past it.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import re
import shutil
import sys
import tempfile
import traceback
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from tests.fuzz import outputs

LONGEST_LINE = 300
MOST_REFUSED_BYTES = 500 << 20
OK, REFUSED = 0, 2

PROGRAMS = {
    "sim": "tandemsim.sim.__main__",
    "traces": "tandemsim.traces.__main__",
    "rtl.build": "tandemsim.rtl.build",
}


class Answer(NamedTuple):
    """How a command ended, and what it said."""

    code: int
    out: bytes
    err: str


class Judge:
    """One case: a folder of its own to work in, and the faults that were found."""

    def __init__(self, begun: Callable[[str], None] = lambda command: None) -> None:
        self.faults: list[str] = []
        self.commands = 0
        self.refused = 0
        self._begun = begun
        self._above = Path(tempfile.mkdtemp(prefix="tandem-fuzz-"))
        self.place = self._above / "here"  # one level down, so that `..` is watched too
        self._before = Path.cwd()

    def __enter__(self) -> Judge:
        self.place.mkdir()
        os.chdir(self.place)
        return self

    def __exit__(self, *_: object) -> None:
        os.chdir(self._before)
        shutil.rmtree(self._above, ignore_errors=True)

    def fault(self, what: str, holds: bool = False) -> None:
        """Note a fault, unless something holds."""
        if not holds:
            self.faults.append(what)

    def command(self, program: str, *arguments: object) -> Answer:
        """Run a command in the case's folder and hold the rules against it."""
        words = [str(argument) for argument in arguments]
        shown = " ".join([program, *(word if len(word) < 200 else f"{word[:200]}..." for word in words)])
        self._begun(shown)
        main = importlib.import_module(PROGRAMS[program]).main
        before = outputs.content(self._above)
        held = _memory("VmRSS")
        _forget_peak()
        answer = called(main, words)
        if program == "rtl.build":  # says on stderr what it is at; the rules are for what comes then
            answer = answer._replace(err=re.sub(r"\A(building \w+\n)+", "", answer.err))
        grown = _memory("VmHWM") - held
        self.commands += 1
        self.refused += answer.code == REFUSED
        after = outputs.content(self._above)
        targets = outputs.targets(self.place, program, words)
        faults = [*_said(answer), *outputs.faults(before, after, targets if answer.code == OK else {})]
        if answer.code != OK and grown > MOST_REFUSED_BYTES:
            faults.append(f"took {grown >> 20} MiB and was refused")
        self.faults += [f"{fault}; of {shown!a}" for fault in faults]
        return answer


def called(main: Callable[[Sequence[str]], int], words: list[str]) -> Answer:
    """Call a program's `main` and return what it wrote to the descriptors 1 and 2."""
    with _caught(1) as out, _caught(2) as err:
        try:
            code = main(words)
        except SystemExit as stopped:  # what argparse refuses, and --help
            code = stopped.code if isinstance(stopped.code, int) else 1
        except BaseException:  # what ends the program with a traceback
            code = 1
            traceback.print_exc()
        sys.stdout.flush()
        sys.stderr.flush()
    return Answer(code, out[0], err[0].decode("utf-8", "surrogateescape"))


@contextlib.contextmanager
def _caught(descriptor: int) -> Iterator[list[bytes]]:
    found: list[bytes] = []
    kept = os.dup(descriptor)
    file = os.memfd_create("stream")
    os.dup2(file, descriptor)
    try:
        yield found
    finally:
        os.dup2(kept, descriptor)
        os.close(kept)
        os.lseek(file, 0, os.SEEK_SET)
        with open(file, "rb") as stream:
            found.append(stream.read())


def _said(answer: Answer) -> Iterator[str]:
    lines = answer.err.splitlines()
    if "Traceback" in answer.err:
        yield f"traceback: {' | '.join(lines[-5:])[-600:]}"
        return
    if answer.code not in (OK, REFUSED):
        yield f"exit code {answer.code}, said {answer.err[-400:]!r}"
    if answer.code == REFUSED and (len(lines) != 1 or not answer.err.endswith("\n")):
        yield f"refused in {len(lines)} lines: {answer.err[:600]!r}"
    if answer.code == REFUSED and answer.out:
        yield f"refused, and wrote {answer.out[:200]!r}"
    for line in answer.err.removesuffix("\n").split("\n") if answer.err else ():
        if len(line) > LONGEST_LINE:
            yield f"a line of {len(line)} characters: {line[:400]!r}"
        if not line.isprintable():
            yield f"a line that cannot be printed: {line[:400]!a}"
    if any(not c.isprintable() and c != "\n" for c in answer.out.decode("utf-8", "surrogateescape")):
        yield f"stdout that cannot be printed: {answer.out[:400]!r}"


def _memory(field: str) -> int:
    """Return a field of this process's status in bytes."""
    found = re.search(rf"{field}:\s+(\d+) kB", Path("/proc/self/status").read_text())
    return int(found[1]) << 10 if found else 0


def _forget_peak() -> None:
    Path("/proc/self/clear_refs").write_text("5")  # VmHWM begins anew: proc(5)
