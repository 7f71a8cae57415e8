"""``sim compare``: every combination runs as it would alone, and what is wrong is said before any of them."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import msgspec
import pytest

from tandemsim.sim import run as runs
from tandemsim.sim.arch.checks import ConfigError
from tandemsim.sim.comparison.schema import comparison_schema
from tandemsim.sim.machines.salo.machine import Salo
from tandemsim.traces import codec
from tandemsim.traces.schema import Trace
from tandemsim.traces.validate import seal

ROOT = Path(__file__).parents[2]
SCHEMA = jsonschema.Draft202012Validator(comparison_schema())
FIGURES = (
    "cycles",
    "seconds",
    "utilization",
    "stall_cycles",
    "area_mm2",
    "area_estimate_mm2",
    "config_digest",
    "settings",
    "preset",
)


@pytest.fixture
def compared(command: Any, place: Path) -> Any:
    """A function: the JSON of a comparison."""

    def run(*arguments: object) -> Any:
        answer = command("compare", *arguments, "--json", "-")
        assert (answer.code, answer.err) == (0, "")
        SCHEMA.validate(answer.json)
        return answer.json

    return run


@pytest.fixture
def alone(command: Any, place: Path) -> Any:
    """A function: the figures of a single run."""

    def run(*arguments: object) -> Any:
        found = command("run", "small.json", *arguments, "--json", "-").json
        return {name: found[name] for name in FIGURES}

    return run


@pytest.fixture
def never(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is simulated."""

    def simulated(*arguments: object) -> Any:
        raise AssertionError("a run began")

    monkeypatch.setattr(runs, "simulate", simulated)


def figures(document: Any) -> dict[str, Any]:
    return {run["label"]: {name: run[name] for name in FIGURES} for run in document["runs"]}


def test_every_combination_has_the_figures_that_it_has_alone(compared: Any, alone: Any) -> None:
    found = compared("small.json", "--vary", "memory=ideal,hbm2", "--vary", "rows=8,16")
    assert figures(found) == {
        f"memory={memory} rows={rows}": alone("--set", f"memory={memory}", "--set", f"rows={rows}")
        for memory in ("ideal", "hbm2")
        for rows in (8, 16)
    }


def test_presets_stand_side_by_side(compared: Any, alone: Any) -> None:
    found = compared("small.json", "--presets", "salo,salo-dac22", "--machines", "salo", "--vary", "rows=16")
    assert figures(found) == {
        preset: alone("--preset", preset, "--set", "rows=16") for preset in ("salo", "salo-dac22")
    }


def test_all_runs_have_the_batch_that_is_given(compared: Any, alone: Any) -> None:
    found = compared("small.json", "--presets", "salo,salo-dac22", "--batch", 2)
    assert {run["batch"] for run in found["runs"]} == {2}
    assert figures(found) == {
        preset: alone("--preset", preset, "--batch", 2) for preset in ("salo", "salo-dac22")
    }


def test_a_machine_that_takes_no_batch_is_refused_before_any_run(
    refused: Any, never: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Salo, "takes", frozenset({"explain"}))
    message = (
        "tandem: small.json with rows=8: salo does not take --batch (batch= in Python); it takes --explain\n"
    )
    assert refused("compare", "small.json", "--vary", "rows=8,16", "--batch", "2") == message


def test_each_of_several_operand_widths_has_the_figures_that_it_has_alone(
    compared: Any, command: Any, place: Path, small: Trace
) -> None:
    def alone(bits: str) -> dict[str, Any]:
        found = command("run", "gemm.json", "--bits", bits, "--json", "-").json
        return {name: found[name] for name in ("cycles", "preset", "config_digest")}

    gemm = seal(source=small.source, tensors=small.tensors[:3], ops=small.ops[:1])
    codec.save(gemm, place / "gemm.json")
    found = compared("gemm.json", "--bits", "4,8")
    for run in found["runs"]:
        assert alone(run["label"].removeprefix("bits=")).items() <= run.items()
    assert len({run["cycles"] for run in found["runs"]}) == 2
    assert len(found["groups"]) == 1
    shared = command("compare", "gemm.json", "--bits", "8", "--presets", "ant,ant-micro22").text
    assert "operand widths in all runs: 8\n" in shared


def test_configs_are_files_of_settings_dumps_or_reports(
    compared: Any, alone: Any, command: Any, place: Path
) -> None:
    (place / "a.toml").write_text("[array]\nrows = 16\n")
    dump = command("run", "--dump-config", "--preset", "salo-dac22", "--set", "cols=16")
    (place / "b.toml").write_bytes(dump.out)
    command("run", "small.json", "--set", "memory=hbm2", "--json", "c.json")
    found = compared("small.json", "--configs", "a.toml,b.toml,c.json")
    assert figures(found) == {
        "a": alone("--config", "a.toml"),
        "b": alone("--config", "b.toml"),
        "c": alone("--config", "c.json"),
    }


