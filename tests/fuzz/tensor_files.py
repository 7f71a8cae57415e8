"""Files for ``--functional``, wrong and right: ``cases(shape, seed)`` yields (name of a file, content)."""

from __future__ import annotations

import io
import random
import zipfile
from collections.abc import Iterator

import numpy as np

DTYPES = ("<f4", ">f8", "f2", "i1", "u8", "c8", "?", "U3", "S1", "O", "M8[s]", "V4", "g")


def cases(shape: tuple[int, ...], seed: int, count: int = 100) -> Iterator[tuple[str, bytes]]:
    """Yield `count` archives for an op whose q, k and v have a shape; about a quarter of them are right."""
    rng = random.Random(seed)
    for _ in range(count):
        arrays = {name: _array(rng, shape) for name in "qkv"}
        if rng.random() < 0.2:
            arrays[rng.choice(("q", "x", "op/q", "\x1b[2J", "../q"))] = _array(rng, shape)
        if rng.random() < 0.1:
            arrays.pop(rng.choice("qkv"), None)
        stream = io.BytesIO()
        rng.choice((np.savez, np.savez_compressed))(stream, **arrays)
        data = stream.getvalue()
        how = rng.randrange(6)
        if how == 0:
            data = data[: rng.randrange(len(data))]
        elif how == 1:
            place = rng.randrange(len(data))
            data = data[:place] + rng.randbytes(rng.randint(0, 4)) + data[place + rng.randint(0, 4) :]
        elif how == 2:
            data = _wrong_members(rng)
        yield "x.npz", data


def _array(rng: random.Random, shape: tuple[int, ...]) -> np.ndarray:
    sides = list(shape)
    if rng.random() < 0.1:
        sides[rng.randrange(len(sides))] += rng.choice((-1, 1))
    dtype = rng.choice(DTYPES) if rng.random() < 0.2 else "<f4"
    array = np.zeros(sides, dtype)
    if dtype == "<f4" and array.size and rng.random() < 0.1:
        array.flat[rng.randrange(array.size)] = rng.choice((np.nan, np.inf, 1e30))
    return np.asfortranarray(array) if rng.random() < 0.2 else array


def _wrong_members(rng: random.Random) -> bytes:
    stream = io.BytesIO()
    method = rng.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA))
    with zipfile.ZipFile(stream, "w", method) as archive:
        for name in "qkv":
            archive.writestr(f"{name}.npy", rng.choice((b"", b"\x93NUMPY\1\0\xff\xff", rng.randbytes(200))))
    return stream.getvalue()
