"""Inputs near the stated limits and beyond: documents, tables, archives, patterns, machines, bombs."""

from __future__ import annotations

import gzip
import io
import json
import random
import zipfile
import zlib

from tests.fuzz.judge import Judge
from tests.fuzz.trace_structure import repeated, sealed, small

MIB = 1 << 20
EDGES = (-1, 0, 1)
HUGE = (2**31 - 1, 2**31, 10**9, 10**12, 2**63 - 1, 10**30)
SMALL = ("--pattern", "dense:9", "--head-dim", "4", "--quiet")


def case(rng: random.Random, judge: Judge) -> None:
    """Give one command one input that is large."""
    rng.choice(
        (document, packed, dense_document, table, config, archive, pattern, pattern, machine, machine)
    )(rng, judge)


def document(rng: random.Random, judge: Judge) -> None:
    """A document around the 16 MiB that are read: blanks, one text, or a text of many ops' names."""
    size = rng.choice((16, 16, 17, 40)) * MIB + rng.choice(EDGES)
    body = sealed(small())
    filling = rng.choice((b" ", b"\n", b'"', b"[", b"\\", b"\xff", b"9"))
    (judge.place / "x.json").write_bytes(body[: rng.choice((len(body), 1))] + filling * (size - len(body)))
    judge.command("traces", "x.json")


def packed(rng: random.Random, judge: Judge) -> None:
    """A gzip file of megabytes that unpacks to gigabytes, or one of thousands of pieces."""
    bomb = zlib.compressobj(9, zlib.DEFLATED, 31)
    piece = bomb.compress(rng.choice((b" ", b"[", b"\0")) * MIB)
    many = b"".join(
        [piece, *(bomb.compress(b" " * MIB) for _ in range(rng.choice((15, 16, 200)))), bomb.flush()]
    )
    one = gzip.compress(rng.choice((b"", b" ", b"{}")), mtime=0)
    (judge.place / "x.json.gz").write_bytes(rng.choice((many, one * rng.choice((63, 64, 65, 100_000)))))
    judge.command("traces", "x.json.gz")


