"""``--dump-config`` and ``--config`` of a report: the same run again, to the last byte of its report."""

from __future__ import annotations

import json
import random
import tomllib
from pathlib import Path
from typing import Any

import pytest

from tandemsim.sim.arch.checks import ConfigError
from tandemsim.sim.arch.families import FAMILIES
from tandemsim.sim.arch.salo.family import SALO_FAMILY
from tandemsim.sim.arch.salo.presets import SALO
from tandemsim.sim.arch.settings import fields_of

PRESETS = ("salo", "salo-dac22")


def some_settings(chance: random.Random, preset: str) -> list[str]:
    """Words of --set that this preset takes: catalogs, short names, fields of every type."""
    settings: dict[str, str] = {}
    if chance.random() < 0.5:
        settings["memory"] = chance.choice(["ideal", "hbm2", "ddr4-3200"])
    if chance.random() < 0.3:
        settings["numerics"] = "wide"
    settings[chance.choice(["rows", "array.rows"])] = str(chance.choice([8, 16, 32]))
    for name, value, kind in chance.sample(list(fields_of(SALO)), 8):
        if kind is float:
            settings[name] = repr(float(value) * chance.uniform(0.5, 1))
        elif kind is bool:
            settings[name] = chance.choice(["yes", "no"])
        elif kind is int and not name.startswith(("dram.standard", "numerics", "array", "clock")):
            settings[name] = str(int(value) * chance.choice([1, 2]))
    kept: dict[str, str] = {}
    for name, value in settings.items():
        try:
            FAMILIES["salo"].config(preset, kept | {name: value})
        except ConfigError:
            continue
        kept[name] = value
    return [part for name, value in kept.items() for part in ("--set", f"{name}={value}")]


@pytest.mark.parametrize("seed", range(12))
def test_a_dumped_config_and_a_report_give_the_same_report_again(
    command: Any, place: Path, seed: int
) -> None:
    chance = random.Random(seed)
    preset = chance.choice(PRESETS)
    words = ["--preset", preset, *some_settings(chance, preset)]
    first = command("run", "small.json", *words, "--json", "r.json")
    assert (first.code, first.err) == (0, "")
    dumped = command("run", *words, "--dump-config")
    assert (dumped.code, dumped.err) == (0, "")
    (place / "d.toml").write_bytes(dumped.out)
    for source in ("r.json", "d.toml"):
        again = command("run", "small.json", "--config", source, "--json", "-")
        assert again.out == (place / "r.json").read_bytes(), words
        assert command("run", "--config", source, "--dump-config").out == dumped.out


def test_a_dumped_config_holds_every_field(command: Any) -> None:
    found = tomllib.loads(command("run", "--dump-config", "--set", "rows=16").text)
    assert (found["machine"], found["preset"], found["settings"]) == ("salo", "salo", {"array.rows": 16})
    config = SALO_FAMILY.config("salo", {"rows": 16})
    for name, value, _ in fields_of(config):
        node = found["config"]
        for part in name.split("."):
            node = node[part]
        if isinstance(value, (int, float)):
            assert node == value and type(node) is type(value), name


def test_nothing_runs_where_a_config_is_dumped(command: Any, place: Path) -> None:
    assert command("run", "--dump-config", "--json", "r.json").code == 0
    assert not (place / "r.json").exists()


def test_what_the_command_line_says_wins_over_a_report(command: Any, place: Path) -> None:
    command("run", "small.json", "--preset", "salo-dac22", "--set", "rows=16", "--json", "r.json")
    again = command(
        *("run", "small.json", "--config", "r.json", "--set", "array.rows=8", "--set", "memory=hbm2"),
        *("--json", "-"),
    ).json
    assert again["preset"] == "salo-dac22" and again["config"]["array"]["rows"] == 8
    assert again["config"]["dram"]["standard"]["name"] == "HBM2" or "hbm2" in str(again["settings"])
    assert again["settings"] == {"array.rows": 8, "memory": "hbm2"}


def test_a_field_that_is_edited_in_a_dump_counts(command: Any, place: Path) -> None:
    text = command("run", "--dump-config", "--set", "rows=16").text
    (place / "d.toml").write_text(text.replace("\nrows = 16\n", "\nrows = 8\n"))
    found = command("run", "small.json", "--config", "d.toml", "--json", "-").json
    assert found["config"]["array"]["rows"] == 8 and found["settings"] == {"array.rows": 8}


def test_another_preset_than_the_reports_still_has_its_config(command: Any, place: Path) -> None:
    first = command("run", "small.json", "--set", "rows=8", "--json", "r.json")
    assert first.code == 0
    report = json.loads((place / "r.json").read_bytes())
    again = command("run", "small.json", "--config", "r.json", "--preset", "salo-dac22", "--json", "-").json
    assert again["preset"] == "salo-dac22"
    assert again["config_digest"] == report["config_digest"] and again["cycles"] == report["cycles"]


@pytest.mark.parametrize(
    "text, says",
    [
        ("{}", "x.json is not a report: it must have a section 'config'"),
        ("[]", "x.json is not a report: it must have a section 'config'"),
        ("{", "x.json is not JSON: "),
        ('{"config": {}, "config": {}}', "x.json is not JSON: a key stands twice in one object"),
        ("[" * 100_000, "x.json is not JSON: "),
        ('{"config": {"array": {"rows": 8}}}', "x.json with [config] must be a whole dump or report; "),
        (
            '{"machine": "salo", "preset": "salo", "settings": {}, "config": {"array": {"rowz": 8}}}',
            "unknown config key 'array.rowz'; did you mean 'array.rows'",
        ),
        (
            '{"machine": "x", "preset": "salo", "settings": {}, "config": {"clock_hz": 1}}',
            "unknown machine 'x'; known: ant, ant+salo, cpu, salo",
        ),
    ],
)
def test_a_file_that_is_no_report_is_refused(refused: Any, place: Path, text: str, says: str) -> None:
    (place / "x.json").write_text(text)
    assert refused("run", "small.json", "--config", "x.json").startswith(f"tandem: {says}")
