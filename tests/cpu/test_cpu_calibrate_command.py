"""``tandem calibrate``: this machine measured, the preset that it writes; the profile beside the model."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tandemsim.sim.__main__ import main
from tandemsim.sim.arch.checks import ConfigError
from tandemsim.sim.arch.cpu.family import CPU_FAMILY
from tandemsim.sim.arch.cpu.presets import THREADRIPPER_3990X
from tandemsim.sim.arch.cpu.this_machine import SCHEMA, measured_path
from tandemsim.sim.cpu.measure import (
    Measurement,
    caches,
    clock_hz,
    listed,
    measured,
    require_steady,
    settings_of,
)

EVERY = [
    Measurement("rate of products", 50e9, "MAC/s", 0.01),
    Measurement("bandwidth of the DRAM", 2e10, "bytes/s", 0.02),
    Measurement("latency of the DRAM", 9e-8, "s", 0.03),
    Measurement("fork and join of a region", 2e-5, "s", 0.04),
    Measurement("start of a thread", 3e-5, "s", 0.05),
]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TANDEM_CONFIG_DIR", str(tmp_path / "of-user"))
    return tmp_path


def test_without_a_measurement_the_preset_says_how_to_make_one() -> None:
    with pytest.raises(ConfigError, match="this-machine has not been measured yet; .*make calibrate-cpu"):
        CPU_FAMILY.config("this-machine", {})


def test_what_was_measured_is_the_preset(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from tandemsim.sim.cpu import measure

    monkeypatch.setattr(measure, "measure", lambda told: EVERY)
    assert main(["calibrate", "--quiet"]) == 0
    config = CPU_FAMILY.config("this-machine", {})
    constants = config.constants
    assert constants.dram_bytes_per_second == pytest.approx(2e10, rel=1e-6)
    assert (
        config.cores * config.team.thread_seconds == pytest.approx(2e-5)
        and config.dram_latency_seconds == 9e-8
    )
    peak = config.cores * config.core.macs_per_cycle * config.clock_hz
    assert peak * config.rates.efficiency * config.rates.whole_rows == pytest.approx(50e9)
    assert json.loads(measured_path().read_text())["schema"] == SCHEMA
    assert main(["run", "bert-base-128", "--preset", "this-machine", "--quiet"]) == 0


def test_repeats_that_differ_give_no_verdict_and_no_file(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from tandemsim.sim.cpu import measure

    noisy = [*EVERY[:2], EVERY[2]._replace(spread=0.5), *EVERY[3:]]
    monkeypatch.setattr(measure, "measure", lambda told: noisy)
    assert main(["calibrate", "--quiet"]) == 2
    said = capsys.readouterr().err
    assert said.startswith("tandem: the latency of the DRAM must repeat within 20%, not 50%; ")
    assert said.count("\n") == 1 and not measured_path().exists()
    require_steady(noisy, 0.6)


@pytest.mark.parametrize(
    "text, says",
    [
        ("{", "is not a readable JSON file"),
        ("[]", f"must be of schema {SCHEMA}, not None"),
        ('{"schema": "x", "settings": {}}', "not 'x'"),
        (json.dumps({"schema": SCHEMA, "settings": {"coras": 2}}), "unknown config key 'coras'"),
        (json.dumps({"schema": SCHEMA, "settings": {"cores": 0}}), "cores must be a positive integer, not 0"),
    ],
)
def test_a_file_that_is_not_what_was_written_is_refused(text: str, says: str) -> None:
    measured_path().parent.mkdir()
    measured_path().write_text(text)
    with pytest.raises(ConfigError) as caught:
        CPU_FAMILY.config("this-machine", {})
    assert says in str(caught.value)


def test_a_measurement_is_the_median_and_its_spread_the_middle_half() -> None:
    values = iter([99.0, 5.0, 1.0, 2.0, 3.0, 4.0, 9.0, 100.0])
    found = measured("time", "s", lambda: next(values), 7)
    assert found.value == 4.0 and found.spread == pytest.approx((9.0 - 2.0) / 4.0)


def test_caches_and_clock_are_read_as_linux_states_them(folder: Path) -> None:
    for number, level, size, shared in (
        (0, "1", "32K", "0"),
        (2, "2", "1024K", "0"),
        (3, "3", "32M", "0-3,8-9"),
    ):
        place = folder / f"index{number}"
        place.mkdir()
        for name, text in (("level", level), ("size", size), ("shared_cpu_list", shared)):
            (place / name).write_text(f"{text}\n")
    l2, l3, sharing = caches(folder)
    assert (l2, l3) == (1024 * 1024, 32 * 1024 * 1024) and sharing >= 1
    assert listed("0-3,8-9") == 6 and listed("5") == 1
    (folder / "cpuinfo").write_text("cpu MHz\t: 2445.427\nflags\t: x\ncpu MHz\t: 3250.0\n")
    assert clock_hz(folder / "cpuinfo") == 3_250_000_000
    assert caches(folder / "none")[:2] == (512 * 1024, 16 * 1024 * 1024)


def test_settings_of_a_measurement_make_a_config() -> None:
    found = settings_of(EVERY, THREADRIPPER_3990X.rates.whole_rows)
    assert found["team.join_seconds"] == 3e-5 and found["dram.bandwidth_bytes_per_second"] == 2 * 10**10


def test_the_profile_is_shown_beside_two_constants(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plot = folder / "plot.png"
    assert (
        main(["calibrate", "--profile", "veltair", "--plot", str(plot), "--json", str(folder / "x.json")])
        == 0
    )
    said = capsys.readouterr().out
    assert "53 layers of 23 shapes" in said and "two constants" in said
    assert plot.read_bytes().startswith(b"\x89PNG")
    found = json.loads((folder / "x.json").read_text())
    assert found["held_out"]["median_error"] <= 0.10 < found["held_out"]["two_constants"]
    assert set(found["model"]["totals"]) == {"8", "16", "24", "32", "40", "48", "56"}


@pytest.mark.parametrize(
    "arguments, says",
    [
        (["--profile", "no.csv"], "no.csv is not a readable text file"),
        (["--plot", "x.png"], "--plot must be asked of a profile"),
        (["--tolerance", "0"], "--tolerance must be a positive number"),
        (["--profile", "veltair", "--preset", "nope"], "unknown preset of cpu 'nope'"),
    ],
)
def test_a_wrong_option_is_one_line(
    arguments: list[str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["calibrate", *arguments]) == 2
    said = capsys.readouterr().err
    assert says in said and said.count("\n") == 1
