"""``--set`` and ``--config``: what no machine can be is refused in one line, before it hangs or overflows."""

from __future__ import annotations

import os
import random
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tandemsim.sim.arch.checks import UserError, one_line
from tandemsim.sim.arch.salo.presets import SALO
from tandemsim.sim.arch.settings import fields_of
from tandemsim.sim.run import Request, simulate

HUGE = "9" * 25


@pytest.mark.parametrize(
    "setting, says",
    [
        ("rowz=16", "unknown config key 'rowz'; did you mean 'rows'\\?"),
        ("array.row=16", "unknown config key 'array.row'; did you mean 'array.rows'.*"),
        ("array.rows.x=16", "unknown config key 'array.rows.x'; did you mean 'array.rows', .*"),
        (
            "array=16",
            "config key 'array' is a section; set one of array.rows, array.cols, array.head_dim, ... "
            r"\(`tandem list fields` lists them\)",
        ),
        (
            "preset=ant",
            r"'preset' is not a config key but an option of a run: --preset \(preset= in Python\)",
        ),
        ("machine=ant", r"'machine' is not a config key but an option of a run: --machine \(machine= in .*"),
        ("foo=1", "unknown config key 'foo'; `tandem list fields` lists them"),
        ("foo" * 2000 + "=1", "unknown config key '(foo)+f?o?[.]{3}; `tandem list fields` lists them"),
        ("x" * 5000, r"--set takes key=value, not 'x+\.\.\."),
        ("rows= 16", "rows must be an integer, not ' 16'"),
        ("rows=16 ", "rows must be an integer, not '16 '"),
        ("rows=_1", "rows must be an integer, not '_1'"),
        ("rows=1__0", "rows must be an integer, not '1__0'"),
        ("rows=\uff11\uff16", "rows must be an integer, not '\uff11\uff16'"),
        ("energy.add_8b_pj=\uff11", "energy.add_8b_pj must be a finite number, not '\uff11'"),
        ("energy.add_8b_pj= 1", "energy.add_8b_pj must be a finite number, not ' 1'"),
        (
            "numerics.storage_width=10",
            r"numerics.storage_width must be at most input.width \(9\), or 16 for whole bytes, not 10",
        ),
        ("numerics.merge_exponent_width=100", "numerics.merge_exponent_width must be at most 16, not 100"),
        ("numerics.exp.slope_fraction=4096", "numerics.exp.slope_fraction must be at most 20, not 4096"),
        (
            "numerics.row_sum.width=18",
            "numerics.row_sum.width must be at least 19 for heads of 64 on 33 PEs per row"
            r" \(array.cols \+ array.global_cols\), not 18",
        ),
        ("rows", "--set takes key=value, not 'rows'"),
        ("=16", "--set takes key=value, not '=16'"),
        ("rows=", "rows must be an integer, not ''"),
        ("rows=many", "rows must be an integer, not 'many'"),
        ("rows=16.0", "rows must be an integer, not '16.0'"),
        ("rows=1\n6", r"rows must be an integer, not '1\\n6'"),
        ("rows=0", "array.rows must be a positive integer, not 0"),
        ("rows=-4", "array.rows must be a positive integer, not -4"),
        ("cols=33", r"array.cols must be a multiple of column_segments \(2\), not 33"),
        (
            "array.head_dim=8",
            r"op .*: heads must have at most array.head_dim elements \(8\), not 16; --set array.head_dim=16",
        ),
        (
            "key_scratchpad.capacity_bytes=64",
            "op '.*': key_scratchpad.capacity_bytes must be at least [0-9]+ for heads of 16, not 64",
        ),
        (
            "output_scratchpad.capacity_bytes=64",
            "op '.*': output_scratchpad.capacity_bytes must be at least [0-9]+ for heads of 16, not 64",
        ),
        (
            "key_scratchpad.capacity_bytes=100",
            r"key_scratchpad.capacity_bytes must be a multiple of banks \(64\), not 100",
        ),
        ("memory=ddr5", "unknown value of memory 'ddr5'; did you mean 'lpddr5-6400'\\?"),
        (
            "memory=disk",
            "unknown value of memory 'disk'; known: ddr4-2400, ddr4-3200, hbm2, ideal, lpddr5-6400",
        ),
        ("numerics=wid", "unknown value of numerics 'wid'; did you mean 'wide'\\?"),
        ("schedule=drains", "unknown value of schedule 'drains'; did you mean 'drain'\\?"),
        ("dataflow=ws", "config key 'dataflow' cannot be set: the wiring keeps queries in place .*"),
        ("dram.refresh=maybe", "dram.refresh must be true or false, not 'maybe'"),
        ("dram.channels=3", "dram.channels must be a power of two, not 3"),
        ("clock_hz=7000000", r"clock_hz must divide 10\^12 .*, not 7000000"),
        ("clock_hz=1", "clock_hz must be an integer >= 1000000, not 1"),
        ("dram.channels=2048", "dram.channels must be at most 1024, not 2048"),
        (
            "global_scratchpad.capacity_bytes=1",
            "op '.*': global_scratchpad.capacity_bytes must be at least [0-9]{2,} for heads of 16, not 1",
        ),
        ("dram.write_low_watermark=nan", "dram.write_low_watermark must be a finite number, not 'nan'"),
        ("energy.add_8b_pj=inf", "energy.add_8b_pj must be a finite number, not 'inf'"),
        ("energy.add_8b_pj=-1", "energy.add_8b_pj must be a non-negative number, not -1.0"),
    ],
)
def test_a_setting_that_is_none_is_answered_with_the_rule_or_the_nearest(
    refused: Callable[..., str], setting: str, says: str
) -> None:
    message = refused("run", "small.json", "--set", setting)
    assert re.fullmatch(f"tandem: {says}\n", message), message


