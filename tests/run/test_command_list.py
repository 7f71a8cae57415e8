"""``sim list``: every name that ``sim run`` takes, with one line each."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from sim.machines import MACHINES
from traces import codec

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
    assert set(listed(command, "machines")) == set(MACHINES) == {"salo"}
    presets = listed(command, "presets")
    assert list(presets) == ["salo", "salo-dac22"]
    assert all(line.startswith("salo: ") and len(line.split()) > 3 for line in presets.values())


def test_every_stored_trace_has_its_line(command: Any) -> None:
    workloads = listed(command, "workloads")
    wanted = "longformer longformer-large longformer-16k vil-tiny vil-small vil-medium-wide"
    assert set(workloads) == set(codec.names()) == set(wanted.split())
    assert workloads["longformer"] == "200 ops, 443.5 GMAC, 12 window attentions of up to 4096 tokens"


def test_what_is_listed_can_be_run(command: Any, place: Path) -> None:
    for machine in listed(command, "machines"):
        for preset in listed(command, "presets"):
            answer = command("run", "small.json", "--machine", machine, "--preset", preset, "--json", "-")
            assert (answer.json["machine"], answer.json["preset"]) == (machine, preset)


def test_listing_loads_neither_numba_nor_what_draws(process: Any) -> None:
    done = process("list", env={"PYTHONPROFILEIMPORTTIME": "1"})
    loaded = {line.rpartition(b"|")[2].strip() for line in done.stderr.splitlines()}
    assert b"traces.codec" in loaded
    assert not loaded & {b"numba", b"matplotlib", b"pyarrow", b"torch", b"rich"}


@pytest.mark.parametrize(
    "what, says",
    [
        ("machine", "tandem: unknown list 'machine'; did you mean 'machines'?\n"),
        ("workload", "tandem: unknown list 'workload'; did you mean 'workloads'?\n"),
        ("", "tandem: unknown list ''; known: machines, presets, workloads\n"),
    ],
)
def test_an_unknown_section_is_answered_with_the_nearest(refused: Any, what: str, says: str) -> None:
    assert refused("list", what) == says


def test_help_of_list_names_its_sections(command: Any) -> None:
    answer = command("list", "--help")
    assert answer.code == 0 and all(what in answer.text for what in SECTIONS)
