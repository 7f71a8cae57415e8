"""Address traces from files: ``.npz``, and the text of valgrind's lackey (``--trace-mem=yes``)."""

from __future__ import annotations

import re
import zipfile
from pathlib import Path
from typing import NamedTuple

import numpy as np

from tandemsim.sim.arch.checks import UserError, shown, shown_path
from tandemsim.sim.arch.types import Bools, Integers

ARRAYS = ("address", "write", "core", "tenant")  # of an .npz; all but the first may be missing
# " L 1ffeffe7e0,8": a load, store, or modify of so many bytes. Instructions ("I  0401ab,3") are left out.
ACCESS = re.compile(rb" ([LSM]) ([0-9a-fA-F]{1,16}),([0-9]{1,6})\s*")
OTHER = re.compile(rb"(I  [0-9a-fA-F]{1,16},[0-9]{1,6}|==[0-9]+==.*|)\s*")
MOST_ADDRESS = 2**63 - 1
ASK = "valgrind --tool=lackey --trace-mem=yes --log-file=FILE PROGRAM writes one"


class Accesses(NamedTuple):
    """A trace, an element for each access, in their order."""

    addresses: Integers
    writes: Bools
    cores: Integers
    tenants: Integers


def read_trace(path: str | Path, line_bytes: int = 64) -> Accesses:
    """Return the accesses of a file. What crosses lines in lackey's text is one access to each.

    Raises `UserError` for a file that cannot be read, by its array or line.
    """
    try:
        with open(path, "rb") as stream:
            is_archive = zipfile.is_zipfile(stream)
        return _from_npz(path) if is_archive else _from_lackey(path, line_bytes)
    except OSError as error:
        raise UserError(f"cannot read {shown_path(path)!r}: {error.strerror or error}") from error


def _from_npz(path: str | Path) -> Accesses:
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
    except (ValueError, zipfile.BadZipFile, EOFError) as error:
        raise UserError(f"{shown_path(path)} is not an .npz that can be read: {error}") from error
    for name in arrays:
        if name not in ARRAYS:
            known = ", ".join(ARRAYS)
            raise UserError(f"{shown_path(path)} must hold the arrays {known} alone, not {shown(name)}")
    if "address" not in arrays:
        raise UserError(f"{shown_path(path)} must hold an array 'address'")
    length = arrays["address"].shape
    for name, array in arrays.items():
        if array.ndim != 1 or array.dtype.kind not in "biu" or array.shape != length:
            rule = f"array {name!r} must be a row of integers, as long as 'address'"
            raise UserError(f"{shown_path(path)}: {rule}, not {array.dtype} of shape {array.shape}")
        if array.size and not 0 <= int(array.min()) <= int(array.max()) <= MOST_ADDRESS:
            raise UserError(f"{shown_path(path)}: array {name!r} must be in 0...{MOST_ADDRESS}")
    none = np.zeros(length, np.int64)
    return Accesses(
        arrays["address"].astype(np.int64),
        arrays.get("write", none).astype(np.bool_),
        arrays.get("core", none).astype(np.int64),
        arrays.get("tenant", none).astype(np.int64),
    )


def _from_lackey(path: str | Path, line_bytes: int) -> Accesses:
    addresses, writes = list[int](), list[bool]()
    with open(path, "rb") as stream:
        for number, text in enumerate(stream, 1):
            found = ACCESS.fullmatch(text)
            if found is None:
                if OTHER.fullmatch(text) is None:
                    raise _not_lackey(path, number, text, "an access, such as ' L 1ffeffe7e0,8'")
                continue
            kind, address, size = found[1], int(found[2], 16), int(found[3])
            if address + size > MOST_ADDRESS:
                raise _not_lackey(path, number, text, "an address of 63 bits")
            last = (address + max(size, 1) - 1) // line_bytes
            for line in range(address // line_bytes, last + 1):
                first = max(address, line * line_bytes)
                if kind != b"S":
                    addresses.append(first)
                    writes.append(False)
                if kind != b"L":
                    addresses.append(first)
                    writes.append(True)
    if not addresses:
        raise UserError(f"{shown_path(path)} must hold accesses; {ASK}")
    none = np.zeros(len(addresses), np.int64)
    return Accesses(np.array(addresses, np.int64), np.array(writes, np.bool_), none, none)


def _not_lackey(path: str | Path, number: int, text: bytes, wanted: str) -> UserError:
    said = shown(text[:80].decode("utf-8", "replace").strip("\n"))
    return UserError(f"{shown_path(path)}, line {number}: must be {wanted}, not {said}")
