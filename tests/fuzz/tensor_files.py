"""Files for ``--functional``, wrong and right."""

from __future__ import annotations

import io
import random
import zipfile

import numpy as np

from tests.fuzz.judge import Judge

DTYPES = ("<f4", ">f8", "f2", "i1", "u8", "c8", "?", "U3", "S1", "O", "M8[s]", "V4", "g")


SHAPE = (2, 9, 4)  # heads, tokens, head_dim
OPTIONS = ("--pattern", "sliding:9,3", "--heads", "2", "--head-dim", "4", "--json", "report.json", "--quiet")


def case(rng: random.Random, judge: Judge) -> None:
    """Run an attention on a file of its tensors."""
    (judge.place / "x.npz").write_bytes(archive(rng, SHAPE))
    judge.command("sim", "run", *OPTIONS, "--functional", "x.npz")


def archive(rng: random.Random, shape: tuple[int, ...]) -> bytes:
    """Return an archive for an op whose q, k and v have a shape; about a quarter of them are right."""
    arrays = {name: _array(rng, shape) for name in "qkv"}
    if rng.random() < 0.2:
        arrays[rng.choice(("q", "x", "attention/q", "\x1b[2J", "../q"))] = _array(rng, shape)
    if rng.random() < 0.1:
        arrays.pop(rng.choice("qkv"), None)
    members = {f"{name}.npy": _npy(array) for name, array in arrays.items()}
    data = _zip(members, rng.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)))
    how = rng.randrange(6)
    if how == 0:
        data = data[: rng.randrange(len(data))]
    elif how == 1:
        place = rng.randrange(len(data))
        data = data[:place] + rng.randbytes(rng.randint(0, 4)) + data[place + rng.randint(0, 4) :]
    elif how == 2:
        data = _wrong_members(rng)
    return data


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
    method = rng.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA))
    wrong = (b"", b"\x93NUMPY\1\0\xff\xff", rng.randbytes(200))
    return _zip({f"{name}.npy": rng.choice(wrong) for name in "qkv"}, method)


def _npy(array: np.ndarray) -> bytes:
    stream = io.BytesIO()
    np.lib.format.write_array(stream, array)
    return stream.getvalue()


def _zip(members: dict[str, bytes], method: int) -> bytes:
    """Return an archive without the time of day, which np.savez writes into its own."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", method) as archive:
        for name, data in members.items():
            archive.writestr(zipfile.ZipInfo(name), data, method)
    return stream.getvalue()
