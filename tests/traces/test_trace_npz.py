"""Archives of arrays: sizes first, one short line for any damage, and nothing is ever unpickled."""

import io
import os
import pickle
import random
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest

from tandemsim.traces.arrays import array_info, load_arrays
from tandemsim.traces.errors import TraceError
from tandemsim.traces.npz import open_arrays
from tandemsim.traces.schema import Source
from tandemsim.traces.validate import seal

ROOT = Path(__file__).parents[2]
NEED = "Operands(op='a', batch=1, heads=2, seq_len=9, head_dim=4, global_tokens=0)"
LOAD = f"""
import sys, warnings
from pathlib import Path
from tandemsim.sim.arch.checks import UserError
from tandemsim.sim.salo.values.tensors import Operands, load_tensors
warnings.simplefilter("error")
try:
    load_tensors(Path(sys.argv[1]), {NEED})
    print("read")
except UserError as error:
    print(error)
print(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0])
"""


def loaded(path):
    """What reading an op's operands in a process of its own says, and the MiB that it takes."""
    done = subprocess.run(
        [sys.executable, "-c", LOAD, str(path)],
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )
    *said, peak = done.stdout.splitlines()
    assert len(said) == 1 and done.stderr == ""
    return said[0], int(peak) / 1024


def header(shape, dtype="<f4"):
    """The header of an array, as numpy writes it."""
    stream = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        stream, {"descr": dtype, "fortran_order": False, "shape": tuple(shape)}
    )
    return stream.getvalue()


def archive(path, mib=0, begin=b"", method=zipfile.ZIP_DEFLATED, names="qkv"):
    """An archive whose members have these first bytes, and the first one so many MiB of zeros behind them."""
    with zipfile.ZipFile(path, "w", method) as stored:
        for name in names:
            with stored.open(f"{name}.npy", "w", force_zip64=True) as stream:
                stream.write(begin)
                for _ in range(mib if name == "q" else 0):
                    stream.write(bytes(2**20))


BOMBS = {
    "more than the op needs": (
        header((2**28,)),
        "q must have the shape [2, 9, 4] of op 'a', not [268435456]",
    ),
    "a shape that fits": (header((2, 9, 4)), "q must have 288 bytes of data, as its header says, not "),
    "a header without end": (
        b"\x93NUMPY\x02\0\xff\xff\xff\x3f",
        "q is not an array as numpy.savez writes it",
    ),
    "no header": (b"", "q is not an array as numpy.savez writes it"),
    "a shape beyond numbers": (
        header((2**62, 2**62)),
        "q must have the shape [2, 9, 4] of op 'a', not [46116",
    ),
    "other values": (header((2, 9, 4), "<c16"), "q must hold real numbers, not complex128"),
    "named fields": (header((2, 9, 4), [("a", "<f4")]), "q must hold real numbers, not [('a', '<f4')]"),
    "objects": (header((2, 9, 4), "|O"), "q must hold numbers, not Python objects"),
}


@pytest.mark.parametrize("bomb", BOMBS)
def test_a_bomb_is_refused_before_it_is_unpacked(tmp_path, bomb):
    begin, says = BOMBS[bomb]
    archive(tmp_path / "x.npz", 160, begin)
    said, peak = loaded(tmp_path / "x.npz")
    assert said.startswith(f"{tmp_path}/x.npz: {says}") and len(said) <= 300
    assert peak < 150


def test_a_directory_of_gigabytes_is_not_read(tmp_path):
    path = tmp_path / "x.npz"
    archive(path)
    size = path.stat().st_size
    os.truncate(path, 2**32)
    with path.open("r+b") as stream:  # the end of an archive: a directory of 3 GiB stands before it
        stream.seek(0, os.SEEK_END)
        stream.write(b"PK\5\6" + bytes(4) + b"\3\0\3\0" + (3 << 30).to_bytes(4, "little") + bytes(6))
    said, peak = loaded(path)
    assert said.endswith("is not an .npz, the zip file of arrays that numpy.savez writes") and size < 2**20
    assert peak < 150