@pytest.mark.parametrize(
    "setting, says",
    [
        (f"rows={HUGE}", "array.rows must be at most 4096, not 9+"),
        ("cols=5000", "array.cols must be at most 4096, not 5000"),
        ("array.global_rows=100000", "array.global_rows must be at most 4096, not 100000"),
        ("array.flush_cycles=1025", "array.flush_cycles must be at most 1024, not 1025"),
        (f"array.exp_latency={HUGE}", "array.exp_latency must be at most 1024, not 9+"),
        (f"key_scratchpad.ports={HUGE}", "key_scratchpad.ports must be at most 2147483647, not 9+"),
        (f"numerics.weight.fraction={HUGE}", "numerics.weight.fraction must be at most 62, not 9+"),
        ("numerics.input.width=99", "numerics.input.width must be at most 62, not 99"),
        (f"clock_hz={HUGE}", "clock_hz must be at most 1000000000000, not 9+"),
        ("clock_hz=0x" + "f" * 5000, "clock_hz must be at most 1000000000000, not a huge number"),
        (f"dram.standard.tck_ps={HUGE}", "dram.standard.tck_ps must be at most 1000000000, not 9+"),
        (f"dram.standard.burst_clocks={HUGE}", "dram.standard.burst_clocks must be at most 1048576, not 9+"),
        (f"dram.standard.cl.nck={HUGE}", "dram.standard.cl.nck must be at most 1048576, not 9+"),
        (f"dram.standard.cl.ps={HUGE}", "dram.standard.cl.ps must be at most 1000000000, not 9+"),
        ("energy.multiply_8b_pj=1e308", r"energy.multiply_8b_pj must be at most 1e\+09, not 1e\+308"),
        ("energy.sram_read_8kib_pj=0", "energy.sram_read_8kib_pj must be a positive number, not 0.0"),
    ],
)
def test_huge_numbers_are_refused_before_they_overflow(
    refused: Callable[..., str], setting: str, says: str
) -> None:
    message = refused("run", "small.json", "--set", setting)
    assert re.fullmatch(f"tandem: {says}\n", message), message


