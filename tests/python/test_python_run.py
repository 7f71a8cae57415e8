"""`tandemsim.run`: the run of the command line, whatever it is handed, or one line that says why not."""

from __future__ import annotations

import dataclasses
import inspect
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

import tandemsim as ts
from tandemsim.sim.__main__ import main
from tandemsim.sim.arch.dram.standards import DRAMS
from tandemsim.sim.arch.salo.family import SALO_FAMILY
from tandemsim.traces import codec

PATTERN = ts.Pattern.longformer(96, 24)
SIZES: dict[str, Any] = {"heads": 2, "head_dim": 16}


def report_of(folder: Path, *arguments: object) -> bytes:
    """The report that the command line writes."""
    path = folder / "command.json"
    assert main(["run", *map(str, arguments), "--quiet", "--json", str(path)]) == 0
    return path.read_bytes()


@pytest.fixture(scope="module")
def trace() -> ts.Trace:
    return ts.load_trace("vil-tiny")


@pytest.mark.slow
def test_a_name_is_the_run_of_the_command_line(tmp_path: Path) -> None:
    assert ts.run("vil-tiny").report.as_json() == report_of(tmp_path, "vil-tiny")


def test_operand_widths_are_those_of_the_command_line(tmp_path: Path) -> None:
    words = ("--only", "embedder.convolution", "--bits", "8")
    found = {bits: ts.run("resnet18", only="embedder.convolution", bits=bits) for bits in (4, 8, "8")}
    reports = {bits: run.report.as_json() for bits, run in found.items()}
    assert reports[8] == reports["8"] == report_of(tmp_path, "resnet18", *words) != reports[4]
    assert ts.compare([found[4], found[8]]).runs.labels == ("bits=4", "bits=8")


def test_every_option_of_a_run_is_an_argument(capsys: pytest.CaptureFixture[str]) -> None:
    """But for those that say where results go; a pattern has its own."""
    with pytest.raises(SystemExit):
        main(["run", "--help"])
    options = set(re.findall(r"^  --([a-z-]+)", capsys.readouterr().out, re.MULTILINE))
    called = {"set": "settings", "quiet": "progress", "pattern": "workload"}
    written = {"out", "json", "timeline", "dump-config", "help"}
    of_patterns = {"global-tokens", "global-projections", "sink-tokens", "queries"}
    arguments = set(inspect.signature(ts.run).parameters)
    wanted = {called.get(name, name.replace("-", "_")) for name in options - written - of_patterns}
    assert len(wanted) > 10 and wanted - arguments == set()


@pytest.mark.parametrize("bits, shown", [(True, "True"), (8.0, "8.0"), ([8], "[8]")])
def test_operand_widths_of_another_type_are_refused(bits: Any, shown: str) -> None:
    with pytest.raises(TypeError) as found:
        ts.run("resnet18", bits=bits)
    assert str(found.value) == f"bits must be an integer, a string or None, not {shown}"


@pytest.mark.parametrize(
    "arguments, words",
    [
        ({"settings": {"rows": 16, "memory": "hbm2"}}, ("--set", "rows=16", "--set", "memory=hbm2")),
        ({"preset": "salo-dac22"}, ("--preset", "salo-dac22")),
        ({"machine": "salo", "batch": 2}, ("--machine", "salo", "--batch", 2)),
        ({"only": r"stages\.1\."}, ("--only", r"stages\.1\.")),
        ({"functional": True, "seed": 7}, ("--functional", "--seed", 7)),
        ({"explain": True}, ("--explain",)),
    ],
)
def test_arguments_are_the_options_of_the_command_line(
    arguments: dict[str, Any], words: tuple[object, ...], tmp_path: Path
) -> None:
    assert ts.run("vil-tiny", **arguments).report.as_json() == report_of(tmp_path, "vil-tiny", *words)


def test_a_file_a_path_and_a_trace_in_memory_are_one_run(trace: ts.Trace, tmp_path: Path) -> None:
    codec.save(trace, tmp_path / "vil-tiny.json")
    runs = [ts.run(trace), ts.run(tmp_path / "vil-tiny.json"), ts.run(str(tmp_path / "vil-tiny.json"))]
    assert {run.report.as_json() for run in runs} == {ts.run("vil-tiny").report.as_json()}


def test_a_pattern_is_that_of_the_command_line(tmp_path: Path) -> None:
    words = ("--pattern", "longformer:96,24", "--heads", 2, "--head-dim", 16)
    run = ts.run(PATTERN, **SIZES, global_projections=True, name="longformer:96,24")
    other = json.loads(report_of(tmp_path, *words))
    assert json.loads(run.report.as_json()) == other


def test_a_pattern_of_random_bands_runs_and_computes_its_pairs() -> None:
    pattern = ts.Pattern(seq_len=80, bands=(ts.Band(-6, 2, 2), ts.Band(5, 9, 1)), global_tokens=(3,))
    run = ts.run(pattern, heads=2, head_dim=16)
    assert run.report.macs == 2 * 2 * 16 * int(pattern.mask(range(80)).sum())
    assert run.report.workload.startswith("80 tokens")