@pytest.mark.parametrize("kind", ["device", "pipe", "endless"])
def test_what_is_not_a_regular_file_is_refused(tmp_path, kind):
    path = tmp_path / "x.npz"
    if kind == "pipe":
        os.mkfifo(path)
    else:
        path.symlink_to("/dev/zero" if kind == "device" else "/dev/urandom")
    said, peak = loaded(path)
    assert said == f"{path}: must be a regular file, which can be read in any order" and peak < 150


class Trap:
    """What runs when it is unpickled."""

    def __reduce__(self):
        return os.mkdir, ("trapped",)


@pytest.mark.parametrize("how", ["objects", "pickle", "a member", "a trace's array"])
def test_nothing_is_unpickled(tmp_path, monkeypatch, how):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "x.npz"
    trap = np.full((2, 9, 4), Trap(), object)
    if how in ("objects", "a trace's array"):
        np.savez(path, **dict.fromkeys("qkv", trap))
    elif how == "pickle":
        path.write_bytes(pickle.dumps(Trap()))
    else:
        archive(path, begin=pickle.dumps(Trap()))
    if how == "a trace's array":
        source = Source(model="x", configuration={}, exporter="tests", exporter_version="1")
        arrays = dict.fromkeys("qkv", array_info(np.zeros((2, 9, 4))))
        with pytest.raises(TraceError, match="must hold numbers, not Python objects"):
            load_arrays(seal(source=source, tensors=[], ops=[], arrays=arrays), "x.json")
    else:
        said, _ = loaded(path)
        assert "pickle" not in said.removeprefix(str(path))
    assert not (tmp_path / "trapped").exists()


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("packed", [False, True])
def test_any_damage_is_one_short_line_or_none(tmp_path, seed, packed):
    rng, path = random.Random(seed), tmp_path / "x.npz"
    numbers = np.random.default_rng(seed).standard_normal((2, 9, 4))
    (np.savez_compressed if packed else np.savez)(path, q=numbers, k=numbers, v=numbers)
    whole, messages = path.read_bytes(), set()
    for _ in range(150):
        data = bytearray(whole)
        for _ in range(rng.randint(1, 4)):
            place = rng.randrange(len(data))
            data[place : place + rng.choice([0, 1, 1, 1, 9])] = rng.randbytes(rng.choice([0, 1, 1, 1, 9]))
        path.write_bytes(data)
        try:
            with open_arrays(path) as stored:
                for name in stored.names:
                    stored.header(name)
                    stored.read(name)
        except TraceError as error:
            messages.add(str(error))
    assert len(messages) > 1
    assert all(len(message) < 300 and message.isprintable() for message in messages)
    assert not any("pickle" in message.removeprefix(str(path)) for message in messages)


def test_a_checksum_that_does_not_fit_is_damage(tmp_path):
    np.savez(tmp_path / "x.npz", q=np.zeros(9))
    data = bytearray((tmp_path / "x.npz").read_bytes())
    place = data.index(b"\x93NUMPY") + 150  # within the numbers
    data[place] ^= 1
    (tmp_path / "x.npz").write_bytes(data)
    with pytest.raises(TraceError, match="q is damaged$"), open_arrays(tmp_path / "x.npz") as stored:
        stored.read("q")


def test_an_array_that_is_there_twice_is_refused(tmp_path):
    with pytest.warns(UserWarning, match="Duplicate name"):
        archive(tmp_path / "x.npz", begin=header((0,)), names="qkq")
    with pytest.raises(TraceError, match="must hold each array once, not 'q' twice$"):
        open_arrays(tmp_path / "x.npz").__enter__()


def test_an_array_of_a_trace_has_a_limit(tmp_path):
    shape = (2**26 + 1,)
    archive(tmp_path / "x.npz", begin=header(shape, "|i1"), names="q")
    info = {"shape": shape, "dtype": "int8", "sha256": 64 * "0"}
    from tandemsim.traces.schema import ArrayInfo

    source = Source(model="x", configuration={}, exporter="tests", exporter_version="1")
    trace = seal(source=source, tensors=[], ops=[], arrays={"q": ArrayInfo(**info)})
    with pytest.raises(TraceError, match=rf"q must have at most {2**26} bytes, not \[{shape[0]}\]$"):
        load_arrays(trace, tmp_path / "x.json")
