"""Traces with damaged bytes, plain and packed."""

from __future__ import annotations

import gzip
import random
from functools import cache

from tests.fuzz.judge import Judge
from tests.fuzz.trace_structure import sealed_small

TOKENS = (b"[", b"]", b"{", b"}", b'"', b",", b":", b"\\u", b"\\ud800", b"\0", b"\x1b[2J", b"\xff", b"1e999")
TOKENS += (b"-", b"null", b"NaN", b"9" * 400, b"[" * 2000, b"\xef\xbb\xbf", b"\n\n\n")


def case(rng: random.Random, judge: Judge) -> None:
    """Summarize a file made of a small trace."""
    name, data = damaged_file(rng)
    (judge.place / name).write_bytes(data)
    judge.command("traces", name)


def damaged_file(rng: random.Random) -> tuple[str, bytes]:
    """Return the name of a file and its content."""
    whole = _whole()
    if rng.random() < 0.5:
        return "x.json", damaged(rng, whole)
    packed = damaged(rng, gzip.compress(whole, mtime=0))
    return "x.json.gz", rng.choice((packed, gzip.compress(damaged(rng, whole), mtime=0)))


def damaged(rng: random.Random, data: bytes) -> bytes:
    """Return data with some bytes replaced, inserted, repeated, left out, or all of it recoded."""
    result = bytearray(data)
    for _ in range(rng.randint(1, 5)):
        first = rng.randrange(len(result) + 1)
        last = min(len(result), first + rng.choice((0, 0, 1, 1, 2, 40)))
        result[first:last] = rng.choice((rng.choice(TOKENS), rng.randbytes(rng.randint(0, 3)), result[:50]))
    if rng.random() < 0.1:
        del result[rng.randrange(len(result) + 1) :]
    if rng.random() < 0.05:
        return bytes(result).decode("latin-1").encode(rng.choice(("utf-16", "utf-32", "utf-8-sig")))
    return bytes(result)


@cache
def _whole() -> bytes:
    return sealed_small()