def test_bands_may_be_plain_rows() -> None:
    rows: Any = [[-6, 2, 2], (5, 9, 1)]
    pattern = ts.Pattern(seq_len=80, bands=rows, global_tokens=[3])  # type: ignore[arg-type]
    bands = (ts.Band(-6, 2, 2), ts.Band(5, 9, 1))
    assert pattern == ts.Pattern(seq_len=80, bands=bands, global_tokens=(3,))
    assert hash(pattern)
    with pytest.raises(ts.TraceError, match=r"^bands must hold \(low, high, dilation\), not \[1, 2\]$"):
        ts.Pattern(seq_len=80, bands=[[1, 2]])  # type: ignore[arg-type,list-item]


@pytest.mark.parametrize("value", [16, "16", np.int64(16), np.int32(16)])
def test_a_number_is_a_number_however_it_is_held(value: object) -> None:
    run = ts.run(PATTERN, **SIZES, settings={"rows": value})
    assert run.report.settings == {"array.rows": 16}
    assert run.report.as_json() == ts.run(PATTERN, **SIZES, settings={"array.rows": 16}).report.as_json()


def test_a_config_of_ones_own_is_the_preset_with_its_changes_as_settings() -> None:
    config = dataclasses.replace(ts.presets["salo"], clock_hz=500_000_000)
    run = ts.run(PATTERN, **SIZES, config=config)
    assert run.report.settings == {"clock_hz": 500_000_000}
    same = ts.run(PATTERN, **SIZES, settings={"clock_hz": 500_000_000})
    assert run.report.as_json() == same.report.as_json()


def test_a_preset_as_it_stands_has_no_settings() -> None:
    for name, config in ts.presets.items():
        run = ts.run(PATTERN, **SIZES, config=config)
        assert run.report.preset == name and not run.report.settings
        assert run.report.as_json() == ts.run(PATTERN, **SIZES, preset=name).report.as_json()


def test_settings_go_on_top_of_a_config() -> None:
    config = dataclasses.replace(ts.presets["salo"], clock_hz=500_000_000)
    on_top = {"rows": 16, "clock_hz": 250_000_000}
    run = ts.run(PATTERN, **SIZES, config=config, settings=on_top)
    assert run.report.settings == {"array.rows": 16, "clock_hz": 250_000_000}


def test_a_memory_of_the_catalog_is_said_by_its_name() -> None:
    config = dataclasses.replace(ts.presets["salo"], dram=DRAMS["hbm2"])
    assert ts.run(PATTERN, **SIZES, config=config).report.settings == {"memory": "hbm2"}


@pytest.mark.parametrize("preset", ["salo", "salo-dac22"])
@pytest.mark.parametrize(
    "settings",
    [
        {"rows": 8, "cols": 48},
        {"array.head_dim": 32},
        {"memory": "lpddr5-6400", "dram.channels": 2},
        {"numerics": "wide", "array.merge_latency": 3},
        {"key_scratchpad.capacity_bytes": 131072, "array.global_rows": 0},
    ],
)
def test_the_differences_of_a_config_make_it_of_its_preset(preset: str, settings: dict[str, object]) -> None:
    config = SALO_FAMILY.config(preset, settings)
    assert SALO_FAMILY.closest(config) == preset
    assert not SALO_FAMILY.differences(preset, SALO_FAMILY.configs[preset])
    start = SALO_FAMILY.configs[preset]
    assert SALO_FAMILY.changed(start, SALO_FAMILY.differences(preset, config)) == config


def test_a_saved_run_is_the_folder_of_the_command_line(tmp_path: Path) -> None:
    assert main(["run", "vil-tiny", "--quiet", "--out", str(tmp_path / "command")]) == 0
    run = ts.run("vil-tiny")
    run.save(tmp_path / "run")
    names = sorted(path.name for path in (tmp_path / "command").iterdir())
    assert names == sorted(path.name for path in (tmp_path / "run").iterdir())
    for name in names:
        assert (tmp_path / "run" / name).read_bytes() == (tmp_path / "command" / name).read_bytes(), name
    assert run.report.ops_table().equals(pq.read_table(tmp_path / "run" / "ops.parquet"))


def test_a_run_and_its_report_are_short_to_look_at() -> None:
    run = ts.run("longformer")
    for thing in (run, run.report):
        assert len(repr(thing)) < 400 and "longformer on salo" in repr(thing)
    assert len(run._repr_html_().encode()) < 100_000


def test_who_asks_is_told_of_progress() -> None:
    told: list[tuple[str, int, int]] = []
    ts.run(PATTERN, **SIZES, progress=lambda *step: told.append(step))
    assert told and all(done <= total for _, done, total in told)


def test_catalogs_say_in_a_line_what_each_entry_is() -> None:
    for catalog in (ts.presets, ts.machines):
        lines = repr(catalog).splitlines()
        assert [line.split()[0] for line in lines] == list(catalog)
        assert all(len(line.split()) > 3 for line in lines)


