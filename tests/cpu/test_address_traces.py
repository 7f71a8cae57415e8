"""Traces as files, and what `tandem cache` does with them."""

import json
from pathlib import Path

import numpy as np
import pytest

from tandemsim.sim.arch.checks import UserError
from tandemsim.sim.commands.main import main
from tandemsim.sim.cpu.cache.trace_files import read_trace

LACKEY = b"""==12== Lackey, an example Valgrind tool
==12==
I  0401ab10,3
 L 1ffeffe7e0,8
 S 1ffeffe7fc,8
I  0401ab13,5
 M 0421c7cc,4
"""


@pytest.fixture
def lackey(tmp_path: Path) -> Path:
    path = tmp_path / "my.lackey"
    path.write_bytes(LACKEY)
    return path


def test_lackeys_text_is_read_access_by_access(lackey: Path) -> None:
    trace = read_trace(lackey)
    # The store crosses a line; a modify is a load and a store.
    assert trace.addresses.tolist() == [0x1FFEFFE7E0, 0x1FFEFFE7FC, 0x1FFEFFE800, 0x421C7CC, 0x421C7CC]
    assert trace.writes.tolist() == [False, True, True, False, True]
    assert len(read_trace(lackey, line_bytes=128).addresses) == 5
    assert not trace.cores.any() and not trace.tenants.any()


@pytest.mark.parametrize(
    "line", [b"L 12,8", b" L 12", b" X 12,8", b" L xyz,8", b"\xff\xfe", b" L 7fffffffffffffff,8"]
)
def test_a_line_that_is_not_lackeys_is_named(lackey: Path, line: bytes) -> None:
    lackey.write_bytes(LACKEY + line + b"\n")
    with pytest.raises(UserError, match=r"my.lackey, line 8: must be an a"):
        read_trace(lackey)


def test_arrays_come_back_as_they_were(tmp_path: Path) -> None:
    path, generator = tmp_path / "my.npz", np.random.default_rng(1)
    address, write = generator.integers(0, 2**40, 100), generator.random(100) < 0.5
    np.savez(path, address=address.astype(np.uint64), write=write, core=np.arange(100) % 4)
    trace = read_trace(path)
    assert (trace.addresses == address).all() and (trace.writes == write).all()
    assert (trace.cores == np.arange(100) % 4).all() and not trace.tenants.any()


@pytest.mark.parametrize(
    "arrays, message",
    [
        ({"write": [1]}, "must hold an array 'address'"),
        ({"address": [1], "adress": [1]}, "must hold the arrays address, write, core, tenant alone"),
        ({"address": [1.5]}, "must be a row of integers"),
        ({"address": [1, 2], "core": [1]}, "array 'core' must be a row of integers, as long"),
        ({"address": [-1]}, r"array 'address' must be in 0\.\.\."),
        ({"address": np.array(["a"], object)}, "is not an .npz that can be read"),
    ],
)
def test_arrays_that_are_not_a_trace_are_refused(tmp_path: Path, arrays: dict, message: str) -> None:
    np.savez(tmp_path / "my.npz", **arrays)
    with pytest.raises(UserError, match=message):
        read_trace(tmp_path / "my.npz")


def test_an_archive_cut_short_is_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "whole.npz", address=np.arange(1000))
    (tmp_path / "my.npz").write_bytes((tmp_path / "whole.npz").read_bytes()[:-200])
    with pytest.raises(UserError, match=r"my.npz"):
        read_trace(tmp_path / "my.npz")


def test_the_command_prints_a_table_and_writes_all_counts(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    address = np.tile(np.arange(0, 1 << 16, 64), 2)  # 64 KiB twice: too much for L1, and for L2 not
    np.savez(tmp_path / "my.npz", address=address, tenant=np.arange(2048) // 1024)
    assert main(["cache", str(tmp_path / "my.npz"), "--json", str(tmp_path / "my.json")]) == 0
    shown = capsys.readouterr().out.splitlines()
    assert shown[1].split() == ["l1", "2,048", "0", "2,048", "100.00%", "1,536", "0"]
    assert shown[2].split() == ["l2", "2,048", "1,024", "1,024", "50.00%", "0", "0"]
    assert shown[-1] == "memory: 1,024 lines read, 0 written"
    told = json.loads((tmp_path / "my.json").read_text())
    assert told["levels"]["l2"]["load_misses"] == 1024 == told["tenants"][0]["l2"]["load_misses"]
    assert told["tenants"][1]["l2"]["load_misses"] == 0 and list(told["cores"]) == ["0"]


@pytest.mark.parametrize(
    "words, message",
    [
        (["--set", "l3.ways=7"], "l3 must have a power of two of sets of 7 x 64 bytes"),
        (["--set", "l3_way_masks=0,0xff"], "l3_way_masks must leave tenant 0 at least one of 16 ways"),
        (["--set", "l3_way_masks=0x10000"], "l3_way_masks of tenant 0 must have bits of 16 ways alone"),
        (["--set", "l2.replacement=fifo"], "unknown value of l2.replacement 'fifo'"),
        (["--set", "l3.bytes=0"], "inclusion needs an L3"),
        (["--set", "l3.wayz=7"], "unknown config key 'l3.wayz'"),
        (["--preset", "zen"], "unknown preset of caches 'zen'"),
    ],
)
def test_bad_settings_are_one_line(
    lackey: Path, words: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["cache", str(lackey), *words]) == 2
    error = capsys.readouterr().err
    assert message in error and error.count("\n") == 1


def test_a_core_that_does_not_exist_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    np.savez(tmp_path / "my.npz", address=[1], core=[64])
    assert main(["cache", str(tmp_path / "my.npz")]) == 2
    assert "cores must be in 0...63, not 64" in capsys.readouterr().err