def dense_document(rng: random.Random, judge: Judge) -> None:
    """Documents of as many values as are decoded, or some more: empty lists, bands, tokens, ops, turns."""
    document = json.loads(json.dumps(small()))
    count = rng.choice((1_000, 100_000, 500_000, 1_500_000))
    op = document["ops"][0]
    what = rng.randrange(8)
    if what == 0:
        op["attrs"]["global_tokens"] = [*range(count)]
    elif what == 1:
        op["dims"].pop("grid", None)
        op["dims"]["seq_len"] = rng.choice((count, 2**24))
        op["attrs"]["bands"] = [
            [at * 3 - count, at * 3 - count + at % 7, 1 + at % 5] for at in range(count // 3)
        ]
    elif what == 2:
        document["ops"] = [{**op, "id": at} for at in range(count // 50)]
    elif what == 3:
        document["source"]["configuration"] = {f"k{at}": [] for at in range(count // 3)}
    elif what == 4:
        document = json.loads(json.dumps(repeated()))
        for part in ("tensors", "ops"):
            document[part][0][1] = rng.choice((count // 50, count, 2**31 - 1))
    elif what == 5:
        sinks, _, _ = document["ops"][-3:]  # one of each new form
        sinks["dims"]["seq_len"] = rng.choice((count, 2**24))
        sinks["attrs"]["sink_tokens"] = [*range(count)]
        sinks["attrs"]["chunks"] = [rng.choice((1, 512, 2**31 - 1, 10**30)), 1, 0, 0]
    elif what == 6:
        blocks = document["ops"][-1]
        blocks["dims"]["seq_len"] = rng.choice((count // 2, 2**24))
        rows = [[at % 7] for at in range(count // 2)]
        blocks["attrs"]["blocks"] = {"query": 1, "key": rng.choice((1, 2**31 - 1, 10**30)), "rows": rows}
    else:
        document["tensors"] += [{**document["tensors"][0], "id": at} for at in range(count // 20)]
    (judge.place / "x.json").write_bytes(sealed(document))
    judge.command("traces", "x.json")


def table(rng: random.Random, judge: Judge) -> None:
    """A topology around the 4 MiB that are read."""
    row = rng.choice((b"layer,1,1,1,\n", b",,,,\n", b"x" * 9999 + b",1,1,1,\n", b"," * 5000 + b"\n", b'"'))
    size = rng.choice((1, 4, 4, 9)) * MIB + rng.choice(EDGES)
    data = b"Layer,M,N,K,\n" + row * (size // len(row))
    (judge.place / "x.csv").write_bytes(data[: size + 20])
    judge.command("traces", "convert", "x.csv", "--out", "y.json")


def config(rng: random.Random, judge: Judge) -> None:
    """A config around the 1 MiB that is read, or a report around the 8 MiB."""
    size = rng.choice((1, 1, 2)) * MIB + rng.choice(EDGES)
    line = rng.choice((b"# x\n", b"[a]\n", b"a.a.a = 1\n", b'x = """', b"\n", b"x = [[[[", b"rows = 1\n"))
    name = "x.toml"
    data = (line * (size // len(line) + 1))[:size]
    if rng.random() < 0.4:
        deep = b"[" * 900 + b"]" * 900 + b","
        piece = rng.choice((b"[],", b"{},", b'{"":{}},', b"1.5,", deep, b"[", b"[0,", b'{"config":', b" "))
        size = rng.choice((1, 8, 8, 9, 60)) * MIB + rng.choice(EDGES)
        start, end = b'{"config":{},"a":[', b"0]}"
        body = piece * ((size - len(start) - len(end)) // len(piece))
        name, data = "x.json", start + body.ljust(size - len(start) - len(end)) + end
    (judge.place / name).write_bytes(data)
    judge.command("sim", "run", *SMALL, "--config", name)


def archive(rng: random.Random, judge: Judge) -> None:
    """Archives whose arrays are huge, or say so; members by the thousand; members of megabytes of zeros."""
    stream = io.BytesIO()
    shape = rng.choice(
        ("(1, 9, 4)", "(1, 9, 2305843009213693952)", f"({2**31}, 9, 4)", "(9,)" * 3000, "(-1, 9, 4)")
    )
    header = (
        f"{{'descr': '{rng.choice(('<f4', '|O', '<f8'))}', 'fortran_order': False, 'shape': {shape}, }}\n"
    )
    start = b"\x93NUMPY\1\0" + min(len(header), 2**16 - 1).to_bytes(2, "little") + header.encode()
    filling = b"\0" * rng.choice((0, 144, 288, 300 * MIB))
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as made:
        for name in "qkv":
            made.writestr(zipfile.ZipInfo(f"{name}.npy"), start + filling, zipfile.ZIP_DEFLATED)
        for at in range(rng.choice((0, 1, 20_000))):
            made.writestr(zipfile.ZipInfo(f"x{at}.npy"), b"")
    (judge.place / "x.npz").write_bytes(stream.getvalue())
    judge.command("sim", "run", *SMALL, "--functional", "x.npz")


def pattern(rng: random.Random, judge: Judge) -> None:
    """Patterns, heads and batches that no machine has room for."""
    number = rng.choice((*HUGE, 10**5, 10**6, 2**24, 2**24 + 1))
    text = rng.choice(
        ("dense:{0}", "longformer:{0},{0}", "longformer:{0},1", "vil:{0},{0},3", "vil:3,{0},{0}")
    )
    text = rng.choice((text, "sliding:{0},9", "dilated:{0},9,{0}", "strided_sparse:{0},1,1", "bigbird:{0},3"))
    words = ["--pattern", text.format(number if rng.random() < 0.7 else 64)]
    for option in rng.sample(
        ("--heads", "--head-dim", "--batch", "--global-tokens", "--seed"), rng.randint(0, 3)
    ):
        words += [option, str(rng.choice((*HUGE, 1000, 100_000)))]
    judge.command("sim", "run", *words, "--quiet", *(["--functional"] if rng.random() < 0.2 else []))


def machine(rng: random.Random, judge: Judge) -> None:
    """The largest machines that are allowed, on a small attention."""
    keys = ("rows", "cols", "array.global_rows", "array.global_cols", "array.head_dim", "dram.channels")
    keys += ("key_scratchpad.capacity_bytes", "key_scratchpad.banks", "query_scratchpad.capacity_bytes")
    keys += ("output_scratchpad.capacity_bytes", "numerics.reciprocal.segments", "dram.standard.rows")
    words = []
    for key in rng.sample(keys, rng.randint(1, 4)):
        words += ["--set", f"{key}={rng.choice((4096, 4097, 1024, 65536, 2**24, 2**31 - 1, 2**31))}"]
    judge.command("sim", "run", *SMALL, *words, *(["--functional"] if rng.random() < 0.2 else []))
