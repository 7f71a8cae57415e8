"""``sim list``: every name that ``sim run`` takes, with one line each."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tandemsim.sim.arch.checks import ConfigError, digest
from tandemsim.sim.arch.dram.standards import DRAMS
from tandemsim.sim.arch.families import FAMILIES
from tandemsim.sim.arch.salo.numerics import NUMERICS
from tandemsim.sim.arch.settings import fields_of
from tandemsim.traces import codec

SECTIONS = ("machines", "presets", "workloads")


def listed(command: Any, *what: str) -> dict[str, str]:
    answer = command("list", *what)
    assert (answer.code, answer.err) == (0, "")
    rows = [line.split(maxsplit=1) for line in answer.text.splitlines()]
    assert all(len(row) == 2 for row in rows)
    return dict(rows)


def test_all_sections_are_the_three_of_them_in_order(command: Any) -> None:
    parts = [f"{what}:\n{command('list', what).text}" for what in SECTIONS]
    assert command("list").text == "".join(parts)


def test_every_machine_and_preset_has_its_line(command: Any) -> None:
    assert set(listed(command, "machines")) == set(FAMILIES) == {"salo", "ant", "ant+salo", "cpu"}
    presets = listed(command, "presets")
    baselines = ["systolic", "int8", "bitfusion", "olaccel", "biscaled", "adafloat"]
    cpus = ["threadripper-3990x", "threadripper-3990x-shared"]
    assert list(presets) == ["salo", "salo-dac22", "ant", "ant-micro22", *baselines, "ant+salo", *cpus]
    for name, line in presets.items():
        machine = next(each for each, family in FAMILIES.items() if name in family.presets)
        assert line.startswith(f"{machine}: ") and len(line.split()) > 3


def test_every_stored_trace_has_its_line(command: Any) -> None:
    workloads = listed(command, "workloads")
    assert list(workloads) == codec.names()
    windows = "12 window attentions of up to 4096 tokens"
    runs = "salo runs 12 ops, ant runs 200 ops, ant+salo runs 200 ops, cpu runs 200 ops"
    assert workloads["longformer"] == f"200 ops, 443.5 GMAC, {windows}; {runs}"
    assert (
        workloads["resnet50"]
        == "174 ops, 4.1 GMAC; ant runs 174 ops, ant+salo runs 174 ops, cpu runs 174 ops"
    )


def test_each_trace_is_run_by_those_that_it_is_listed_with_and_by_no_other(command: Any) -> None:
    for name in ("gpt-oss-20b-8k", "bert-base-128", "vgg16", "vil-tiny"):
        trace, running = codec.load(codec.find(name)), listed(command, "workloads")[name].partition("; ")[2]
        attention = any(op.pattern or op.attrs.get("causal") for op in trace.ops)
        assert attention == running.startswith("salo runs ") and f"ant runs {len(trace.ops)} ops" in running
        if not attention:
            answer = command("run", name, "--machine", "salo")
            assert answer.code == 2 and len(answer.err.splitlines()) == 1 and "salo runs" in answer.err


def test_what_is_listed_can_be_run(command: Any, place: Path) -> None:
    for preset, line in listed(command, "presets").items():
        machine = line.partition(":")[0]
        assert machine in listed(command, "machines")
        answer = command("run", "small.json", "--machine", machine, "--preset", preset, "--json", "-")
        assert (answer.json["machine"], answer.json["preset"]) == (machine, preset)
        alone = command("run", "small.json", "--preset", preset, "--json", "-")
        assert alone.json == answer.json


def fields(command: Any, *more: str) -> dict[str, list[str]]:
    """The fields as listed: name -> default, and all that follows."""
    rows = [line.split() for line in command("list", "fields", *more).text.splitlines()]
    return {name: rest for name, *rest in rows}


@pytest.mark.parametrize("preset", ["salo", "salo-dac22"])
def test_every_field_is_listed_with_the_value_that_a_run_has(command: Any, place: Path, preset: str) -> None:
    listed = fields(command, "salo", "--preset", preset)
    report = command("run", "small.json", "--preset", preset, "--json", "-").json
    machine = FAMILIES["salo"]
    settings = {name: rest[0] for name, rest in listed.items() if rest[0] != "-"}
    assert digest(machine.config(preset, settings)) == report["config_digest"]
    shown = {name for name, _, _ in fields_of(machine.configs[preset])}
    assert set(listed) - shown == {"memory", "numerics"} and shown <= set(listed)


def test_fields_are_listed_with_units_choices_and_short_names(command: Any) -> None:
    listed = fields(command)
    assert listed["array.rows"] == ["32", "integer;", "short:", "rows"]
    assert listed["clock_hz"] == ["1000000000", "Hz", "integer"]
    assert listed["query_scratchpad.capacity_bytes"][1] == "bytes"
    assert listed["array.overlap"][1:] == ["pipelined|drain;", "short:", "schedule"]
    assert listed["dram.refresh"] == ["true", "true|false"]
    assert listed["memory"][:2] == ["ddr4-2400", "|".join(DRAMS) + ";"]


@pytest.mark.parametrize("preset", ["salo", "salo-dac22"])
def test_every_choice_that_is_listed_can_be_set(command: Any, preset: str) -> None:
    tried, refusals = 0, []
    for name, rest in fields(command).items():
        for choice in next((word for word in rest[1:] if "|" in word), "").strip(";").split("|"):
            if choice in ("", "integer", "number"):
                continue
            try:
                FAMILIES["salo"].config(preset, {name: choice})
            except ConfigError as error:  # it may go against another field, but is a word that is known
                refusals.append(str(error))
            tried += 1
    assert tried > 20 and not [says for says in refusals if "unknown" in says or "must be true" in says]


def test_memories_and_numerics_are_those_that_can_be_set(command: Any) -> None:
    assert set(listed(command, "memories")) == set(DRAMS)
    assert set(listed(command, "numerics")) == set(NUMERICS)
    assert "32.0 GB/s on one channel of 2 data buses" in listed(command, "memories")["hbm2"]


def test_listing_loads_neither_numba_nor_what_draws(process: Any) -> None:
    done = process("list", env={"PYTHONPROFILEIMPORTTIME": "1"})
    loaded = {line.rpartition(b"|")[2].strip() for line in done.stderr.splitlines()}
    assert b"tandemsim.traces.codec" in loaded
    assert not loaded & {b"numba", b"matplotlib", b"pyarrow", b"torch", b"rich"}


@pytest.mark.parametrize(
    "what, says",
    [
        ("machine", "tandem: unknown list 'machine'; did you mean 'machines' or 'mixes'?\n"),
        ("workload", "tandem: unknown list 'workload'; did you mean 'workloads'?\n"),
        (
            "",
            "tandem: unknown list ''; known: fields, machines, memories, mixes, numerics, policies, presets, "
            "workloads\n",
        ),
    ],
)
def test_an_unknown_section_is_answered_with_the_nearest(refused: Any, what: str, says: str) -> None:
    assert refused("list", what) == says


def test_help_of_list_names_its_sections(command: Any) -> None:
    answer = command("list", "--help")
    assert answer.code == 0 and all(what in answer.text for what in SECTIONS)