@pytest.mark.parametrize("ps", [0, 1, 400_000])
def test_refreshes_that_leave_no_time_for_an_access_are_refused(refused: Callable[..., str], ps: int) -> None:
    message = refused("run", "small.json", "--set", f"dram.standard.trefi.ps={ps}")
    assert re.fullmatch(
        r"tandem: dram.standard.trefi must exceed a refresh and an access \([0-9]+ clocks\), not [0-9]+\n",
        message,
    ), message


def test_refreshes_as_close_as_is_allowed_still_end(command: Any, refused: Any, place: Path) -> None:
    message = refused("run", "small.json", "--set", "dram.standard.trefi.ps=1")
    clocks = int(re.findall(r"\((\d+) clocks\)", message)[0])
    closest = f"dram.standard.trefi.ps={(clocks + 1) * SALO.dram.standard.tck_ps}"
    often = command("run", "small.json", "--set", closest, "--json", "-").json
    assert often["dram"]["refreshes"] > command("run", "small.json", "--json", "-").json["dram"]["refreshes"]


def test_a_write_queue_may_be_drained_to_its_last_request(command: Any, place: Path) -> None:
    answer = command("run", "small.json", "--set", "dram.write_low_watermark=0", "--json", "-")
    assert (
        answer.json["dram"]["write_bytes"]
        == command("run", "small.json", "--json", "-").json["dram"]["write_bytes"]
    )


@pytest.mark.parametrize(
    "text, says",
    [
        (b"rows = ", "small.toml is not TOML: .*"),
        (b"\xff", "small.toml is not text in UTF-8: .*"),
        (b"rows = " + b"9" * 5000, "small.toml is not TOML: .*"),
        (b"rows = " + b"[" * 5000, "small.toml is not TOML: .*"),
        (b"rows = 1979-05-27", r"rows must be an integer, not datetime.date\(1979, 5, 27\)"),
        (b"rows = true", "rows must be an integer, not True"),
        (b"rows = 16.0", "rows must be an integer, not 16.0"),
        (b"array = 3", "config key 'array' is a section; .*"),
        (b"[arry]\nrows = 3", "unknown config key 'arry.rows'; did you mean 'array.rows'.*"),
        (b"[energy]\nadd_8b_pj = nan", "energy.add_8b_pj must be a finite number, not nan"),
        (b"[energy]\nadd_8b_pj = " + b"9" * 400, "energy.add_8b_pj must be a finite number, not 9+..."),
        (b'memory = ["ideal"]', r"unknown value of memory \"\['ideal'\]\"; did you mean 'ideal'\?"),
    ],
)
def test_a_file_of_settings_that_is_none_is_refused(
    refused: Callable[..., str], place: Path, text: bytes, says: str
) -> None:
    (place / "small.toml").write_bytes(text)
    message = refused("run", "small.json", "--config", "small.toml")
    assert re.fullmatch(f"tandem: {says}\n", message), message


@pytest.mark.parametrize(
    "path, says", [("no.toml", "No such file or directory"), (".", "Is a directory"), ("", "Is a directory")]
)
def test_a_file_of_settings_that_cannot_be_read_is_named(
    refused: Callable[..., str], path: str, says: str
) -> None:
    message = refused("run", "small.json", "--config", path)
    assert message == f"tandem: cannot read the config file {path or '.'}: {says}\n"


def test_everything_that_is_wrong_is_said_at_once(refused: Callable[..., str]) -> None:
    words = ("rows=0", "cols=-1", "foo=2", "clock_hz=3", "key_scratchpad.banks=0")
    message = refused("run", "small.json", *(part for word in words for part in ("--set", word)))
    for says in ("array.rows must be", "array.cols must be", "key 'foo'", "key_scratchpad.banks must be"):
        assert says in message, message