def test_an_unknown_preset_names_the_nearest() -> None:
    with pytest.raises(KeyError, match="unknown preset 'sallo'; did you mean 'salo'"):
        ts.presets["sallo"]
    assert "sallo" not in ts.presets


@pytest.mark.parametrize("name", [None, 1, ["salo"]])
def test_a_name_that_is_no_string_is_not_in_a_catalog(name: Any) -> None:
    with pytest.raises(KeyError, match="the name of a preset must be a string, not"):
        ts.presets[name]
    assert name not in ts.presets and ts.machines.get(name) is None


WRONG_VALUES = [
    (
        "vil-tini",
        {},
        ts.TraceError,
        "unknown trace 'vil-tini'; did you mean 'vil-tiny' or 'vil-medium-wide'?",
    ),
    ("no.json", {}, ts.TraceError, "no.json: cannot be read: No such file or directory"),
    (PATTERN, {"settings": {"rows": 16.0}}, ts.ConfigError, "rows must be an integer, not 16.0"),
    (PATTERN, {"settings": {"rows": True}}, ts.ConfigError, "rows must be an integer, not True"),
    (PATTERN, {"settings": {"row": 16}}, ts.ConfigError, "unknown config key 'row'; did you mean"),
    (PATTERN, {"machine": "sal"}, ts.ConfigError, "unknown machine 'sal'; did you mean 'salo' or"),
    (PATTERN, {"preset": "dac22"}, ts.ConfigError, "unknown preset of salo 'dac22'"),
    (PATTERN, {"batch": 0}, ts.ConfigError, "the batch must be a positive integer, not 0"),
    (PATTERN, {"seed": -1}, ts.ConfigError, "the seed must be a non-negative integer, not -1"),
    (PATTERN, {"heads": 0}, ts.ConfigError, "heads must be a positive integer up to 2147483647, not 0"),
    ("vil-tiny", {"heads": 2}, ts.ConfigError, "heads goes with a Pattern, not with 'vil-tiny'"),
    (
        PATTERN,
        {"preset": "salo", "config": ts.presets["salo"]},
        ts.ConfigError,
        "only one of preset and config",
    ),
    *(
        (workload, {"name": "a\ud800"}, ts.ConfigError, r"name must be text that UTF-8 can encode, ")
        for workload in (PATTERN, "vil-tiny")
    ),
]


@pytest.mark.parametrize("workload, arguments, kind, message", WRONG_VALUES)
def test_a_wrong_value_is_said_as_on_the_command_line(
    workload: Any, arguments: dict[str, Any], kind: type[Exception], message: str
) -> None:
    with pytest.raises(kind) as found:
        ts.run(workload, **arguments)
    assert str(found.value).startswith(message) and "\n" not in str(found.value)


class Module:
    """What a module of PyTorch has, and a trace has not."""

    def named_parameters(self) -> tuple[object, ...]:
        return ()

    def __repr__(self) -> str:
        return "Linear()"


ACCEPTED = "workload must be a name, a path, a Trace or a Pattern"
WRONG_TYPES = [
    (42, {}, f"{ACCEPTED}, not 42"),
    (Module(), {}, f"{ACCEPTED}, not Linear(); of a module make a trace: tandemsim.trace(module, inputs)"),
    (PATTERN, {"settings": "rows=16"}, "settings must be a mapping, such as {'rows': 16}, not 'rows=16'"),
    (PATTERN, {"settings": {16: 1}}, "a key of settings must be a string, not 16"),
    (PATTERN, {"batch": 1.5}, "batch must be an integer, not 1.5"),
    (PATTERN, {"batch": True}, "batch must be an integer, not True"),
    (PATTERN, {"machine": 1}, "machine must be a string or None, not 1"),
    (
        PATTERN,
        {"config": "salo"},
        "config must be a machine's, such as tandemsim.presets['salo'], not 'salo'",
    ),
    (PATTERN, {"config": {}, "machine": "salo"}, "config must be a machine's, such as tandemsim.presets"),
    (PATTERN, {"heads": 1.5}, "heads must be an integer, not 1.5"),
    (PATTERN, {"functional": 1}, "functional must be True, False or a path, not 1"),
    (
        PATTERN,
        {"global_projections": "yes"},
        "global_projections must be True, False or None, not 'yes'",
    ),
    ("vil-tiny", {"explain": np.ones(2)}, "explain must be True or False, not array([1., 1.])"),
    ("vil-tiny", {"progress": np.ones(2)}, "progress must be True, False or a function, not array([1., 1.])"),
]


@pytest.mark.parametrize("workload, arguments, message", WRONG_TYPES)
def test_a_wrong_type_is_one_line_that_says_what_is_accepted(
    workload: Any, arguments: dict[str, Any], message: str
) -> None:
    with pytest.raises(TypeError) as found:
        ts.run(workload, **arguments)
    assert str(found.value).startswith(message) and "\n" not in str(found.value)