def test_workloads_are_compared_each_with_itself(compared: Any, place: Path, small: Trace) -> None:
    other = msgspec.structs.replace(small.source, model="other")
    codec.save(seal(source=other, tensors=small.tensors, ops=small.ops), place / "other.json")
    found = compared("small.json", "other.json", "--vary", "rows=8,16")
    assert [run["name"] for run in found["runs"]] == [
        f"{workload}, rows={rows}" for workload in ("small", "other") for rows in (8, 16)
    ]
    assert [group["runs"] for group in found["groups"]] == [[0, 1], [2, 3]]


def test_the_same_command_gives_the_same_bytes_and_every_file(command: Any, place: Path) -> None:
    arguments = ("compare", "small.json", "--vary", "rows=8,16")
    answers = [command(*arguments, "--out", name, "--json", f"{name}.json") for name in "ab"]
    assert [answer.code for answer in answers] == [0, 0]
    assert answers[0].text.splitlines()[-1] == "written to a: open comparison.html"
    assert answers[0].text.replace("to a:", "to b:") == answers[1].text
    files = {path.name: path.read_bytes() for path in (place / "a").iterdir()}
    assert files == {path.name: path.read_bytes() for path in (place / "b").iterdir()}
    assert files["comparison.json"] == (place / "a.json").read_bytes() == (place / "b.json").read_bytes()
    assert command(*arguments, "--json", "-").out == files["comparison.json"]
    assert command(*arguments, "--quiet").out == b""


@pytest.mark.usefixtures("never")
@pytest.mark.parametrize(
    "arguments, message",
    [
        (("small.json",), "there is nothing to compare in a single run; give more workloads, --machines,"),
        (("small.json", "--vary", "rows=8"), "there is nothing to compare in a single run"),
        (("small.json", "small.json"), "the list of workloads has 'small.json' twice"),
        (("smal.json", "small.json"), "smal.json: "),
        (("longfomer", "small.json"), "did you mean 'longformer'"),
        (
            ("small.json", "--machines", "salt,salo"),
            "unknown machine 'salt'; did you mean 'salo', 'ant' or 'ant+salo'?",
        ),
        (("small.json", "--machines", "salo,salo"), "--machines has 'salo' twice"),
        (("small.json", "--machines", ""), "--machines takes names with commas between, not ''"),
        (("small.json", "--presets", "salo,,x"), "--presets takes names with commas between, not 'salo,,x'"),
        (
            ("small.json", "--presets", "salo,salo-dac2"),
            "small.json on salo-dac2: unknown preset of salo 'salo-dac2'; did you mean 'salo-dac22'",
        ),
        (("small.json", "--configs", "a.toml,b.toml"), "cannot read the config file a.toml: No such file"),
        (("small.json", "--vary", "rows"), "--vary takes key=value,value, not 'rows'"),
        (("small.json", "--vary", "rows="), "--vary takes key=value,value, not 'rows='"),
        (("small.json", "--vary", "rows=8,8"), "--vary rows has '8' twice"),
        (("small.json", "--vary", "rows=8", "--vary", "rows=16"), "--vary has 'rows' twice"),
        (
            ("small.json", "--vary", "machine=salo,salt"),
            "--vary takes config fields, not 'machine'; give --machines",
        ),
        (("small.json", "--vary", "bits=4,8"), "--vary takes config fields, not 'bits'; give --bits"),
        (("small.json", "--bits", "4,"), "--bits takes names with commas between, not '4,'"),
        (
            ("small.json", "--machines", "ant", "--bits", "4,5"),
            "small.json with bits=5: unknown list of bits '5'; known: 4, 6, 8, ",
        ),
        (
            ("small.json", "--machines", "ant", "--bits", "8,trace"),
            "small.json with bits=trace: --bits trace takes what a trace states of its tensors, and ",
        ),
        (
            ("small.json", "--bits", "4,8"),
            "small.json with bits=4: salo does not take --bits (bits= in Python",
        ),
        (
            ("small.json", "--vary", "rows=8,16", "--vary", "array.rows=8"),
            "small.json with rows=8: rows and array.rows are one field; set only one of them",
        ),
        (
            ("small.json", "--vary", "rowz=8,16"),
            "small.json with rowz=8: unknown config key 'rowz'; did you mean 'rows'?",
        ),
        (
            ("small.json", "--vary", "rows=8,0"),
            "small.json with rows=0: array.rows must be a positive integer, not 0",
        ),
        (
            ("small.json", "--vary", "rows=8,0x8"),
            "'small.json with rows=8' and 'small.json with rows=0x8' are the same run",
        ),
        (
            ("small.json", "--presets", "a,b,c", "--vary", f"rows={','.join(map(str, range(1, 31)))}"),
            "a comparison must be of at most 64 runs, not 3 presets x 30 values of rows = 90",
        ),
        (("small.json", "--vary", "rows=8,16", "--json", "no/c.json"), "cannot write 'no/c.json'"),
        (("small.json", "--vary", "rows=8,16", "--out", "small.json"), "an output folder must be a folder"),
        (("small.json", "--vari", "rows=8,16"), "unknown option '--vari'; did you mean '--vary'"),
        ((), "the following arguments are required: WORKLOAD"),
    ],
)
def test_a_mistake_is_one_line_before_any_run(refused: Any, arguments: tuple[str, ...], message: str) -> None:
    assert message in refused("compare", *arguments)