def test_what_is_wrong_in_one_section_is_said_at_once_too(refused: Callable[..., str]) -> None:
    words = ("rows=0", "cols=33", "array.exp_latency=0", "dram.channels=3", "dram.read_queue=0")
    message = refused("run", "small.json", *(part for word in words for part in ("--set", word)))
    for says in ("array.rows must be", "array.cols must be a multiple", "array.exp_latency must be"):
        assert says in message, message
    assert "dram.channels must be a power" in message and "dram.read_queue must be" in message


def test_what_a_message_says_to_set_is_enough(refused: Callable[..., str], command: Any, place: Path) -> None:
    """For an array whose widths are set to what the preset's array needs, and so do not follow."""
    wanted = {"cols": 512, "array.head_dim": 1024, "numerics.score.width": 18, "numerics.row_sum.width": 19}
    wanted |= {"numerics.renormalise_at": 8}
    wanted |= {f"numerics.deferred.{name}.width": 24 for name in ("psum", "merge", "global_merge")}

    def words(settings: dict[str, int]) -> list[str]:
        return [word for key, value in settings.items() for word in ("--set", f"{key}={value}")]

    message = refused("run", "small.json", *words(wanted))
    assert " must be at least " in message
    asked = re.findall(r"(numerics[\w.]+) (\d+)", message.replace(" must be at least ", " "))
    assert len(asked) >= 5
    remedy = wanted | {key: int(least) for key, least in asked}
    assert command("run", "small.json", *words(remedy), "--quiet").err == ""
    for key, _ in asked:  # and none of it is too much
        assert key in refused("run", "small.json", *words(remedy | {key: wanted[key]}))


@pytest.mark.parametrize(
    "words, says",
    [
        (("rows=8", "rows=16"), "--set 'rows' is given twice"),
        (("rows=8", "array.rows=16"), "rows and array.rows are one field; set only one of them"),
        (("memory=hbm2", "memory=ideal"), "--set 'memory' is given twice"),
    ],
)
def test_a_field_that_is_set_twice_is_refused(
    refused: Callable[..., str], words: tuple[str, ...], says: str
) -> None:
    message = refused("run", "small.json", *(part for word in words for part in ("--set", word)))
    assert message == f"tandem: {says}\n"


def test_tables_in_tables_without_end_are_refused(refused: Callable[..., str], place: Path) -> None:
    (place / "deep.toml").write_text(".".join("a" * 1000) + " = 1\n")
    message = refused("run", "small.json", "--config", "deep.toml")
    assert message.startswith("tandem: unknown config key 'a.a.a.") and len(message) <= 300


@pytest.mark.parametrize("path", ["/dev/zero", "pipe", "large.toml", "large.json"])
def test_only_a_regular_file_of_some_size_is_read(
    refused: Callable[..., str], place: Path, path: str
) -> None:
    os.mkfifo(place / "pipe")
    (place / "large.toml").write_bytes(b"#" * (2**20 + 1))
    (place / "large.json").write_bytes(b"[]" + b" " * (2**23 - 1))
    message = refused("run", "small.json", "--config", path)
    rule = f"it must be a regular file of at most {8 if path == 'large.json' else 1} MiB"
    assert message == f"tandem: cannot read the config file {path}: {rule}\n"


@pytest.mark.slow
@pytest.mark.parametrize("preset", ["salo", "salo-dac22"])
def test_every_number_of_every_format_runs_or_is_refused_in_one_line(place: Path, preset: str) -> None:
    chance = random.Random(preset)
    fields = [name for name, _, kind in fields_of(SALO.numerics, "numerics.") if kind is int]
    assert len(fields) > 25
    ran = 0
    for name in fields:
        for value in chance.sample([-1, *range(33), 40, 62, 63, 64, 100, 4096, 2**31, 10**30], 8):
            request = Request(
                workload="small.json", preset=preset, settings={name: str(value)}, functional=True
            )
            try:
                simulate(request)
                ran += 1
            except UserError as error:
                line = one_line("tandem", str(error))
                assert len(line) <= 300 and not re.search(r"Salo|Fixed|Config", line), (name, value)
    assert ran > len(fields)
