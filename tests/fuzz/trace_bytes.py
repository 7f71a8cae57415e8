"""Traces with damaged bytes, plain and packed: ``cases(seed)`` yields (name of a file, its content)."""

from __future__ import annotations

import gzip
import random
from collections.abc import Iterator

from traces.codec import find

TOKENS = (b"[", b"]", b"{", b"}", b'"', b",", b":", b"\\u", b"\\ud800", b"\0", b"\x1b[2J", b"\xff", b"1e999")
TOKENS += (b"-", b"null", b"NaN", b"9" * 400, b"[" * 2000, b"\xef\xbb\xbf", b"\n\n\n")


def cases(seed: int, count: int = 100) -> Iterator[tuple[str, bytes]]:
    """Yield `count` files made of a checked-in trace."""
    rng = random.Random(seed)
    whole = find("vil-tiny").read_bytes()[:20_000]
    packed = gzip.compress(whole, mtime=0)
    for _ in range(count):
        if rng.random() < 0.5:
            yield "x.json", damaged(rng, whole)
        else:
            yield "x.json.gz", rng.choice((damaged(rng, packed), gzip.compress(damaged(rng, whole))))


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
