"""Modes whose commands break one rule each: what test_fuzz_campaign.py sees the fuzzer find."""

from __future__ import annotations

import os
import random
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.fuzz import judge
from tests.fuzz.judge import Judge
from tests.fuzz.modes import Mode

Program = Callable[[Sequence[str]], int]


def breaking(program: Program) -> Mode:
    """Return a mode that runs `program` in place of the simulator; its output is to be ``out.json``."""

    def case(rng: random.Random, found: Judge) -> None:
        (found.place / "old.txt").write_text("old")
        with pytest.MonkeyPatch.context() as patch:
            module = SimpleNamespace(main=program)
            patch.setattr(judge, "importlib", SimpleNamespace(import_module=lambda name: module))
            found.command("sim", "--json", "out.json")

    return Mode(case, 1, "")


def said(text: str, code: int = 2, out: str = "") -> Program:
    """Return a program that says `text` and ends with `code`."""

    def main(words: Sequence[str]) -> int:
        sys.stderr.write(text)
        sys.stdout.write(out)
        return code

    return main


def wrote(name: str, text: str, code: int = 0) -> Program:
    """Return a program that writes one file and, if it refuses, says so."""

    def main(words: Sequence[str]) -> int:
        Path(name).write_text(text)
        return said("tandem: refused\n" if code else "", code)(words)

    return main


def raises(words: Sequence[str]) -> int:
    raise RuntimeError("a fault of ours")


def removes(words: Sequence[str]) -> int:
    Path("old.txt").unlink()
    return 0


def hangs(words: Sequence[str]) -> int:
    while True:
        pass


def sleeps(words: Sequence[str]) -> int:
    time.sleep(600)
    return 0


def dies(words: Sequence[str]) -> int:
    os._exit(139)


def takes_memory(words: Sequence[str]) -> int:
    bytearray(600 << 20)
    return said("tandem: refused\n")(words)


GOOD = {
    "good": said("", 0),
    "refused": said("tandem: rows must be a positive integer, not 0\n"),
    "good file": wrote("out.json", "{}"),
    "300 characters": said("x" * 300 + "\n"),
}
FAULTY = {  # name -> the program, and what is said of it
    "raises": (raises, "traceback"),
    "code 1": (said("out of memory\n", 1), "exit code 1"),
    "two lines": (said("one\ntwo\n"), "refused in 2 lines"),
    "no line": (said(""), "refused in 0 lines"),
    "half line": (said("no end"), "refused in 1 lines"),
    "long line": (said("x" * 301 + "\n"), "a line of 301 characters"),
    "escape": (said("x\x1b[2J\n"), "cannot be printed"),
    "escape in stdout": (said("", 0, "x\x1b[2J\n"), "cannot be printed"),
    "stdout": (said("tandem: refused\n", 2, "half a report"), "refused, and wrote"),
    "refused file": (wrote("out.json", "{}", 2), "left 'out.json'"),
    "half file": (wrote("out.json", '{"cycles": '), "left half of"),
    "empty file": (wrote("out.json", ""), "left half of"),
    "other file": (wrote(".out.json.tmp", "{}"), "left '.out.json.tmp'"),
    "file above": (wrote("../x", "{}"), "left 'x'"),
    "changed file": (wrote("old.txt", "new"), "left 'old.txt'"),
    "removes": (removes, "removed 'old.txt'"),
    "memory": (takes_memory, "MiB and was refused"),
}
ENDLESS = {
    "hangs": (hangs, "s of a processor"),
    "sleeps": (sleeps, "no answer within"),
    "dies": (dies, "with 139"),
}
MODES = {
    name.replace(" ", "_"): breaking(program[0] if isinstance(program, tuple) else program)
    for name, program in (GOOD | FAULTY | ENDLESS).items()
}
