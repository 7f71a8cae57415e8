"""SCALE-Sim topologies, wrong and right ones: to a trace, back to a table, and to the same trace again."""

from __future__ import annotations

import random

from tandemsim.traces.codec import load
from tests.fuzz.judge import Judge

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


def case(rng: random.Random, judge: Judge) -> None:
    """Convert a table to a trace, and where it is one, back and forth once more."""
    (judge.place / "x.csv").write_bytes(table(rng))
    if judge.command("traces", "convert", "x.csv", "--out", "x.json").code:
        return
    back = judge.command("traces", "convert", "x.json", "--out", "back.csv")
    judge.fault(f"a converted table does not convert back: {back.err!r}", back.code == 0)
    if back.err:  # what a topology cannot hold, layers of two shapes in one table say, is named there
        return
    again = judge.command("traces", "convert", "back.csv", "--out", "again.json")
    judge.fault(f"a table that was written is not read: {again.err!r}", again.code == 0)
    first, second = (layers(name) for name in ("x.json", "again.json"))
    judge.fault(f"{first} became {second}"[:900], first == second)


def layers(name: str) -> list[tuple[dict[str, object], int]]:
    """Return dims and MACs of every layer in a file; those of a batch, as a table has them, one by one."""
    found = []
    for op in load(name).ops:
        batch = op.dim("batch")
        found += [({**op.dims, "batch": 1}, op.macs // batch)] * batch
    return found


def table(rng: random.Random) -> bytes:
    """Return a table; about half of them are right."""
    header = rng.choice(HEADERS)
    rows = [header, *(_row(rng, header.count(",")) for _ in range(rng.randint(0, 5)))]
    if rng.random() < 0.3:
        rows.insert(rng.randrange(len(rows)), rng.choice(("A title,", "", ",,,,", "Title")))
    if rng.random() < 0.1:
        rows[0] = ",".join(rng.sample(header.split(","), header.count(",")))
    data = rng.choice(("\n", "\n", "\r\n", "\r")).join(rows).encode(errors="surrogatepass")
    if rng.random() < 0.2:
        place = rng.randrange(len(data))
        data = data[:place] + rng.randbytes(rng.randint(0, 3)) + data[place + rng.randint(0, 9) :]
    return data


def _row(rng: random.Random, cells: int) -> str:
    sizes = [str(rng.choice((1, 2, 3, 7, 56))) for _ in range(cells - 1)]
    if rng.random() < 0.6:
        sizes[:2] = ["56", "60"]  # an image that holds every filter
    if rng.random() < 0.1:
        sizes[rng.randrange(len(sizes))] = rng.choice(CELLS)
    return ",".join([f"layer{rng.randrange(9)}", *sizes, ""])
