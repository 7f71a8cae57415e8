"""``sim run``: each option of the contract does what it says, and what is printed can be relied on."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import jsonschema
import pytest

from tandemsim.sim.arch.checks import digest
from tandemsim.sim.arch.families import FAMILIES
from tandemsim.sim.arch.salo.presets import SALO, SALO_DAC22
from tandemsim.traces import codec
from tandemsim.traces.schema import Trace

ROOT = Path(__file__).parents[2]
SCHEMA = jsonschema.Draft202012Validator(json.loads((ROOT / "docs" / "report.schema.json").read_text()))

# The options of the contract, typed from it.
OPTIONS = ("--machine", "--preset", "--set", "--batch", "--out", "--json", "--timeline", "--functional")
OPTIONS += (
    "--seed",
    "--quiet",
    "--config",
    "--dump-config",
    "--pattern",
    "--heads",
    "--head-dim",
    "--global-tokens",
    "--only",
)


@pytest.fixture
def report(command: Any, place: Path) -> Any:
    """A function: the JSON of a run of the small trace."""

    def run(*options: object) -> Any:
        answer = command("run", "small.json", *options, "--json", "-")
        assert (answer.code, answer.err) == (0, "")
        return answer.json

    return run


@pytest.mark.parametrize(
    "options",
    [
        (),
        ("--quiet",),
        ("--batch", 3),
        ("--functional", "--seed", 4),
        ("--preset", "salo-dac22"),
        ("--set", "memory=ideal", "--timeline", "t.json"),
    ],
)
def test_with_a_dash_stdout_holds_the_json_alone_and_it_validates(report: Any, options: Any) -> None:
    SCHEMA.validate(report(*options))


def test_cycles_are_compute_and_stalls_in_every_op_and_in_total(report: Any) -> None:
    found = report()
    for part in (found, *found["ops"]):
        assert part["cycles"] == part["compute_cycles"] + sum(part["stall_cycles"].values())
    assert len(found["ops"]) == 2
    starts = [(op["start_cycle"], op["start_cycle"] + op["cycles"]) for op in found["ops"]]
    assert starts[0][0] == 0 and starts[0][1] == starts[1][0] and starts[1][1] == found["cycles"]


def test_macs_and_utilization_are_those_of_what_ran(report: Any, small: Trace) -> None:
    found = report()
    ran = {op.name: op.macs for op in small.ops if op.kind == "window_attention"}
    assert {op["name"]: op["macs"] for op in found["ops"]} == ran
    assert found["macs"] == sum(ran.values())
    multipliers = 32 * 32 + 32 + 32
    assert found["utilization"] == pytest.approx(found["macs"] / (found["cycles"] * multipliers), rel=1e-12)
    for op in found["ops"]:
        assert op["utilization"] == pytest.approx(op["macs"] / (op["cycles"] * multipliers), rel=1e-12)


def test_every_op_of_the_trace_ran_or_is_said_not_to_have(report: Any, small: Trace) -> None:
    found = report()
    assert [op["name"] for op in found["ops"]] == ["layer.0.attention", "layer.1.attention"]
    left = [(op.name, op.kind, op.macs) for op in small.ops if op.kind != "window_attention"]
    assert [(op["name"], op["kind"], op["macs"]) for op in found["not_run"]] == left
    assert all(op["reason"] for op in found["not_run"])
    assert found["macs"] + sum(op["macs"] for op in found["not_run"]) == small.macs


def test_a_batch_is_so_many_times_the_work(report: Any, small: Trace) -> None:
    one, three = report(), report("--batch", 3)
    assert three["macs"] == 3 * one["macs"]
    assert three["macs"] + three["macs_not_run"] == 3 * small.macs
    assert [op["tiles"] for op in three["ops"]] == [3 * op["tiles"] for op in one["ops"]]
    assert three["dram"]["useful_read_bytes"] == 3 * one["dram"]["useful_read_bytes"]
    for op in (*one["ops"], *three["ops"]):
        # A pass on heads of 16 is 16 + 2 + 16 cycles, one flush between two; the last drains and merges.
        assert op["compute_cycles"] == 34 * op["tiles"] + (op["tiles"] - 1) + 32 + 1


def test_a_run_names_what_it_is_a_run_of(report: Any, small: Trace) -> None:
    found = report()
    assert (found["schema"], found["workload"]) == ("tandem-report/1", "small")
    assert (found["machine"], found["preset"]) == ("salo", "salo")
    assert found["trace_digest"] == small.digest
    assert found["config_digest"] == digest(SALO)
    assert found["seconds"] == found["cycles"] / found["clock_hz"]


def test_machine_and_preset_are_the_defaults_when_named(report: Any) -> None:
    assert report("--machine", "salo", "--preset", "salo") == report()
    assert report("--preset", "salo-dac22")["config_digest"] == digest(SALO_DAC22)


def test_a_stored_trace_runs_by_its_name_and_a_file_by_its_path(command: Any, tmp_path: Path) -> None:
    by_name = command("run", "vil-tiny", "--json", "-").json
    codec.save(codec.load(codec.find("vil-tiny")), tmp_path / "mine.json.gz")
    by_path = command("run", tmp_path / "mine.json.gz", "--json", "-").json
    assert (by_name.pop("workload"), by_path.pop("workload")) == ("vil-tiny", "mine")
    assert by_name == by_path


@pytest.mark.parametrize(
    "short, dotted",
    [
        ("rows=16", "array.rows=16"),
        ("cols=0x10", "array.cols=16"),
        ("schedule=drain", "array.overlap=drain"),
    ],
)
def test_short_names_stand_for_dotted_ones(report: Any, short: str, dotted: str) -> None:
    found = report("--set", short)
    assert found == report("--set", dotted)
    assert found["config_digest"] != digest(SALO)


def test_memory_and_numerics_put_whole_sections_in_place(report: Any) -> None:
    found = report("--set", "memory=hbm2", "--set", "numerics=wide")
    assert found["config"]["dram"]["standard"]["name"].startswith("hbm2")
    assert found["config"]["numerics"]["storage_width"] > report()["config"]["numerics"]["storage_width"]


def test_fields_of_a_section_are_set_after_it_in_any_order(report: Any) -> None:
    first = report("--set", "memory=hbm2", "--set", "dram.channels=2")
    assert first == report("--set", "dram.channels=2", "--set", "memory=hbm2")
    dram = first["config"]["dram"]
    assert (dram["channels"], dram["standard"]["burst_bytes"]) == (2, 32)


def test_a_file_of_settings_goes_before_the_command_lines(report: Any, place: Path) -> None:
    (place / "small.toml").write_bytes(b'memory = "ideal"\r\n[array]\r\nrows = 16\r\ncols = 8\r\n')
    found = report("--config", "small.toml", "--set", "cols=16")
    assert found == report("--set", "memory=ideal", "--set", "rows=16", "--set", "cols=16")


def leaves(config: Any, prefix: str = "") -> Any:
    """Every field of a config in JSON, by its dotted name, as ``--set`` takes its value."""
    for name, value in config.items():
        if isinstance(value, dict):
            yield from leaves(value, f"{prefix}{name}.")
        else:
            listed = ",".join(map(str, value)) if isinstance(value, list) else str(value)
            yield prefix + name, listed


@pytest.mark.parametrize("preset", ["salo", "salo-dac22"])
def test_every_field_that_a_report_shows_can_be_set(report: Any, preset: str) -> None:
    shown = report("--preset", preset)
    fields = dict(leaves(shown["config"]))
    assert len(fields) > 150
    machine = FAMILIES["salo"]
    for name, value in fields.items():
        assert digest(machine.config(preset, {name: value})) == shown["config_digest"], name
    assert digest(machine.config(preset, fields)) == shown["config_digest"]


def test_a_seed_changes_values_and_not_cycles(report: Any) -> None:
    one, other = report("--functional", "--seed", 1), report("--functional", "--seed", 2)
    assert one["functional"] != other["functional"] and (one["seed"], other["seed"]) == (1, 2)
    assert one["ops"] == other["ops"]
    assert one == report("--functional", "--seed", 1)


def test_without_options_the_report_is_text(command: Any, place: Path) -> None:
    answer = command("run", "small.json")
    assert (answer.code, answer.err) == (0, "")
    assert (
        answer.text.startswith("small on salo, preset salo")
        and max(map(len, answer.text.splitlines())) <= 100
    )
    assert "cold fill" in answer.text and "SALO computes attention only" in answer.text


def test_every_form_of_the_report_says_what_was_set(command: Any, report: Any, place: Path) -> None:
    (place / "more.toml").write_text("[dram]\nchannels = 2\n")
    given = ("--config", "more.toml", "--set", "rows=16", "--set", "memory=hbm2")
    shown = "array.rows=16 dram.channels=2 memory=hbm2"
    assert command("run", "small.json", *given, "--out", "out").text.splitlines()[1] == f"with {shown}"
    assert f"Preset salo with {shown}." in (place / "out" / "report.html").read_text()
    assert report(*given)["settings"] == {"array.rows": 16, "dram.channels": 2, "memory": "hbm2"}
    assert report()["settings"] == {}


def test_quiet_says_nothing(command: Any, place: Path) -> None:
    answer = command("run", "small.json", "--quiet", "--out", "out")
    assert (answer.code, answer.out, answer.err) == (0, b"", "")


def test_text_goes_with_a_file_of_json(command: Any, place: Path) -> None:
    answer = command("run", "small.json", "--json", "report.json")
    assert answer.text == command("run", "small.json").text
    assert (place / "report.json").read_bytes() == command("run", "small.json", "--json", "-").out


def test_the_same_run_gives_the_same_bytes(command: Any, process: Any, place: Path) -> None:
    arguments = ("run", "small.json", "--functional", "--json", "-", "--timeline")
    here = command(*arguments, "here.json.gz", "--out", "here")
    again = command(*arguments, "again.json.gz", "--out", "again")
    elsewhere = {"PYTHONHASHSEED": "7", "TZ": "Asia/Tokyo", "MALLOC_PERTURB_": "165"}
    apart = process(*arguments, "apart.json.gz", "--out", "apart", env=elsewhere)
    assert here.out == again.out == apart.stdout and here.out
    assert (place / "here.json.gz").read_bytes() == (place / "apart.json.gz").read_bytes()
    names = {path.name for path in (place / "here").iterdir()}
    assert {"report.json", "ops.parquet", "timeline.json.gz", "report.html"} < names
    for name in names:
        assert (place / "here" / name).read_bytes() == (place / "again" / name).read_bytes(), name
        assert (place / "here" / name).read_bytes() == (place / "apart" / name).read_bytes(), name


def test_plain_python_gives_the_same_bytes_as_the_compiler(command: Any, process: Any, place: Path) -> None:
    arguments = ("run", "small.json", "--set", "rows=16", "--json", "-")
    plain = process(*arguments, env={"NUMBA_DISABLE_JIT": "1"})
    assert plain.stdout == command(*arguments).out and plain.returncode == 0


def test_help_of_run_names_every_option_and_says_a_word_about_it(command: Any) -> None:
    answer = command("run", "--help")
    assert (answer.code, answer.err) == (0, "")
    entries = re.split(r"\n(?=  -)", answer.text)
    for option in OPTIONS:
        (entry,) = [entry for entry in entries if entry.startswith(f"  {option} ")]
        assert len(re.findall(r"\b[a-z]{2,}\b", entry.replace(option, ""))) >= 3, entry


def test_help_of_the_program_names_its_commands_with_examples_that_parse(command: Any, place: Path) -> None:
    text = command("--help").text
    assert all(re.search(rf"^    {name}\s", text, re.MULTILINE) for name in ("run", "list", "reproduce"))
    examples = re.findall(r"^  tandem (run .*?)(?:   .*)?$", text, re.MULTILINE)
    assert len(examples) >= 4
    for example in examples:
        words = ["small.json" if word == "my_model.json" else word for word in example.split()]
        kept = [word for word in words if word not in ("--functional", "my_tensors.npz")]
        assert command(*kept).code == 0, example


def test_version_is_that_of_the_reports(command: Any, report: Any) -> None:
    assert command("--version").text == f"tandemsim {report()['version']}\n"


@pytest.mark.parametrize("name", ["run", "list", "reproduce"])
def test_help_takes_a_command(command: Any, name: str) -> None:
    assert command("--help", name) == command(name, "--help")


def test_help_shows_the_glossary(command: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    words = SimpleNamespace(glossary_text=lambda width: f"words in {width} columns")
    monkeypatch.setitem(sys.modules, "tandemsim.sim.report.glossary", words)
    monkeypatch.setenv("COLUMNS", "70")
    answer = command("--help", "glossary")
    assert (answer.code, answer.text, answer.err) == (0, "words in 70 columns\n", "")


def test_help_of_what_is_not_there_names_the_nearest(refused: Any) -> None:
    says = "tandem: unknown help topic 'glosary'; did you mean 'glossary'?; see tandem --help\n"
    assert refused("--help", "glosary") == says
