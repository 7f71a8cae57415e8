"""``--set`` with hostile values: every field of ``tandem list fields``, several at once, one twice."""

from __future__ import annotations

import random
from functools import cache
from typing import Any

from tandemsim.sim.arch.families import family_named
from tandemsim.sim.arch.settings import fields_of
from tests.fuzz.judge import Judge

SMALL = ("--pattern", "longformer:24,6", "--heads", "1", "--head-dim", "4")
INTEGERS = (-1, 0, 1, 2, 3, 7, 16, 63, 64, 65, 255, 1000, 1024, 4096, 2**16, 2**20, 10**6, 10**9, 10**12)
INTEGERS += (2**31 - 1, 2**31, 2**32 + 1, 2**63 - 1, 2**63, -(2**63), 10**30, 10**5000)
WORDS = ("", " ", "auto", "none", "None", "true", "false", "True", "nan", "inf", "-inf", "1e3", "1e-300")
WORDS += (
    "0x10",
    "0b1",
    "1_000",
    "+4",
    " 4",
    "4 ",
    "\uff11\uff16",
    "\u0664",
    "1.5",
    "0.8",
    "4,4",
    "[4]",
    "{}",
    "'4'",
)
WORDS += ("a" * 5000, "\x1b[2J", "\u202e", "\udcff", "\n", "=", "array.rows", "ideal", "hbm2", "fcfs")
KEYS = (
    "",
    ".",
    "rows.",
    "array",
    "array.",
    "array.row",
    "Array.rows",
    "dram.standard",
    "schedule",
    "clock_hz.hz",
)
KEYS += ("array.rows.x", "__class__", "array.__class__", "k" * 5000, "\x1b[2J", "\udcff", "memory.dram")
SHARE_BUILT = 0.05  # of the cases, as circuits in place of a run


def case(rng: random.Random, judge: Judge) -> None:
    """Run a small attention with settings that nobody should have."""
    words = []
    for _ in range(rng.choice((1, 1, 1, 2, 3, 8))):
        words += ["--set", word(rng)]
    if rng.random() < 0.1:
        words += words[-2:]
    if rng.random() < 0.2:
        words += ["--preset", rng.choice(("salo", "salo-dac22", "salo-dac22", "salo-dac"))]
    if rng.random() < SHARE_BUILT:
        judge.command("rtl.build", "exp_unit", "reciprocal_unit", *words, "--out", "out")
        return
    if rng.random() < 0.3:
        words.append(rng.choice(("--functional", "--dump-config", "--explain", "--quiet", "--batch=2")))
    judge.command("sim", "run", *SMALL, *words)


def word(rng: random.Random) -> str:
    """Return a key and a value."""
    fields = _fields()
    names = [*fields, *family_named("salo").catalogs, "rows", "cols"]
    key = rng.choice(KEYS if rng.random() < 0.05 else names)
    return key + ("" if rng.random() < 0.02 else "=") + value(rng, fields.get(key))


def value(rng: random.Random, own: Any) -> str:
    """Return a value for a field that has another: near it, at an edge, or of another kind."""
    if isinstance(own, (int, float)) and not isinstance(own, bool) and rng.random() < 0.4:
        near = (own + 1, own - 1, own * 2, own // 2, -own, own * 1000, own * rng.randint(2, 50))
        return str(rng.choice(near))
    if rng.random() < 0.5:
        return _text(rng.choice(INTEGERS))
    return rng.choice((*WORDS, str(getattr(own, "value", own))))


def _text(number: int) -> str:
    return "1" + "0" * 5000 if number == 10**5000 else str(number)


@cache
def _fields() -> dict[str, Any]:
    return {name: own for name, own, _ in fields_of(family_named("salo").config("salo", {}))}
