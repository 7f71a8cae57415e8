import io
import json
from collections.abc import Mapping

import pytest

from tandemsim.sim.arch.salo.family import SALO_FAMILY
from tandemsim.sim.arch.settings import with_settings
from tandemsim.sim.papers.comparison import Row, document, print_table
from tandemsim.sim.papers.cpu_baseline import CpuBaseline
from tandemsim.sim.papers.salo.rows import SALO, salo_rows
from tandemsim.sim.papers.salo.steps import STEPS, TRACES

# Tiles per head by what is skipped: counted by brute force over the patterns, outside this code.
TILES = {
    "longformer": {"all": 2176, "skip": 2112, "leftover": 1992, "separate": 2120, "heads": 12},
    "vil-1": {"all": 1470, "skip": 1378, "segments": 732, "heads": 3},
    "vil-2": {"all": 375, "skip": 329, "segments": 174, "heads": 6},
}
STALLS = 1000


class Counted:
    """A machine that knows nothing but tile counts and the cycles of a tile: 164, or 131 deferred."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, str, tuple[tuple[str, str], ...]]] = []

    def __call__(
        self,
        workload: str,
        preset: str,
        settings: Mapping[str, str],
        bits: str | None = None,
        batch: int = 1,
    ) -> Mapping[str, float]:
        assert (bits, batch) == (None, 1)
        self.calls.append((workload, preset, tuple(sorted(settings.items()))))
        tiles = TILES[workload][self.schedule(workload, preset, settings)] * TILES[workload]["heads"]
        deferred = preset == "salo" or settings.get("array.normalisation") == "deferred"
        compute = (131 if deferred else 164) * tiles + 31
        clock = int(settings.get("clock_hz", 1_000_000_000))
        return {
            "compute_cycles": compute,
            "cycles": compute + STALLS,
            "tiles": tiles,
            "utilization": 0.9,
            "seconds": (compute + STALLS) / clock,
        }

    @staticmethod
    def schedule(workload: str, preset: str, settings: Mapping[str, str]) -> str:
        if settings.get("array.global_projections") == "separate":
            return "separate"
        if preset == "salo":
            return "leftover" if workload == "longformer" else "segments"
        if settings.get("array.column_segments") == "2":
            return "segments"
        if settings["scheduling.leftover_keys"] == "true":
            return "leftover"
        return "skip" if settings["scheduling.skip_masked"] == "true" else "all"


CPU = CpuBaseline(
    machine="A CPU, 2 threads, torch 2.13.0",
    repeats=3,
    layers={"longformer": {"dense": 400.0, "masked": 500.0, "window": 300.0, "max_error": 1e-6}},
)


@pytest.fixture(scope="module")
def rows() -> list[Row]:
    return salo_rows(Counted(), CPU)


def ladder(rows: list[Row], workload: str) -> list[Row]:
    return [row for row in rows if row.workload == workload and row.unit == "cycles"]


def test_longformers_gap_is_taken_apart_to_the_cycle(rows: list[Row]) -> None:
    found = [(row.figure, row.ours, row.step) for row in ladder(rows, "longformer")]
    assert found == [
        ("published formula", None, None),
        ("its deferred alternative", None, None),
        ("513 keys, 17 passes", 4_282_399, 251_904),
        ("masked tiles skipped", 4_156_447, -125_952),
        ("leftover key, 16 passes", 3_920_287, -236_160),
        ("normalization deferred", 3_131_455, -788_832),
        ("preset salo, no waiting", 3_131_455, 0),
        ("aside: separate passes", 3_332_671, 201_216),
        ("preset salo, with DRAM", 3_132_455, 1000),
    ]


def test_the_published_columns_are_the_scripts(rows: list[Row]) -> None:
    assert [ladder(rows, name)[0].cost_model for name in STEPS] == [4_030_495, 771_487, 196_831]
    assert [ladder(rows, name)[1].cost_model for name in STEPS] == [3_219_487, 616_255, 157_231]


def test_vil_loses_the_packing_and_gets_it_back(rows: list[Row]) -> None:
    found = [(row.figure, row.ours or row.cost_model) for row in ladder(rows, "vil-1")]
    assert found[2:] == [
        ("3 heads, not 6", 385_759),
        ("one band per pass", 723_271),
        ("bands outside the image skipped", 678_007),
        ("two column segments", 360_175),
        ("normalization deferred", 287_707),
        ("preset salo, no waiting", 287_707),
        ("preset salo, with DRAM", 288_707),
    ]


def test_a_gap_is_against_the_published_cycles_of_the_same_heads(rows: list[Row]) -> None:
    last = {name: ladder(rows, name)[-1] for name in STEPS}
    assert last["longformer"].gap == pytest.approx(3_132_455 / 4_030_495 - 1)
    assert last["vil-1"].gap == pytest.approx(288_707 / 385_759 - 1)
    assert last["vil-2"].gap == pytest.approx(137_795 / 196_831 - 1)
    tiles = {row.workload: row.cost_model for row in rows if row.unit == "tiles"}
    assert tiles == {"longformer": 24_576, "vil-1": 2_352, "vil-2": 1_200}


def test_two_utilizations_of_different_meaning_have_no_gap(rows: list[Row]) -> None:
    found = [row for row in rows if row.figure == "utilization"]
    assert [row.gap for row in found] == [None, None, None]
    assert [round(row.cost_model or 0, 3) for row in found] == [0.738, 0.653, 0.640]


@pytest.mark.parametrize("name", list(STEPS))
def test_the_steps_add_up_to_the_whole_gap(rows: list[Row], name: str) -> None:
    steps = [row for row in ladder(rows, name) if not row.figure.startswith("aside")]
    assert steps[0].cost_model is not None
    assert steps[0].cost_model + sum(row.step or 0 for row in steps) == steps[-1].ours


def test_every_row_gives_its_reason_in_one_line_and_its_source(rows: list[Row]) -> None:
    for row in rows:
        assert row.reason and "\n" not in row.reason
        assert row.source


def test_the_paper_column_holds_only_what_was_read(rows: list[Row]) -> None:
    assert [(row.figure, row.paper) for row in rows if row.paper is not None] == [
        ("power at 500 MHz", 532.66),
        ("area", 4.56),
        ("clock", 500),
        ("mean speedup over a GPU", 17.66),
        ("mean speedup over a CPU", 89.33),
    ]


def test_speedups_are_quoted_and_not_reproduced(rows: list[Row]) -> None:
    speedups = [row for row in rows if row.workload == "speedup"]
    assert len(speedups) == 2
    for row in speedups:
        assert row.ours is None and row.gap is None and row.reason.startswith("not reproduced")


def test_latency_stands_at_both_clocks_and_power_at_the_one_of_the_synthesis(rows: list[Row]) -> None:
    found = {row.figure: row for row in rows if row.workload == "longformer" and row.unit == "ms"}
    assert found["latency at 1 GHz"].cost_model == pytest.approx(4.030495)
    assert found["latency at 500 MHz"].cost_model == pytest.approx(8.06099)
    assert found["latency at 500 MHz"].ours == pytest.approx(2 * 3.132455)
    power = [row for row in rows if row.unit == "mW"]
    assert [row.figure for row in power] == ["power at 500 MHz"]


def test_this_machine_is_measured_and_never_compared(rows: list[Row]) -> None:
    found = [row for row in rows if row.workload.startswith("this machine")]
    assert [(row.figure, row.ours) for row in found] == [
        ("longformer, dense", 400.0),
        ("longformer, masked", 500.0),
        ("longformer, window", 300.0),
    ]
    assert all(row.gap is None and "A CPU, 2 threads" in row.workload for row in found)


def test_without_torch_the_last_row_says_what_to_install() -> None:
    last = salo_rows(Counted(), "torch is missing; pip install it")[-1]
    assert (last.figure, last.ours, last.reason) == ("not measured", None, "torch is missing; pip install it")


def test_equal_runs_are_made_once() -> None:
    machine = Counted()
    salo_rows(machine, CPU)
    assert len(machine.calls) == len(set(machine.calls))


def test_every_step_names_settings_that_the_presets_have() -> None:
    for steps in STEPS.values():
        for step in steps:
            assert bool(step.preset) != bool(step.variant)
            if step.preset:
                with_settings(SALO_FAMILY.configs[step.preset], step.settings)
    assert set(TRACES) == set(STEPS)


def test_the_json_is_a_document_of_flat_rows(rows: list[Row]) -> None:
    found = json.loads(json.dumps(document(SALO.title, rows), allow_nan=False))
    assert found["schema"] == "tandem-reproduce/1"
    assert len(found["rows"]) == len(rows)
    keys = {
        "workload",
        "figure",
        "unit",
        "paper",
        "cost_model",
        "ours",
        "half",
        "gap",
        "step",
        "reason",
        "source",
    }
    assert all(set(row) == keys for row in found["rows"])


def test_the_table_shows_figures_gaps_and_reasons(rows: list[Row]) -> None:
    stream = io.StringIO()
    print_table("SALO", rows, stream)
    text = stream.getvalue()
    assert max(len(line) for line in text.splitlines()) <= 150
    line = next(line for line in text.splitlines() if "513 keys, 17 passes" in line)
    assert "4,030,495" in line and "4,282,399" in line and "+6.2 %" in line and "+251,904" in line
    for section in ("longformer", "vil-1", "vil-2", "synthesis", "speedup", "this machine: A CPU"):
        assert section in text


def test_brackets_in_a_name_are_shown_and_not_taken_for_markup(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    stream = io.StringIO()
    row = Row(workload="w", figure="[bold]f", unit="", reason="pip install 'x[y]'", source="s")
    print_table("SALO", [row], stream)
    assert "[bold]f" in stream.getvalue() and "'x[y]'" in stream.getvalue()