def test_a_run_that_the_machine_refuses_is_named_and_nothing_is_written(refused: Any) -> None:
    arguments = ("--vary", "global_scratchpad.capacity_bytes=32768,64")
    message = refused("compare", "small.json", *arguments, "--out", "out", "--json", "c.json")
    assert message.startswith("tandem: small.json with global_scratchpad.capacity_bytes=64: ")


def test_a_trace_that_a_machine_runs_nothing_of_is_refused_before_any_run(
    refused: Any, never: None, place: Path, small: Trace
) -> None:
    gemm = seal(source=small.source, tensors=small.tensors[:3], ops=small.ops[:1])
    codec.save(gemm, place / "gemm.json")
    said = refused("compare", "small.json", "gemm.json", "--machines", "salo")
    rule = "salo runs attention, window_attention ops, and the trace has none; try another machine"
    assert said == f"tandem: gemm.json on salo: {rule}\n"


def test_files_of_one_name_are_told_apart(compared: Any, place: Path, small: Trace) -> None:
    (place / "b").mkdir()
    other = msgspec.structs.replace(small.source, model="other")
    codec.save(seal(source=other, tensors=small.tensors, ops=small.ops), place / "b" / "small.json")
    found = compared("small.json", "b/small.json", "--vary", "rows=8,16")
    assert [run["name"] for run in found["runs"]] == ["rows=8", "rows=16", "rows=8 (2)", "rows=16 (2)"]


def test_one_trace_under_two_names_is_the_same_run(refused: Any, place: Path) -> None:
    (place / "copy.json").write_bytes((place / "small.json").read_bytes())
    said = refused("compare", "small.json", "copy.json")
    assert said == "tandem: 'small.json on salo' and 'copy.json on salo' are the same run\n"


def test_help_names_every_option(command: Any) -> None:
    answer = command("compare", "--help")
    assert answer.code == 0
    for option in ("--machines", "--presets", "--configs", "--vary", "--bits", "--out", "--json", "--quiet"):
        assert option in answer.text


def test_a_name_that_is_no_utf_8_is_replaced(command: Any, place: Path) -> None:
    for name in (b"a\xff.toml", b"b\xff.toml"):
        (Path(place) / name.decode("utf-8", "surrogateescape")).write_text(f"[array]\nrows = {name[0]}\n")
    answer = command("compare", "small.json", "--configs", "a\udcff.toml,b\udcff.toml", "--json", "-")
    assert [run["label"] for run in json.loads(answer.out)["runs"]] == ["a\ufffd", "b\ufffd"]


def test_the_commands_of_the_page_are_valid_and_its_output_is_what_is_printed(
    command: Any, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    page = (ROOT / "docs" / "compare.md").read_text()
    (place / "small.toml").write_text("array.rows = 16\n")
    (place / "large.toml").write_text("array.rows = 32\n")
    shown = page.partition("    $ python -m sim compare ")[2].partition("\n\n")[0].splitlines()
    printed = command("compare", *shown[0].split()).text.splitlines()
    assert [line.strip() for line in shown[1:] if "..." not in line and line[4:] not in printed] == []
    asked = re.findall(r"^    python -m sim compare (.*)$", page, re.MULTILINE)
    assert len(asked) > 2

    def begun(*arguments: object) -> Any:
        raise ConfigError("it begins")

    monkeypatch.setattr(runs, "simulate", begun)
    for words in asked:
        assert command("compare", *words.split()).err.endswith(": it begins\n")
