"""SCALE-Sim topologies, wrong and right ones: ``cases(seed)`` yields (name of a file, its content)."""

from __future__ import annotations

import random
from collections.abc import Iterator

HEADERS = (
    "Layer,M,N,K,",
    "Layer name, M, N, K, Sparsity,",
    "Layer,M,N,K,Batch,",
    "Layer name, IFMAP Height, IFMAP Width, Filter Height, Filter Width, Channels, Num Filter, Strides,",
    "Layer,IFMAP Width,IFMAP Width,Filter Height,Filter Width,Channels,Filters,Stride Height,Stride Width,",
    "Layer,IFMAP Height,IFMAP Width,Filter Height,Filter Width,Channels,Num Filters,Strides,Batch Size,",
)
CELLS = (
    "",
    " ",
    "0",
    "1",
    "-1",
    "1.5",
    "2:4",
    "x",
    "9" * 30,
    '"',
    '"a,b"',
    "\x1b[2J",
    "\u202e",
    "²",
    "é",
    "nan",
)


def cases(seed: int, count: int = 100) -> Iterator[tuple[str, bytes]]:
    """Yield `count` tables, named x.csv; about half of them are right."""
    rng = random.Random(seed)
    for _ in range(count):
        header = rng.choice(HEADERS)
        rows = [header, *(_row(rng, header.count(",")) for _ in range(rng.randint(0, 5)))]
        if rng.random() < 0.3:
            rows.insert(rng.randrange(len(rows)), rng.choice(("A title,", "", ",,,,", "Title")))
        if rng.random() < 0.2:
            rows[0] = ",".join(rng.sample(header.split(","), header.count(",")))
        data = rng.choice(("\n", "\n", "\r\n", "\r")).join(rows).encode(errors="surrogatepass")
        if rng.random() < 0.2:
            place = rng.randrange(len(data))
            data = data[:place] + rng.randbytes(rng.randint(0, 3)) + data[place + rng.randint(0, 9) :]
        yield "x.csv", data


def _row(rng: random.Random, cells: int) -> str:
    sizes = [str(rng.choice((1, 2, 3, 7, 56))) for _ in range(cells - 1)]
    if rng.random() < 0.3:
        sizes[rng.randrange(len(sizes))] = rng.choice(CELLS)
    return ",".join([f"layer{rng.randrange(9)}", *sizes, ""])
